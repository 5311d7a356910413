"""Airflow's event log: copied into our own trail by the API server, with the ids that are missing.

Owns which acts override a control. How the log is read is the pages' business; what is missing is
told by the database. A worker cannot write here: it would write about itself.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from itertools import takewhile
from typing import Any

from tieout import log as logs
from tieout.core.errors import NotReadyError, SourceAnswerError
from tieout.core.period import parse_period
from tieout.steps import close_inputs
from tieout.steps.context import Context, StepResult
from tieout.store import audit, reviews

# Events this young may still have an older neighbour that is not committed.
SETTLED_AFTER = timedelta(seconds=15)
_OVERLAP = timedelta(hours=1)
# What a person does by hand: runs and tasks cleared, marked, started or deleted, backfills, paused
# DAGs, connections, variables and pools changed. Answers to approval tasks sign nothing.
_OVERRIDES = (
    "bulk_",
    "cancel_backfill",
    "clear",
    "cli_",
    "create_asset_event",
    "create_backfill",
    "create_default_connections",
    "create_xcom_entry",
    "delete_",
    "materialize_asset",
    "patch_",
    "pause_backfill",
    "post_clear",
    "post_connection",
    "post_pool",
    "post_variable",
    "trigger_dag_run",
    "unpause_backfill",
    "update_xcom_entry",
)
log = logs.get("airflow_events")


def since(context: Context) -> datetime | None:
    """From when on the log is to be read now; None before anything was copied."""
    with context.store.transaction() as tx:
        newest = reviews.newest_time(tx)
    return newest - _OVERLAP if newest else None


def keep(
    context: Context, *, found: Sequence[Mapping[str, Any]], person: str, now: datetime
) -> StepResult:
    """Keep what was read, by id; ids between that nobody brought are kept as missing.

    From the first event on that is younger than `SETTLED_AFTER` all wait for the next copy;
    `waiting` counts those of them that override a control. `now` is the time of Airflow's clock.

    Raises:
        SegregationError: not the API server's login.
        SourceAnswerError: an event has no id or no time.
    """
    read = sorted((_event(one) for one in found), key=lambda one: one.airflow_id)
    events = list(takewhile(lambda one: _is_settled(one, now), read))
    waiting = sum(one.overrides for one in read[len(events) :])
    upto = events[-1].airflow_id if events else 0
    with context.store.transaction(actor=person) as tx:
        before = reviews.last_mirrored(tx) or 0
        new = reviews.mirror(tx, events, upto=upto)
        missing = new - sum(one.airflow_id > before for one in events)
        if new:
            facts = {"events": str(new), "missing": str(missing), "upto": str(upto)}
            audit.record(tx, "airflow_events_copied", "airflow", facts)
    log.info("airflow_events", new=new, missing=missing, waiting=waiting)
    return StepResult(
        step="airflow_events",
        subject="airflow",
        status="done" if new else "unchanged",
        summary={"new": new, "missing": missing, "upto": upto, "waiting": waiting},
    )


def require_all_reviewed(context: Context, *, period: str, copied: StepResult) -> None:
    """Make sure that no act in Airflow stands between a month and its close.

    `copied` is the copy that was made for this very signature.

    Raises:
        NotReadyError: an act is not in our trail yet, or nobody has reviewed it.
    """
    waiting = copied.summary["waiting"]
    if waiting:
        raise NotReadyError(
            f"{waiting} acts in Airflow that override a control are younger than "
            f"{SETTLED_AFTER.seconds} s: expected none that is not in our trail when {period} "
            "closes; sign again in a moment."
        )
    with context.store.transaction() as tx:
        found = close_inputs.controls(tx, parse_period(period))
    if found is not None and found.acts and not found.reviewed:
        raise NotReadyError(
            f"{len(found.acts)} acts in Airflow override a control and nobody has reviewed exactly "
            f"these, last {found.acts[-1]}: POST /tieout/api/periods/{period}/overrides/review as "
            "an approver or controller, then sign again."
        )


def overrides(action: str) -> bool:
    """Whether an act of that name overrides a control."""
    return action.startswith(_OVERRIDES)


def _is_settled(event: reviews.AirflowEvent, now: datetime) -> bool:
    return event.happened_at is None or event.happened_at <= now - SETTLED_AFTER


def _event(row: Mapping[str, Any]) -> reviews.AirflowEvent:
    try:
        number, at = int(row["event_log_id"]), datetime.fromisoformat(str(row["when"]))
    except (KeyError, TypeError, ValueError) as error:
        raise SourceAnswerError(
            f"Airflow's event log has a row without id or time: expected event_log_id and when, "
            f"found {sorted(row)}; is it another version of Airflow?"
        ) from error
    parts = (row.get("dag_id"), row.get("run_id"), row.get("task_id"))
    action = str(row.get("event") or "unnamed")
    return reviews.AirflowEvent(
        airflow_id=number,
        happened_at=at,
        actor=str(row.get("owner") or "unknown"),
        action=action,
        object=" ".join(str(part) for part in parts if part),
        overrides=overrides(action),
    )
