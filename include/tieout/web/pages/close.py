"""Close: where are we? The checklist, what blocks, what is to be signed, the roll-forwards.

Owns what the page says and in which order. Every figure comes from the steps.
"""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Form, Request
from pydantic import Field
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from tieout.core.errors import NotReadyError
from tieout.publish.money_text import of_minor
from tieout.steps import close, sign, standing_now, status
from tieout.web import airflow_log, close_rolls, step_up
from tieout.web.api import Period
from tieout.web.auth import LoggedInAt
from tieout.web.desk import AtDesk, Desk, Page
from tieout.web.forms import PageForm, Reason, Typed
from tieout.web.pages import close_files
from tieout.web.table import Cell, Column, State, Table, Tone
from tieout.web.words import counted

router = APIRouter(prefix="/close")
router.include_router(close_files.router)

_TONES: Final[Mapping[str, tuple[str, Tone]]] = {
    "passed": ("passed", "good"),
    "failed": ("failed", "block"),
    "not_applicable": ("does not apply", "off"),
    "to_follow": ("to follow", "wait"),
}
_STATES: Final[Mapping[str, str]] = {
    "open": "open",
    "soft_closed": "signed by the preparer",
    "closed": "closed",
    "locked": "closed and locked",
    "reopened": "reopened",
}
_MOST_CHANGES: Final = 5
_CHECKLIST: Final = (
    Column(name="check", title="Check", kind="id", sorts=True),
    Column(name="title", title="What is checked", sorts=True),
    Column(name="state", title="State", kind="state", sorts=True),
    Column(name="detail", title="What was found"),
    Column(name="owner", title="Owner", sorts=True),
    Column(name="reviewer", title="Reviewer", sorts=True),
    Column(name="due_on", title="Due", kind="date", sorts=True),
    Column(name="blocking", title="Blocks"),
    Column(name="evidence", title="Evidence", kind="list"),
)


class Signature(PageForm):
    """What a person signs by form: the duty, the content hash that was read, and why."""

    duty: Literal["preparer", "controller"]
    content_hash: str = Field(pattern=r"^[0-9a-f]{64}$")
    reason: Reason
    typed: Typed


@router.get("/{period}")
def month(period: Period, desk: AtDesk) -> Response:
    """Where a month stands."""
    desk.view()
    known = desk.month(period)
    checks, waits_for = _checks(desk, period)
    found = desk.kept(f"status {period}", lambda: status.period_status(desk.context, period=period))
    failed = [one for one in checks if not one["passed"] and one["state"] == "failed"]
    rolls = close_rolls.read(desk, period) if checks else {}
    return desk.show(
        Page(
            name="close",
            period=period,
            headline=_headline(period, known.state, checks, waits_for),
            template="close/month.html",
            tables=(
                desk.paged(_checklist(checks, close_files.evidence(desk, period, checks))),
                *close_rolls.tables(rolls),
                _changes(desk, period),
                _history(desk, period),
            ),
            values={
                "state": _STATES[known.state],
                "found": found,
                "failed": failed,
                "signing": _signing(found, checks),
                "counts": _counts(checks),
                "files": close_files.listed(desk, period) if checks else (),
            },
            note="" if known.state in ("closed", "locked") else "Not closed yet.",
        )
    )


@router.post("/{period}/sign")
async def sign_month(
    period: Period,
    desk: AtDesk,
    form: Annotated[Signature, Form()],
    request: Request,
    logged_in_at: LoggedInAt,
) -> Response:
    """Record the signature of the person who is logged in.

    The controller's closes the month: what overrides a control in Airflow's event log must have
    been reviewed.
    """

    def decision() -> None:
        step_up.confirm_typed(
            desk.context,
            form.typed,
            person=desk.person,
            act="sign",
            subject=period,
            logged_in_at=logged_in_at,
            content_hash=form.content_hash,
        )
        sign.run(
            desk.context,
            period=period,
            person=desk.person,
            duty=form.duty,
            content_hash=form.content_hash,
            comment=form.reason,
        )

    if form.duty == "controller":
        await airflow_log.require_reviewed(
            desk.context, request.headers, person=desk.person, period=period
        )
    then = desk.link(f"/close/{period}")
    return await run_in_threadpool(desk.decide, form, decision, then=then)


def _checks(desk: Desk, period: str) -> tuple[Sequence[dict[str, Any]], str]:
    """The checklist, or what it waits for."""

    def made() -> tuple[Sequence[dict[str, Any]], str]:
        try:
            return close.checklist(desk.context, period=period), ""
        except NotReadyError as error:
            return (), str(error)

    found: tuple[Sequence[dict[str, Any]], str] = desk.kept(f"checklist {period}", made)
    return found


def _headline(period: str, state: str, checks: Sequence[Mapping[str, Any]], waits_for: str) -> str:
    if waits_for:
        return f"{period} is {_STATES[state]} and cannot be checked yet."
    counts = _counts(checks)
    if counts["blocking"]:
        return (
            f"{period} is {_STATES[state]}: {counts['blocking']} of {len(checks)} checks block "
            "the close."
        )
    if state in ("closed", "locked"):
        return f"{period} is {_STATES[state]}: {_outcome(counts)}."
    return f"{period} is {_STATES[state]} and ready to be signed: no check blocks it."


