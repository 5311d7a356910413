"""A pull that goes another way than the last one is a finding, and stops the close."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from demo.postgres import Logins
from tests.conftest import Stores
from tests.steps.handed_in import ACCOUNTS, context
from tests.store.samples import close

from tieout.close.exceptions import problems
from tieout.config import ProviderConnection, Secret, Settings, load_settings
from tieout.core.finding import Finding
from tieout.core.period import Period
from tieout.ledger.billing_accounts import parse_accounts
from tieout.steps import connections
from tieout.steps.context import Context
from tieout.store import connections as store
from tieout.store import findings, periods

OCTOBER, NOVEMBER = Period(2026, 10), Period(2026, 11)
(OPENAI,) = [
    one for one in parse_accounts(ACCOUNTS, name="accounts") if one.subject == "openai/org-1"
]
KEY = b"k" * 32
HOME = "file:///srv/tieout"


def at(
    endpoint: str | None = None, *, secret: str = "sk-1", extra: Mapping[str, str] | None = None
) -> ProviderConnection:
    return ProviderConnection(
        name="tieout_openai", endpoint=endpoint, secret=Secret(secret), extra=extra or {}
    )


@pytest.fixture
def worker(stores: Stores, ledger_database: Logins, tmp_path: Path) -> Iterator[Context]:
    """October is open."""
    with stores.worker.transaction() as tx:
        periods.ensure(tx, str(OCTOBER))
    made = context(ledger_database.worker_url, tmp_path)
    yield made
    made.close()


def pulled(
    worker: Context, *connected: ProviderConnection, month: Period = OCTOBER
) -> list[Finding]:
    """What is found after pulls through these connections, one after the other."""
    for one in connected:
        connections.seen(worker, OPENAI, month, one)
    with worker.store.transaction() as tx:
        return [one.finding for one in findings.for_period(tx, str(month))]


def test_the_same_way_again_is_no_finding_even_with_another_key(worker: Context) -> None:
    extra = {"project": "p", "admin_key": "first"}
    other = {"project": "p", "admin_key": "second"}
    assert pulled(worker, at(extra=extra), at(extra=other, secret="sk-2")) == []


def test_another_address_is_found_on_the_account_and_blocks(worker: Context) -> None:
    (found,) = pulled(worker, at(), at("https://me:pw@api.evil.example/v1"))
    assert (found.kind, found.severity) == ("connection_changed", "blocking")
    assert found.subject.startswith("openai/org-1 connection ")
    assert "now points at api.evil.example since" in found.message
    assert "(before: the provider's own address)" in found.message
    assert "pw" not in found.message


def test_other_settings_at_the_same_address_are_found(worker: Context) -> None:
    (found,) = pulled(worker, at(extra={"bucket": "ours"}), at(extra={"bucket": "theirs"}))
    assert "still points at the provider's own address, with other settings" in found.message


def test_each_change_is_an_exception_of_its_own(worker: Context) -> None:
    found = pulled(worker, at(), at("http://10.0.0.1"), at("http://10.0.0.2"), at())
    assert len(problems(str(OCTOBER), found)) == 3
    assert pulled(worker, at()) == found


def test_a_stand_in_on_this_machine_may_change_its_port(worker: Context) -> None:
    first = at("http://127.0.0.1:4000", extra={"s3": "http://localhost:1"})
    assert (
        pulled(worker, first, at("http://127.0.0.1:5000", extra={"s3": "http://localhost:2"})) == []
    )
    assert connections.place(first) == "127.0.0.1"


def test_what_was_found_before_a_close_does_not_stand_in_the_next_month(
    worker: Context, stores: Stores
) -> None:
    assert len(pulled(worker, at(), at("https://a.example"))) == 1
    close(stores)
    with stores.worker.transaction() as tx:
        periods.ensure(tx, str(NOVEMBER))
    assert pulled(worker, at("https://a.example"), month=NOVEMBER) == []
    (found,) = pulled(worker, at("https://b.example"), month=NOVEMBER)
    assert "(before: a.example)" in found.message


def test_a_pull_for_a_closed_month_finds_nothing_there_but_in_the_open_one(
    worker: Context, stores: Stores
) -> None:
    pulled(worker, at())
    close(stores)
    with stores.worker.transaction() as tx:
        periods.ensure(tx, str(NOVEMBER))
    assert pulled(worker, at("https://a.example")) == []
    assert len(pulled(worker, at("https://a.example"), month=NOVEMBER)) == 1


def test_only_a_keyed_fingerprint_and_the_host_are_kept(worker: Context, stores: Stores) -> None:
    pulled(worker, at("https://api.example", secret="sk-canary", extra={"token": "canary"}))
    with stores.reader.transaction() as tx:
        (row,) = tx.execute(store.connection_seen.select()).mappings()
    assert "canary" not in str(dict(row))
    assert (row["place"], len(row["fingerprint"])) == ("api.example", 64)


def test_the_key_of_the_deployment_is_made_once_and_hidden(
    worker: Context, stores: Stores, tmp_path: Path
) -> None:
    pulled(worker, at())
    file = worker.settings.home / "secrets" / "fingerprint.key"
    made = file.read_bytes()
    assert (file.stat().st_mode & 0o777, len(made)) == (0o600, 44)
    connections._make_once(file)
    assert file.read_bytes() == made
    assert [one.name for one in file.parent.iterdir() if one.name.startswith(".")] == []


def test_a_given_key_counts_instead(tmp_path: Path) -> None:
    settings = load_settings({"TIEOUT_HOME": str(tmp_path), "TIEOUT_FINGERPRINT_KEY": "k" * 32})
    assert isinstance(settings, Settings)
    assert connections._key(settings) == KEY
    ours, theirs = (connections.fingerprint(at(), key=key, home=HOME) for key in (KEY, b"other"))
    assert ours != theirs
    assert list(tmp_path.iterdir()) == []


def test_a_deployment_that_moves_with_its_folders_is_no_change() -> None:
    known = [
        connections.fingerprint(
            ProviderConnection(name="x", extra={"documents_url": f"{home}/drop"}),
            key=KEY,
            home=home,
        )
        for home in ("file:///srv/one", "file:///srv/two")
    ]
    assert known[0] == known[1]
