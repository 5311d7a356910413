"""Proposals: a text is stored as a draft version only if it says something valid."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from demo.postgres import Logins

from tieout.config import ProviderConnection, Secret, load_settings, utc_now
from tieout.core.errors import RuleFileError, SegregationError, UsageError
from tieout.steps import policies, sign
from tieout.steps.context import Context, StepResult
from tieout.store import audit
from tieout.store import policies as store

SAMPLE = Path(__file__).parents[2] / "sample" / "policies"
TEXTS: dict[str, str] = {
    kind: path.read_text() for kind in policies.PARSERS for path in SAMPLE.glob(f"{kind}.*")
} | {
    "drivers": "driver,target,valid_from,valid_to,value,source\n"
    "headcount,search-ranking,,,12,HR of October\n",
    "lookup:regions": "key,area\neu-central-1,EMEA\n",
    "erp:books": "erp: xero\nsettings: {base_currency: USD, tax_rate: None}\n"
    'accounts: {"2100": "21000"}\n',
}
SINCE = date(2026, 1, 1)


def _context(url: str, home: Path) -> Context:
    return Context(
        settings=load_settings({"TIEOUT_HOME": str(home)}),
        connection=lambda provider: ProviderConnection(name=provider),
        now=utc_now,
        database_url=Secret(url),
    )


@pytest.fixture
def worker(ledger_database: Logins, tmp_path: Path) -> Iterator[Context]:
    made = _context(ledger_database.worker_url, tmp_path)
    yield made
    made.close()


@pytest.fixture
def web(ledger_database: Logins, tmp_path: Path) -> Iterator[Context]:
    made = _context(ledger_database.web_url, tmp_path)
    yield made
    made.close()


def _propose(
    worker: Context, kind: str, text: str | None = None, *, valid_from: date = SINCE
) -> StepResult:
    return policies.propose(
        worker,
        kind=kind,
        text=TEXTS[kind] if text is None else text,
        name=f"{kind}.yaml",
        valid_from=valid_from,
        person="ana",
    )


def _approve(web: Context, kind: store.PolicyKind, version: int = 1) -> None:
    sign.approve_policy(web, kind=kind, version=version, person="ben")


def _versions(worker: Context, kind: store.PolicyKind) -> list[int]:
    with worker.store.transaction() as tx:
        return [one.version for one in store.versions(tx, kind)]


def _proposals(worker: Context) -> list[str]:
    with worker.store.transaction() as tx:
        return [
            one.canonical for one in audit.events(tx, after_seq=0) if "policy_prop" in one.canonical
        ]


def test_each_kind_of_the_sample_is_stored_as_a_draft(worker: Context) -> None:
    for kind in TEXTS:
        made = _propose(worker, kind)
        assert (made.status, made.subject) == ("done", f"{kind}@1")
        assert made.summary == {"version": 1, "approved_by": None}


def test_a_draft_names_its_proposer_and_is_not_in_force(worker: Context) -> None:
    _propose(worker, "chart")
    with worker.store.transaction() as tx:
        (draft,) = store.versions(tx, "chart")
        assert store.current(tx, "chart", SINCE) is None
    assert (draft.proposed_by, draft.body) == ("ana", TEXTS["chart"])


def test_the_same_text_again_changes_nothing_and_says_who_approved_it(
    worker: Context, web: Context
) -> None:
    _propose(worker, "chart")
    _approve(web, "chart")
    again = _propose(worker, "chart")
    assert (again.status, again.summary["approved_by"]) == ("unchanged", "ben")
    assert len(_proposals(worker)) == 1


def test_a_changed_text_or_date_is_the_next_version(worker: Context) -> None:
    _propose(worker, "chart")
    assert _propose(worker, "chart", f"{TEXTS['chart']}# note\n").subject == "chart@2"
    assert _propose(worker, "chart").subject == "chart@3"
    assert _propose(worker, "chart", valid_from=date(2026, 11, 1)).subject == "chart@4"
    assert len(_proposals(worker)) == 4


def test_a_proposal_is_one_audit_event_with_the_hash_of_the_text(worker: Context) -> None:
    _propose(worker, "chart")
    (event,) = _proposals(worker)
    with worker.store.transaction() as tx:
        (draft,) = store.versions(tx, "chart")
    assert draft.sha256 in event
    assert '"ana"' in event


def test_an_unknown_kind_is_refused_with_those_that_exist(worker: Context) -> None:
    with pytest.raises(UsageError, match="accounts, allocation, chart") as refusal:
        _propose(worker, "rules" * 100, "x: 1")
    assert len(str(refusal.value)) < 200


def test_a_text_that_says_nothing_valid_is_refused_by_name_and_not_stored(worker: Context) -> None:
    for kind in TEXTS:
        for text in ("", "[", "{}", "- 1", "unknown: 1"):
            with pytest.raises(RuleFileError, match=rf"{kind}\.yaml"):
                _propose(worker, kind, text)
        assert _versions(worker, kind) == []
    assert _proposals(worker) == []


def test_rules_that_name_an_unknown_initiative_are_refused_once_the_register_is_known(
    worker: Context, web: Context
) -> None:
    strange = TEXTS["classification"].replace("then: search-ranking", "then: serach-ranking")
    for kind in ("initiatives", "allocation"):
        _propose(worker, kind)
        _approve(web, kind)
    with pytest.raises(RuleFileError, match=r"2 rules do not fit, first: .*serach-ranking"):
        _propose(worker, "classification", strange)
    assert _versions(worker, "classification") == []
    assert _propose(worker, "classification").status == "done"


def test_rules_that_name_an_unknown_pool_are_refused(worker: Context, web: Context) -> None:
    for kind in ("initiatives", "allocation"):
        _propose(worker, kind)
        _approve(web, kind)
    strange = TEXTS["classification"].replace("pool:shared-platform", "pool:share-platform")
    with pytest.raises(RuleFileError, match=r"3 rules do not fit, first: .*share-platform"):
        _propose(worker, "classification", strange)


def test_before_the_registers_are_approved_rules_are_taken_as_they_are(worker: Context) -> None:
    _propose(worker, "initiatives")
    _propose(worker, "allocation")
    strange = TEXTS["classification"].replace("then: search-ranking", "then: serach-ranking")
    assert _propose(worker, "classification", strange).status == "done"


def test_a_worker_can_propose_and_cannot_approve(worker: Context) -> None:
    _propose(worker, "chart")
    with pytest.raises(SegregationError):
        _approve(worker, "chart")


def test_nobody_approves_their_own_proposal(worker: Context, web: Context) -> None:
    policies.propose(
        worker, kind="chart", text=TEXTS["chart"], name="chart", valid_from=SINCE, person="cem"
    )
    with pytest.raises(SegregationError):
        sign.approve_policy(web, kind="chart", version=1, person="cem")
