"""The sample month as a list of acts, for tests that repeat, stop or kill it. Not a test itself."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import Path

import httpx

from tieout.config import ProviderConnection, Secret, Settings, connection_from_environment
from tieout.steps import (
    allocate,
    classify,
    close,
    matching,
    normalise,
    policies,
    post,
    publish,
    pull,
    rate,
    reconcile,
    sign,
    status,
)
from tieout.steps.context import Context, StepResult, make, make_web
from tieout.store.policies import PolicyKind

PERIOD = "2026-10"
PROVIDERS = ("aws", "openai", "anthropic", "gcp", "azure")
PREPARER, CONTROLLER = "ana", "ben"  # people of the root conftest
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

    def worker(self) -> Context:
        """A worker's context."""
        return make(settings=self.settings(), connection=self._connection)

    def web(self) -> Context:
        """The API server's context."""
        return make_web(settings=self.settings(), connection=self._connection)

    def _connection(self, provider: str) -> ProviderConnection:
        return connection_from_environment(provider, self.connections)


def acts() -> list[tuple[str, Act]]:
    """Every step of the month in order, each with a name."""
    found: list[tuple[str, Act]] = [
        (f"policy {kind}", partial(_policy, kind=kind)) for kind in POLICY_KINDS
    ]
    found += [("draft world", partial(_as_of, day=date(2026, 11, 1)))]
    found += _provider_acts("draft")
    found += [
        ("classify draft", _by_worker(partial(classify.run, period=PERIOD, stage="draft"))),
        ("allocate draft", _by_worker(partial(allocate.run, period=PERIOD, stage="draft"))),
        ("accrue", _by_worker(partial(post.accrue, period=PERIOD))),
        ("final world", partial(_as_of, day=date(2026, 11, 3))),
    ]
    found += _provider_acts("final")
    found += [
        ("classify final", _by_worker(partial(classify.run, period=PERIOD, stage="final"))),
        ("allocate final", _by_worker(partial(allocate.run, period=PERIOD, stage="final"))),
        ("reconcile", _by_worker(partial(reconcile.run, period=PERIOD))),
        ("match", _by_worker(partial(matching.run, period=PERIOD))),
        ("settle", _by_worker(partial(post.settle, period=PERIOD))),
        ("request close", _by_worker(partial(close.request, period=PERIOD))),
        ("preparer signs", partial(_sign, duty="preparer", person=PREPARER)),
        ("controller signs", partial(_sign, duty="controller", person=CONTROLLER)),
        ("publish", _by_worker(partial(publish.run, period=PERIOD))),
    ]
    return found


def place(name: str) -> int:
    """Where an act stands in the month, counted from 0."""
    return [known for known, _ in acts()].index(name)


def act(name: str) -> Act:
    """The act of that name."""
    return dict(acts())[name]


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


def run(world: World, *, begin: int = 0, upto: int | None = None) -> list[StepResult]:
    """Run the acts in order, from the one in place `begin` to before the one in place `upto`."""
    results = []
    for _, act in acts()[begin:upto]:
        result = act(world)
        if result is not None:
            results.append(result)
    return results


def _by_worker(step: Callable[[Context], StepResult]) -> Act:
    def act(world: World) -> StepResult:
        context = world.worker()
        try:
            return step(context)
        finally:
            context.close()

    return act


def _provider_acts(stage: str) -> list[tuple[str, Act]]:
    steps: dict[str, Callable[..., StepResult]] = {"pull": pull.run}
    if stage == "final":
        steps["documents"] = partial(pull.run, kinds=("documents",))
    steps |= {"normalise": normalise.run, "rate": rate.run}
    return [
        (f"{stage} {step} {name}", _by_worker(partial(call, provider=name, period=PERIOD)))
        for step, call in steps.items()
        for name in PROVIDERS
    ]


def _policy(world: World, *, kind: PolicyKind) -> StepResult | None:
    propose = partial(
        policies.propose,
        kind=kind,
        text=next(POLICIES.glob(f"{kind}.*")).read_text(encoding="utf-8"),
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


def _as_of(world: World, *, day: date) -> None:
    """Move the calendar of the stand-ins forward, never back."""
    seen = httpx.get(f"{world.standin_url}/_standin/health").json()["as_of"]
    if seen < str(day):
        httpx.post(f"{world.standin_url}/_standin/as-of", json={"date": str(day)})


def _sign(world: World, *, duty: str, person: str) -> StepResult | None:
    web = world.web()
    try:
        found = status.period_status(web, period=PERIOD)
        if duty in {one["duty"] for one in found["sign_offs"] if one["is_current"]}:
            return None
        return sign.run(
            web,
            period=PERIOD,
            person=person,
            duty=duty,
            content_hash=found["content_hash"],
            comment="checked in a test",
        )
    finally:
        web.close()
