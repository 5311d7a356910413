"""Every morning: what people should be told about months that are not closed yet."""

import pendulum
from airflow.sdk import CronTriggerTimetable, dag, task

from tieout import orchestration as on


@dag(
    schedule=CronTriggerTimetable("0 6 * * *", timezone="UTC"),
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    catchup=False,
    max_active_runs=1,
    **on.DAG_ARGS,
)
def daily_alerts() -> None:
    """Tell by mail and web hook: close late, exception new, tolerance broken, source missing."""

    @task
    def tell_people() -> on.Summaries:
        from tieout import notifiers
        from tieout.steps import alerts

        return notifiers.tell(alerts.due(on.context()))

    tell_people()


daily_alerts()
