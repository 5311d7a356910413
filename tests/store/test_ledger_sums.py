"""Sums that the database makes with a publication: those of its lines, whoever asks what."""

from collections.abc import Iterable
from itertools import combinations
from typing import Any

import psycopg
import pyarrow as pa
import pytest
import sqlalchemy as sa
from demo.postgres import Logins
from hypothesis import given
from hypothesis import strategies as st
from tests.conftest import Stores
from tests.examples import examples
from tests.store.samples import an_entry, close, ledger_lines, publish

from tieout.core.money import to_decimal
from tieout.focus.ledger_columns import LEDGER_SCHEMA, OWN_DIMENSION_RULES, OWN_DIMENSIONS
from tieout.reports import line_tables
from tieout.reports.line_tables import Sum, Wanted
from tieout.store import journal, ledger_sums
from tieout.store import ledger_lines as published

COLUMNS = ("provider", "initiative", "pl_category", "charge_category", "environment", "pool_id")
A_LINE = st.fixed_dictionaries(
    {
        "provider": st.sampled_from(["aws", "openai"]),
        "initiative": st.sampled_from(["search", 'a,b {"c"}\\', None]),
        "pl_category": st.sampled_from(["Cost of revenue", "", None]),
        "charge_category": st.sampled_from(["Usage", "Tax"]),
        "environment": st.sampled_from(["prod", "NULL", None]),
        "pool_id": st.sampled_from(["platform", None]),
        "units": st.integers(-(10**26), 10**26),
    }
)
CONDITIONS: tuple[tuple[Wanted, ...], ...] = (
    (),
    (Wanted(name="initiative", values=("search", None)),),
    (Wanted(name="environment", values=(None,), but=True),),
    (Wanted(name="pl_category", values=("",), pools=("platform",)),),
    (Wanted(name="pl_category", values=("",), but=True, pools=("platform",)),),
    (Wanted(name="provider", values=("aws",)), Wanted(name="pl_category", values=("", None))),
)


def with_values(lines: pa.Table, name: str, values: Iterable[Any]) -> pa.Table:
    """The lines with other values in a column."""
    at = LEDGER_SCHEMA.get_field_index(name)
    return lines.set_column(at, LEDGER_SCHEMA.field(at), pa.array(values, pa.string()))


def as_set(sums: Iterable[Sum]) -> set[tuple[object, int, int]]:
    """Sums without their order."""
    return {(one.key, one.units, one.count) for one in sums}


def test_whatever_is_asked_the_sums_are_those_of_the_lines(stores: Stores) -> None:
    close(stores)

    @examples(15)
    @given(st.lists(A_LINE, min_size=1, max_size=12))
    def holds(rows: list[dict[str, Any]]) -> None:
        lines = ledger_lines(*(str(to_decimal(row["units"])) for row in rows))
        for name in COLUMNS:
            lines = with_values(lines, name, [row[name] for row in rows])
        with stores.worker.transaction() as tx:
            made, _ = publish(tx, lines)
            number = made.publication_id
            for conditions in CONDITIONS:
                fitting = line_tables.fitting(lines, conditions)
                for by in (*combinations(COLUMNS, 1), *combinations(COLUMNS, 2)):
                    found = published.sums(tx, [number], by, conditions).get(number, [])
                    plain = published.summed(tx, [number], by, conditions).get(number, [])
                    expected = line_tables.sums(fitting, by) if fitting.num_rows else []
                    assert as_set(found) == as_set(plain) == as_set(expected), (by, conditions)
            tx.rollback()

    holds()


def test_the_database_sums_by_what_the_code_reads_and_by_own_dimensions(stores: Stores) -> None:
    close(stores)
    lines = ledger_lines("1", "2", "3")
    lines = with_values(lines, OWN_DIMENSIONS, ['{"team":"search"}', None, '{"team":"a b"}'])
    lines = with_values(lines, OWN_DIMENSION_RULES, ['{"team":"t-1"}', None, '{"team":"t-2"}'])
    with stores.worker.transaction() as tx:
        made, _ = publish(tx, lines)
        number = made.publication_id
        kept = tx.scalars(sa.text("SELECT DISTINCT names FROM tieout.ledger_sum")).all()
        found = published.sums(tx, [number], ["team"])
        none_has_it = published.sums(tx, [number], ["region"])
        two = published.sums(tx, [number], ["team", "provider"])
    assert set(kept) == {",".join(one) for one in ledger_sums.GROUPINGS} | {"team"}
    assert as_set(found[number]) == as_set(line_tables.sums(lines, ["team"]))
    assert as_set(none_has_it[number]) == as_set(line_tables.sums(lines, ["region"]))
    assert as_set(two[number]) == as_set(line_tables.sums(lines, ["team", "provider"]))