def _outcome(counts: Mapping[str, int]) -> str:
    words = [f"{counts['passed']} checks passed"]
    words += [f"{counts['failed']} did not but do not block"] if counts["failed"] else []
    words += [counted(counts["to_follow"], "follows", "follow")] if counts["to_follow"] else []
    left = counts["not_applicable"]
    words += [counted(left, "does not apply", "do not apply")] if left else []
    return ", ".join(words)


def _counts(checks: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    return {
        "passed": sum(one["state"] == "passed" for one in checks),
        "not_applicable": sum(one["state"] == "not_applicable" for one in checks),
        "to_follow": sum(one["state"] == "to_follow" for one in checks),
        "failed": sum(one["state"] == "failed" for one in checks),
        "blocking": sum(one["state"] == "failed" and one["blocking"] for one in checks),
    }


def _checklist(checks: Sequence[Mapping[str, Any]], evidence: Mapping[str, Cell]) -> Table:
    """What blocks first, then what failed, then what follows, then what passed."""
    order = {"failed": 0, "to_follow": 1, "passed": 2, "not_applicable": 3}
    ordered = sorted(checks, key=lambda one: (order[one["state"]], not one["blocking"]))
    return Table(
        name="checklist",
        caption="Checklist",
        columns=_CHECKLIST,
        empty="The checklist is computed once the month is reconciled.",
        rows=[
            {
                "check": one["check_id"],
                "title": one["title"],
                "state": State(*_TONES[one["state"]]),
                "detail": one["detail"],
                "owner": one["owner"],
                "reviewer": one["reviewer"],
                "due_on": date.fromisoformat(one["due_on"]) if one["due_on"] else None,
                "blocking": "yes" if one["blocking"] else "no",
                "evidence": tuple(evidence[text] for text in one["evidence"]),
            }
            for one in ordered
        ],
    )


def _signing(
    found: Mapping[str, Any],
    checks: Sequence[Mapping[str, Any]],
) -> list[dict[str, Any]]:
    """Both duties: who signed, or whether one can sign now, or why not."""
    current = {one["duty"]: one for one in found["sign_offs"] if one["is_current"]}
    suspended = {one["duty"]: one for one in found["sign_offs"] if not one["is_current"]}
    rows = []
    for duty in ("preparer", "controller"):
        why_not = ""
        if found["content_hash"] is None or not checks:
            why_not = "Nothing is up for signature yet: the month asks for it when it is ready."
        elif duty == "controller" and "preparer" not in current:
            why_not = "The preparer signs first."
        signed = current.get(duty)
        rows.append(
            {
                "duty": duty,
                "signed": signed,
                "suspended": None if signed else suspended.get(duty),
                "can_sign": signed is None and not why_not,
                "why_not": why_not,
                "content_hash": found["content_hash"] or "",
            }
        )
    return rows


def _changes(desk: Desk, period: str) -> Table:
    """Entries of the last day by amount, what is beyond five in one line, then other acts."""
    moment = desk.context.now() - timedelta(days=1)
    found = standing_now.since(desk.context, period=period, moment=moment)
    entries = [
        {
            "what": Cell(value=one["document_no"], note=one["description"]),
            "amount": of_minor(one["amount_minor"], one["digits"]),
            "unit": one["currency"],
            "at": f"{one['at']:%Y-%m-%d %H:%M} UTC",
        }
        for one in found["entries"]
    ]
    acts = [
        {
            "what": Cell(value=one["action"].replace("_", " "), note=one["why"]),
            "who": one["actor"],
            "at": f"{one['at']:%Y-%m-%d %H:%M} UTC",
        }
        for one in reversed(found["acts"])
    ]
    shown = [*_folded(entries), *acts[:_MOST_CHANGES]]
    return Table(
        name="changes",
        caption="Since yesterday",
        columns=(
            Column(name="what", title="What"),
            Column(name="amount", title="Amount", kind="money"),
            Column(name="unit", title="Currency"),
            Column(name="who", title="Who"),
            Column(name="at", title="When", kind="id"),
        ),
        rows=shown,
        every=lambda: [*entries, *acts],
        empty="Nothing was written about this month in the last 24 hours.",
    )


def _folded(entries: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    shown, rest = list(entries[:_MOST_CHANGES]), entries[_MOST_CHANGES:]
    for unit in sorted({one["unit"] for one in rest}):
        amounts = [one["amount"] for one in rest if one["unit"] == unit]
        others = {"what": f"{len(amounts)} others", "amount": sum(amounts, Decimal(0))}
        shown.append({**others, "unit": unit})
    return shown


def _history(desk: Desk, period: str) -> Table:
    moves = desk.kept(f"moves {period}", lambda: standing_now.history(desk.context, period=period))
    return Table(
        name="history",
        caption="State history",
        columns=(
            Column(name="at", title="When", kind="id"),
            Column(name="act", title="What happened"),
            Column(name="who", title="Who"),
            Column(name="why", title="Why"),
            Column(name="content", title="Content", kind="id"),
        ),
        rows=[
            {
                "at": f"{one['at']:%Y-%m-%d %H:%M} UTC",
                "act": " ".join(filter(None, (one["action"].replace("_", " "), one["duty"]))),
                "who": one["actor"],
                "why": one["why"],
                "content": one["content_hash"],
            }
            for one in moves
        ],
        empty="Nobody has asked for the close yet.",
    )
