"""Legs between legal entities: they make each entity's lines of an entry balance by themselves.

The entity that is billed keeps payable, accrual, prepaid and tax; the one that bears a cost keeps
the cost. Payer: Dr due from the bearer; bearer: Cr due to the payer, of one amount and one key.
Owns the legs and the reading of one entity's books; who pays and who bears is `entities`'.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from tieout.core.ids import content_key
from tieout.ledger.entities import LEGAL_ENTITY, Entities
from tieout.ledger.entry import JournalEntry, JournalLine, balanced, numbered, signed_line

PARTNER = "intercompany_partner"  # dimension of a leg: the entity on the other side
PAIR_KEY = "intercompany_key"  # dimension of a leg: equal on both sides of a pair


@dataclass(frozen=True, slots=True, kw_only=True)
class PairBalance:
    """What two entities owe each other by the books of each, minor units, debit minus credit.

    The two mirror each other and are eliminated in the group: `left_minor` is zero.
    """

    first: str
    second: str
    first_minor: int
    second_minor: int

    @property
    def left_minor(self) -> int:
        """What elimination would leave."""
        return self.first_minor + self.second_minor


def by_entity(
    lines: Sequence[JournalLine], *, payer: str, provider: str, source: str, entities: Entities
) -> list[JournalLine]:
    """The lines with the entity of each, and the legs that make every entity balance.

    A line without an entity is the payer's. `source` is what makes the entry the same again; the
    keys of its pairs come from it. Guarantees, for lines that sum to zero: the lines of each
    entity sum to zero, and the two legs of a key are of opposite amounts.
    """
    in_books = owned(lines, payer)
    sums = Counter[str]()
    for line in in_books:
        sums[entity_of(line, payer)] += line.amount_minor
    legs = [
        leg
        for bearer in sorted(sums)
        if bearer != payer
        for leg in _pair(payer, bearer, sums[bearer], provider=provider, entities=entities)
    ]
    keyed = [
        replace(leg, dimensions={**leg.dimensions, PAIR_KEY: _pair_key(source, leg)})
        for leg in legs
    ]
    return [*in_books, *keyed]


def owned(lines: Sequence[JournalLine], payer: str) -> list[JournalLine]:
    """The lines with the entity of each; one without is the payer's."""
    return [
        replace(line, dimensions={**line.dimensions, LEGAL_ENTITY: entity_of(line, payer)})
        for line in lines
    ]


def entity_of(line: JournalLine, payer: str) -> str:
    """In whose books a line stands; one of before there were entities is the payer's."""
    return line.dimensions.get(LEGAL_ENTITY) or payer


def books_of(
    entries: Iterable[JournalEntry], entity_id: str, *, entities: Entities
) -> Iterator[JournalEntry]:
    """The entries as one entity's books have them: its own lines alone, numbered from 1.

    Raises:
        UnknownSubjectError: the group has no such entity.
        UnbalancedEntryError: the entity's lines of an entry do not balance.
    """
    entities.member(entity_id)
    for entry in entries:
        payer = entities.payer(entry.provider, entry.billing_account_id)
        own = numbered([line for line in entry.lines if entity_of(line, payer) == entity_id])
        if own:
            yield balanced(replace(entry, lines=own))


def pairs(entries: Iterable[JournalEntry]) -> tuple[PairBalance, ...]:
    """What all pairs of entities owe each other, in order of their names."""
    sums = Counter[tuple[str, str]]()
    for line in (line for entry in entries for line in entry.lines):
        partner = line.dimensions.get(PARTNER)
        if partner:
            sums[line.dimensions.get(LEGAL_ENTITY) or "", partner] += line.amount_minor
    known = sorted({(min(pair), max(pair)) for pair in sums})
    return tuple(
        PairBalance(
            first=first,
            second=second,
            first_minor=sums[first, second],
            second_minor=sums[second, first],
        )
        for first, second in known
    )


def disagreements(entry: JournalEntry) -> list[str]:
    """What is wrong between the entities of one entry: one out of balance, a pair that differs.

    Empty for an entry of one entity, which names none.
    """
    sums = Counter[str]()
    for line in entry.lines:
        sums[f"entity {line.dimensions.get(LEGAL_ENTITY) or 'none'}"] += line.amount_minor
        if line.dimensions.get(PARTNER):
            key = line.dimensions.get(PAIR_KEY) or "without a key"
            sums[f"pair {key[:13]}"] += line.amount_minor
    return [f"{name} is out by {left} cents" for name, left in sorted(sums.items()) if left]


def _pair(
    payer: str, bearer: str, amount_minor: int, *, provider: str, entities: Entities
) -> list[JournalLine]:
    """Due from the bearer in the payer's books, due to the payer in the bearer's."""
    if not amount_minor:
        return []
    due_from = entities.mutual_of(payer, bearer).due_from
    due_to = entities.mutual_of(bearer, payer).due_to
    names = {one: entities.member(one).name for one in (payer, bearer)}
    return [
        signed_line(
            code,
            signed,
            memo=f"{words} {names[partner]}",
            dimensions={"provider": provider, LEGAL_ENTITY: owner, PARTNER: partner},
        )
        for code, signed, words, owner, partner in (
            (due_from, amount_minor, "Due from", payer, bearer),
            (due_to, -amount_minor, "Due to", bearer, payer),
        )
    ]


def _pair_key(source: str, leg: JournalLine) -> str:
    names = sorted(leg.dimensions[name] or "" for name in (LEGAL_ENTITY, PARTNER))
    return content_key((source, *names))
