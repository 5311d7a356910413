"""Match: which rows of estimate, report and invoice belong together, and why the others differ.

Owns the month's figures per account and what is kept of them; passes and causes are computed in
`reconciliation`. It changes no bridge and posts nothing. What people decided is applied last.
"""

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any, cast

from tieout import log as logs
from tieout.close.tolerance import Tolerance, within
from tieout.core.errors import UnknownSubjectError
from tieout.core.finding import Finding
from tieout.core.money import SCALE, format_units, minor_digits
from tieout.core.period import Period, parse_period
from tieout.lake.files import LakeFile
from tieout.ledger.billing_accounts import BillingAccount
from tieout.reconciliation.bridge import Section
from tieout.reconciliation.match_causes import named_rows
from tieout.reconciliation.match_pairs import Figures, Pair, match_account
from tieout.reconciliation.match_records import OPEN, cause_values, records_table
from tieout.reconciliation.match_values import Decision, Match, Member
from tieout.reconciliation.matching import Within
from tieout.steps.bills import billing_documents, counted
from tieout.steps.close_inputs import limits
from tieout.steps.context import Context, StepResult
from tieout.steps.inputs import (
    AccountSnapshot,
    charges,
    estimate_file,
    matched_run,
    refuse_closed,
    stage_snapshots,
)
from tieout.steps.outputs import begin, done_before, result, start_run
from tieout.store import audit, charge_files, findings, matches, runs
from tieout.store.session import Tx

METHOD_VERSION = "2"  # open rows with their cause
STEP = "matching"
SHOWN = ("pairs", "matched_rows", "explained_rows", "open_rows", "suggested", "decisions")
log = logs.get(STEP)


def run(context: Context, *, period: str) -> StepResult:
    """Match the figures of all accounts of a period and keep records and causes.

    Raises:
        NotReadyError: an account has no draft or no final report.
        PeriodClosedError: the month is closed and was matched from other figures.
    """
    month = parse_period(period)
    with context.store.transaction() as tx:
        drafts = stage_snapshots(tx, month, "draft")
        finals = stage_snapshots(tx, month, "final")
        estimates = [estimate_file(tx, one.account, month) for one in finals]
        papers = [billing_documents(context, tx, one.account, month) for one in finals]
        decided = matches.decisions(tx, period)
        reads = [
            *(one.file.file_sha256 for one in (*drafts, *finals)),
            *(file.file_sha256 if file else "" for file in estimates),
            *(f"{paper.document}/{paper.number}" for found in papers for paper in found),
            *(str(one["decision_id"]) for one in decided),
            limits(tx, month).name,
        ]
        work = begin(context, STEP, period, reads=[METHOD_VERSION, *reads])
        if found := done_before(tx, work):
            return result(work, "unchanged", found.outputs, SHOWN)
        refuse_closed(tx, month, "matching it again")
        pairs = [
            (final.account, pair)
            for draft, final, file in zip(drafts, finals, estimates, strict=True)
            for pair in _pairs(
                context, tx, month, sources=(draft, final), estimate=file, decided=decided
            )
        ]
        outputs = _outputs(pairs) | {"decisions": len(decided)}
        made = start_run(context, tx, work, outputs=outputs)
        kept = [_keep(context, tx, made, place, pair) for place, pair in pairs]
        problems = [one for place, pair in pairs for one in _findings(period, place, pair)]
        findings.add_all(tx, made.run_id, problems)
        facts = {"run": made.run_id, "sets": kept, "findings": len(problems)}
        audit.record(tx, "figures_matched", period, facts)
    log.info("matched", period=period, **outputs)
    return result(work, "done", outputs, SHOWN)


