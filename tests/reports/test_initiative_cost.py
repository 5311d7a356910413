"""What initiatives cost: every unit before tax stands in exactly one part of one initiative."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st
from tests.ledger.books import ledger, line

from tieout.core.money import to_units
from tieout.focus.ledger_columns import total_units
from tieout.reports import initiative_cost as cost
from tieout.reports import line_tables

CLOUD = {"service_category": "Storage", "service_name": "S3", "provider": "aws"}
SHARED = {"pool_id": "platform", "pool_line_id": "p1"}
LINES = ledger(
    line("70", initiative_rule="bot-project"),
    line("5", charge_category="Tax"),
    line("20", **CLOUD, initiative_rule="app-tag"),
    line("8", **SHARED),
    line("-3", charge_category="Credit", initiative_rule="bot-project"),
    line("-2", charge_category="Credit", **SHARED),
    line("1", initiative="search-ranking", service_category=None),
    line("4", initiative=None, **CLOUD),
    line("-9", initiative=None),
    line("2", initiative="pool:platform"),
)


def test_each_kind_of_line_has_its_part() -> None:
    found = cost.parts(line_tables.sums(LINES, cost.PARTED_BY))
    own = {
        name: to_units(text) for name, text in zip(cost.PARTS, ("70", "20", "8", "-5"), strict=True)
    }
    assert found["support-assistant"] == own
    assert found["search-ranking"]["direct_cloud"] == to_units("1")
    assert found[None] == dict.fromkeys(cost.PARTS, 0) | {
        "direct_ai": to_units("-9"),
        "direct_cloud": to_units("4"),
    }
    assert set(found) == {"support-assistant", "search-ranking", None, "pool:platform"}


def test_totals_are_the_parts_together() -> None:
    parts = cost.parts(line_tables.sums(LINES, cost.PARTED_BY))
    totals = cost.totals(line_tables.sums(LINES, cost.TOTALED_BY))
    assert totals == {one: sum(own.values()) for one, own in parts.items()}
    assert totals["support-assistant"] == to_units("93")


def test_rules_and_pools_tell_what_is_behind_an_initiative() -> None:
    sums, counts = cost.rules_of(LINES, "support-assistant")
    assert sums == {("bot-project",): to_units("67"), ("app-tag",): to_units("20")}
    assert counts == {("bot-project",): 2, ("app-tag",): 1}
    assert cost.pools_of(LINES, "support-assistant") == {("platform",): to_units("6")}


def test_the_backlog_is_sorted_by_money_whatever_its_sign() -> None:
    sums, counts = cost.unallocated(LINES)
    assert [(key[0], units) for key, units in sums.items()] == [
        ("openai", to_units("-9")),
        ("aws", to_units("4")),
    ]
    assert set(counts.values()) == {1}


@given(
    rows=st.lists(
        st.tuples(
            st.integers(-(10**16), 10**16),
            st.sampled_from(["a", "b", None]),
            st.sampled_from(["Usage", "Credit", "Tax", "Purchase"]),
            st.sampled_from([None, "platform"]),
            st.sampled_from(["AI and Machine Learning", "Storage", None]),
        ),
        max_size=12,
    )
)
def test_all_parts_together_are_the_lines_before_tax(
    rows: list[tuple[int, str | None, str, str | None, str | None]],
) -> None:
    lines = ledger(
        *(
            line(
                units, initiative=who, charge_category=kind, pool_id=pool, service_category=service
            )
            for units, who, kind, pool, service in rows
        )
    )
    parts = cost.parts(line_tables.sums(lines, cost.PARTED_BY))
    assert sum(sum(own.values()) for own in parts.values()) == total_units(cost.before_tax(lines))
    assert sum(parts.get(None, {}).values()) == sum(cost.unallocated(lines)[0].values())
    rules, _ = cost.rules_of(lines, "a")
    pools = cost.pools_of(lines, "a")
    assert sum(parts.get("a", {}).values()) == sum(rules.values()) + sum(pools.values())


def test_a_percentage_is_of_the_size_of_the_whole() -> None:
    assert cost.percent(to_units("1"), to_units("-3")) == Decimal("33.3333")
    assert cost.percent(5, 0) is None
