"""How a step ends: once per set of inputs, with its findings and one audit event, or not at all."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from demo.postgres import Logins

from tieout.config import ProviderConnection, Secret, load_settings
from tieout.core.finding import Finding
from tieout.steps.context import Context
from tieout.steps.outputs import INPUTS, Work, begin, done_before, finish, result, start_run
from tieout.store import audit, findings, runs

NOW = datetime(2026, 11, 3, 9, 30, tzinfo=UTC)
SUBJECT = "2026-10/final"
UNALLOCATED = Finding(
    kind="unallocated", severity="warning", subject=SUBJECT, message="Add a rule.", amount_units=7
)


@pytest.fixture
def context(ledger_database: Logins, tmp_path: Path) -> Iterator[Context]:
    made = Context(
        settings=load_settings({"TIEOUT_HOME": str(tmp_path)}),
        connection=lambda provider: ProviderConnection(name=provider),
        now=lambda: NOW,
        database_url=Secret(ledger_database.worker_url),
    )
    yield made
    made.close()


def _work(context: Context, *reads: str) -> Work:
    return begin(context, "classify", SUBJECT, reads=reads)


def _do(context: Context, *reads: str, found: tuple[Finding, ...] = ()) -> int | None:
    """One run of a step as steps write it; the run's number, None when nothing was to do."""
    with context.store.transaction() as tx:
        work = _work(context, *reads)
        if done_before(tx, work):
            return None
        outputs = {"made of": list(reads)}
        return finish(
            context, tx, work, outputs=outputs, action="charges_classified", found=found
        ).run_id


def _newest(context: Context) -> runs.Run:
    with context.store.transaction() as tx:
        found = runs.latest(tx, "classify", SUBJECT)
    assert found is not None
    return found


def _events(context: Context) -> int:
    with context.store.transaction() as tx:
        return audit.head(tx)[0]


def test_the_same_inputs_are_worked_on_once(context: Context) -> None:
    assert _do(context, "rules 1") is not None
    before = _events(context)
    assert _do(context, "rules 1") is None
    assert _events(context) == before


def test_other_inputs_are_a_new_run_that_names_the_one_it_replaces(context: Context) -> None:
    first, second = _do(context, "rules 1"), _do(context, "rules 2")
    assert _newest(context).run_id == second
    assert _newest(context).supersedes == first


def test_going_back_to_earlier_inputs_is_a_new_run_every_time(context: Context) -> None:
    made = [_do(context, f"rules {number}") for number in (1, 2, 1, 2, 1)]
    assert None not in made
    assert len(set(made)) == 5
    assert made == sorted(made, key=lambda number: number or 0)
    newest = _newest(context)
    assert (newest.run_id, newest.outputs["made of"]) == (made[-1], ["rules 1"])
    assert _do(context, "rules 1") is None


def test_inputs_in_another_order_are_other_inputs(context: Context) -> None:
    _do(context, "a", "b")
    assert _do(context, "b", "a") is not None
    assert _do(context, "ab") is not None


def test_steps_and_subjects_do_not_answer_for_each_other(context: Context) -> None:
    _do(context, "rules 1")
    with context.store.transaction() as tx:
        elsewhere = (
            begin(context, "allocate", SUBJECT, reads=["rules 1"]),
            begin(context, "classify", "2026-10/draft", reads=["rules 1"]),
        )
        assert [done_before(tx, work) for work in elsewhere] == [None, None]


def test_a_run_keeps_its_inputs_times_and_version(context: Context) -> None:
    _do(context, "rules 1")
    run = _newest(context)
    assert run.outputs[INPUTS] == _work(context, "rules 1").input_key
    assert (run.started_at, run.finished_at) == (NOW, NOW)
    assert run.code_version == context.code_version != ""


def test_the_end_records_the_findings_and_one_event_that_counts_them(context: Context) -> None:
    before = _events(context)
    run_id = _do(context, "rules 1", found=(UNALLOCATED, UNALLOCATED))
    assert _events(context) == before + 1
    with context.store.transaction() as tx:
        (event,) = audit.events(tx, after_seq=before)
        assert findings.for_run(tx, run_id or 0) == [UNALLOCATED]
    assert '"charges_classified"' in event.canonical
    assert f'"run":{run_id}' in event.canonical
    assert '"findings":2' in event.canonical


def test_findings_of_a_replaced_run_no_longer_count(context: Context) -> None:
    _do(context, "rules 1", found=(UNALLOCATED,))
    _do(context, "rules 2")
    with context.store.transaction() as tx:
        assert findings.for_period(tx, "2026-10") == []


def test_a_step_that_fails_leaves_no_run_no_finding_and_no_event(context: Context) -> None:
    before = _events(context)
    with pytest.raises(RuntimeError, match="died"):
        _finish_and_die(context)
    assert _events(context) == before
    with context.store.transaction() as tx:
        assert runs.latest(tx, "classify", SUBJECT) is None
    assert _do(context, "rules 1") is not None


def _finish_and_die(context: Context) -> None:
    with context.store.transaction() as tx:
        work = _work(context, "rules 1")
        finish(context, tx, work, outputs={}, action="charges_classified", found=[UNALLOCATED])
        raise RuntimeError("died")


def test_a_run_that_was_only_begun_has_no_event_of_its_own(context: Context) -> None:
    before = _events(context)
    with context.store.transaction() as tx:
        start_run(context, tx, _work(context, "rules 1"), outputs={})
    assert _events(context) == before
    assert _do(context, "rules 1") is None


def test_a_report_shows_the_named_outputs_and_no_others(context: Context) -> None:
    outputs = {"line_count": 38, "total": "1.00", INPUTS: "c0ffee"}
    made = result(_work(context), "done", outputs, ("line_count", "total", "not there"))
    assert (made.step, made.subject, made.status) == ("classify", SUBJECT, "done")
    assert made.summary == {"line_count": 38, "total": "1.00"}
