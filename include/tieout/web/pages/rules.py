"""Rules: what will happen to which cost, and who agreed? Kinds, versions, editor, approval.

Owns what the pages say and in which order. Whether a text is valid, what it would move and who may
approve it, the steps and the database decide.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Annotated, Any, Final

from fastapi import APIRouter, Form, Path
from pydantic import Field
from starlette.responses import HTMLResponse, Response

from tieout.core.errors import RuleFileError, UsageError
from tieout.steps import check_rules, policies, policy_views, preview, sign
from tieout.web import step_up
from tieout.web.api import Period
from tieout.web.auth import LoggedInAt
from tieout.web.desk import AtDesk, Crumb, Desk, Page
from tieout.web.forms import PageForm, Reason, Typed
from tieout.web.pages.rule_tables import (
    acts_table,
    impact_tables,
    kinds_table,
    money_table,
    names_table,
    versions_table,
)
from tieout.web.rendering import render

router = APIRouter(prefix="/rules")
Kind = Annotated[str, Path(pattern=r"^[a-z][a-z_]{1,39}(:[a-z][a-z0-9_-]{0,59})?$")]
Version = Annotated[int, Path(ge=1, le=1_000_000)]
_DRAFTED: Final[Mapping[str, str]] = {
    "provider": "provider",
    "sub_account": "sub_account_id",
    "service": "service_name",
}
_UNFIT: Final = 422


@dataclass(frozen=True, slots=True, kw_only=True)
class _Written:
    """What stands in the editor; `line` and `asked` are of a rule that was drafted for rows."""

    text: str
    valid_from: date
    reason: str
    line: int | None = None
    asked: Mapping[str, str] = field(default_factory=dict)
    initiative: str = ""


class Draft(PageForm):
    """A text as it stands in the editor; browsers send lines that end in CR and LF."""

    text: str = Field(max_length=60_000)
    valid_from: date
    reason: str = Field(default="", max_length=2000)

    @property
    def body(self) -> str:
        """The text with plain line ends."""
        return self.text.replace("\r\n", "\n")

    def written(self) -> _Written:
        """What stands in the editor again."""
        return _Written(text=self.body, valid_from=self.valid_from, reason=self.reason)


class Proposal(Draft):
    """A draft that is proposed, with the reason."""

    reason: Reason


class Asked(PageForm):
    """The months of a preview."""

    first: str = Field(pattern=r"^\d{4}-(0[1-9]|1[0-2])$")
    last: str = Field(pattern=r"^\d{4}-(0[1-9]|1[0-2])$")


class Approval(PageForm):
    """What a person approves: the preview that was read, none for what moves nothing."""

    preview: str = Field(default="", pattern=r"^([0-9a-f]{64})?$")
    typed: Typed


@router.get("/{period}")
def month(period: Period, desk: AtDesk) -> Response:
    """All kinds of policies: what is in force, and what waits for a person."""
    desk.view()
    desk.month(period)
    found = policy_views.kinds(desk.context, period=period)
    waiting = [f"{one['kind']} version {one['waiting']}" for one in found if one["waiting"]]
    known = sum(one["in_force"] is not None for one in found)
    rest = f"{', '.join(waiting)} waits for approval" if waiting else "nothing waits for approval"
    return desk.show(
        Page(
            name="rules",
            period=period,
            headline=f"{known} policies are in force at the end of {period}; {rest}.",
            template="rules/month.html",
            tables=(desk.paged(kinds_table(desk, period, found)),),
        )
    )


@router.get("/{period}/{kind}")
def history(period: Period, kind: Kind, desk: AtDesk) -> Response:
    """All versions of one kind."""
    desk.view()
    desk.month(period)
    found = policy_views.versions(desk.context, kind=kind, period=period)
    return desk.show(
        Page(
            name="rules",
            period=period,
            headline=_history_sentence(kind, period, found),
            template="rules/history.html",
            tables=(desk.paged(versions_table(desk, period, found)),),
            values={"edit": desk.link(f"/rules/{period}/{kind}/edit")},
            crumbs=_crumbs(desk, period, kind),
        )
    )


@router.get("/{period}/{kind}/edit")
def edit(period: Period, kind: Kind, desk: AtDesk) -> Response:
    """The editor, with the newest text or a rule drafted for rows that nobody was given."""
    own = desk.view(*_DRAFTED, "then").own
    desk.month(period)
    asked = {column: own[key] for key, column in _DRAFTED.items() if key in own}
    found = policy_views.draft(
        desk.context,
        kind=kind,
        asked=asked,
        initiative=own.get("then", ""),
        person=desk.person,
    )
    written = _Written(
        text=found["text"],
        valid_from=date.fromisoformat(f"{period}-01"),
        reason="Give unallocated rows an initiative." if asked else "",
        line=found["line"],
        asked={key: own[key] for key in _DRAFTED if key in own},
        initiative=own.get("then", ""),
    )
    return _editor(desk, period, kind, written)


@router.post("/{period}/{kind}/edit")
def checked(period: Period, kind: Kind, desk: AtDesk, form: Annotated[Draft, Form()]) -> Response:
    """The editor again, with what was found: for who has no script."""
    desk.view()
    desk.month(period)
    return _editor(desk, period, kind, form.written())


@router.post("/{period}/{kind}/check")
def check(period: Period, kind: Kind, desk: AtDesk, form: Annotated[Draft, Form()]) -> Response:
    """What was found in the text, as a fragment."""
    desk.month(period)
    found = _findings(desk, kind, form.body, form.valid_from)
    return HTMLResponse(render("rules/findings.html", findings=found))


@router.post("/{period}/{kind}/propose")
def propose(
    period: Period, kind: Kind, desk: AtDesk, form: Annotated[Proposal, Form()]
) -> Response:
    """Store the text as the next draft; refused, the editor comes back with the reason."""
    desk.view()
    desk.month(period)

    def decision() -> None:
        policies.propose(
            desk.context,
            kind=kind,
            text=form.body,
            name=kind,
            valid_from=form.valid_from,
            person=desk.person,
            why=form.reason,
        )

    try:
        return desk.decide(form, decision, then=desk.link(f"/rules/{period}/{kind}"))
    except (RuleFileError, UsageError):
        answer = _editor(desk, period, kind, form.written())
        answer.status_code = _UNFIT
        return answer


@router.get("/{period}/{kind}/{number}")
def version(period: Period, kind: Kind, number: Version, desk: AtDesk) -> Response:
    """One version: its impact, what changed, who agreed, the text."""
    own = desk.view("against", "charges").own
    desk.month(period)
    other = int(own["against"]) if own.get("against", "").isdecimal() else None
    found = desk.kept(
        f"policy {kind} {number} {other} {period}",
        lambda: policy_views.version(
            desk.context, kind=kind, number=number, against=other, period=period
        ),
    )
    shown, odd = found["preview"], None
    if own.get("charges") and kind == check_rules.KIND:
        odd = desk.kept(
            f"odd {number} {period}",
            lambda: check_rules.run(desk.context, label=found["label"], period=period),
        )
    return desk.show(
        Page(
            name="rules",
            period=period,
            headline=_version_sentence(found),
            template="rules/version.html",
            tables=(
                *(impact_tables(desk, period, shown, found["currency"]) if shown else ()),
                acts_table(found["acts"]),
                *((money_table(odd["money"], found["currency"]),) if odd else ()),
            ),
            values={
                "found": found,
                "shown": shown,
                "odd": odd,
                "checks": desk.here(charges="yes") if kind == check_rules.KIND else "",
                "act": f"{desk.root}/rules/{period}/{kind}/{number}",
                "others": [one for one in range(1, found["newest"] + 1) if one != number],
                "months": [one.period for one in desk.standing.months],
                "why_not": _why_not(desk, found),
                "applied": any(one["act"] == "policy reapplied" for one in found["acts"]),
            },
            crumbs=_crumbs(desk, period, kind, f"version {number}"),
        )
    )


@router.post("/{period}/{kind}/{number}/preview")
def ask(
    period: Period, kind: Kind, number: Version, desk: AtDesk, form: Annotated[Asked, Form()]
) -> Response:
    """Compute and keep what the version would move; nothing is touched."""

    def decision() -> None:
        preview.run(
            desk.context,
            label=f"{kind}@{number}",
            first=form.first,
            last=form.last,
            person=desk.person,
        )

    return _decided(desk, form, decision, f"/rules/{period}/{kind}/{number}")


@router.post("/{period}/{kind}/{number}/approve")
def approve(
    period: Period,
    kind: Kind,
    number: Version,
    desk: AtDesk,
    form: Annotated[Approval, Form()],
    logged_in_at: LoggedInAt,
) -> Response:
    """Approve the version, and exactly the preview that was read, as the person logged in."""

    def decision() -> None:
        policy_views.refuse_stale(desk.context, kind=kind, number=number, preview=form.preview)
        step_up.confirm_typed(
            desk.context,
            form.typed,
            person=desk.person,
            act="approve_preview" if form.preview else "approve_policy",
            subject=form.preview or f"{kind}@{number}",
            logged_in_at=logged_in_at,
        )
        if form.preview:
            sign.approve_preview(desk.context, preview=form.preview, person=desk.person)
        else:
            sign.approve_policy(desk.context, kind=kind, version=number, person=desk.person)

    return _decided(desk, form, decision, f"/rules/{period}/{kind}/{number}")


def _decided(desk: Desk, form: PageForm, decision: Callable[[], None], place: str) -> Response:
    return desk.decide(form, decision, then=desk.link(place))


def _editor(desk: Desk, period: str, kind: str, written: _Written) -> Response:
    names = desk.kept(f"names {period}", lambda: policy_views.names(desk.context, period=period))
    findings = _findings(desk, kind, written.text, written.valid_from)
    count = len(findings)
    verdict = f"{count} things keep it from being proposed" if count else "it can be proposed"
    verdict = "1 thing keeps it from being proposed" if count == 1 else verdict
    return desk.show(
        Page(
            name="rules",
            period=period,
            headline=f"A new draft of {kind}: {verdict}.",
            template="rules/edit.html",
            tables=(names_table(desk, period, names),),
            values={
                "written": written,
                "findings": findings,
                "initiatives": [one["name"] for one in names],
                "act": f"{desk.root}/rules/{period}/{kind}",
            },
            crumbs=_crumbs(desk, period, kind, "new draft"),
        )
    )


def _findings(desk: Desk, kind: str, text: str, since: date) -> Sequence[str]:
    if not text.strip():
        return ("The draft is empty: expected the text of the policy.",)
    return policies.check(desk.context, kind=kind, text=text, name=kind, valid_from=since)


def _history_sentence(kind: str, period: str, found: Sequence[Mapping[str, Any]]) -> str:
    current = [one for one in found if one["state"] == "in force"]
    if not current:
        return f"No version of {kind} is in force at the end of {period}."
    one = current[0]
    waits = [str(each["version"]) for each in found if each["state"] == "waits"]
    rest = f"; version {waits[0]} waits for approval" if waits else ""
    return (
        f"{kind} version {one['version']} is in force at the end of {period}: proposed by "
        f"{one['proposed_by']}, approved by {one['approved_by']}{rest}."
    )


def _version_sentence(found: Mapping[str, Any]) -> str:
    name = f"{found['kind']} version {found['version']}"
    if found["state"] == "overtaken":
        return f"{name} was overtaken by the draft {found['newest']}; nobody approved it."
    if found["state"] != "waits":
        words = {"in force": "is in force", "later": "comes into force later"}
        state = words.get(found["state"], "was replaced")
        people = f"proposed by {found['proposed_by']}, approved by {found['approved_by']}"
        return f"{name} {state}: {people}."
    moved = found["preview"]
    if moved is None:
        return f"{name} waits for approval: proposed by {found['proposed_by']}."
    return (
        f"{name} waits for approval: it would move {moved['charges_moved']:,} charges from "
        f"{moved['first']} to {moved['last']}."
    )


def _why_not(desk: Desk, found: Mapping[str, Any]) -> str:
    """Why this person cannot approve here and now; the database has the last word."""
    if found["state"] == "overtaken":
        return f"Version {found['newest']} was proposed since: an approval is for the newest draft."
    if found["state"] != "waits":
        return "It is approved."
    if found["proposed_by"] == desk.person:
        return "You proposed it: another person approves it."
    return ""


def _crumbs(desk: Desk, period: str, kind: str, last: str = "") -> tuple[Crumb, ...]:
    found = [Crumb(title="Rules", link=desk.link(f"/rules/{period}"))]
    found.append(Crumb(title=kind, link=desk.link(f"/rules/{period}/{kind}") if last else ""))
    return tuple([*found, Crumb(title=last)] if last else found)
