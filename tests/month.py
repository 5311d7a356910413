"""The sample months as lists of acts, for tests that repeat, stop or kill them. Not a test itself.

`acts()` closes October; `acts("2026-11")` closes November after it, with a rule that changes in
between, an invoice that does not arrive and a credit note for October.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import partial
from pathlib import Path

import httpx
from demo.story import NOVEMBER, OCTOBER, Month, clock

from tieout.config import ProviderConnection, Secret, Settings, connection_from_environment
from tieout.steps import (
    allocate,
    classify,
    close,
    exceptions,
    matching,
    normalise,
    policies,
    post,
    preview,
    publish,
    pull,
    rate,
    reapply,
    reconcile,
    reviewing,
    sign,
    status,
)
from tieout.steps.context import Context, StepResult, make, make_web
from tieout.store.policies import PolicyKind

PERIOD, SECOND = OCTOBER.period, NOVEMBER.period
PROVIDERS = ("aws", "openai", "anthropic", "gcp", "azure")
PREPARER, CONTROLLER = "ana", "ben"  # people of the root conftest
RULES_FROM = date(2026, 10, 1)  # the changed rules are for October as well
POLICIES = Path(__file__).parents[1] / "sample" / "policies"
POLICY_KINDS: tuple[PolicyKind, ...] = (
    "accounts",
    "chart",
    "initiatives",
    "classification",
    "allocation",
    "rate_card",
    "tag_map",
    "owners",
    "tolerances",
    "close",
)

Act = Callable[["World"], StepResult | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """Where one month lives; plain texts, so that another process can be given it."""

    home: str
    worker_url: str
    web_url: str
    connections: Mapping[str, str]
    standin_url: str

    def settings(self) -> Settings:
        """Settings as the environment would give them."""
        home = Path(self.home)
        return Settings(
            home=home,
            lake_url=(home / "lake").as_uri(),
            publish_url=(home / "published").as_uri(),
            worker_database_url=Secret(self.worker_url),
            web_database_url=Secret(self.web_url),
            owner_database_url=Secret(""),
            allow_loopback=True,
            demo=True,
        )

    def worker(self, *, day: date = OCTOBER.draft_on) -> Context:
        """A worker's context, on a day of the story or later."""
        return make(settings=self.settings(), connection=self._connection, now=clock(day))

    def web(self) -> Context:
        """The API server's context."""
        return make_web(settings=self.settings(), connection=self._connection)

    def _connection(self, provider: str) -> ProviderConnection:
        return connection_from_environment(provider, self.connections)


def acts(period: str = PERIOD) -> list[tuple[str, Act]]:
    """Every step of a month in order, each with a name; November is to follow October."""
    return _acts_of_november() if period == SECOND else _acts_of_october()


def _acts_of_october() -> list[tuple[str, Act]]:
    found: list[tuple[str, Act]] = [
        (f"policy {kind}", partial(_policy, kind=kind)) for kind in POLICY_KINDS
    ]
    return [*found, *_until_accrued(OCTOBER), *_final(OCTOBER), *_end(OCTOBER)]


def _acts_of_november() -> list[tuple[str, Act]]:
    """As October, with a rule that changes after the accrual and AWS's credit note for October."""
    at = partial(_by_worker, day=NOVEMBER.final_on)
    credit = partial(pull.run, provider="aws", period=PERIOD, kinds=("documents",))
    return [
        ("policy accounts", partial(_policy, kind="accounts", folder=NOVEMBER.policies)),
        *_until_accrued(NOVEMBER),
        ("propose rules", _propose_rules),
        ("preview rules", _preview_rules),
        ("approve rules", _approve_rules),
        ("reapply rules", _reapply_rules),
        *_final(NOVEMBER),
        ("credit note of October", at(credit)),
        ("normalise credit note", at(partial(normalise.run, provider="aws", period=PERIOD))),
        *_end(NOVEMBER),
    ]


