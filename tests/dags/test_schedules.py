import pendulum
import pytest
from airflow.partition_mappers.base import is_rollup
from airflow.sdk import DAG, BaseSensorOperator
from airflow.sdk.exceptions import ParamValidationError
from airflow.serialization.serialized_objects import DagSerialization
from airflow.timetables.base import DagRunInfo, TimeRestriction, Timetable

from tieout.steps.past import RULE_KINDS

PROVIDERS = ("aws", "gcp", "azure", "openai", "anthropic")


def as_the_scheduler_sees(dag: DAG) -> Timetable:
    return DagSerialization.from_dict(DagSerialization.to_dict(dag)).timetable


def test_the_run_of_the_first_of_november_is_about_the_last_of_october(
    dags: dict[str, DAG],
) -> None:
    start = pendulum.datetime(2026, 11, 1, tz="UTC")
    info = as_the_scheduler_sees(dags["daily_sync"]).next_dagrun_info_v2(
        last_dagrun_info=None,
        restriction=TimeRestriction(earliest=start, latest=None, catchup=True),
    )
    assert isinstance(info, DagRunInfo)
    assert info.partition_key == "2026-10-31"
    assert info.run_after == start.add(hours=2)


def test_the_close_of_october_needs_exactly_its_31_days(dags: dict[str, DAG]) -> None:
    mapper = as_the_scheduler_sees(dags["monthly_close"]).get_partition_mapper()
    assert is_rollup(mapper)
    assert mapper.to_downstream("2026-10-31") == "2026-10"
    assert mapper.to_upstream("2026-10") == {f"2026-10-{day:02d}" for day in range(1, 32)}


def test_a_day_waits_for_all_providers(dags: dict[str, DAG]) -> None:
    upstream = dags["daily_sync"].get_task("mark_day_complete").upstream_task_ids
    assert upstream == {f"sync_{name}" for name in PROVIDERS}


def test_the_close_goes_in_order_and_one_month_at_a_time(dags: dict[str, DAG]) -> None:
    dag = dags["monthly_close"]
    order = [{task.task_id for task in dag.roots}]
    while following := dag.get_task(min(order[-1])).downstream_task_ids:
        order.append(following)
    assert order == [
        {"classify_allocate_accrue"},
        {"wait_for_invoices"},
        {f"sync_final_{name}" for name in PROVIDERS},
        {"reconcile_and_post"},
        {"request_close"},
        {"prepare_signoff"},
        {"approve_signoff"},
        {"verify_closed"},
        {"publish"},
    ]
    assert dag.max_active_runs == 1


@pytest.mark.parametrize("name", ["wait_for_invoices", "request_close"])
def test_waiting_for_papers_and_people_holds_no_worker(dags: dict[str, DAG], name: str) -> None:
    task = dags["monthly_close"].get_task(name)
    assert isinstance(task, BaseSensorOperator)
    assert task.mode == "reschedule"


@pytest.mark.parametrize("provider", PROVIDERS)
def test_whatever_calls_a_provider_in_bulk_is_in_its_pool(
    dags: dict[str, DAG], provider: str
) -> None:
    pool = f"tieout_{provider}"
    assert dags["daily_sync"].get_task(f"sync_{provider}").pool == pool
    assert dags["monthly_close"].get_task(f"sync_final_{provider}").pool == pool


@pytest.mark.parametrize("period", ["2026-13", "2026-1", "October", "2026-10-01"])
def test_a_run_by_hand_takes_a_month_and_nothing_else(dags: dict[str, DAG], period: str) -> None:
    param = dags["monthly_close"].params.get_param("period")
    assert param.resolve(value="2026-10") == "2026-10"
    with pytest.raises(ParamValidationError):
        param.resolve(value=period)


def test_whatever_decides_classes_or_shares_can_be_applied_to_the_past(
    dags: dict[str, DAG],
) -> None:
    param = dags["reapply"].params.get_param("policy")
    for kind in RULE_KINDS:
        assert param.resolve(value=f"{kind}@2") == f"{kind}@2"


def test_reapply_waits_for_a_person_between_preview_and_application(dags: dict[str, DAG]) -> None:
    dag = dags["reapply"]
    order = [{task.task_id for task in dag.roots}]
    while following := dag.get_task(min(order[-1])).downstream_task_ids - {"refresh_open_months"}:
        order.append(following - {"apply"} or following)
    assert order == [{"preview"}, {"approve_preview"}, {"apply"}]
    assert dag.get_task("refresh_open_months").upstream_task_ids >= {"apply"}
    assert dag.get_task("approve_preview").downstream_task_ids == {"apply"}


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("policy", "classification@3", "chart@1"),
        ("policy", "allocation@12", "allocation"),
        ("policy", "lookup:cost-centers@1", "lookup:@1"),
        ("first", "2026-01", "January"),
        ("last", "2026-12", "2026-13"),
        ("threshold", "1000.50", "much"),
    ],
)
def test_the_form_of_a_reapplication_is_typed(
    dags: dict[str, DAG], name: str, good: str, bad: str
) -> None:
    param = dags["reapply"].params.get_param(name)
    assert param.resolve(value=good) == good
    with pytest.raises(ParamValidationError):
        param.resolve(value=bad)
