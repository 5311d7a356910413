"""By hand: a policy over past months: preview, another person's approval, and then exactly that."""

from airflow.sdk import dag, task

from tieout import orchestration as on


@dag(schedule=None, max_active_runs=1, params=on.reapply_params(), **on.DAG_ARGS)
def reapply() -> None:
    """Preview a policy over months, wait until another person approved it, apply it.

    The approval that counts is given in the finance API and names the preview's hash; the answer
    given in Airflow only lets the run go on. Closed months get a restated view and
    reclassifications in the open month, open months are classified and allocated again.
    """

    @task
    def preview() -> dict[str, str]:
        """What would move; nothing is touched. The content is kept under its hash."""
        from tieout.steps import preview as step

        return step.headline(step.run(on.context(), **on.reapply_request()))

    @task
    def apply(shown: on.Handed) -> on.Summaries:
        """To the last unit what was approved, or nothing."""
        from tieout.steps import reapply as step

        return on.summaries(step.run(on.context(), preview=shown["preview"]))

    @task
    def refresh_open_months(shown: on.Handed) -> on.Summaries:
        """Open months take the policy with the ordinary steps."""
        from tieout.steps import allocate, classify
        from tieout.steps import reapply as step

        context = on.context()
        return on.summaries(
            *(
                call(context, period=period, stage=stage)
                for period, stage in step.open_stages(context, preview=shown["preview"])
                for call in (classify.run, allocate.run)
            )
        )

    shown = preview()
    shown >> on.preview_approval() >> apply(shown) >> refresh_open_months(shown)


reapply()