def _until_accrued(month: Month) -> list[tuple[str, Act]]:
    period, at = month.period, partial(_by_worker, day=month.draft_on)
    return [
        ("draft world", partial(_as_of, day=month.draft_on)),
        *_provider_acts(month, "draft"),
        ("classify draft", at(partial(classify.run, period=period, stage="draft"))),
        ("allocate draft", at(partial(allocate.run, period=period, stage="draft"))),
        ("accrue", at(partial(post.accrue, period=period))),
    ]


def _final(month: Month) -> list[tuple[str, Act]]:
    period, at = month.period, partial(_by_worker, day=month.final_on)
    return [
        ("final world", partial(_as_of, day=month.final_on)),
        *_provider_acts(month, "final"),
        ("classify final", at(partial(classify.run, period=period, stage="final"))),
        ("allocate final", at(partial(allocate.run, period=period, stage="final"))),
        ("reconcile", at(partial(reconcile.run, period=period))),
        ("match", at(partial(matching.run, period=period))),
    ]


def _end(month: Month) -> list[tuple[str, Act]]:
    period, at = month.period, partial(_by_worker, day=month.final_on)
    queue = [
        ("find exceptions", at(partial(exceptions.refresh, period=period))),
        ("explain what moved", _explain_movements),
        ("accept the missing invoice", _accept_missing_invoice),
    ]
    return [
        ("settle", at(partial(post.settle, period=period))),
        *(queue if month is NOVEMBER else ()),
        ("request close", at(partial(close.request, period=period))),
        ("preparer signs", partial(_sign, period=period, duty="preparer", person=PREPARER)),
        ("controller signs", partial(_sign, period=period, duty="controller", person=CONTROLLER)),
        ("publish", at(partial(publish.run, period=period))),
    ]


def place(name: str, period: str = PERIOD) -> int:
    """Where an act stands in the month, counted from 0."""
    return [known for known, _ in acts(period)].index(name)


def act(name: str, period: str = PERIOD) -> Act:
    """The act of that name."""
    return dict(acts(period))[name]


def step_ends() -> list[int]:
    """How many acts there are up to the end of each step of the chain."""
    steps = [
        name.rsplit(" ", 1)[0] if name.endswith((*PROVIDERS, *POLICY_KINDS)) else name
        for name, _ in acts()
    ]
    return [
        place
        for place, (step, following) in enumerate(
            zip(steps, [*steps[1:], ""], strict=True), start=1
        )
        if step != following
    ]


def run(
    world: World, *, begin: int = 0, upto: int | None = None, period: str = PERIOD
) -> list[StepResult]:
    """Run the acts in order, from the one in place `begin` to before the one in place `upto`."""
    results = []
    for _, act in acts(period)[begin:upto]:
        result = act(world)
        if result is not None:
            results.append(result)
    return results


def _by_worker(step: Callable[[Context], StepResult], *, day: date = OCTOBER.draft_on) -> Act:
    def act(world: World) -> StepResult:
        context = world.worker(day=day)
        try:
            return step(context)
        finally:
            context.close()

    return act


def _provider_acts(month: Month, stage: str) -> list[tuple[str, Act]]:
    day = month.draft_on if stage == "draft" else month.final_on
    steps: dict[str, Callable[..., StepResult]] = {"pull": pull.run}
    if stage == "final":
        steps["documents"] = partial(pull.run, kinds=("documents",))
    steps |= {"normalise": normalise.run, "rate": rate.run}
    return [
        (
            f"{stage} {step} {name}",
            _by_worker(partial(call, provider=name, period=month.period), day=day),
        )
        for step, call in steps.items()
        for name in PROVIDERS
    ]