def test_a_sum_that_is_not_its_lines_is_named(stores: Stores, ledger_database: Logins) -> None:
    close(stores)
    with stores.worker.transaction() as tx:
        number = publish(tx, ledger_lines("1", "2", "3"))[0].publication_id
    with stores.reader.transaction() as tx:
        assert ledger_sums.unlike_lines(tx) == []
    with psycopg.connect(ledger_database.owner_url) as owner:
        owner.execute("ALTER TABLE tieout.ledger_sum DISABLE TRIGGER USER")
        owner.execute("UPDATE tieout.ledger_sum SET amount = amount + 1 WHERE names = 'provider'")
    with stores.reader.transaction() as tx:
        assert ledger_sums.unlike_lines(tx) == [f"publication {number} by provider"]
    with psycopg.connect(ledger_database.owner_url) as owner:
        owner.execute("DELETE FROM tieout.ledger_sum")
    with stores.reader.transaction() as tx:
        assert ledger_sums.unlike_lines(tx) == [f"publication {number} by nothing"]


def test_columns_that_were_never_summed_together_are_left_to_the_lines() -> None:
    assert ledger_sums.covering(["pl_category"]) == ("pl_category",)
    assert ledger_sums.covering([]) == ("provider",)
    three = ("provider", "pl_category", "environment")
    assert ledger_sums.covering(["environment", "pl_category"]) == three
    assert ledger_sums.covering(["project", "initiative"]) is None


@pytest.mark.parametrize("login", ["worker", "web", "reader"])
def test_nobody_writes_a_sum(stores: Stores, ledger_database: Logins, login: str) -> None:
    close(stores)
    with stores.worker.transaction() as tx:
        publish(tx, ledger_lines("1"))
    url = getattr(ledger_database, f"{login}_url")
    for statement in (
        "INSERT INTO tieout.ledger_sum SELECT * FROM tieout.ledger_sum",
        "UPDATE tieout.ledger_sum SET amount = 2",
        "DELETE FROM tieout.ledger_sum",
        "SELECT tieout.sum_publication(1)",
    ):
        with (
            psycopg.connect(url) as connection,
            pytest.raises(psycopg.errors.InsufficientPrivilege),
        ):
            connection.execute(statement.encode())


def test_a_line_that_comes_late_makes_no_sum(stores: Stores, ledger_database: Logins) -> None:
    close(stores)
    with stores.worker.transaction() as tx:
        publish(tx, ledger_lines("1"))
    late = (
        "INSERT INTO tieout.ledger_line (publication_id, ledger_line_id, period, billed_cost, "
        "charge_count) SELECT publication_id, 'late', period, 0, 0 FROM tieout.publication"
    )
    counted = "SELECT count(*) FROM tieout.ledger_sum"
    with psycopg.connect(ledger_database.worker_url) as worker:
        before = worker.execute(counted.encode()).fetchone()
        with pytest.raises(psycopg.Error, match="holds 2 lines"), worker.transaction():
            worker.execute(late.encode())
        assert (
            worker.execute(counted.encode()).fetchone() == before == (len(ledger_sums.GROUPINGS),)
        )


def test_entries_that_cite_a_document_are_found_by_the_index(stores: Stores) -> None:
    with stores.worker.transaction() as tx:
        tx.execute(sa.text("SELECT tieout.open_period('2026-10')"))
        journal.post(tx, an_entry("one", source_refs=["a", "b"]))
        journal.post(tx, an_entry("two", source_refs=["b"]))
        assert [one.document_no for one in journal.citing(tx, "a")] == ["2026-accrual-000001"]
        assert len(journal.citing(tx, "b")) == 2
        assert journal.citing(tx, "c") == []
        tx.execute(sa.text("SET LOCAL enable_seqscan = off"))
        asked = "SELECT 1 FROM tieout.journal_entry WHERE source_refs @> ARRAY['a']"
        plan = "\n".join(tx.scalars(sa.text(f"EXPLAIN {asked}")))
    assert "journal_entry_citing" in plan
