"""The only module that knows Airflow; it owns no finance.

Connections, partitions, retries, people and alerts become plain values here, so that a DAG file
says only when and in what order, and a step never meets Airflow.
"""

import os
from collections.abc import Callable, Mapping
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict

import pendulum
import structlog
from airflow.providers.standard.exceptions import HITLRejectException
from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk import (
    Asset,
    BaseHook,
    ExceptionRetryPolicy,
    MonthWindow,
    Param,
    PartitionedAssetTimetable,
    PokeReturnValue,
    RetryAction,
    RetryRule,
    RollupMapper,
    StartOfMonthMapper,
    get_current_context,
)
from airflow.sdk.definitions.callback import AsyncCallback
from airflow.sdk.definitions.deadline import DeadlineAlert, DeadlineReference
from airflow.sdk.exceptions import AirflowNotFoundException
from airflow.sdk.execution_time.hitl import HITLUser

from tieout.config import ProviderConnection, connection_from_fields, load_settings, utc_now
from tieout.core.errors import (
    ConnectionMissingError,
    NotReadyError,
    SettingError,
    SourceUnreachableError,
    TieoutError,
)
from tieout.core.period import parse_period

if TYPE_CHECKING:
    from tieout.steps.context import Context, StepResult

# What a task returns: one mapping of keys and counts for each step that it ran, never rows.
Summaries = list[Mapping[str, object]]
Handed = Any  # what a task is handed: a value when it runs, Airflow's reference when it is wired


class Month(TypedDict):
    """The two arguments that every step of a month takes."""

    context: "Context"
    period: str


def seconds(variable: str, default: int) -> int:
    """A whole number from the environment, of seconds mostly.

    Raises:
        SettingError: the variable is set to something else.
    """
    text = os.environ.get(variable, str(default))
    if not text.isdecimal():
        raise SettingError(f"{variable} is {text!r}: expected a whole number, such as {default}.")
    return int(text)


DAILY_CHARGES = Asset("tieout_daily_charges")

# Days such as 2026-10-31 become the month 2026-10, which is complete when all its days are there.
COMPLETE_MONTH = RollupMapper(
    upstream_mapper=StartOfMonthMapper(input_format="%Y-%m-%d"), window=MonthWindow()
)
COMPLETE_MONTHS = PartitionedAssetTimetable(
    assets=DAILY_CHARGES, default_partition_mapper=COMPLETE_MONTH
)
PERIOD_PARAM = Param(
    None,
    type=["null", "string"],
    pattern=r"^\d{4}-(0[1-9]|1[0-2])$",
    title="Accounting month",
    description="Year and month, such as 2026-10; only for a run started by hand.",
)

# What can be applied to the past: the step knows it too, but a form loads no step.
_RULES = "classification|initiatives|allocation|tag_map|owners|drivers|lookup:[a-z][a-z0-9_-]{0,59}"
CLOSE_WAIT_S = 60 * 24 * 3600  # people may take their time; alerts name what is late
RETRY_DELAY = timedelta(seconds=seconds("TIEOUT_RETRY_DELAY_S", 300))


def _retry_only(*transient: type[TieoutError]) -> ExceptionRetryPolicy:
    return ExceptionRetryPolicy(
        rules=[
            RetryRule(exception=list(transient), action=RetryAction.RETRY, retry_delay=RETRY_DELAY),
            RetryRule(exception=TieoutError, action=RetryAction.FAIL),
        ]
    )


# Transient trouble is worth a retry; what tieout refuses for a reason is refused an hour later too.
# Any other exception (a database that restarts) falls through to the task's own retries.
RETRY_POLICY = _retry_only(SourceUnreachableError)
RETRY_UNTIL_READY = _retry_only(SourceUnreachableError, NotReadyError)

# A person's No is final. What is left is the scheduler failing a task that was answered within
# seconds of its question (3.3.2, see `invoice_poke_s`): the question is asked again.
ASK_AGAIN = ExceptionRetryPolicy(
    rules=[RetryRule(exception=HITLRejectException, action=RetryAction.FAIL)]
)

DAG_ARGS: dict[str, Any] = {
    "tags": ["tieout", "finance"],
    "default_args": {
        "owner": "finance-platform",
        "retries": 3,
        "retry_delay": RETRY_DELAY,
        "retry_policy": RETRY_POLICY,
    },
}
BY_PERIOD: dict[str, Any] = {"params": {"period": PERIOD_PARAM}, **DAG_ARGS}


def close_schedule() -> Any:
    """When a close starts: all days of its month are in, or by the file `TIEOUT_CLOSE_CALENDAR`."""
    if not (calendar := os.environ.get("TIEOUT_CLOSE_CALENDAR")):
        return COMPLETE_MONTHS
    from close_calendar import CloseCalendarTimetable  # of the plugins folder

    text, day = Path(calendar).read_text(encoding="utf-8"), seconds("TIEOUT_CLOSE_BUSINESS_DAY", 1)
    return CloseCalendarTimetable(calendar=text, business_day=day)


