"""Close: is the month ready, and has it been closed by two people? Automation only asks.

Owns the checklist's run and the request that binds both signatures to one content hash. It cannot
close anything: signatures are recorded by the API server's own database login (`sign`). A reopened
month is asked for as any other; what differs from its last close is written down with the request.
"""

from collections.abc import Sequence
from datetime import date
from typing import Any

from tieout import log as logs
from tieout.close.checklist import check_json, checks
from tieout.close.exceptions import problems
from tieout.core.errors import NotReadyError
from tieout.core.period import parse_period, period_of
from tieout.ledger.billing_accounts import accounts_of
from tieout.steps import close_inputs, evidence, keep
from tieout.steps.bills import billing_documents
from tieout.steps.context import Context, StepResult, Summary
from tieout.steps.inputs import accounts, is_billed
from tieout.steps.pins import pin_close
from tieout.store import audit, coverage, exceptions, periods, publications, runs, signoffs
from tieout.store.session import Tx

log = logs.get("close")


def request(context: Context, *, period: str, is_watched: bool = False) -> StepResult:
    """Run the checklist and ask for signatures on exactly what the ledger holds now.

    With `is_watched`, Airflow runs the close: a month does not close before its log was read.

    Raises:
        NotReadyError: a blocking check fails, the first is named; or what people decided about
            documents is not in the month yet.
    """
    month = parse_period(period)
    with context.store.transaction() as tx:
        found = evidence.load(context, tx, month)
        inputs = close_inputs.gather(tx, found, is_watched=is_watched)
        results = checks(inputs)
        failed = [check for check in results if check.blocking and not check.passed]
        if failed:
            raise NotReadyError(
                f"Period {period} cannot be put up for signature: {len(failed)} of {len(results)} "
                f"checks fail, first {failed[0].check_id} {failed[0].title}: {failed[0].detail}"
            )
        content_hash = found.content_hash()
        before = signoffs.latest_request(tx, period)
        shown: Summary = {
            "checks": len(results),
            "passed": sum(check.passed for check in results),
            "content_hash": content_hash,
        }
        if before and found.state == "closed" and before.content_hash == content_hash:
            return StepResult(step="close", subject=period, status="unchanged", summary=shown)
        if keep.is_behind(context, tx, accounts(tx, month), month):
            raise NotReadyError(
                f"People have decided about documents of {period} since it was read: expected the "
                f"month to be made of them; run `tieout month {period}` again, then ask."
            )
        exceptions.note(tx, period, problems(period, inputs.findings))
        values = [check_json(check) for check in results]
        asked = signoffs.request_close(tx, period, content_hash, checks=values)
        pin_close(context, tx, month, accounts(tx, month), content_hash)
        is_new = before is None or before.close_request_id != asked.close_request_id
        if is_new:
            differs = close_inputs.difference(tx, found)
            facts: dict[str, Any] = {"content_hash": content_hash, "checks": values}
            facts |= {"difference": differs} if differs else {}
            audit.record(tx, "close_requested", period, facts)
    log.info("close_requested", period=period, checks=len(results), new=is_new)
    return StepResult(
        step="close",
        subject=period,
        status="done" if is_new else "unchanged",
        summary=shown,
    )


def checklist(context: Context, *, period: str) -> list[dict[str, Any]]:
    """The checklist: of an open month as it stands now, of a closed one as it was signed.

    What follows the signatures is told from the state of the month.

    Raises:
        NotReadyError: the month has not been reconciled yet.
    """
    month = parse_period(period)
    with context.store.transaction() as tx:
        state = periods.state(tx, period)
        asked = signoffs.latest_request(tx, period)
        if state == "closed" and asked is not None:
            people = [one.person_id for one in signoffs.listing(tx, period) if one.is_current]
            followed = {
                "C19": _verified(tx, period),
                "C20": f"signed by {', '.join(people)}",
            }
            return [_followed(dict(one), followed) for one in asked.checks]
        found = evidence.load(context, tx, month)
        return [check_json(one) for one in checks(close_inputs.gather(tx, found))]


def _verified(tx: Tx, period: str) -> str:
    """What the verifier said of the pack of what is published; empty before it was asked."""
    known, packed = publications.head(tx, period), runs.latest(tx, "pack", period)
    if known is None or packed is None or packed.outputs["content_hash"] != known.content_hash:
        return ""
    return f"pack {packed.outputs['manifest'][:12]}: {packed.outputs['checks']} checks held"


def _followed(check: dict[str, Any], followed: dict[str, str]) -> dict[str, Any]:
    detail = followed.get(check["check_id"])
    return {**check, "passed": True, "state": "passed", "detail": detail} if detail else check


def verify(context: Context, *, period: str) -> StepResult:
    """Make sure, from the database, that two people have closed the period.

    Raises:
        NotReadyError: they have not; an answer given in Airflow alone closes nothing.
    """
    parse_period(period)
    with context.store.transaction() as tx:
        state = periods.state(tx, period)
        current = [one for one in signoffs.listing(tx, period) if one.is_current]
    if state != "closed":
        signed = ", ".join(f"{one.duty} {one.person_id}" for one in current) or "nobody"
        raise NotReadyError(
            f"Period {period} is {state or 'unknown'}, not closed: expected the signatures of a "
            f"preparer and of another person as controller on the finance API; signed so far: "
            f"{signed}. An approval in Airflow alone closes nothing."
        )
    people = sorted({one.person_id for one in current})
    return StepResult(
        step="close", subject=period, status="done", summary={"closed_by": ", ".join(people)}
    )


def day_complete(context: Context, *, day: date, providers: Sequence[str]) -> StepResult:
    """Make sure that every account of these providers has received a day.

    Raises:
        NotReadyError: names the accounts that have not.
    """
    month = period_of(day)
    with context.store.transaction() as tx:
        registered = accounts(tx, month)
        holes = [
            account.subject
            for provider in providers
            for account in accounts_of(registered, provider)
            if day
            not in coverage.complete_days(
                tx,
                period=str(month),
                provider=account.provider,
                billing_account_id=account.billing_account_id,
            )
        ]
    if holes:
        raise NotReadyError(
            f"Day {day} is not complete: expected charges of every registered account, missing "
            f"{', '.join(holes)}; look at the pull of that provider and run the day again."
        )
    return StepResult(
        step="close", subject=str(day), status="done", summary={"providers": len(providers)}
    )


def invoices_present(context: Context, *, period: str) -> bool:
    """Whether every account in arrears that bills something has an invoice that was read.

    A prepaid month may have no purchase, and a gateway's own figures bill nothing: nobody waits for
    their documents.
    """
    month = parse_period(period)
    with context.store.transaction() as tx:
        return all(
            billing_documents(context, tx, account, month)
            or not is_billed(context, tx, account, month)
            for account in accounts(tx, month)
            if account.mode == "arrears"
        )
