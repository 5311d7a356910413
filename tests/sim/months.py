"""A provider's month with known truth, and what the real pure packages make of its facts.

The provider answers in pages, late, twice, out of order, re-rated, with credits, throttled or with
a page repeated. `books` is the plain way: facts once, in order, through the product's functions.
"""

import json
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from typing import Any, NamedTuple

import pyarrow as pa
from tests.ledger.books import CHART, COST_OF_REVENUE, MONTH, paper
from tests.sim.ports import Dice

from tieout.allocation.allocate import allocate
from tieout.allocation.parse import Pool
from tieout.core.money import from_decimal, to_decimal, to_units
from tieout.focus.columns import ATTRIBUTES
from tieout.focus.document import BillingDocument
from tieout.focus.ledger_columns import LEDGER_SCHEMA, ledger_line_ids
from tieout.focus.usage import USAGE_SCHEMA
from tieout.ledger.entry import JournalEntry
from tieout.ledger.posting import accrual
from tieout.ledger.posting import invoice as book_invoice
from tieout.rating.card import RateCard, RatePrice
from tieout.rating.rate import rate
from tieout.reconciliation.variance import Amount, Exchange, Figures, Metered, Pair, variance
from tieout.rules.classify import classify
from tieout.rules.parse import parse_rules
from tieout.rules.register import Initiative

SERVICE = "2026-10"
PROJECTS = ("search", "support", "tools")
CENT = to_units("0.01")
_DAY = datetime(2026, 10, 1, tzinfo=UTC)
_RULES = parse_rules(
    """\
rule_set: sim
dimensions:
  initiative:
    - {id: own, when: {column: sub_account_name, in: [search, support]}, then: search}
    - {id: rest, when: {column: provider, equals: openai}, then: pool:shared}
""",
    name="sim.yaml",
)
_REGISTER = {
    name: Initiative(
        initiative_id=name,
        name=name,
        owner="ana",
        cost_center=f"CC-{name}",
        pl_category=COST_OF_REVENUE,
        product_line=None,
    )
    for name in PROJECTS
}
_POOL = Pool(
    pool_id="shared",
    description="",
    owner="ana",
    method="proportional",
    driver="seats",
    targets=None,
    zero_driver="hold",
)
_SEATS: dict[str, Fraction | int] = {"search": 3, "support": 2, "tools": 2}
_CARD = RateCard(
    version="sim",
    source="sim",
    prices=(
        RatePrice(
            provider="openai",
            model="gpt-6-sol",
            service_tier="standard",
            token_kind="input",
            unit_price=Decimal("0.00000125"),
            valid_from=date(2026, 1, 1),
            valid_to=None,
        ),
    ),
)