def days_to_sync() -> dict[str, Any]:
    """Start, end and catch-up of a daily schedule; the run of a day starts on the day after it.

    With `TIEOUT_FIRST_DAY` the scheduler catches up every day from that one on; without it, only
    new days are synced. With `TIEOUT_LAST_DAY` no later day is scheduled.

    Raises:
        SettingError: one of them is not a date.
    """
    first, last = _date("TIEOUT_FIRST_DAY"), _date("TIEOUT_LAST_DAY")
    return {
        "start_date": first.add(days=1) if first else pendulum.datetime(2026, 1, 1, tz="UTC"),
        "end_date": last.add(days=2) if last else None,
        "catchup": first is not None,
    }


def providers() -> list[str]:
    """The providers that a day must have before it counts as complete, in order."""
    return names("TIEOUT_PROVIDERS", "aws,gcp,azure,openai,anthropic")


def for_each_provider(task: Any) -> list[Any]:
    """One task for each provider, in the pool `tieout_<provider>`.

    The pool's slots limit how many tasks call that provider at once; a pool must exist, or its
    tasks wait for ever.
    """
    return [
        task.override(task_id=f"{task.function.__name__}_{name}", pool=f"tieout_{name}")(name)
        for name in providers()
    ]


def invoice_poke_s() -> int:
    """Seconds between two looks for the invoices of the month, at least five.

    Airflow 3.3.2 fails a task that is started again while the process of its last look is still
    being put away, which takes up to `[workers] min_heartbeat_interval`.
    """
    return max(5, seconds("TIEOUT_INVOICE_POKE_S", 1800))


def pull_max_age_s() -> int:
    """A daily pull younger than this, that covers the day, is not asked for again."""
    return seconds("TIEOUT_PULL_MAX_AGE_S", 3600)


def context() -> "Context":
    """What a step needs, built for this task: settings, store, lake, connections and the clock."""
    from tieout.steps.context import make

    return make(settings=load_settings(), connection=connection, now=utc_now)


def connection(provider: str) -> ProviderConnection:
    """The Airflow connection `tieout_<provider>` as tieout's own value.

    Raises:
        ConnectionMissingError: Airflow knows no such connection.
    """
    name = f"tieout_{provider}"
    try:
        found = BaseHook.get_connection(name)
    except AirflowNotFoundException:
        raise ConnectionMissingError(
            f"No Airflow connection {name}: expected one for provider {provider}; add it, or take "
            f"{provider} out of TIEOUT_PROVIDERS."
        ) from None
    fields = ("host", "port", "login", "password", "extra")
    return connection_from_fields(name, {field: getattr(found, field) for field in fields})


def day() -> date:
    """The UTC day that this run is about: its partition.

    Raises:
        SettingError: the run has no partition, or one that is not a day.
    """
    key = get_current_context()["dag_run"].partition_key or ""
    try:
        return date.fromisoformat(key)
    except ValueError:
        raise SettingError(
            f"The partition of this run is {key!r}: expected a day such as 2026-10-31; trigger "
            "the DAG with that partition key, or start a backfill over a range of days."
        ) from None


def month() -> Month:
    """The context, and the month of this run: its partition, or else the parameter `period`.

    Raises:
        PeriodFormatError: the run names no month.
    """
    return {"context": context(), "period": _period()}


def last_day() -> date:
    """The last day of the run's month."""
    return parse_period(_period()).last_on


def summaries(*results: "StepResult") -> Summaries:
    """What the steps of a task report, in the order in which they ran."""
    return [{"step": result.step, "status": result.status, **result.summary} for result in results]


def asked(step: Callable[..., "StepResult"], **arguments: Any) -> PokeReturnValue:
    """One look of a task that waits until a step can be done; what it still lacks is logged."""
    try:
        done = step(**arguments)
    except NotReadyError as reason:
        structlog.get_logger("orchestration").info("waiting", reason=str(reason))
        return PokeReturnValue(is_done=False)
    return PokeReturnValue(is_done=True, xcom_value=summaries(done))


def pull_papers(context: "Context", period: str) -> None:
    """Pull and read the documents of a month, and of the closed ones that still take papers."""
    from tieout.steps import earlier, normalise, pull

    for month, name in earlier.paper_series(context, period=period):
        pull.run(context, period=month, provider=name, kinds=("documents",))
        normalise.run(context, period=month, provider=name)


def has_waited_for_invoices() -> bool:
    """Whether this run has waited for `TIEOUT_INVOICE_WAIT_S`; the month then goes on without.

    What is missing stays accrued, and is an exception that a person accepts before the close.
    """
    begun = get_current_context()["dag_run"].start_date
    longest = timedelta(seconds=seconds("TIEOUT_INVOICE_WAIT_S", 7 * 24 * 3600))
    return begun is not None and pendulum.instance(begun) + longest <= pendulum.now("UTC")


