"""The in-process engine over lake files, to which a cluster is compared: it is the plain sum."""

from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.engine.ledger_files import KEYS, ledger_assignment, ledger_charges, put

from tieout.core.errors import (
    ConservationError,
    HashMismatchError,
    IntegrityError,
    NotReadyError,
)
from tieout.engine.duckdb import join_and_sum
from tieout.engine.in_process import InProcess
from tieout.focus.columns import ATTRIBUTES, attributes_of
from tieout.lake.files import Lake

TABLES = [ledger_charges(seed, 60) for seed in (11, 12, 13)]
CHARGES = pa.concat_tables(TABLES)
ASSIGNMENT = ledger_assignment(CHARGES)


@pytest.fixture(scope="module")
def paths(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    home = tmp_path_factory.mktemp("lake").as_uri()
    return put(Lake(home), home, TABLES)


def _sum(paths: list[str], assignment: pa.Table = ASSIGNMENT) -> pa.Table:
    return InProcess().join_and_sum(paths, assignment, keys=KEYS, amount="billed_cost")


def test_files_sum_to_what_their_charges_sum_to(paths: list[str]) -> None:
    table = join_and_sum(CHARGES, ASSIGNMENT, keys=KEYS, amount="billed_cost")
    assert _sum(paths).equals(table)
    assert len(table) > len(TABLES[0])


@given(order=st.permutations(range(len(TABLES))))
def test_the_order_of_files_does_not_matter(paths: list[str], order: list[int]) -> None:
    turned = [paths[place] for place in order]
    assert _sum(turned).equals(_sum(paths))
    left = InProcess().distinct_attributes(turned, ATTRIBUTES)
    assert left.equals(InProcess().distinct_attributes(paths, ATTRIBUTES))


def test_distinct_attributes_are_the_dictionary_that_rules_run_on(paths: list[str]) -> None:
    found = InProcess().distinct_attributes(paths, ATTRIBUTES)
    assert found.equals(attributes_of(CHARGES).cast(found.schema))


def test_a_key_of_the_assignment_wins_over_a_column_of_the_files(paths: list[str]) -> None:
    ids = ASSIGNMENT.select(["attr_id"])
    named = ids.append_column("provider", pa.array(["mapped"] * len(ids), pa.string()))
    found = InProcess().join_and_sum(paths, named, keys=["provider"], amount="billed_cost")
    assert found["provider"].to_pylist() == ["mapped", None]


def test_the_attribute_id_may_be_a_key(paths: list[str]) -> None:
    found = InProcess().join_and_sum(paths, ASSIGNMENT, keys=["attr_id"], amount="billed_cost")
    assert found["attr_id"].equals(attributes_of(CHARGES)["attr_id"])


def test_two_classes_of_one_tuple_are_refused(paths: list[str]) -> None:
    with pytest.raises(ConservationError, match="an attribute tuple has two classes"):
        _sum(paths, pa.concat_tables([ASSIGNMENT, ASSIGNMENT.slice(0, 1)]))


def test_a_file_that_changed_is_refused_before_it_is_read(tmp_path: Path) -> None:
    (path,) = put(Lake(str(tmp_path)), str(tmp_path), TABLES[:1])
    content = bytearray(Path(path).read_bytes())
    content[len(content) // 2] ^= 1
    Path(path).write_bytes(content)
    with pytest.raises(HashMismatchError, match="changed after it was stored"):
        _sum([path])


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotReadyError, match=r"gone\.parquet is missing"):
        _sum([str(tmp_path / "gone.parquet")])


def test_files_of_different_columns_are_refused(paths: list[str], tmp_path: Path) -> None:
    narrow = TABLES[0].drop_columns(["invoice_id"])
    older = put(Lake(str(tmp_path)), str(tmp_path), [narrow])
    with pytest.raises(IntegrityError, match="differ in their columns: expected one schema"):
        _sum([*paths, *older])


def test_a_sum_over_files_that_does_not_fit_is_an_error(tmp_path: Path) -> None:
    one = TABLES[0].slice(0, 1)
    field = one.schema.field("billed_cost")
    place = one.schema.get_field_index("billed_cost")
    # the same amount in two files: 18 * 10^15 has 17 digits before the point, 16 are there
    most = one.set_column(place, field, pa.array(["9000000000000000"]).cast(field.type))
    other = one.schema.get_field_index("line_id")
    twin = most.set_column(other, one.schema.field("line_id"), pa.array(["twin"]))
    stored = put(Lake(str(tmp_path)), str(tmp_path), [most, twin])
    assert len(set(stored)) == 2
    with pytest.raises(pa.ArrowInvalid, match="does not fit in precision 28"):
        _sum(stored)


def test_one_id_for_two_tuples_is_refused(tmp_path: Path) -> None:
    ids = pa.array([7] * TABLES[0].num_rows, pa.int64())
    field = TABLES[0].schema.field("attr_id")
    same = TABLES[0].set_column(TABLES[0].schema.get_field_index("attr_id"), field, ids)
    stored = put(Lake(str(tmp_path)), str(tmp_path), [same])
    with pytest.raises(IntegrityError, match="attribute tuples share 1 ids"):
        InProcess().distinct_attributes(stored, ["sub_account_id", "service_name"])
