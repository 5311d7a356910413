import asyncio
from datetime import date, timedelta
from types import SimpleNamespace

import pendulum
import pytest
import structlog
from airflow.providers.standard.exceptions import HITLRejectException
from airflow.sdk import BaseHook, Connection, RetryAction
from airflow.sdk.exceptions import AirflowNotFoundException

from tieout import orchestration
from tieout.core.errors import (
    ConnectionMissingError,
    HashMismatchError,
    NotReadyError,
    PeriodFormatError,
    SegregationError,
    SettingError,
    SourceRefusedError,
    SourceUnreachableError,
)
from tieout.steps.context import StepResult


def run_of(
    monkeypatch: pytest.MonkeyPatch, *, partition: str | None, period: str | None = None
) -> None:
    current = {"dag_run": SimpleNamespace(partition_key=partition), "params": {"period": period}}
    monkeypatch.setattr(orchestration, "get_current_context", lambda: current)


def decision(error: Exception) -> RetryAction:
    return orchestration.RETRY_POLICY.evaluate(error, try_number=1, max_tries=3).action


def test_a_provider_that_does_not_answer_is_asked_again_after_a_while() -> None:
    made = orchestration.RETRY_POLICY.evaluate(
        SourceUnreachableError("429"), try_number=1, max_tries=3
    )
    assert made.action is RetryAction.RETRY
    assert made.retry_delay == timedelta(minutes=5)


@pytest.mark.parametrize(
    "error",
    [
        SourceRefusedError("key"),
        SettingError("x"),
        ConnectionMissingError("x"),
        HashMismatchError("x"),
        SegregationError("x"),
        NotReadyError("checklist"),
    ],
)
def test_what_is_refused_for_a_reason_fails_at_the_first_try(error: Exception) -> None:
    assert decision(error) is RetryAction.FAIL


def test_a_day_that_is_not_there_yet_is_looked_for_again() -> None:
    made = orchestration.RETRY_UNTIL_READY.evaluate(
        NotReadyError("hole"), try_number=1, max_tries=3
    )
    assert made.action is RetryAction.RETRY


def test_a_database_that_restarts_is_left_to_the_retries_of_the_task() -> None:
    assert decision(OSError("server closed the connection")) is RetryAction.DEFAULT


def test_a_connection_of_airflow_becomes_a_provider_connection(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = Connection(
        conn_id="tieout_openai",
        conn_type="generic",
        host="127.0.0.1",
        password="k1",
        extra='{"endpoint_url": "http://127.0.0.1:9"}',
    )
    monkeypatch.setattr(BaseHook, "get_connection", lambda _name: found)
    made = orchestration.connection("openai")
    assert (made.name, made.endpoint) == ("tieout_openai", "http://127.0.0.1:9")
    assert made.secret.reveal() == "k1"


def test_a_connection_that_airflow_does_not_know_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(name: str) -> Connection:
        raise AirflowNotFoundException(name)

    monkeypatch.setattr(BaseHook, "get_connection", unknown)
    with pytest.raises(ConnectionMissingError, match="No Airflow connection tieout_aws"):
        orchestration.connection("aws")


def test_a_daily_run_is_about_its_partition(monkeypatch: pytest.MonkeyPatch) -> None:
    run_of(monkeypatch, partition="2026-10-31")
    assert orchestration.day() == date(2026, 10, 31)
    assert orchestration.month()["period"] == "2026-10"
    assert orchestration.last_day() == date(2026, 10, 31)


@pytest.mark.parametrize("partition", [None, "2026-10", "today"])
def test_a_daily_run_without_a_day_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch, partition: str | None
) -> None:
    run_of(monkeypatch, partition=partition)
    with pytest.raises(SettingError, match="expected a day such as 2026-10-31"):
        orchestration.day()


