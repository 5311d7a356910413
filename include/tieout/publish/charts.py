"""Charts as values: what to draw, with the same figures in words; the macro writes the SVG.

Owns geometry. Every bar is a link or a labelled group, colours are classes, and the description
holds the figures, so that nobody needs the picture. No figure is computed here but sums to draw.
"""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final

from tieout.publish.money_text import plain

WIDTH: Final = 880
_LEFT, _RIGHT, _TOP = 8, 8, 42  # above: a figure, and over it the note on the axis
_LABEL_LETTERS: Final = 18
_LINE: Final = 15
_HEIGHT: Final = 220
_TINY: Final = Decimal(2)
_WIDEST: Final = Decimal(120)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """One SVG element; with a `link` it stands in an anchor that says `label`."""

    tag: str
    attributes: dict[str, str]
    text: str = ""
    link: str = ""
    label: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """A drawing with its name, its figures in words, and its size in user units."""

    name: str
    title: str
    description: str
    height: int
    marks: tuple[Mark, ...]
    width: int = WIDTH


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """A named amount; `is_total` stands on the base line instead of continuing the bar before."""

    label: str
    amount: Decimal
    link: str = ""
    is_total: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """How amounts become heights; `low` above zero means that the base line is broken."""

    low: Decimal
    high: Decimal
    height: int = _HEIGHT
    top: int = _TOP

    def y(self, amount: Decimal) -> Decimal:
        """The place of an amount from the top."""
        return self.top + (self.high - amount) / (self.high - self.low) * self.height


@dataclass(slots=True)
class _Sheet:
    marks: list[Mark] = field(default_factory=list)

    def add(self, tag: str, kind: str, *, text: str = "", **places: Decimal | int) -> None:
        self.marks.append(Mark(tag=tag, attributes=_attributes(kind, places), text=text))

    def linked(self, kind: str, bar: Bar, label: str, places: dict[str, Decimal | int]) -> None:
        attributes = _attributes(kind, places)
        self.marks.append(Mark(tag="rect", attributes=attributes, link=bar.link, label=label))


def waterfall(name: str, title: str, bars: Sequence[Bar], *, unit: str) -> Chart:
    """A bridge: totals stand on the base, every other bar goes on where the one before ended.

    The first bar is a total. A base that is cut off is drawn as broken and said in the description.
    """
    levels = _levels(bars)
    ends = [level for pair in levels for level in pair]
    scale = _scale(
        ends, totals=[pair[1] for pair, bar in zip(levels, bars, strict=True) if bar.is_total]
    )
    step = Decimal(WIDTH - _LEFT - _RIGHT) / len(bars)
    ground = max(scale.low, Decimal(0))
    sheet = _Sheet()
    for place, (bar, (begin, end)) in enumerate(zip(bars, levels, strict=True)):
        left = _LEFT + step * place
        start = ground if bar.is_total else begin
        _column(sheet, bar, left=left, width=step, ends=(start, end), scale=scale)
        if place + 1 < len(bars):
            level = scale.y(end)
            sheet.add("line", "joint", x1=left, x2=left + step * 2, y1=level, y2=level)
    level = scale.y(ground)
    sheet.add("line", "base", x1=_LEFT, x2=WIDTH - _RIGHT, y1=level, y2=level)
    broken = scale.low > 0
    if broken:
        _break(sheet, level, scale.low)
    words = [f"{bar.label} {plain(bar.amount)}" for bar in bars]
    return Chart(
        name=name,
        title=title,
        description=_described(words, unit, broken=broken, low=scale.low),
        height=int(scale.y(scale.low))
        + 4
        + _LINE * (2 + max(len(_lines(bar.label)) for bar in bars)),
        marks=tuple(sheet.marks),
    )