class Fact(NamedTuple):
    """One usage line as the provider states it; a higher version replaces a lower one."""

    fact_id: int
    version: int
    project: str
    tokens: int
    units: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One answer to a pull: pages of facts; a throttled one is empty and says nothing."""

    pages: tuple[tuple[Fact, ...], ...]
    throttled: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Books:
    """What the facts of a month come to: ledger lines after allocation, their total in units."""

    lines: pa.Table
    units: int


@dataclass(slots=True)
class Provider:
    """Facts and the order in which they become known; the truth is the last version of each."""

    dice: Dice
    truth_dice: Dice
    facts: list[Fact] = field(default_factory=list)
    known: int = 0

    def __post_init__(self) -> None:
        dice = self.truth_dice
        count = 4 + dice.below(9 if dice.chance(90) else 50)
        first = [self._fact(number) for number in range(count)]
        again = [self._restated(dice.pick(first), at) for at in range(dice.below(5))]
        credit = Fact(900, 0, dice.pick(PROJECTS), 0, -self._cost())
        self.facts = [*first, *again, *([credit] if dice.chance(50) else [])]
        self.known = 1 + self.dice.below(count)

    def fetch(self) -> Answer:
        """All facts known so far, in pages of four; sometimes as the world really answers."""
        shown = self.facts[: self.known]
        fault = self.dice.below(8)
        if fault == 0:
            return Answer(pages=(), throttled=True)
        if fault == 1:
            shown = shown[::-1]
        if fault == 2:  # an old view of the data, served by another node
            shown = shown[: 1 + self.dice.below(len(shown))]
        pages = [tuple(shown[at : at + 4]) for at in range(0, len(shown), 4)]
        if fault in (3, 4):
            pages.append(self.dice.pick(pages))
        return Answer(pages=tuple(pages), throttled=False)

    def tell_more(self, facts: int) -> None:
        self.known = min(len(self.facts), self.known + facts)

    def truth(self) -> frozenset[Fact]:
        return newest(self.facts)

    def invoice(self) -> BillingDocument | None:
        """The invoice over the whole truth, once everything is known; to the cent."""
        if self.known < len(self.facts):
            return None
        total = books(self.truth()).units
        return paper(str(to_decimal(total)), number="INV-SIM")

    def _fact(self, number: int) -> Fact:
        project, tokens = self.truth_dice.pick(PROJECTS), 1 + self.truth_dice.below(9_000_000)
        return Fact(number, 0, project, tokens, self._cost())

    def _restated(self, fact: Fact, at: int) -> Fact:
        return fact._replace(version=at + 1, units=self._cost())

    def _cost(self) -> int:
        return (1 + self.truth_dice.below(9_000_000)) * CENT


def newest(facts: list[Fact]) -> frozenset[Fact]:
    """The highest version of each fact; order and repetition play no part."""
    kept: dict[int, Fact] = {}
    for fact in facts:
        if fact.fact_id not in kept or kept[fact.fact_id].version < fact.version:
            kept[fact.fact_id] = fact
    return frozenset(kept.values())


@lru_cache(maxsize=4_096)
def books(
    facts: frozenset[Fact], repeated: tuple[Fact, ...] = (), *, floats: bool = False
) -> Books:
    """Rate, classify, allocate and reconcile the facts of the month; every part checks itself.

    `repeated` and `floats` are the ways of two planted bugs: facts counted twice, and binary sums.
    """
    rows = [*sorted(facts), *repeated]
    by_project = {name: [fact for fact in rows if fact.project == name] for name in PROJECTS}
    classes = _classes()
    made = [
        _line(name, classes[name], _sum(own, floats=floats))
        for name, own in by_project.items()
        if own
    ]
    table = pa.Table.from_pylist(made, schema=LEDGER_SCHEMA)
    ids = pa.array(ledger_line_ids(table), pa.string())
    table = table.set_column(0, LEDGER_SCHEMA.field(0), ids)
    lines, certificate = allocate(
        table, pools=[_POOL], drivers={"seats": _SEATS}, initiatives=_REGISTER
    )
    certificate.check()
    _reconcile(rows)
    return Books(lines=lines, units=sum(map(from_decimal, lines["billed_cost"].to_pylist())))


def oracle(facts: frozenset[Fact], document: BillingDocument) -> dict[str, int]:
    """The ledger of the month when everything comes once and in order: accrual, reversal, invoice.

    Accrual and reversal cancel, so the invoice's entry is the whole of it.
    """
    lines = books(facts).lines
    assert accrual(lines, month=MONTH, chart=CHART).entry
    booked = book_invoice(lines, month=MONTH, chart=CHART, document=document).entry
    assert booked
    return balances([booked])


def balances(entries: list[JournalEntry]) -> dict[str, int]:
    """Minor units by service month, account and initiative; what is zero is left out."""
    found: dict[str, int] = {}
    for entry in entries:
        for line in entry.lines:
            key = f"{entry.service_period} {line.account} {line.dimensions.get('initiative')}"
            found[key] = found.get(key, 0) + line.amount_minor
    return {key: minor for key, minor in sorted(found.items()) if minor}


def _sum(facts: list[Fact], *, floats: bool) -> int:
    if not floats:
        return sum(fact.units for fact in facts)
    whole: Any = 0.0
    for fact in facts:
        whole += float(to_decimal(fact.units)) * 1.1 / 1.1
    return to_units(format(Decimal(whole), ".12f"))


@lru_cache(maxsize=1)
def _classes() -> dict[str, tuple[str, str]]:
    """Initiative and deciding rule of each project."""
    rows = [{"provider": "openai", "sub_account_name": name, "tags": "{}"} for name in PROJECTS]
    columns = {name: pa.array([row.get(name) for row in rows], pa.string()) for name in ATTRIBUTES}
    attributes = pa.table({"attr_id": pa.array(range(len(rows)), pa.int64()), **columns})
    found = classify(attributes, _RULES, initiatives=_REGISTER).to_pylist()
    return {
        name: (row["initiative"], row["initiative_rule"])
        for name, row in zip(PROJECTS, found, strict=True)
    }


def _line(project: str, decided: tuple[str, str], units: int) -> dict[str, Any]:
    initiative, rule = decided
    return {
        "ledger_line_id": "",
        "period": SERVICE,
        "provider": "openai",
        "billing_account_id": "org-1",
        "sub_account_id": project,
        "service_category": "AI and Machine Learning",
        "charge_category": "Usage",
        "initiative": initiative,
        "initiative_rule": rule,
        "pl_category": COST_OF_REVENUE,
        "billed_cost": to_decimal(units),
        "charge_count": 1,
    }


def _reconcile(facts: list[Fact]) -> None:
    """Our estimate against what they state: the bridge exists only when it adds up to the cent."""
    usage = pa.Table.from_pylist([_usage(fact) for fact in facts if fact.tokens], USAGE_SCHEMA)
    charges, _ = rate(usage, _CARD)
    estimated = sum(map(from_decimal, charges["billed_cost"].to_pylist()))
    tokens = Fraction(sum(fact.tokens for fact in facts))
    stated = sum(fact.units for fact in facts if fact.units > 0)
    given = sum(fact.units for fact in facts if fact.units < 0)
    metered = Metered(
        key="gpt-6-sol",
        group="tokens",
        estimated=Amount(quantity=tokens, units=estimated),
        invoiced=Amount(quantity=tokens, units=stated),
    )
    figures = Figures(
        metered=(metered,),
        invoice_total_units=stated + given,
        printed_lines=1,
        credits=Pair(invoiced_units=given),
    )
    exchange = Exchange(transaction_currency="USD", functional_currency="USD")
    assert variance(figures, exchange).posted("unexplained") == 0


def _usage(fact: Fact) -> dict[str, Any]:
    start = _DAY + timedelta(hours=fact.fact_id)
    counts = ("cached_input_tokens", "cache_write_tokens", "cache_write_1h_tokens")
    return {
        "usage_id": f"{fact.fact_id}.{fact.version}",
        "provider": "openai",
        "billing_account_id": "org-1",
        "charge_period_start": start,
        "charge_period_end": start + timedelta(hours=1),
        "model": "gpt-6-sol",
        "service_tier": "standard",
        "input_tokens": fact.tokens,
        **dict.fromkeys((*counts, "output_tokens", "web_searches"), 0),
        "requests": 1,
        "source_document": "d" * 64,
        "source_row": fact.fact_id,
    }


def facts_of(content: bytes) -> list[Fact]:
    """The facts that a file holds, in its order."""
    rows = json.loads(content)
    return [
        Fact(number, version, name, tokens, int(u)) for number, version, name, tokens, u in rows
    ]
