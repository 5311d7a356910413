"""Documents, snapshots, charge files, coverage, runs, findings: kept once, read back as given."""

from dataclasses import replace
from datetime import date
from functools import partial

import pytest
from tests.conftest import Stores
from tests.store.samples import AT, OCTOBER, a_run, a_snapshot, together

from tieout.core.errors import IntegrityError, UnknownSubjectError
from tieout.core.finding import Finding
from tieout.core.ids import sha256_hex
from tieout.store import charge_files, coverage, documents, findings, periods, runs, snapshots
from tieout.store.charge_files import ChargeFile
from tieout.store.coverage import Mark
from tieout.store.documents import StoredDocument
from tieout.store.snapshots import NewSnapshot

SERIES = {"provider": "openai", "billing_account_id": "org-1", "period": OCTOBER}
UNPRICED = Finding(
    kind="unpriced",
    severity="warning",
    subject="gpt-9",
    message="No price for gpt-9: add it to the rate card.",
    amount_units=-1,
    source_document="ab",
    source_row=7,
)


def test_a_document_is_kept_once_and_found_by_its_bytes_and_month(stores: Stores) -> None:
    document = StoredDocument(
        sha256=sha256_hex(b"page"),
        provider="openai",
        billing_account_id="org-1",
        period=OCTOBER,
        kind="cost",
        name="costs-page-1.json",
        media_type="application/json",
        size_bytes=4,
        request={"path": "/v1/organization/costs", "params": {"limit": 31}},
        fetched_at=AT,
        lake_path="raw/openai/ab.json",
    )
    invoice = replace(document, kind="invoice", name="invoice.pdf")
    with stores.worker.transaction() as tx:
        assert [documents.add(tx, one) for one in (document, document, invoice)] == [
            True,
            False,
            True,
        ]
        assert documents.get(tx, document.sha256) == [document, invoice]
        assert documents.for_period(tx, OCTOBER, provider="openai", kind="cost") == [document]
        assert documents.for_period(tx, OCTOBER) == [document, invoice]
        assert documents.for_period(tx, "2026-11") == []


def test_the_same_content_is_no_new_version_and_another_one_is(stores: Stores) -> None:
    with stores.worker.transaction() as tx:
        assert snapshots.head(tx, **SERIES, kind="cost") is None
        first, is_new = snapshots.add(tx, a_snapshot("first"))
        assert (first.version, is_new) == (1, True)
        assert snapshots.add(tx, a_snapshot("first", through_on=date(2026, 11, 1))) == (
            first,
            False,
        )
        second, _ = snapshots.add(tx, a_snapshot("second"))
        back, _ = snapshots.add(tx, a_snapshot("first"))
        assert [one.version for one in (second, back)] == [2, 3]
        assert snapshots.head(tx, **SERIES, kind="cost") == back
        assert snapshots.versions(tx, **SERIES, kind="cost") == [first, second, back]
        assert snapshots.get(tx, first.snapshot_id) == first
        usage, _ = snapshots.add(tx, a_snapshot("first", kind="usage"))
        assert snapshots.heads(tx, OCTOBER) == [back, usage]
        with pytest.raises(UnknownSubjectError, match="No snapshot nothing"):
            snapshots.get(tx, "nothing")


def add_snapshot(stores: Stores, new: NewSnapshot) -> bool:
    with stores.worker.transaction() as tx:
        return snapshots.add(tx, new)[1]


def test_eight_at_once_with_one_content_have_one_winner(stores: Stores) -> None:
    calls = [partial(add_snapshot, stores, a_snapshot("same")) for _ in range(8)]
    assert sorted(together(calls)) == ["False"] * 7 + ["True"]


def test_eight_at_once_with_eight_contents_make_eight_versions_without_a_gap(
    stores: Stores,
) -> None:
    together([partial(add_snapshot, stores, a_snapshot(f"content {n}")) for n in range(8)])
    with stores.worker.transaction() as tx:
        found = snapshots.versions(tx, **SERIES, kind="cost")
    assert [one.version for one in found] == list(range(1, 9))
    assert len({one.content_sha256 for one in found}) == 8


def test_a_charge_file_is_kept_once_and_the_newest_counts(stores: Stores) -> None:
    with stores.worker.transaction() as tx:
        snapshot, _ = snapshots.add(tx, a_snapshot())
        old = ChargeFile(
            snapshot_id=snapshot.snapshot_id,
            kind="charges",
            file_sha256=sha256_hex(b"parquet"),
            lake_path="charges/ab.parquet",
            rows_in=3,
            rows_out=2,
            rows_bad=1,
            source_total="1234.56",
            loaded_units=-1_234_560_000_000_001,
            method_version="openai@1",
        )
        new = replace(old, source_total=None, method_version="openai@2")
        assert [charge_files.add(tx, file) for file in (old, old, new)] == [True, False, True]
        assert charge_files.get(tx, snapshot.snapshot_id, "charges") == new
        assert charge_files.get(tx, snapshot.snapshot_id, "usage") is None


