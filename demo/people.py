"""What Maria and Chen do in the story: propose, approve, sign; each through their own log-in.

Proposals go through the worker's steps, as on the command line. What counts as a decision goes
through the finance API, as the person who is logged in.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

from demo import airflow
from demo.airflow_api import AirflowApi
from demo.story import OCTOBER, Month
from demo.telling import say
from tieout.steps import allocate, classify, policies, preview, reapply
from tieout.steps.context import Context
from tieout.store.policies import PolicyKind

PREPARER, CONTROLLER = "maria", "chen"
POLICIES_FROM = date(2026, 1, 1)
ERP_TARGET = "netsuite"

_QUEUE = "/tieout/api/exceptions"
_RULES: PolicyKind = "classification"
_FIRST: tuple[PolicyKind, ...] = (
    "accounts",
    "chart",
    "initiatives",
    "allocation",
    _RULES,
    "rate_card",
    "tag_map",
    "owners",
    "tolerances",
    "close",
    f"erp:{ERP_TARGET}",
)
_LATER: tuple[PolicyKind, ...] = ("accounts",)


def propose_and_approve(worker: Context, url: str, *, month: Month) -> None:
    """The month's policies: proposed by one person, approved by another through the API."""
    waiting = []
    for kind in _FIRST if month is OCTOBER else _LATER:
        file = next(month.policies.glob(f"{kind.replace(':', '_')}.*"))
        made = _propose(worker, kind, file, valid_from=POLICIES_FROM)
        if made.summary["approved_by"] is None:
            waiting.append((kind, made.summary["version"]))
    with logged_in(url, CONTROLLER) as chen:
        for kind, version in waiting:
            chen.decide(
                f"/tieout/api/policies/{kind}/{version}/approval",
                act="approve_policy",
                subject=f"{kind}@{version}",
            )
    say(f"policies: {len(waiting)} proposed by {PREPARER} and approved by {CONTROLLER}")


def change_rules(worker: Context, url: str, *, month: Month) -> None:
    """New rules for this month and the closed one before: preview, approval, and exactly that."""
    file = next(month.policies.glob(f"{_RULES}.*"))
    first, last = OCTOBER.period, month.period
    label = _propose(worker, _RULES, file, valid_from=OCTOBER.days[0]).subject
    kept = [one for one in preview.listing(worker) if one["policy"] == label]
    if not kept:
        shown = preview.run(worker, label=label, first=first, last=last, person=PREPARER)
        say(f"rules: {preview.headline(shown)['sentence']}")
        kept = [one for one in preview.listing(worker) if one["policy"] == label]
    sha256 = kept[0]["preview"]
    if kept[0]["approved_by"] is None:
        with logged_in(url, CONTROLLER) as chen:
            chen.decide(
                f"/tieout/api/previews/{sha256}/approval", act="approve_preview", subject=sha256
            )
    applied = reapply.run(worker, preview=sha256).summary
    for period, stage in reapply.open_stages(worker, preview=sha256):
        classify.run(worker, period=period, stage=stage)
        allocate.run(worker, period=period, stage=stage)
    say(
        f"rules: approved by {CONTROLLER} and applied; {applied['entries']} reclassification of "
        f"{first} posted in {last}"
    )


def clear_the_queue(url: str, *, period: str, until: date) -> None:
    """Maria explains what moved and which bill has not arrived; Chen accepts that for a time."""
    with logged_in(url, PREPARER) as maria:
        shown = maria.call("GET", f"/tieout/api/periods/{period}/movements")["movements"]
        for one in (one for one in shown if one["beyond"] and not one["explained"]):
            said = {"subject": one["subject"], "remark": "Demo: looked at the lines behind it."}
            maria.call("POST", f"/tieout/api/periods/{period}/movements/explanations", json=said)
            say(f"movement explained by {PREPARER}: {one['subject']}")
        queue = maria.call("GET", f"{_QUEUE}?period={period}")
        missing = [
            one for one in queue if one["kind"] == "missing_invoice" and not one["expires_on"]
        ]
        for one in missing:
            why = {"remark": "Demo: asked the provider; it is accrued to its final report."}
            maria.call(
                "POST", f"/tieout/api/exceptions/{one['exception_id']}/explanation", json=why
            )
    with logged_in(url, CONTROLLER) as chen:
        _review_overrides(chen, period=period)
        for one in missing:
            word = {"remark": "Demo: agreed until the bill comes.", "expires_on": str(until)}
            chen.call("POST", f"{_QUEUE}/{one['exception_id']}/acceptance", json=word)
            say(f"missing invoice accepted by {CONTROLLER} until {until}: {one['subject']}")


def _review_overrides(chen: AirflowApi, *, period: str) -> None:
    """Copy what was done by hand in Airflow into the books' own trail, and look at it."""
    copied = chen.call("POST", "/tieout/api/controls/airflow")
    checks = chen.call("GET", f"/tieout/api/periods/{period}/checklist")
    (shown,) = [one for one in checks if one["check_id"] == "C18"]
    if shown["state"] == "failed":
        why = {"remark": "Demo: looked at each act in Airflow."}
        chen.call("POST", f"/tieout/api/periods/{period}/overrides/review", json=why)
        say(f"acts in Airflow reviewed by {CONTROLLER}: {shown['detail'][:60]}")
    elif copied["waiting"]:
        say(f"{copied['waiting']} acts in Airflow are too young to be reviewed yet")


def what_blocks(url: str, *, period: str) -> str:
    """The checks that fail, in one line."""
    with logged_in(url, PREPARER) as maria:
        checks = maria.call("GET", f"/tieout/api/periods/{period}/checklist")
    failed = [one for one in checks if one["state"] == "failed" and one["blocking"]]
    return "; ".join(f"{one['check_id']} {one['title']}: {one['detail']}" for one in failed)


def sign(question: dict[str, Any], url: str, *, period: str) -> None:
    """What a person does: read the request, sign its hash on the finance API, then let it go on."""
    task = question["task_instance"]["task_id"]
    person, duty = (
        (PREPARER, "preparer") if task == "prepare_signoff" else (CONTROLLER, "controller")
    )
    with logged_in(url, person) as own:
        asked = own.call("GET", f"/tieout/api/periods/{period}")
        signed = {one["duty"] for one in asked["sign_offs"] if one["is_current"]}
        if duty not in signed:
            own.decide(
                f"/tieout/api/periods/{period}/sign-offs",
                act="sign",
                subject=period,
                body={
                    "duty": duty,
                    "content_hash": asked["content_hash"],
                    "comment": "Demo: checked the statement and the checklist.",
                },
            )
            say(f"signed by {person} as {duty}: content {asked['content_hash'][:12]}")
        own.answer(question, option="Approve")


@contextmanager
def logged_in(url: str, person: str) -> Iterator[AirflowApi]:
    """The API as one person."""
    with AirflowApi(url) as api:
        yield api.log_in(person, airflow.PASSWORDS[person])


def _propose(worker: Context, kind: PolicyKind, file: Path, *, valid_from: date) -> Any:
    return policies.propose(
        worker,
        kind=kind,
        text=file.read_text(encoding="utf-8"),
        name=file.name,
        valid_from=valid_from,
        person=PREPARER,
    )
