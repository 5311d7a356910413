"""Every month: draft and accrual, invoices, reconciliation, two signatures, publication."""

from airflow.sdk import PokeReturnValue, chain, dag, task

from tieout import orchestration as on


@dag(schedule=on.close_schedule(), max_active_runs=1, deadline=on.close_deadline(), **on.BY_PERIOD)
def monthly_close() -> None:
    """Close one month: by itself when all its days are in, or by hand with `period` (2026-10)."""

    @task
    def classify_allocate_accrue() -> on.Summaries:
        from tieout.steps import allocate, classify, post

        month = on.month()
        draft = classify.run(**month, stage="draft"), allocate.run(**month, stage="draft")
        return on.summaries(*draft, post.accrue(**month))

    @task.sensor(mode="reschedule", poke_interval=on.invoice_poke_s(), timeout=on.CLOSE_WAIT_S)
    def wait_for_invoices() -> bool:
        from tieout.steps import close

        on.pull_papers(**on.month())
        return close.invoices_present(**on.month()) or on.has_waited_for_invoices()

    @task
    def sync_final(provider: str) -> on.Summaries:
        from tieout.steps import normalise, pull, rate

        month = on.month()
        pulled = pull.run(**month, provider=provider, through=on.last_day(), kinds=pull.EVERYTHING)
        charges = normalise.run(**month, provider=provider)
        return on.summaries(pulled, charges, rate.run(**month, provider=provider))

    @task
    def reconcile_and_post() -> on.Summaries:
        from tieout.steps import allocate, classify, exceptions, matching, post, reconcile

        month = on.month()
        final = classify.run(**month, stage="final"), allocate.run(**month, stage="final")
        tied = reconcile.run(**month), matching.run(**month), post.settle(**month)
        return on.summaries(*final, *tied, exceptions.refresh(**month))

    @task.sensor(mode="reschedule", poke_interval=on.invoice_poke_s(), timeout=on.CLOSE_WAIT_S)
    def request_close() -> PokeReturnValue:
        from tieout.steps import close

        return on.asked(close.request, is_watched=True, **on.month())

    @task(retries=0)
    def verify_closed() -> on.Summaries:
        from tieout.steps import close

        return on.summaries(close.verify(**on.month()))

    @task
    def publish() -> on.Summaries:
        from tieout.steps import publish

        return on.summaries(publish.run(**on.month()))

    chain(
        classify_allocate_accrue(),
        wait_for_invoices(),
        on.for_each_provider(sync_final),
        reconcile_and_post(),
        request_close(),
        on.sign_off("prepare_signoff", duty="preparer", doing="Prepare"),
        on.sign_off("approve_signoff", duty="controller", doing="Approve"),
        verify_closed(),
        publish(),
    )


monthly_close()
