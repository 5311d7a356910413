"""The variance bridge: why the invoice is not the estimate, to the cent, with nothing left over.

Owns the arithmetic of price, volume and mix, the signed rounding, and the rule that what has no
cause is a line of its own. Source: textbook price, quantity and mix variances, joint effect to
price; operating effects at the accrual rate, the exchange effect apart.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from tieout.core.errors import ConservationError
from tieout.core.money import SCALE, from_minor, minor_digits
from tieout.core.shares import round_parts
from tieout.reconciliation.bridge import EVIDENCE_LIMIT, Bridge, BridgeLine, Section

COMPONENTS = {
    "price": "Another price for what was used.",
    "volume": "More or less used of the same kind, at the estimated average price.",
    "mix": "Another mixture of dear and cheap within a kind.",
    "uncounted": "Price or volume: a side counts no quantity, so nothing tells them apart.",
    "new": "On the invoice and not in the estimate.",
    "dropped": "In the estimate and not on the invoice.",
    "timing_in": "On this invoice, used in another period.",
    "timing_out": "Used in this period, billed on another invoice.",
    "credits": "Credits, refunds and rebates.",
    "fees": "Support, marketplace, minimum and other fees.",
    "tax": "Tax.",
    "rounding": "Rounding of the printed lines and of the amounts that are posted.",
    "fx": "The invoice at its own rate instead of the rate of the accrual.",
}
UNEXPLAINED = "unexplained"
SECTION: Section = "estimate_to_invoice"


@dataclass(frozen=True, slots=True, kw_only=True)
class Amount:
    """What one side says of a key: a quantity, and its cost in units of 1e-12."""

    quantity: Fraction
    units: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Metered:
    """One key on both sides; None: that side lacks it.

    `group` holds keys of one unit and comparable service: tokens of embeddings never stand with
    those of chat models. `book_price` (units of 1e-12 for one) is the approved price of a key whose
    estimate has no quantity; without it such a key counts as new.
    """

    key: str
    group: str
    estimated: Amount | None
    invoiced: Amount | None
    book_price: Fraction | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """One kind of amount on both sides, in units of 1e-12; a credit is negative."""

    estimated_units: int = 0
    invoiced_units: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """Everything on either side of one invoice, in its own currency, units of 1e-12.

    `timing_in_units` is on this invoice and belongs to another period, `timing_out_units` is in the
    estimate and comes on another invoice. `uncounted` are keys of both sides of which one counts no
    quantity or another unit; `uncounted_keys` names them. `unmatched` has no cause. Each
    row of the estimate and each line of the invoice is in exactly one place; `invoice_total_units`
    is what was printed below `printed_lines` lines.
    """

    metered: tuple[Metered, ...]
    invoice_total_units: int
    printed_lines: int
    credits: Pair = Pair()
    fees: Pair = Pair()
    tax: Pair = Pair()
    uncounted: Pair = Pair()
    uncounted_keys: tuple[str, ...] = ()
    unmatched: Pair = Pair()
    timing_in_units: int = 0
    timing_out_units: int = 0

    @property
    def estimate_units(self) -> int:
        """The estimate in all."""
        metered = sum(one.estimated.units for one in self.metered if one.estimated)
        pairs = sum(pair.estimated_units for pair in self._pairs)
        return metered + pairs + self.timing_out_units

    @property
    def lines_units(self) -> int:
        """The invoice's lines in all, which may round to another total."""
        metered = sum(one.invoiced.units for one in self.metered if one.invoiced)
        return metered + sum(pair.invoiced_units for pair in self._pairs) + self.timing_in_units

    @property
    def _pairs(self) -> tuple[Pair, ...]:
        return self.credits, self.fees, self.tax, self.uncounted, self.unmatched


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """From the invoice's currency to the functional one: rate of the accrual, of the invoice."""

    transaction_currency: str
    functional_currency: str
    accrual_rate: Fraction = Fraction(1)
    invoice_rate: Fraction = Fraction(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class VarianceLine:
    """One component: exact at the accrual rate, and as posted in minor units.

    `exact_units` are units of 1e-12 of the functional currency; positive is cost above estimate.
    """

    component: str
    exact_units: Fraction
    posted_minor: int
    keys: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Variance:
    """The whole bridge in minor units of the functional currency; conserves or does not exist.

    Raises:
        ConservationError: the lines do not add up to invoice minus estimate.
    """

    currency: str
    lines: tuple[VarianceLine, ...]
    estimate_minor: int
    invoice_minor: int

    def __post_init__(self) -> None:
        found = sum(line.posted_minor for line in self.lines)
        if found != self.total_minor:
            raise ConservationError(
                f"The variance should be {self.total_minor} minor units of {self.currency} and its "
                f"lines add up to {found}: compute it again from the figures."
            )

    @property
    def total_minor(self) -> int:
        """Invoice minus estimate, each rounded as it is posted."""
        return self.invoice_minor - self.estimate_minor

    def posted(self, component: str) -> int:
        """Minor units of one component; 0 when it has no line."""
        return sum(line.posted_minor for line in self.lines if line.component == component)


def variance(figures: Figures, exchange: Exchange) -> Variance:
    """Decompose invoice minus estimate; the components add up to it exactly, then in minor units.

    On a key of both sides: price = cost - p0 x q1; in a group volume = (Q1 - Q0) x average p0 and
    mix = the rest at p0. Rounding of printed lines counts up to half a minor unit for each line and
    one more; anything beyond goes to `unexplained`, whole. Fractions of a cent are handed out by
    largest remainder over the signed components, ties by name.
    """
    step: int = 10 ** (SCALE - minor_digits(exchange.functional_currency))
    components = _components(figures, exchange)
    exact = {name: units * exchange.accrual_rate for name, units in components.items()}
    exact["fx"] = figures.invoice_total_units * (exchange.invoice_rate - exchange.accrual_rate)
    ends = (
        _to_minor(figures.estimate_units * exchange.accrual_rate, step),
        _to_minor(figures.invoice_total_units * exchange.invoice_rate, step),
    )
    posted = _posted(exact, step=step, total=ends[1] - ends[0])
    keys = _keys(figures)
    return Variance(
        currency=exchange.functional_currency,
        lines=tuple(
            VarianceLine(
                component=name,
                exact_units=exact[name],
                posted_minor=posted[name],
                keys=keys.get(name, ()),
            )
            for name in (*COMPONENTS, UNEXPLAINED)
        ),
        estimate_minor=ends[0],
        invoice_minor=ends[1],
    )


def variance_bridge(
    found: Variance,
    *,
    provider: str,
    account: str,
    labels: tuple[str, str],
    documents: Sequence[str],
) -> Bridge:
    """The same as a bridge between two labelled figures; lines of zero are left out.

    A component of no keys names the first of `documents` as its evidence.
    """
    digits = minor_digits(found.currency)
    return Bridge(
        provider=provider,
        billing_account_id=account,
        section=SECTION,
        currency=found.currency,
        start_label=labels[0],
        start_units=from_minor(found.estimate_minor, digits),
        end_label=labels[1],
        end_units=from_minor(found.invoice_minor, digits),
        lines=tuple(
            BridgeLine(
                section=SECTION,
                component=line.component,
                cause=COMPONENTS[line.component],
                amount_units=from_minor(line.posted_minor, digits),
                evidence=(line.keys or tuple(documents))[:EVIDENCE_LIMIT],
            )
            for line in found.lines
            if line.posted_minor and line.component != UNEXPLAINED
        ),
        unexplained_units=from_minor(found.posted(UNEXPLAINED), digits),
    )


def group_effects(keys: Iterable[Metered]) -> dict[str, Fraction]:
    """Price, volume, mix, new and dropped of the keys of one group, in exact units.

    `sum(result.values())` is the invoiced minus the estimated cost of the keys. A group without an
    estimated quantity has neither volume nor mix: its keys are new, or dropped.
    """
    effects = dict.fromkeys(("price", "volume", "mix", "new", "dropped"), Fraction(0))
    matched: list[tuple[Amount, Amount, Fraction]] = []
    for one in keys:
        price = _estimated_price(one)
        if price is None or one.estimated is None or one.invoiced is None:
            effects["new"] += one.invoiced.units if one.invoiced else 0
            effects["dropped"] -= one.estimated.units if one.estimated else 0
        else:
            matched.append((one.estimated, one.invoiced, price))
    before = sum((old.quantity for old, _, _ in matched), Fraction(0))
    if not before:
        effects["new"] += sum(new.units for _, new, _ in matched)
        effects["dropped"] -= sum(old.units for old, _, _ in matched)
        return effects
    after = sum((new.quantity for _, new, _ in matched), Fraction(0))
    at_first = sum((old.quantity * price for old, _, price in matched), Fraction(0))
    at_old_price = sum((new.quantity * price for _, new, price in matched), Fraction(0))
    effects["price"] = sum(new.units for _, new, _ in matched) - at_old_price
    effects["volume"] = (after - before) * at_first / before
    effects["mix"] = at_old_price - at_first * after / before
    effects["dropped"] -= sum(old.units for old, _, _ in matched) - at_first  # cost of no quantity
    return effects


def _estimated_price(one: Metered) -> Fraction | None:
    if one.estimated is None:
        return None
    if one.estimated.quantity:
        return one.estimated.units / one.estimated.quantity
    return one.book_price


def _components(figures: Figures, exchange: Exchange) -> dict[str, Fraction]:
    """Exact components in units of the invoice's currency; they add up to invoice - estimate."""
    found = dict.fromkeys((*COMPONENTS, UNEXPLAINED), Fraction(0))
    groups: dict[str, list[Metered]] = {}
    for one in figures.metered:
        groups.setdefault(one.group, []).append(one)
    for keys in groups.values():
        for name, units in group_effects(keys).items():
            found[name] += units
    pairs = {
        "credits": figures.credits,
        "fees": figures.fees,
        "tax": figures.tax,
        "uncounted": figures.uncounted,
        UNEXPLAINED: figures.unmatched,
    }
    for name, pair in pairs.items():
        found[name] += pair.invoiced_units - pair.estimated_units
    found["timing_in"] += figures.timing_in_units
    found["timing_out"] -= figures.timing_out_units
    gap = figures.invoice_total_units - figures.lines_units
    minor: int = 10 ** (SCALE - minor_digits(exchange.transaction_currency))
    is_rounding = 2 * abs(gap) <= minor * (figures.printed_lines + 1)
    found["rounding" if is_rounding else UNEXPLAINED] += gap
    return found


def _posted(exact: Mapping[str, Fraction], *, step: int, total: int) -> dict[str, int]:
    """Components in minor units that add up to the total; only components with an amount move."""
    scale = math.lcm(*(units.denominator for units in exact.values()))
    parts = {
        name: int(units * scale) for name, units in exact.items() if units or name == "rounding"
    }
    rounded = round_parts(parts, step=step * scale, total=total)
    return {name: rounded.get(name, 0) for name in exact}


def _to_minor(units: Fraction, step: int) -> int:
    """Half away from zero, as invoices do; the amount is a product and need not be whole units."""
    whole = math.floor(abs(units) / step + Fraction(1, 2))
    return -whole if units < 0 else whole


def _keys(figures: Figures) -> dict[str, tuple[str, ...]]:
    """Which keys stand behind the components that come from keys."""
    matched = tuple(one.key for one in figures.metered if one.estimated and one.invoiced)
    return {
        **dict.fromkeys(("price", "volume", "mix"), matched),
        "uncounted": figures.uncounted_keys,
        "new": tuple(one.key for one in figures.metered if not one.estimated),
        "dropped": tuple(one.key for one in figures.metered if not one.invoiced),
    }