def _policy(world: World, *, kind: PolicyKind, folder: Path | None = None) -> StepResult | None:
    propose = partial(
        policies.propose,
        kind=kind,
        text=next((folder or POLICIES).glob(f"{kind}.*")).read_text(encoding="utf-8"),
        name=kind,
        valid_from=date(2026, 1, 1),
        person=PREPARER,
    )
    made = _by_worker(propose)(world)
    if made is None or made.summary["approved_by"]:
        return made
    web = world.web()
    try:
        return sign.approve_policy(
            web, kind=kind, version=int(made.summary["version"] or 0), person=CONTROLLER
        )
    finally:
        web.close()


def _propose_rules(world: World) -> StepResult | None:
    """Rules that apply from October on; nothing is in force before they are approved."""
    file = NOVEMBER.policies / "classification.yaml"
    propose = partial(
        policies.propose,
        kind="classification",
        text=file.read_text(encoding="utf-8"),
        name=file.name,
        valid_from=RULES_FROM,
        person=PREPARER,
    )
    return _by_worker(propose)(world)


def _explain_movements(world: World) -> None:
    """The preparer says why initiatives moved by more than the tolerances allow."""
    web = world.web()
    try:
        shown = reviewing.movements(web, period=SECOND)["movements"]
        for one in (one for one in shown if one["beyond"] and not one["explained"]):
            reviewing.explain_movement(
                web, period=SECOND, subject=one["subject"], person=PREPARER, remark="looked at"
            )
    finally:
        web.close()


def _accept_missing_invoice(world: World) -> None:
    """The preparer explains, the controller accepts for a time; what was accepted stays so."""
    web = world.web()
    try:
        for one in exceptions.listing(web, period=SECOND):
            if one["kind"] == "missing_invoice" and one["state"] != "accepted":
                key = one["exception_id"]
                exceptions.explain(web, exception=key, person=PREPARER, remark="asked for it")
                exceptions.accept(
                    web,
                    exception=key,
                    person=CONTROLLER,
                    expires_on=web.now().date() + timedelta(days=60),
                    remark="until it comes",
                )
    finally:
        web.close()


def rules_preview(world: World) -> str:
    """The id of the newest preview of the changed rules."""
    context = world.worker()
    try:
        return str(preview.listing(context)[0]["preview"])
    finally:
        context.close()


def _preview_rules(world: World) -> None:
    """What the rules move in both months; what was approved is not asked again."""
    context = world.worker()
    try:
        if not any(one["approved_by"] for one in preview.listing(context)):
            preview.run(
                context, label="classification@2", first=PERIOD, last=SECOND, person=PREPARER
            )
    finally:
        context.close()


def _approve_rules(world: World) -> StepResult | None:
    web = world.web()
    try:
        (newest, *_) = preview.listing(web)
        if newest["approved_by"]:
            return None
        return sign.approve_preview(web, preview=newest["preview"], person=CONTROLLER)
    finally:
        web.close()


def _reapply_rules(world: World) -> StepResult:
    """The closed month gets its difference, the open one is classified and allocated again."""
    context, shown = world.worker(), rules_preview(world)
    try:
        applied = reapply.run(context, preview=shown)
        for period, stage in reapply.open_stages(context, preview=shown):
            classify.run(context, period=period, stage=stage)
            allocate.run(context, period=period, stage=stage)
        return applied
    finally:
        context.close()


def _as_of(world: World, *, day: date) -> None:
    """Move the calendar of the stand-ins forward, never back."""
    seen = httpx.get(f"{world.standin_url}/_standin/health").json()["as_of"]
    if seen < str(day):
        httpx.post(f"{world.standin_url}/_standin/as-of", json={"date": str(day)})


def _sign(world: World, *, period: str, duty: str, person: str) -> StepResult | None:
    web = world.web()
    try:
        found = status.period_status(web, period=period)
        if duty in {one["duty"] for one in found["sign_offs"] if one["is_current"]}:
            return None
        return sign.run(
            web,
            period=period,
            person=person,
            duty=duty,
            content_hash=found["content_hash"],
            comment="checked in a test",
        )
    finally:
        web.close()
