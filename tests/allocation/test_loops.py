"""Circles of pools: found by name, solved exactly, the same by every way of counting."""

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from tieout.allocation.loops import final_shares, find_loop, gross_amounts


def test_a_graph_without_a_circle_has_none() -> None:
    assert find_loop({"a": ["b"], "b": []}) is None
    assert find_loop({"a": ["a"]}) == ("a", "a")


@st.composite
def circles(draw: st.DrawFn) -> dict[str, dict[str, Fraction]]:
    names = ["a", "b", "c", "d"][: draw(st.integers(1, 4))]
    return {
        name: {
            "out": draw(st.fractions(min_value=Fraction(1, 9), max_value=9)),
            "other": draw(st.fractions(min_value=0, max_value=9)),
            **{
                f"pool:{to}": draw(st.fractions(min_value=0, max_value=9))
                for to in names
                if to != name
            },
        }
        for name in names
    }


@given(circles(), st.lists(st.integers(0, 10**9), min_size=4, max_size=4))
def test_solved_circles_agree_with_their_gross_amounts(
    rows: dict[str, dict[str, Fraction]], costs: list[int]
) -> None:
    """final = P'x, where x = d + S'x: two ways to the same answer."""
    own = dict(zip(rows, costs, strict=False))
    final = final_shares(rows)
    gross = gross_amounts(own, rows)
    shares = {pool: sum(row.values()) for pool, row in rows.items()}
    for pool, row in rows.items():
        assert sum(final[pool].values()) == 1
        received = sum(
            gross[by] * rows[by].get(f"pool:{pool}", Fraction(0)) / shares[by] for by in rows
        )
        assert gross[pool] == own[pool] + received
        assert not any(key.startswith("pool:") for key in final[pool])
        assert row  # the input is left as it was
    for key in ("out", "other"):
        given_out = sum(gross[pool] * row[key] / shares[pool] for pool, row in rows.items())
        assert given_out == sum(own[pool] * final[pool].get(key, Fraction(0)) for pool in rows)


@given(circles())
def test_a_triangle_solved_as_a_circle_is_a_chain(rows: dict[str, dict[str, Fraction]]) -> None:
    """Reciprocal equals step-down when every pool serves later ones only."""
    names = sorted(rows)
    later = {
        name: {
            key: value
            for key, value in row.items()
            if not key.startswith("pool:") or key.removeprefix("pool:") > name
        }
        for name, row in rows.items()
    }
    stepped: dict[str, dict[str, Fraction]] = {}
    for name in reversed(names):
        whole = sum(later[name].values(), Fraction(0))
        stepped[name] = {"out": Fraction(0), "other": Fraction(0)}
        for key, value in later[name].items():
            onward = stepped.get(key.removeprefix("pool:"), {key: Fraction(1)})
            for end, share in onward.items():
                stepped[name][end] += value / whole * share
    for name, row in final_shares(later).items():
        assert {key: value for key, value in row.items() if value} == {
            key: value for key, value in stepped[name].items() if value
        }
