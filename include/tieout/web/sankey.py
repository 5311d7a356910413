"""What flows from one name to another, in two columns: stacked by amount, ribbons between them.

Owns geometry. The largest names keep their own place, the rest stand together as others, so that
the figures add up; every ribbon says its figures in words.
"""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from tieout.publish.charts import WIDTH, Chart, Mark, number
from tieout.publish.money_text import plain

_SIDE: Final = 210
_NODE: Final = 12
_GAP: Final = 10
_TOP: Final = 12
_TEXT: Final = 4
_LINE: Final = 14
_LETTERS: Final = 26
_LEAST: Final = Decimal(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ribbon:
    """What flows from one name to another; positive."""

    source: str
    target: str
    amount: Decimal
    link: str = ""


@dataclass(slots=True, kw_only=True)
class _Node:
    """A name's place; `left` moves down as ribbons take their part."""

    top: Decimal
    height: Decimal
    left: Decimal


def sankey(name: str, title: str, ribbons: Sequence[Ribbon], *, unit: str, most: int = 15) -> Chart:
    """Two columns of names; at most `most` on the right, the smaller ones together as others."""
    shown = _folded(ribbons, most)
    left, right = _summed(shown, "source"), _summed(shown, "target")
    total = sum(left.values(), Decimal(0)) or Decimal(1)
    height = max(240, 30 * max(len(left), len(right)))
    sources, targets = _stacked(left, total, height), _stacked(right, total, height)
    marks: list[Mark] = []
    words = []
    for one in sorted(shown, key=lambda ribbon: -ribbon.amount):
        width = max(one.amount / total * height, _LEAST)
        path = _path(_take(sources[one.source], width), _take(targets[one.target], width), width)
        label = f"{one.source} to {one.target} {plain(one.amount)}"
        words.append(label)
        attributes = {"class": "ribbon", "d": path}
        marks.append(Mark(tag="path", attributes=attributes, link=one.link, label=label))
    marks += _column(sources, left, at=_SIDE - _NODE, text_at=_SIDE - _NODE - 6, kind="end")
    marks += _column(targets, right, at=WIDTH - _SIDE, text_at=WIDTH - _SIDE + _NODE + 6, kind="")
    bottoms = [one.top + one.height for one in (*sources.values(), *targets.values())]
    return Chart(
        name=name,
        title=title,
        description=f"In {unit}: {'; '.join(words)}.",
        height=int(max(bottoms, default=Decimal(0))) + _TOP + 8,
        marks=tuple(marks),
    )


def _folded(ribbons: Sequence[Ribbon], most: int) -> list[Ribbon]:
    sums = _summed(ribbons, "target")
    kept = set(list(sums)[:most])
    others = f"{len(sums) - len(kept)} others"
    found: dict[tuple[str, str], Ribbon] = {}
    for one in ribbons:
        target = one.target if one.target in kept else others
        before = found.get((one.source, target))
        found[one.source, target] = Ribbon(
            source=one.source,
            target=target,
            amount=one.amount + (before.amount if before else 0),
            link=one.link if target in kept else "",
        )
    return list(found.values())


def _summed(ribbons: Sequence[Ribbon], side: str) -> dict[str, Decimal]:
    """Amount of each name, the largest first."""
    sums: dict[str, Decimal] = {}
    for one in ribbons:
        key = one.source if side == "source" else one.target
        sums[key] = sums.get(key, Decimal(0)) + one.amount
    return dict(sorted(sums.items(), key=lambda pair: (-pair[1], pair[0])))


def _stacked(sums: dict[str, Decimal], total: Decimal, height: int) -> dict[str, _Node]:
    nodes, top = {}, Decimal(_TOP)
    for name, amount in sums.items():
        tall = max(amount / total * height, _LEAST)
        nodes[name] = _Node(top=top, height=tall, left=top)
        top += max(tall, Decimal(2 * _GAP)) + _GAP
    return nodes


def _take(node: _Node, width: Decimal) -> Decimal:
    begin = node.left
    node.left += width
    return begin


def _path(source: Decimal, target: Decimal, width: Decimal) -> str:
    x1, x2, middle = _SIDE, WIDTH - _SIDE, WIDTH // 2
    there = f"M{x1},{number(source)}C{middle},{number(source)} {middle},{number(target)} "
    down = f"{x2},{number(target)}L{x2},{number(target + width)}"
    back = f"C{middle},{number(target + width)} {middle},{number(source + width)} "
    return f"{there}{down}{back}{x1},{number(source + width)}Z"


def _column(
    nodes: dict[str, _Node], sums: dict[str, Decimal], *, at: int, text_at: int, kind: str
) -> list[Mark]:
    marks = []
    for name, node in nodes.items():
        label = f"{name} {plain(sums[name])}"
        box = {"x": str(at), "y": number(node.top), "width": str(_NODE)}
        box |= {"height": number(node.height), "class": "total"}
        marks.append(Mark(tag="rect", attributes=box, label=label))
        lines = [*textwrap.wrap(name, _LETTERS), plain(sums[name])]
        first = node.top + node.height / 2 + _TEXT - Decimal(_LINE * (len(lines) - 1)) / 2
        for row, text in enumerate(lines):
            place = {"x": str(text_at), "y": number(first + _LINE * row)}
            is_amount = row + 1 == len(lines)
            place["class"] = " ".join(filter(None, ("key", kind, "amount" * is_amount)))
            marks.append(Mark(tag="text", attributes=place, text=text))
    return marks