def decide(
    context: Context, *, period: str, person: str, decisions: Sequence[Mapping[str, Any]]
) -> StepResult:
    """Record what a person decided about matches; the next `run` applies it, in this order.

    Each has provider, billing_account_id, section, kind (`confirm`, `reject`, `match`, `unmatch`),
    match_id, earlier_ids, later_ids and reason. All are recorded, or none.

    Raises:
        SegregationError: no known preparer, or not through the API server.
        PeriodClosedError: the month is closed.
        UnknownSubjectError: no such match stands or is suggested, or a row is not open.
        NotReadyError: the suggestion was confirmed or rejected before.
    """
    parse_period(period)
    with context.store.transaction(actor=person) as tx:
        numbers = [_decide(context, tx, period, one) for one in decisions]
    log.info("match_decided", period=period, decisions=len(numbers))
    return StepResult(step=STEP, subject=period, status="done", summary={"decisions": len(numbers)})


def _pairs(
    context: Context,
    tx: Tx,
    month: Period,
    *,
    sources: tuple[AccountSnapshot, AccountSnapshot],
    estimate: charge_files.ChargeFile | None,
    decided: Sequence[Mapping[str, Any]],
) -> tuple[Pair, ...]:
    draft, final = sources
    account = final.account
    documents, near = billing_documents(context, tx, account, month), limits(tx, month)
    is_billed_later = account.mode == "arrears"
    figures = Figures(
        estimate=estimate and context.lake.get_table(estimate.lake_path, estimate.file_sha256),
        draft=charges(context, (draft,)),
        final=charges(context, (final,)),
        invoices=counted(documents, account) if is_billed_later else (),
    )
    return match_account(
        figures,
        within=_within(account.currency, near.suggestion),
        decisions=_decisions(account, decided),
    )


def _within(currency: str, suggested: Tolerance) -> Within:
    """Whether two sums are near enough to ask a person, in minor units of the currency."""
    step: int = 10 ** (SCALE - minor_digits(currency))

    def near(difference_units: int, earlier_units: int) -> bool:
        gap, base = Fraction(difference_units, step), Fraction(earlier_units, step)
        return within(gap, base, tolerance=suggested)

    return near


def _decisions(
    account: BillingAccount, decided: Sequence[Mapping[str, Any]]
) -> dict[Section, list[Decision]]:
    found: dict[Section, list[Decision]] = {}
    for one in decided:
        if _subject(one) == account.subject:
            found.setdefault(cast("Section", one["section"]), []).append(
                Decision(
                    kind=one["kind"],
                    person=one["decided_by"],
                    reason=one["reason"],
                    match_id=one["match_id"],
                    earlier_ids=tuple(one["earlier_ids"]),
                    later_ids=tuple(one["later_ids"]),
                )
            )
    return found


def _outputs(pairs: Sequence[tuple[BillingAccount, Pair]]) -> dict[str, Any]:
    """Rows of both figures of all pairs: matched, named by a proven cause, or open to a person."""
    found = [pair.matching for _, pair in pairs]
    left = sum(len(one.open_earlier) + len(one.open_later) for one in found)
    explained = sum(len(named_rows(pair)) for _, pair in pairs)
    return {
        "pairs": len(found),
        "matched_rows": sum(
            len(match.earlier) + len(match.later) for one in found for match in one.standing
        ),
        "explained_rows": explained,
        "open_rows": left - explained,
        "suggested": sum(len(one.suggested) for one in found),
    }


def _keep(
    context: Context, tx: Tx, made: runs.Run, account: BillingAccount, pair: Pair
) -> dict[str, Any]:
    """Store one pair; gives what the audit log says of it."""
    file = context.lake.put_table(
        records_table(pair, named_rows(pair)), f"matches/period={made.subject}"
    )
    found = {
        "run_id": made.run_id,
        "provider": account.provider,
        "billing_account_id": account.billing_account_id,
        "section": pair.section,
        "period": made.subject,
        "currency": pair.currency,
        **_sums(pair, file),
    }
    records = [_record(one) for one in pair.matching.records if _concerns_a_person(one)]
    causes = cause_values(pair.explained, pair.names) if pair.explained else []
    matches.add(tx, found, records=records, causes=causes)
    return {
        "account": account.subject,
        "section": pair.section,
        "records": found["record_count"],
        "sha256": file.sha256,
    }