def test_a_close_by_hand_takes_the_month_from_its_parameter(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run_of(monkeypatch, partition=None, period="2026-09")
    assert orchestration.last_day() == date(2026, 9, 30)


def test_a_close_without_a_month_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    run_of(monkeypatch, partition=None)
    with pytest.raises(PeriodFormatError):
        orchestration.month()


def test_new_days_only_unless_a_first_day_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TIEOUT_FIRST_DAY", raising=False)
    monkeypatch.delenv("TIEOUT_LAST_DAY", raising=False)
    bounds = orchestration.days_to_sync()
    assert (bounds["catchup"], bounds["end_date"]) == (False, None)


def test_days_between_first_and_last_are_caught_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIEOUT_FIRST_DAY", "2026-10-01")
    monkeypatch.setenv("TIEOUT_LAST_DAY", "2026-10-31")
    assert orchestration.days_to_sync() == {
        "start_date": pendulum.datetime(2026, 10, 2, tz="UTC"),
        "end_date": pendulum.datetime(2026, 11, 2, tz="UTC"),
        "catchup": True,
    }


def test_a_first_day_that_is_no_day_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIEOUT_FIRST_DAY", "October")
    with pytest.raises(SettingError, match="TIEOUT_FIRST_DAY is 'October'"):
        orchestration.days_to_sync()


def test_providers_and_waiting_times_come_from_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TIEOUT_PROVIDERS", "aws, openai,")
    monkeypatch.setenv("TIEOUT_INVOICE_POKE_S", "60")
    assert orchestration.providers() == ["aws", "openai"]
    assert orchestration.invoice_poke_s() == 60
    assert orchestration.pull_max_age_s() == 3600


def test_invoices_are_not_looked_for_faster_than_airflow_can_put_a_process_away(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TIEOUT_INVOICE_POKE_S", "1")
    assert orchestration.invoice_poke_s() == 5


def test_the_no_of_a_person_is_final() -> None:
    made = orchestration.ASK_AGAIN.evaluate(HITLRejectException("No"), try_number=1, max_tries=2)
    assert made.action is RetryAction.FAIL


def test_a_waiting_time_in_words_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIEOUT_INVOICE_POKE_S", "soon")
    with pytest.raises(SettingError, match="TIEOUT_INVOICE_POKE_S is 'soon'"):
        orchestration.invoice_poke_s()


def test_only_the_holders_of_a_duty_are_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIEOUT_PREPARERS", "maria, ada")
    monkeypatch.delenv("TIEOUT_CONTROLLERS", raising=False)
    asked = orchestration.sign_off("prepare_signoff", duty="preparer", doing="Prepare")
    assert asked.assigned_users == [{"id": "maria", "name": "maria"}, {"id": "ada", "name": "ada"}]
    anybody = orchestration.sign_off("approve_signoff", duty="controller", doing="Approve")
    assert anybody.assigned_users is None


@pytest.mark.parametrize(
    ("starter", "person"), [("maria", "airflow:maria"), (None, "service:airflow")]
)
def test_a_preview_is_made_in_the_name_of_who_started_the_run(
    monkeypatch: pytest.MonkeyPatch, starter: str | None, person: str
) -> None:
    form = {"policy": "tag_map@2", "first": "2026-01", "last": "2026-10", "threshold": "0"}
    run = SimpleNamespace(triggering_user_name=starter)
    current = {"dag_run": run, "params": form}
    monkeypatch.setattr(orchestration, "get_current_context", lambda: current)
    assert orchestration.reapply_request() == {
        "label": "tag_map@2",
        "first": "2026-01",
        "last": "2026-10",
        "threshold": "0",
        "person": person,
    }


def test_a_task_reports_its_steps_in_order() -> None:
    pulled = StepResult(step="pull", subject="x", status="done", summary={"pulls": 3})
    rated = StepResult(step="rate", subject="x", status="unchanged")
    assert orchestration.summaries(pulled, rated) == [
        {"step": "pull", "status": "done", "pulls": 3},
        {"step": "rate", "status": "unchanged"},
    ]


def test_a_late_close_is_one_warning_that_names_the_run() -> None:
    run = {"dag_run_id": "manual__1", "partition_key": "2026-10"}
    with structlog.testing.capture_logs() as logs:
        asyncio.run(orchestration.report_late_close(context={"dag_run": run}))
    assert [(log["event"], log["run_id"], log["partition"]) for log in logs] == [
        ("close_late", "manual__1", "2026-10")
    ]
