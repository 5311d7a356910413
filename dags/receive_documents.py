"""Whenever a billing document arrives in a drop folder: read it, for every month that is open."""

from airflow.sdk import dag, task

from tieout import drop_watch as watch
from tieout import orchestration as on


@dag(schedule=watch.schedule(), max_active_runs=1, **on.DAG_ARGS)
def receive_documents() -> None:
    """Pull and read the documents of a provider as soon as its drop folder changes.

    A watcher in the triggerer looks into the folders that `TIEOUT_DROP_FOLDERS` names. What cannot
    be read stands in the review within minutes of its arrival, and not first at the month's end. A
    run over documents that are known changes nothing; started by hand it reads the folders of all
    providers.
    """

    @task
    def read_documents(provider: str) -> on.Summaries:
        """Pull and normalise the documents of one provider, for each month that takes papers."""
        from tieout.steps import normalise, pull, receive

        context, results = on.context(), []
        changed = watch.has_changed(provider)
        months = receive.paper_months(context, provider=provider) if changed else ()
        for period in months:
            results += [
                pull.run(context, provider=provider, period=period, kinds=("documents",)),
                normalise.run(context, provider=provider, period=period),
            ]
        return on.summaries(*results)

    on.for_each_provider(read_documents)


receive_documents()