def _sums(pair: Pair, file: LakeFile) -> dict[str, Any]:
    found, explained = pair.matching, pair.explained
    return {
        "earlier_amount": found.earlier_units,
        "later_amount": found.later_units,
        "matched_earlier_amount": sum(one.earlier_units for one in found.standing),
        "matched_later_amount": sum(one.later_units for one in found.standing),
        "open_earlier_amount": _total(found.open_earlier),
        "open_later_amount": _total(found.open_later),
        "record_count": len(found.records),
        "suggested_count": len(found.suggested),
        "open_earlier_count": len(found.open_earlier),
        "open_later_count": len(found.open_later),
        "explained_amount": explained and sum(one.amount_units for one in explained.explanations),
        "rounding_amount": explained and explained.rounding_units,
        "unexplained_amount": explained and explained.unexplained_units,
        "lake_path": file.path,
        "sha256": file.sha256,
    }


def _concerns_a_person(one: Match) -> bool:
    return one.decision == "suggested" or one.person is not None


def _record(one: Match) -> dict[str, Any]:
    return {
        "match_id": one.match_id,
        "pass": one.pass_name,
        "keys": dict(one.keys),
        "earlier": matches.members_json(one.earlier),
        "later": matches.members_json(one.later),
        "earlier_amount": one.earlier_units,
        "later_amount": one.later_units,
        "decision": one.decision,
        "person": one.person,
        "reason": one.reason,
        "replaces": one.replaces,
    }


def _findings(period: str, account: BillingAccount, pair: Pair) -> list[Finding]:
    waiting = pair.matching.suggested
    found = list(pair.matching.findings)
    if waiting:
        gap = sum(one.difference_units for one in waiting)
        found.append(
            Finding(
                kind="match_suggested",
                severity="warning",
                subject=f"{account.subject}: {pair.section}",
                message=(
                    f"{len(waiting)} matches of {account.subject} ({pair.section}) are only "
                    f"suggested, with a difference of {format_units(gap)} {pair.currency}: look at "
                    f"`tieout matches {period} --suggested` and accept or reject them."
                ),
                amount_units=gap,
                currency=pair.currency,
            )
        )
    return found


def _decide(context: Context, tx: Tx, period: str, decision: Mapping[str, Any]) -> int:
    made = matched_run(tx, period)
    place = (decision["provider"], decision["billing_account_id"], decision["section"])
    for found in matches.sets_of(tx, made.run_id):
        if (found["provider"], found["billing_account_id"], found["section"]) == place:
            _refuse_unknown(context, found, decision)
    number = matches.decide(tx, period, decision)
    facts = {name: value for name, value in decision.items() if name != "reason"}
    audit.record(tx, "match_decided", period, {**facts, "decision": number}, why=decision["reason"])
    return number


def _refuse_unknown(
    context: Context, found: Mapping[str, Any], decision: Mapping[str, Any]
) -> None:
    """What is decided has to be there now: a match that stands, or rows that are open."""
    names = ["match_id", "decision", "replaces", "earlier_ids", "later_ids"]
    table = context.lake.get_table(found["lake_path"], found["sha256"], columns=names)
    rows = table.to_pylist()
    if decision["kind"] == "unmatch":
        gone = {row["replaces"] for row in rows if row["decision"] == "unmatched"}
        standing = {row["match_id"] for row in rows if row["decision"] == "confirmed"} - gone
        if decision["match_id"] not in standing:
            raise UnknownSubjectError(
                f"No match {str(decision['match_id'])[:12]} stands: expected the whole id of one "
                f"in `tieout matches {found['period']} --json`."
            )
    for side in ("earlier_ids", "later_ids"):
        left = {one for row in rows if row["decision"] == OPEN for one in row[side]}
        if missing := sorted(set(decision[side]) - left):
            raise UnknownSubjectError(
                f"Row {missing[0][:60]} is not open: expected rows of `tieout matches "
                f"{found['period']} --open`; take the match that holds it apart first."
            )


def _subject(decision: Mapping[str, Any]) -> str:
    return f"{decision['provider']}/{decision['billing_account_id']}"


def _total(members: Sequence[Member]) -> int:
    return sum(one.amount_units for one in members)
