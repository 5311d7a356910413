"""Charts: what is drawn adds up, and the words say the same figures."""

import re
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from tieout.publish.charts import Bar, Chart, lines, stacked, waterfall
from tieout.web.rendering import environment
from tieout.web.sankey import Ribbon, sankey

BRIDGE = (
    Bar(label="Estimate", amount=Decimal(4000), is_total=True, link="/a"),
    Bar(label="Late usage of 31 October", amount=Decimal("1145.47"), link="/b"),
    Bar(label="Batch discount", amount=Decimal("-640.20"), link="/c"),
    Bar(label="Invoice", amount=Decimal("4505.27"), is_total=True, link="/d"),
)


def drawn(chart: Chart) -> str:
    source = '{% import "parts.html" as parts %}{{ parts.chart(one) }}'
    return environment().from_string(source).render(one=chart)


def heights(chart: Chart, kind: str) -> list[Decimal]:
    return [
        Decimal(mark.attributes["height"])
        for mark in chart.marks
        if mark.tag == "rect" and kind in mark.attributes["class"].split()
    ]


def test_a_waterfall_ends_where_its_parts_lead() -> None:
    chart = waterfall("bridge", "From estimate to invoice", BRIDGE, unit="USD")
    (first, last), (up,), (down,) = (heights(chart, one) for one in ("total", "up", "down"))
    assert abs(first + up - down - last) < Decimal("0.5")
    assert chart.description == (
        "In USD: Estimate 4,000.00; Late usage of 31 October 1,145.47; Batch discount (640.20); "
        "Invoice 4,505.27."
    )
    words = [mark.text for mark in chart.marks if mark.attributes["class"] == "label"]
    assert words[1:3] == ["Late usage of 31", "October"]


def test_a_base_line_that_is_cut_off_is_drawn_and_told() -> None:
    small = [
        Bar(label="Report", amount=Decimal(10_000), is_total=True),
        Bar(label="Tax", amount=Decimal(12)),
        Bar(label="Invoice", amount=Decimal(10_012), is_total=True),
    ]
    chart = waterfall("bridge", "Bridge", small, unit="USD")
    assert "The axis does not begin at zero but at 9,994.00." in chart.description
    assert any(mark.attributes["class"] == "break" for mark in chart.marks)
    assert min(heights(chart, "total")) > 20


def test_a_chart_is_a_group_with_words_and_links_and_no_style() -> None:
    text = drawn(waterfall("bridge", "<Bridge>", BRIDGE, unit="USD"))
    assert 'role="group" aria-labelledby="bridge-title" aria-describedby="bridge-words"' in text
    assert "&lt;Bridge&gt;" in text
    assert "style=" not in text
    assert len(re.findall(r'<a href="/[abcd]" aria-label="', text)) == 4


def test_a_stack_sums_to_its_month_and_credits_go_below() -> None:
    months = [
        ("2026-09", [Bar(label="AI", amount=Decimal(60)), Bar(label="Cloud", amount=Decimal(40))]),
        ("2026-10", [Bar(label="AI", amount=Decimal(90)), Bar(label="Credit", amount=Decimal(-9))]),
    ]
    chart = stacked("cost", "Cost by month", months, unit="USD")
    assert "2026-10, Credit (9.00)" in chart.description
    figures = [mark.text for mark in chart.marks if mark.attributes["class"] == "figure"]
    assert figures == ["100", "81"]
    assert len(heights(chart, "part-2")) == 2  # the bar and its key
    base = next(mark for mark in chart.marks if mark.attributes["class"] == "base")
    credit = [m for m in chart.marks if m.label.startswith("2026-10, Credit")]
    assert Decimal(credit[0].attributes["y"]) == Decimal(base.attributes["y1"])


def test_lines_have_a_point_for_each_figure() -> None:
    bars = [Bar(label=f"2026-0{n}", amount=Decimal(n), link=f"/{n}") for n in range(1, 4)]
    chart = lines("trend", "Trend", [("AI", bars), ("Cloud", bars)], unit="USD")
    assert len(heights(chart, "part")) == 6
    assert len([mark for mark in chart.marks if mark.tag == "polyline"]) == 2


FLOW = st.tuples(st.sampled_from("ab"), st.integers(0, 30), st.integers(1, 10**9))


@given(st.lists(FLOW, min_size=1, max_size=60))
def test_a_sankey_loses_nothing(flows: list[tuple[str, int, int]]) -> None:
    ribbons = [
        Ribbon(source=source, target=f"t{target}", amount=Decimal(minor).scaleb(-2))
        for source, target, minor in flows
    ]
    chart = sankey("flow", "Pools to initiatives", ribbons, unit="USD", most=5)
    shown = [
        Decimal(mark.label.rsplit(" ", 1)[1].replace(",", ""))
        for mark in chart.marks
        if mark.attributes["class"] == "ribbon"
    ]
    assert sum(shown) == sum(one.amount for one in ribbons)
    assert len([m for m in chart.marks if m.attributes["class"] == "key"]) <= 6
    assert drawn(chart).count("<title>") == len([m for m in chart.marks if m.label])