def stacked(
    name: str, title: str, months: Sequence[tuple[str, Sequence[Bar]]], *, unit: str
) -> Chart:
    """One column a month, its parts on top of each other, credits below the base line.

    A single part a month makes plain bars. Parts are coloured by their label's first place.
    """
    kinds = list(dict.fromkeys(bar.label for _, bars in months for bar in bars))
    ups = [sum((b.amount for b in bars if b.amount > 0), Decimal(0)) for _, bars in months]
    downs = [sum((b.amount for b in bars if b.amount < 0), Decimal(0)) for _, bars in months]
    scale = Drawn(low=min(downs), high=max([*ups, min(downs) + 1]))
    step = Decimal(WIDTH - _LEFT - _RIGHT) / len(months)
    wide = min(step * 3 / 4, _WIDEST)
    sheet, words = _Sheet(), []
    for place, (month, bars) in enumerate(months):
        levels = {True: Decimal(0), False: Decimal(0)}
        for bar in bars:
            begin = levels[bar.amount > 0]
            levels[bar.amount > 0] = begin + bar.amount
            tops = sorted((scale.y(begin), scale.y(begin + bar.amount)))
            label = f"{month}, {bar.label} {plain(bar.amount)}"
            sheet.linked(
                f"part part-{kinds.index(bar.label) % 6}",
                bar,
                label,
                {
                    "x": _LEFT + step * place + (step - wide) / 2,
                    "width": wide,
                    "y": tops[0],
                    "height": tops[1] - tops[0],
                },
            )
            words.append(label)
        total = sum((bar.amount for bar in bars), Decimal(0))
        middle = _LEFT + step * place + step / 2
        sheet.add(
            "text", "figure", text=plain(total, digits=0), x=middle, y=scale.y(levels[True]) - 6
        )
        sheet.add("text", "label", text=month, x=middle, y=scale.y(scale.low) + _LINE)
    zero = scale.y(Decimal(0))
    sheet.add("line", "base", x1=_LEFT, x2=WIDTH - _RIGHT, y1=zero, y2=zero)
    height = int(scale.y(scale.low)) + _LINE * 2 + 4
    for place, kind in enumerate(kinds if len(kinds) > 1 else ()):
        left, line = _LEFT + 290 * (place % 3), height + 18 * (place // 3)
        sheet.add("rect", f"part part-{place % 6}", x=left, y=line, width=12, height=12)
        sheet.add("text", "key", text=kind, x=left + 18, y=line + 11)
    if len(kinds) > 1:
        height += 18 * ((len(kinds) + 2) // 3) + 4
    return Chart(
        name=name,
        title=title,
        description=_described(words, unit),
        height=height,
        marks=tuple(sheet.marks),
    )


def lines(
    name: str, title: str, series: Sequence[tuple[str, Sequence[Bar]]], *, unit: str
) -> Chart:
    """A line for each series over the same labels in the same order; every point is a link."""
    points = [bar.amount for _, bars in series for bar in bars]
    scale = Drawn(low=min([*points, Decimal(0)]), high=max([*points, Decimal(1)]))
    count = max(len(bars) for _, bars in series)
    step = Decimal(WIDTH - _LEFT - _RIGHT) / count
    sheet, words = _Sheet(), []
    for place, (kind, bars) in enumerate(series):
        spots = [(_LEFT + step * at + step / 2, scale.y(bar.amount)) for at, bar in enumerate(bars)]
        path = " ".join(f"{number(x)},{number(y)}" for x, y in spots)
        attributes = {"class": f"line line-{place % 6}", "points": path}
        sheet.marks.append(Mark(tag="polyline", attributes=attributes))
        for bar, (x, y) in zip(bars, spots, strict=True):
            label = f"{kind}, {bar.label} {plain(bar.amount)}"
            sheet.linked(
                f"part part-{place % 6}",
                bar,
                label,
                {"x": x - 4, "y": y - 4, "width": 8, "height": 8},
            )
            words.append(label)
    bottom = scale.y(scale.low)
    for at, bar in enumerate(series[0][1]):
        sheet.add("text", "label", text=bar.label, x=_LEFT + step * at + step / 2, y=bottom + _LINE)
    zero = scale.y(Decimal(0))
    sheet.add("line", "base", x1=_LEFT, x2=WIDTH - _RIGHT, y1=zero, y2=zero)
    return Chart(
        name=name,
        title=title,
        description=_described(words, unit),
        height=int(bottom) + _LINE * 2,
        marks=tuple(sheet.marks),
    )


def _column(
    sheet: _Sheet,
    bar: Bar,
    *,
    left: Decimal,
    width: Decimal,
    ends: tuple[Decimal, Decimal],
    scale: Drawn,
) -> None:
    tops = sorted((scale.y(ends[0]), scale.y(ends[1])))
    kind = "total" if bar.is_total else "up" if bar.amount > 0 else "down"
    label = f"{bar.label} {plain(bar.amount)}"
    sheet.linked(
        f"bar {kind}",
        bar,
        label,
        {
            "x": left + width / 8,
            "width": width * 3 / 4,
            "y": tops[0],
            "height": max(tops[1] - tops[0], _TINY),
        },
    )
    middle = left + width / 2
    sheet.add("text", "figure", text=plain(bar.amount), x=middle, y=tops[0] - 6)
    bottom = scale.y(scale.low)
    for line, words in enumerate(_lines(bar.label), start=1):
        sheet.add("text", "label", text=words, x=middle, y=bottom + _LINE * line)


def _break(sheet: _Sheet, level: Decimal, low: Decimal) -> None:
    """A zigzag in the colour of the ground through everything that stands on the base line."""
    teeth = [f"{x},{number(level - (8 if x // 8 % 2 else 14))}" for x in range(0, WIDTH, 8)]
    attributes = {"class": "break", "points": " ".join(teeth)}
    sheet.marks.append(Mark(tag="polyline", attributes=attributes))
    sheet.add("text", "note", text=f"axis begins at {plain(low)}", x=_LEFT, y=_LINE)


def _levels(bars: Sequence[Bar]) -> list[tuple[Decimal, Decimal]]:
    """Where each bar begins and ends."""
    found: list[tuple[Decimal, Decimal]] = []
    level = Decimal(0)
    for bar in bars:
        begin, level = (Decimal(0), bar.amount) if bar.is_total else (level, level + bar.amount)
        found.append((begin, level))
    return found


def _scale(ends: Sequence[Decimal], *, totals: Sequence[Decimal]) -> Drawn:
    """From zero, unless all the movement is in the last tenth: then the base is cut off."""
    moving = [level for level in ends if level] or [Decimal(0)]
    high, low = max([*moving, Decimal(0)]), min([*moving, Decimal(0)])
    least = min(moving)
    if totals and least > 0 and (high - least) * 10 < high:
        low = least - (high - least) / 2
    return Drawn(low=low, high=high if high > low else low + 1)


def _described(
    words: Sequence[str], unit: str, *, broken: bool = False, low: Decimal = Decimal(0)
) -> str:
    cut = f" The axis does not begin at zero but at {plain(low)}." if broken else ""
    return f"In {unit}: {'; '.join(words)}.{cut}"


def _lines(label: str) -> list[str]:
    return textwrap.wrap(label, _LABEL_LETTERS) or [""]


def _attributes(kind: str, places: dict[str, Decimal | int]) -> dict[str, str]:
    return {"class": kind, **{name: number(place) for name, place in places.items()}}


def number(place: Decimal | int) -> str:
    """A place in the drawing, to a tenth of a user unit."""
    return f"{Decimal(place):.1f}"
