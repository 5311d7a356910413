"""Proposals: a text is stored as a draft version only if it says something valid."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from demo.postgres import Logins
from tests.ledger.promised import PROMISING_TEXT

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
    "commitments": (
        "commitments:\n  - {id: plan, provider: aws, billing_account_id: '1', currency: USD, "
        "start_on: 2026-10-01, last_on: 2027-09-30, committed: '1000', reference: order form}\n"
    ),
    "contract_rates": (
        "contract_rates:\n  - {id: off, provider: anthropic, billing_account_id: nordlicht-labs, "
        "valid_from: 2026-10-01, discount_pct: '5', evidence: order form}\n"
    ),
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
    assert len(str(refusal.value)) < 250


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


def _refused(worker: Context, kind: str, text: str) -> str:
    with pytest.raises(RuleFileError) as refusal:
        _propose(worker, kind, text)
    assert _versions(worker, kind) == []
    return str(refusal.value)


PROMISE = TEXTS["commitments"].replace(
    "billing_account_id: '1'", "billing_account_id: '417000000001'"
)


def test_a_commitment_names_an_account_its_currency_and_accounts_of_the_chart(
    worker: Context, web: Context
) -> None:
    assert _propose(worker, "contract_rates").status == "done"
    for kind in ("accounts", "chart", "allocation"):
        _propose(worker, kind)
        _approve(web, kind)
    assert "plan: account aws/1 is not in the register; register it first" in _refused(
        worker, "commitments", TEXTS["commitments"]
    )
    assert "plan: it is in EUR, account aws/417000000001 bills in USD" in _refused(
        worker, "commitments", PROMISE.replace("USD", "EUR")
    )
    assert (
        "1 contracts do not fit, first: plan: the chart nordlicht names no control account for "
        "commitment, commitment_contra, shortfall, accrued_shortfall; add one for each first."
    ) in _refused(worker, "commitments", PROMISE)
    waived = PROMISE.replace(
        "reference:", "shortfall: {treatment: waived, evidence: x}, reference:"
    )
    assert "for commitment, commitment_contra; add" in _refused(worker, "commitments", waived)


def test_accounts_of_commitments_serve_nothing_else(worker: Context, web: Context) -> None:
    shared = PROMISING_TEXT.replace('accrued_shortfall: "2150"', 'accrued_shortfall: "2100"')
    _propose(worker, "chart", shared)
    _approve(web, "chart")
    assert (
        "plan: account 2100 serves accrued, accrued_shortfall; expected one of its own for "
        "accrued_shortfall"
    ) in _refused(worker, "commitments", TEXTS["commitments"])
    _propose(worker, "chart", PROMISING_TEXT)
    _approve(web, "chart", 2)
    assert _propose(worker, "commitments").status == "done"


def test_a_contract_rate_names_a_registered_account(worker: Context, web: Context) -> None:
    _propose(worker, "accounts")
    _approve(web, "accounts")
    strange = TEXTS["contract_rates"].replace("nordlicht-labs", "somebody")
    with pytest.raises(RuleFileError, match="off: account anthropic/somebody is not in the regis"):
        _propose(worker, "contract_rates", strange)
    assert _propose(worker, "contract_rates").status == "done"


def test_the_pool_of_an_upfront_fee_spreads_it_over_the_term(worker: Context, web: Context) -> None:
    def offered(pool: str) -> str:
        return TEXTS["commitments"].replace("reference:", f"upfront_pool: {pool}, reference:")

    assert _propose(worker, "commitments", offered("unknown-yet")).status == "done"
    pools = "".join(
        (
            f"  - id: {name}\n    owner: maria\n    method: amortise\n    start_on: 2026-10-01\n"
            f"    last_on: {last_on}\n    percent: {{search-ranking: 100}}\n"
        )
        for name, last_on in (("year", "2027-09-30"), ("half", "2027-03-31"))
    )
    _propose(worker, "allocation", f"{TEXTS['allocation'].rstrip()}\n{pools}")
    _approve(web, "allocation")
    with pytest.raises(
        RuleFileError, match="upfront_pool shared-platform is no pool of method amo"
    ):
        _propose(worker, "commitments", offered("shared-platform"))
    with pytest.raises(RuleFileError, match="pool half spreads its fee from 2026-10-01 to before"):
        _propose(worker, "commitments", offered("half"))
    assert _propose(worker, "commitments", offered("year")).status == "done"


def test_a_text_is_checked_without_being_stored(worker: Context, web: Context) -> None:
    for kind in ("initiatives", "allocation"):
        _propose(worker, kind)
        _approve(web, kind)
    good = TEXTS["classification"]

    def check(text: str, kind: str = "classification", since: date = SINCE) -> tuple[str, ...]:
        return policies.check(worker, kind=kind, text=text, name="draft", valid_from=since)

    assert check(good) == ()
    wrong = good.replace("then: support-assistant", "then: nobody")
    found = check(wrong)
    assert len(found) == wrong.count("then: nobody") > 1
    assert all("'nobody' is not in the register" in one for one in found)
    (broken,) = check("rule_set: [")
    assert broken.startswith("draft, line ")
    (inside,) = check(TEXTS["allocation"], "allocation", date(2026, 1, 2))
    assert "inside a month" in inside
    assert _versions(worker, "classification") == []


def test_the_reason_of_a_proposal_is_in_the_log(worker: Context) -> None:
    policies.propose(
        worker,
        kind="chart",
        text=TEXTS["chart"],
        name="chart.yaml",
        valid_from=SINCE,
        person="ana",
        why="The auditor asked for it.",
    )
    (event,) = _proposals(worker)
    assert "The auditor asked for it." in event