def test_days_without_a_mark_are_holes_and_a_later_mark_counts(stores: Stores) -> None:
    with stores.worker.transaction() as tx:
        snapshot, _ = snapshots.add(tx, a_snapshot())
        first = Mark(
            provider="openai",
            billing_account_id="org-1",
            kind="cost",
            day=date(2026, 10, 1),
            snapshot_id=snapshot.snapshot_id,
            rows=5,
            seen_at=AT,
        )
        last = replace(first, day=date(2026, 10, 31), rows=0)
        outside = replace(first, day=date(2026, 11, 1))
        assert coverage.mark(tx, []) == 0
        assert coverage.mark(tx, [first, last, outside]) == 3
        again = replace(first, rows=6)
        coverage.mark(tx, [again])
        key = {"period": OCTOBER, "provider": "openai", "billing_account_id": "org-1"}
        assert coverage.complete_days(tx, **key) == {first.day, last.day}
        assert coverage.complete_days(tx, **key, kind="usage") == set()
        assert coverage.matrix(tx, OCTOBER) == [again, last]


def test_a_run_is_found_by_its_inputs_and_names_the_run_before_it(stores: Stores) -> None:
    with stores.worker.transaction() as tx:
        first = runs.record(tx, a_run(inputs="one"))
        second = runs.record(tx, a_run(inputs="two"))
        below = runs.record(tx, a_run("rate", f"{OCTOBER}/openai/final"))
        runs.record(tx, a_run("rate", "2026-101"))
        assert (first.supersedes, second.supersedes) == (None, first.run_id)
        assert first.outputs == {"rows": 2}
        assert runs.record(tx, a_run(inputs="one")) == first
        assert runs.find(tx, "allocate", OCTOBER, sha256_hex(b"one")) == first
        assert runs.find(tx, "allocate", OCTOBER, sha256_hex(b"three")) is None
        assert runs.latest(tx, "allocate", OCTOBER) == second == runs.get(tx, second.run_id)
        assert runs.for_period(tx, OCTOBER) == [second, below]
        with pytest.raises(UnknownSubjectError, match="no run 0"):
            runs.get(tx, 0)


def test_two_that_record_one_run_at_once_get_the_same_run(stores: Stores) -> None:
    def record() -> int:
        with stores.worker.transaction() as tx:
            return runs.record(tx, a_run()).run_id

    assert len(set(together([record] * 6))) == 1


def test_findings_of_the_newest_run_count(stores: Stores) -> None:
    late = replace(UNPRICED, kind="late", severity="blocking", source_row=None)
    with stores.worker.transaction() as tx:
        old = runs.record(tx, a_run("rate", inputs="old"))
        assert findings.add_all(tx, old.run_id, [UNPRICED, late, UNPRICED]) == 2
        assert findings.add_all(tx, old.run_id, [UNPRICED]) == 0
        assert findings.add_all(tx, old.run_id, []) == 0
        assert findings.for_run(tx, old.run_id) == [UNPRICED, late]
        assert findings.counts(tx, OCTOBER) == {("blocking", "late"): 1, ("warning", "unpriced"): 1}
        new = runs.record(tx, a_run("rate", inputs="new"))
        findings.add_all(tx, new.run_id, [UNPRICED])
        found = findings.for_period(tx, OCTOBER, step="rate")
        assert [(one.run_id, one.run_subject, one.finding) for one in found] == [
            (new.run_id, OCTOBER, UNPRICED)
        ]
        assert findings.for_period(tx, OCTOBER, step="pull") == []
        assert findings.counts(tx, OCTOBER) == {("warning", "unpriced"): 1}


def test_a_month_opens_once_and_is_listed(stores: Stores) -> None:
    with stores.worker.transaction() as tx:
        assert periods.state(tx, OCTOBER) is None
        assert [periods.ensure(tx, OCTOBER), periods.ensure(tx, OCTOBER)] == ["open", "open"]
        periods.ensure(tx, "2026-09")
        assert [(one.period, one.state) for one in periods.listing(tx)] == [
            ("2026-09", "open"),
            (OCTOBER, "open"),
        ]
    with pytest.raises(IntegrityError), stores.worker.transaction() as tx:
        periods.ensure(tx, "October")
