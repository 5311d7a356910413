"""The commitments that finance has made, as a dated and approved policy: terms and statements.

Owns the file's language (YAML, see docs/reference/commitments.md) and how one month of a commitment
is reconciled: a bridge from what was left to what is left. What the ledger keeps of it is
`ledger.commitments`'.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta

import pyarrow as pa

from tieout.core.finding import Finding
from tieout.core.money import format_units
from tieout.core.period import Period, parse_period
from tieout.reconciliation.bridge import Bridge, BridgeLine
from tieout.reconciliation.drawdown import (
    USAGE,
    Commitment,
    Draw,
    Drawdown,
    drawdown,
    eligible_units,
    forecast_units,
    shortfall,
)
from tieout.reconciliation.findings import unexplained
from tieout.reconciliation.prepaid import stated_or_computed
from tieout.rules import fields
from tieout.rules.predicate import Predicate, read_predicate
from tieout.rules.yaml_text import Node, read_yaml

SECTION_PREFIX = "commitment:"
_REQUIRED = (
    "id",
    "provider",
    "billing_account_id",
    "currency",
    "start_on",
    "last_on",
    "committed",
    "reference",
)
_OPTIONAL = ("counts", "opening", "adjustments", "balances", "shortfall", "upfront_pool")
_TREATMENTS = ("accrue", "waived")
_COUNTED = ("usage", "adjustment")
_CAUSES = {
    "usage": "Charges of the final report that count towards it.",
    "adjustment": "Counted by the provider beside our charges.",
    "beyond": "Counted when nothing was left to draw.",
    "lapsed": "Left undrawn when the term ended.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """A commitment with what its contract and the provider's statements say; amounts in units.

    `counts` names the charges that draw it down. `opening` is what was left at the start of a month
    in which the books took it over. `adjustments` are what the provider counted beside our charges
    (positive: more), `balances` what it shows as left, both by month. `recognised` is how much of a
    shortfall people hold for probable from the end of a month on; `waived` the evidence that the
    provider asks for none; `settled` the month and the document that billed it. `upfront_pool` is
    the pool of method `amortise` that takes the fee paid in advance.
    """

    commitment: Commitment
    reference: str
    counts: Predicate = USAGE
    opening: tuple[Period, int] | None = None
    adjustments: tuple[tuple[Period, int], ...] = ()
    balances: tuple[tuple[Period, int], ...] = ()
    recognised: tuple[tuple[Period, int], ...] = ()
    waived: str = ""
    settled: tuple[Period, str] | None = None
    upfront_pool: str | None = None

    @property
    def section(self) -> str:
        """What its bridges are kept under."""
        return f"{SECTION_PREFIX}{self.commitment.commitment_id}"

    @property
    def account(self) -> str:
        """The account whose charges draw it down, as the register names it."""
        return f"{self.commitment.provider}/{self.commitment.billing_account_id}"

    @property
    def in_books(self) -> Commitment:
        """The commitment as the books have it: from the month of `opening` on, with what was left.

        Without an opening the whole of it.
        """
        if self.opening is None:
            return self.commitment
        period, units = self.opening
        start_on = max(period.start_on, self.commitment.start_on)
        return replace(self.commitment, start_on=start_on, committed_units=units)

    def runs_in(self, period: Period) -> bool:
        """Whether the books roll it forward in that month."""
        return self.in_books.first <= period <= self.commitment.last


def parse_commitments(text: str, *, name: str) -> tuple[Terms, ...]:
    """Read the commitments from YAML, ordered by id.

    Raises:
        RuleFileError: a field is missing, unknown or no amount, month or day; an id or a month
            stands twice; an amount is not above zero, a month or an opening outside the term; a
            shortfall is both waived and recognised or settled. With the line.
    """
    root = fields.fields(read_yaml(text, name=name), required=["commitments"])
    nodes = fields.members(root["commitments"])
    found = [_terms(node) for node in nodes]
    ids = [one.commitment.commitment_id for one in found]
    fields.refuse_repeats(zip(ids, nodes, strict=True), what="commitment")
    return tuple(sorted(found, key=lambda one: one.commitment.commitment_id))


def is_commitment(bridge: Bridge) -> bool:
    """Whether a bridge rolls a commitment forward."""
    return bridge.section.startswith(SECTION_PREFIX)


def reconcile_commitment(
    terms: Terms, *, charges: pa.Table, draws: Iterable[Draw], period: Period
) -> tuple[Bridge, tuple[Finding, ...]]:
    """One month of a commitment: opening - counted + beyond - lapsed = what is left.

    `charges` are the final ones of its account in the month, `draws` what earlier months of the
    term counted (`draw_of`). The bridge ends at the balance that the provider shows, else at the
    computed one; half a minor unit is the statement's rounding. What the two are apart is
    unexplained and blocks; a month without a statement, and a forecast that does not reach what was
    promised, are warnings.
    """
    counted = eligible_units(charges, terms.in_books, counts=terms.counts)
    adjusted = dict(terms.adjustments).get(period, 0)
    own = Draw(period=period, eligible_units=counted + adjusted, evidence=terms.section)
    known = [*draws, own]
    rolled = drawdown(terms.in_books, known, period=period)
    documents = tuple(sorted(charges["source_document"].unique().to_pylist())[:5])
    parts = {"usage": -counted, "adjustment": -adjusted}
    bridge = _bridge(terms, rolled, parts=parts, documents=documents)
    eligible = sum(one.eligible_units for one in known)
    return bridge, (*unexplained(bridge), *_warnings(terms, rolled, eligible=eligible))


def draw_of(bridge: Bridge, period: Period) -> Draw:
    """What a month counted towards its commitment, as its bridge has it."""
    counted = -sum(one.amount_units for one in bridge.lines if one.component in _COUNTED)
    return Draw(period=period, eligible_units=counted, evidence=bridge.section)


def lapsed_units(bridge: Bridge) -> int:
    """What the last month of a term left undrawn; 0 in every other month."""
    return -sum(one.amount_units for one in bridge.lines if one.component == "lapsed")


def left_units(bridge: Bridge) -> int:
    """What our own charges leave of the commitment at the end of the month."""
    return bridge.end_units - bridge.unexplained_units


def forecast_shortfall_units(terms: Terms, bridge: Bridge, *, eligible: int, period: Period) -> int:
    """What will be missing at the end of the term at the rate so far; in its last month what is."""
    if period == terms.commitment.last:
        return lapsed_units(bridge)
    coming = forecast_units(terms.in_books, eligible=eligible, through=period)
    return max(0, left_units(bridge) - coming)


def _terms(node: Node) -> Terms:
    entry = fields.fields(node, required=_REQUIRED, optional=_OPTIONAL)
    start_on, last_on = fields.day_of(entry["start_on"]), fields.day_of(entry["last_on"])
    if last_on < start_on:
        raise entry["last_on"].error("last_on must not lie before start_on (it is the last day).")
    promise = Commitment(
        commitment_id=fields.identifier_of(entry["id"]),
        provider=fields.identifier_of(entry["provider"]),
        billing_account_id=fields.text_of(entry["billing_account_id"]),
        currency=fields.text_of(entry["currency"]),
        start_on=start_on,
        end_on=last_on + timedelta(days=1),
        committed_units=_positive(entry["committed"]),
    )
    treated = _shortfall(entry["shortfall"], promise) if "shortfall" in entry else _Shortfall()
    pool = entry.get("upfront_pool")
    return Terms(
        commitment=promise,
        reference=fields.text_of(entry["reference"]),
        counts=read_predicate(entry["counts"]) if "counts" in entry else USAGE,
        opening=_opening(entry["opening"], promise) if "opening" in entry else None,
        adjustments=_by_month(entry, "adjustments", promise),
        balances=_by_month(entry, "balances", promise),
        recognised=treated.recognised,
        waived=treated.waived,
        settled=treated.settled,
        upfront_pool=fields.identifier_of(pool) if pool else None,
    )


@dataclass(frozen=True, slots=True)
class _Shortfall:
    """What is known of the shortfall: see `Terms`."""

    recognised: tuple[tuple[Period, int], ...] = ()
    waived: str = ""
    settled: tuple[Period, str] | None = None


def _shortfall(node: Node, promise: Commitment) -> _Shortfall:
    entry = fields.fields(
        node, required=["treatment"], optional=["evidence", "recognised", "settled"]
    )
    if fields.one_of(entry["treatment"], _TREATMENTS) == "accrue":
        if "evidence" in entry:
            raise entry["evidence"].error("evidence proves a waiver; leave it out of `accrue`.")
        return _Shortfall(
            recognised=_by_month(entry, "recognised", promise),
            settled=_settled(entry["settled"]) if "settled" in entry else None,
        )
    if set(entry) != {"treatment", "evidence"}:
        raise node.error("a waived shortfall needs its evidence and nothing else; correct it.")
    return _Shortfall(waived=fields.text_of(entry["evidence"]))


def _settled(node: Node) -> tuple[Period, str]:
    entry = fields.fields(node, required=["period", "document"])
    return parse_period(fields.month_of(entry["period"])), fields.text_of(entry["document"])


def _opening(node: Node, promise: Commitment) -> tuple[Period, int]:
    period, units = _in_term(node, promise)
    if not 0 <= units <= promise.committed_units:
        raise node.error(
            f"expected an opening from 0 to what was committed, found {format_units(units)}."
        )
    return period, units


def _by_month(
    entry: Mapping[str, Node], key: str, promise: Commitment
) -> tuple[tuple[Period, int], ...]:
    nodes = fields.members(entry[key]) if key in entry else []
    found = [_in_term(node, promise) for node in nodes]
    months = [str(period) for period, _ in found]
    fields.refuse_repeats(zip(months, nodes, strict=True), what=f"month of {key}")
    return tuple(sorted(found))


def _in_term(node: Node, promise: Commitment) -> tuple[Period, int]:
    month, units = fields.stated_amount(node)
    period = parse_period(month)
    if not promise.first <= period <= promise.last:
        raise node.error(
            f"{month} lies outside the term: expected a month from {promise.first} to "
            f"{promise.last}."
        )
    return period, units


def _positive(node: Node) -> int:
    units = fields.units_of(node)
    if units <= 0:
        raise node.error("expected an amount above zero; a commitment is a promise to spend.")
    return units


def _bridge(
    terms: Terms, rolled: Drawdown, *, parts: Mapping[str, int], documents: tuple[str, ...]
) -> Bridge:
    one = terms.commitment
    stated = dict(terms.balances).get(rolled.period)
    end = stated_or_computed(rolled.closing_units, stated, currency=one.currency)
    amounts = {**parts, "beyond": rolled.beyond_units, "lapsed": -rolled.lapsed_units}
    lines = tuple(
        BridgeLine(
            section=terms.section,
            component=component,
            cause=_CAUSES[component],
            amount_units=units,
            evidence=documents if component == "usage" else (terms.reference,),
        )
        for component, units in amounts.items()
        if units
    )
    return Bridge(
        provider=one.provider,
        billing_account_id=one.billing_account_id,
        section=terms.section,
        currency=one.currency,
        start_label="Commitment left before",
        start_units=rolled.opening_units,
        end_label="Commitment left",
        end_units=end,
        lines=lines,
        unexplained_units=end - rolled.closing_units,
    )


def _warnings(terms: Terms, rolled: Drawdown, *, eligible: int) -> Iterator[Finding]:
    one = terms.commitment
    if rolled.period not in dict(terms.balances):
        yield Finding(
            kind="balance_not_stated",
            severity="warning",
            subject=one.subject,
            message=(
                f"The commitment {one.commitment_id} has "
                f"{format_units(rolled.closing_units)} {one.currency} left as computed: expected "
                "what the provider shows beside it; read it and add it to its `balances`."
            ),
            amount_units=rolled.closing_units,
            currency=one.currency,
        )
    if rolled.period < one.last:
        coming = forecast_units(terms.in_books, eligible=eligible, through=rolled.period)
        yield from shortfall(rolled, forecast_units=coming)