def sign_off(task_id: str, *, duty: str, doing: str) -> ApprovalOperator:
    """A task that tells the holders of a duty that their signature is due, and waits for them.

    The answer given here signs nothing, for any author of a DAG could forge it. The signature is
    recorded by the finance API for the person who is logged in; `verify_closed` reads that.
    """
    return _question(
        task_id,
        duty=duty,
        subject=f"{doing} {{{{ dag_run.partition_key or params.period }}}}",
        body=(
            "Content hash: `{{ ti.xcom_pull(task_ids='request_close')[-1]"
            "['content_hash'] }}`. Sign this hash first, with POST "
            "`/tieout/api/periods/{{ dag_run.partition_key or params.period }}/sign-offs`; "
            "then choose Approve here, so that the run goes on."
        ),
    )


def preview_approval() -> ApprovalOperator:
    """A task that shows what would move and waits for an approver; it approves nothing itself.

    `reapply` reads from the database whether the preview was approved, and by whom.
    """
    return _question(
        "approve_preview",
        duty="controller",
        subject="Approve the preview of {{ params.policy }}",
        body=(
            "{{ ti.xcom_pull(task_ids='preview')['sentence'] }} Look at it with GET "
            "`/tieout/api/previews/{{ ti.xcom_pull(task_ids='preview')['preview'] }}`, approve it "
            "with POST to the same address and `/approval`; then choose Approve here, so that the "
            "run goes on."
        ),
    )


def _question(task_id: str, *, duty: str, subject: str, body: str) -> ApprovalOperator:
    return ApprovalOperator(
        task_id=task_id,
        subject=subject,
        body=body,
        assigned_users=_people(duty),
        fail_on_reject=True,
        retries=2,
        retry_delay=timedelta(seconds=5),
        retry_policy=ASK_AGAIN,
    )


def reapply_params() -> dict[str, Param]:
    """What a person fills in to apply a policy to the past."""
    month = r"^\d{4}-(0[1-9]|1[0-2])$"
    return {
        "policy": Param(
            type="string",
            pattern=rf"^({_RULES})@[1-9]\d*$",
            title="Policy version",
            description="A proposed version, such as classification@3 or lookup:regions@1.",
        ),
        "first": Param(type="string", pattern=month, title="First month"),
        "last": Param(type="string", pattern=month, title="Last month"),
        "threshold": Param(
            "0",
            type="string",
            pattern=r"^\d{1,12}(\.\d{1,2})?$",
            title="Name initiatives that move by more than",
        ),
    }


def reapply_request() -> dict[str, str]:
    """The filled-in form, and who asks: who started the run, by the name that Airflow has for them.

    The name is marked as Airflow's: it is no person of the ledger, whom only the pages identify.
    """
    current = get_current_context()
    form, starter = current["params"], current["dag_run"].triggering_user_name
    names = {"label": "policy", "first": "first", "last": "last", "threshold": "threshold"}
    asked = {ours: str(form[theirs]) for ours, theirs in names.items()}
    return {**asked, "person": f"airflow:{starter}" if starter else "service:airflow"}


def close_deadline() -> DeadlineAlert:
    """Tell people when a close is still open after `TIEOUT_CLOSE_DEADLINE_S` (default 5 days)."""
    return DeadlineAlert(
        reference=DeadlineReference.DAGRUN_QUEUED_AT,
        interval=timedelta(seconds=seconds("TIEOUT_CLOSE_DEADLINE_S", 5 * 24 * 3600)),
        callback=AsyncCallback(report_late_close),
    )


async def report_late_close(**kwargs: Any) -> None:
    """Log one warning that names the late run; alert rules of the platform listen to it."""
    run = kwargs.get("context", {}).get("dag_run", {})
    structlog.get_logger("tieout.close").warning(
        "close_late", run_id=run.get("dag_run_id"), partition=run.get("partition_key")
    )


def _period() -> str:
    current = get_current_context()
    text = current["dag_run"].partition_key or current["params"].get("period") or ""
    return str(parse_period(text[:7]))  # the partition of a daily run is a day of the month


def _people(duty: str) -> list[HITLUser] | None:
    """Who is asked: `TIEOUT_PREPARERS` or `TIEOUT_CONTROLLERS`; None asks everybody."""
    return [HITLUser(id=name, name=name) for name in names(f"TIEOUT_{duty.upper()}S", "")] or None


def _date(variable: str) -> pendulum.DateTime | None:
    text = os.environ.get(variable)
    if not text:
        return None
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise SettingError(f"{variable} is {text!r}: expected a day such as 2026-10-01.") from None
    return pendulum.datetime(day.year, day.month, day.day, tz="UTC")


def names(variable: str, default: str) -> list[str]:
    """The names of a setting, parted by commas."""
    return [name.strip() for name in os.environ.get(variable, default).split(",") if name.strip()]
