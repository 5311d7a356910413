"""Every day: what each provider says was used, as charges and estimates; then the day counts."""

from airflow.sdk import CronPartitionTimetable, dag, task

from tieout import orchestration as on


@dag(
    schedule=CronPartitionTimetable(
        "0 2 * * *", timezone="UTC", run_offset=-1, key_format="%Y-%m-%d"
    ),
    max_active_runs=8,
    **on.days_to_sync(),
    **on.DAG_ARGS,
)
def daily_sync() -> None:
    """Pull, normalise and rate one UTC day for every provider; one partition is one day.

    A day is emitted to the asset `tieout_daily_charges` only when the database holds it for all
    providers; `monthly_close` starts by itself when a month has all its days. A day may be run
    again at any time: the same rows are written.
    """

    @task
    def sync(provider: str) -> on.Summaries:
        """Pull cost and usage up to the day, then normalise and rate them."""
        from tieout.steps import normalise, pull, rate

        month, max_age_s = on.month(), on.pull_max_age_s()
        pulled = pull.run(**month, provider=provider, through=on.day(), max_age_s=max_age_s)
        charges = normalise.run(**month, provider=provider)
        return on.summaries(pulled, charges, rate.run(**month, provider=provider))

    @task(outlets=[on.DAILY_CHARGES], retry_policy=on.RETRY_UNTIL_READY)
    def mark_day_complete() -> on.Summaries:
        """Ask the database whether every provider has the day; only then the day is emitted."""
        from tieout.steps import close, daily

        names = tuple(on.providers())
        complete = close.day_complete(on.context(), day=on.day(), providers=names)
        return on.summaries(complete, daily.run(on.context(), day=on.day()))

    on.for_each_provider(sync) >> mark_day_complete()


daily_sync()
