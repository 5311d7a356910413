"""The description of the API, and a machine that tries everything in it as every role."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from demo.postgres import Logins
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, Phase, given, settings
from tests.conftest import Stores
from tests.store.samples import ask
from tests.web.browser import SAME, browsing, sits_down
from tests.web.test_permissions import Endless

from tieout.store import people
from tieout.store.people import Person
from tieout.web.permissions import HOLDERS, ROLES, ROUTES

PERSONS = {
    "ana": ("preparer",),
    "ben": ("controller", "approver"),
    "dee": ("auditor",),
    "ron": ("reader",),
    "ada": ("administrator",),
    "nobody": (),
}
API = [(method, path) for method, path in ROUTES if path.startswith("/api/")]  # pages are none
OURS = {200, 201, 400, 401, 403, 404, 405, 409, 413, 422, 429}


@pytest.fixture
def client(
    stores: Stores, ledger_database: Logins, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[TestClient]:
    """October is up for signature; everybody has a fresh log-in and all the time in the world."""
    with stores.owner.transaction() as tx:
        for name in ("ron", "ada"):
            people.add(tx, Person(person_id=name, display_name=name, duties=PERSONS[name]))
    with stores.worker.transaction() as tx:
        ask(tx)
    with browsing(ledger_database, tmp_path, monkeypatch) as made:
        app: Any = made.app
        app.state.limits = Endless()
        yield made


def described(client: TestClient) -> dict[str, Any]:
    sits_down(client, "ada")
    answer = client.get("/api/openapi.json")
    assert answer.status_code == 200
    return dict(answer.json())


def test_every_route_is_described_with_its_refusals_a_tag_and_a_name_of_its_own(
    client: TestClient,
) -> None:
    found = [
        (method.upper(), path, operation)
        for path, operations in described(client)["paths"].items()
        for method, operation in operations.items()
    ]
    assert {(method, path) for method, path, _ in found} == set(API)
    names = [operation["operationId"] for _, _, operation in found]
    assert len(set(names)) == len(names)
    for method, path, operation in found:
        said = set(operation["responses"])
        assert {"401", "403", "404", "409", "422", "429", "500"} <= said, (method, path)
        assert operation["tags"], (method, path)
        assert operation["description"], (method, path)


@pytest.mark.parametrize("person", PERSONS)
def test_nothing_that_a_machine_can_think_of_breaks_it_or_gets_past_a_permission(
    client: TestClient, person: str
) -> None:
    """Documented statuses only, never a 5xx, and no 2xx for whoever lacks the duty."""
    schema = schemathesis.openapi.from_dict(described(client))
    sits_down(client, person)
    for method, path in API:
        _try_out(client, schema[path][method], PERSONS[person])


def _try_out(client: TestClient, operation: Any, duties: tuple[str, ...]) -> None:
    key = (operation.method.upper(), operation.path)
    allowed = bool(HOLDERS[ROUTES[key].permission] & set(duties))
    documented = {int(status) for status in operation.definition.raw["responses"]} | {405}

    @settings(
        max_examples=4,
        deadline=None,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy())
    def attempt(case: Any) -> None:
        sent = case.as_transport_kwargs(base_url="http://testserver")
        answer = client.request(
            sent["method"],
            sent["url"],
            params=sent.get("params"),
            json=sent.get("json"),
            headers=SAME,
        )
        assert answer.status_code in documented & OURS, (key, answer.status_code, answer.text)
        assert allowed or answer.status_code >= 400, (key, duties)

    attempt()


def test_the_machine_tries_every_role() -> None:
    assert {role for duties in PERSONS.values() for role in duties} == set(ROLES)
