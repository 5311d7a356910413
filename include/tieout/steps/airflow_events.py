"""Airflow's event log: copied into our own trail by the API server, with the ids that are missing.

Owns which acts override a control. How the log is read is the pages' business; what is missing is
told by the database. A worker cannot write here: it would write about itself.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from tieout import log as logs
from tieout.core.errors import SourceAnswerError
from tieout.steps.context import Context, StepResult
from tieout.store import audit, reviews

# Events this young may still have an older neighbour that is not committed.
SETTLED_AFTER = timedelta(seconds=60)
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


def window(context: Context) -> tuple[datetime | None, datetime]:
    """From when to when the log is to be read now; None before anything was copied."""
    with context.store.transaction() as tx:
        newest = reviews.newest_time(tx)
    return (newest - _OVERLAP if newest else None), context.now() - SETTLED_AFTER


def keep(context: Context, *, found: Sequence[Mapping[str, Any]], person: str) -> StepResult:
    """Keep what was read, by id; ids between that nobody brought are kept as missing.

    Raises:
        SegregationError: not the API server's login.
        SourceAnswerError: an event has no id or no time.
    """
    events = sorted((_event(one) for one in found), key=lambda one: one.airflow_id)
    upto = events[-1].airflow_id if events else 0
    with context.store.transaction(actor=person) as tx:
        before = reviews.last_mirrored(tx) or 0
        new = reviews.mirror(tx, events, upto=upto)
        missing = new - sum(one.airflow_id > before for one in events)
        if new:
            facts = {"events": str(new), "missing": str(missing), "upto": str(upto)}
            audit.record(tx, "airflow_events_copied", "airflow", facts)
    log.info("airflow_events", new=new, missing=missing)
    return StepResult(
        step="airflow_events",
        subject="airflow",
        status="done" if new else "unchanged",
        summary={"new": new, "missing": missing, "upto": upto},
    )


def overrides(action: str) -> bool:
    """Whether an act of that name overrides a control."""
    return action.startswith(_OVERRIDES)


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
