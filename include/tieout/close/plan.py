"""The plan of a close: of each check its owner, reviewer, due business day and whether it blocks.

Owns the `close` policy's language (YAML, see docs/reference/checklist.md) and the plan that holds
without one. What a check compares is in `checks_*`; the days come from `calendar`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import cast, get_args

from tieout.close.calendar import Calendar, calendar_of, due_on, period_on
from tieout.close.limits import whole_of
from tieout.core.period import Period
from tieout.ledger.exchange import DEFAULT_TERMS, CostRate, ExchangeTerms
from tieout.rules.fields import entries, fields, one_of, text_of
from tieout.rules.yaml_text import Node, read_yaml

_TASK = ("owner", "reviewer", "due", "blocking")
_FIRST_DAY, _LAST_DAY = -10, 60
_MOST_RATE_DAYS = 31
_YES = {"yes": True, "no": False}


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """Who does a check, who reviews it, by which business day (BD+n), and whether it blocks.

    `owner` and `reviewer` are person ids, or the duty where the policy names nobody.
    """

    owner: str
    reviewer: str
    due: int
    blocking: bool


def _task(due: int, *, blocking: bool = True) -> Task:
    return Task(owner="preparer", reviewer="controller", due=due, blocking=blocking)


# Business days of the reference close. C19 and C20 come with and after the signatures.
TASKS: Mapping[str, Task] = {
    **dict.fromkeys(("C01", "C02", "C03", "C04"), _task(1)),
    **dict.fromkeys(("C05", "C06", "C07"), _task(2)),
    **dict.fromkeys(("C08", "C11", "C13", "C14"), _task(3)),
    **dict.fromkeys(("C15", "C16", "C17", "C18", "TB"), _task(4)),
    **dict.fromkeys(("C09", "C10", "C12"), _task(5)),
    **dict.fromkeys(("C19", "C20"), _task(5, blocking=False)),
}
# What follows the signatures cannot stop them.
FOLLOWS = ("C19", "C20")
WEEKDAYS = Calendar(
    name="weekdays",
    pattern="calendar_months",
    first_month=1,
    ending="last",
    weekday=5,
    extra_week=12,
    naming="end",
    weekend=frozenset((5, 6)),
    holidays=frozenset(),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The plan of a month; `name` says which version holds, or that no policy is in force."""

    name: str
    calendar: Calendar
    tasks: Mapping[str, Task]
    exchange: ExchangeTerms = DEFAULT_TERMS

    def due_on(self, check_id: str, month: Period) -> date:
        """The day by which a check of the month is due.

        It counts from the end of the fiscal period that the month's last day lies in.
        """
        period = period_on(self.calendar, month.last_on)
        return due_on(self.calendar, period, self.tasks[check_id].due)


DEFAULT_PLAN = Plan(
    name="no close policy: the built-in plan, weekdays only", calendar=WEEKDAYS, tasks=TASKS
)


def parse_plan(text: str, *, name: str) -> Plan:
    """Read a `close` file; what it leaves out keeps the built-in plan.

    Raises:
        RuleFileError: the file breaks the language, names an unknown check, gives one person both
            parts, or makes block what follows the signatures; names the line.
    """
    root = fields(
        read_yaml(text, name=name),
        required=("close", "calendar"),
        optional=("owner", "reviewer", "checks", "exchange"),
    )
    text_of(root["close"])
    tasks = {key: _with_people(task, root) for key, task in TASKS.items()}
    for key, node in (entries(root["checks"]) if "checks" in root else {}).items():
        if key not in TASKS:
            raise node.error(f"unknown check {key[:40]!r}; known: {', '.join(TASKS)}.")
        tasks[key] = _changed(tasks[key], key, node)
    one = next((task for task in tasks.values() if task.owner == task.reviewer), None)
    if one is not None:
        raise root["close"].error(
            f"{one.owner[:60]!r} owns and reviews a check: expected two people; name another."
        )
    return Plan(
        name=name,
        calendar=calendar_of(root["calendar"]),
        tasks=tasks,
        exchange=_exchange(root["exchange"]) if "exchange" in root else DEFAULT_TERMS,
    )


def _exchange(node: Node) -> ExchangeTerms:
    values = fields(node, required=(), optional=("cost_rate", "most_days"))
    made = DEFAULT_TERMS
    if "cost_rate" in values:
        chosen = one_of(values["cost_rate"], get_args(CostRate))
        made = replace(made, cost_rate=cast("CostRate", chosen))
    if "most_days" in values:
        days = whole_of(values["most_days"], least=0, most=_MOST_RATE_DAYS)
        made = replace(made, most_days=days)
    return made


def _changed(task: Task, check_id: str, node: Node) -> Task:
    values = fields(node, required=(), optional=_TASK)
    made = _with_people(task, values)
    if "due" in values:
        made = replace(made, due=whole_of(values["due"], least=_FIRST_DAY, most=_LAST_DAY))
    if "blocking" in values:
        made = replace(made, blocking=_YES[one_of(values["blocking"], _YES)])
        if made.blocking and check_id in FOLLOWS:
            raise values["blocking"].error(f"{check_id} follows the signatures and cannot block.")
    return made


def _with_people(task: Task, values: Mapping[str, Node]) -> Task:
    return replace(
        task,
        owner=text_of(values["owner"]) if "owner" in values else task.owner,
        reviewer=text_of(values["reviewer"]) if "reviewer" in values else task.reviewer,
    )
