"""Legal entities: who is billed, who bears which cost centre, how they owe each other.

Owns the `entities` policy's language (YAML, see docs/reference/legal-entities.md) and the two
questions that posting asks: whose is a billing account, whose is a ledger line. The legs between
them are `intercompany`'s.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from tieout.core.errors import UnknownSubjectError
from tieout.rules.fields import entries, fields, identifier_of, members, refuse_repeats, text_of
from tieout.rules.yaml_text import Node, read_yaml

LEGAL_ENTITY = "legal_entity"  # the dimension of a journal line that says in whose books it stands
_SIDES = ("due_from", "due_to")
_MEMBER = ("id", "name", "currency")
AccountKey = tuple[str, str]  # provider, billing account


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutual:
    """The accounts on which an entity keeps what another owes it, and what it owes that one."""

    due_from: str
    due_to: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Entity:
    """One legal entity; `currency` is its functional currency.

    `cost_centers` bear their cost in its books; `mutual` are its accounts with single partners,
    where they are not those of the group.
    """

    entity_id: str
    name: str
    currency: str
    cost_centers: frozenset[str]
    mutual: Mapping[str, Mutual] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entities:
    """A group of legal entities that share one chart of accounts.

    `default` is billed where the register of accounts names nobody; `billed` are the accounts that
    it names an entity for.
    """

    name: str
    default: str
    mutual: Mutual
    members: tuple[Entity, ...]
    billed: Mapping[AccountKey, str] = field(default_factory=dict)

    @property
    def ids(self) -> tuple[str, ...]:
        """The ids of all entities, in the order of the file."""
        return tuple(one.entity_id for one in self.members)

    def member(self, entity_id: str) -> Entity:
        """One entity.

        Raises:
            UnknownSubjectError: the group has none of that id.
        """
        found = next((one for one in self.members if one.entity_id == entity_id), None)
        if found is None:
            raise UnknownSubjectError(
                f"{self.name} has no legal entity {entity_id[:60]!r}: expected one of "
                f"{', '.join(self.ids)}."
            )
        return found

    def payer(self, provider: str | None, billing_account_id: str | None) -> str:
        """The entity that the provider bills for an account."""
        return self.billed.get((provider or "", billing_account_id or ""), self.default)

    def bearer(self, row: Mapping[str, Any]) -> str:
        """The entity that bears a ledger line: its cost centre's, else the one that is billed."""
        for one in self.members:
            if row.get("cost_center") in one.cost_centers:
                return one.entity_id
        return self.payer(row.get("provider"), row.get("billing_account_id"))

    def mutual_of(self, entity_id: str, partner: str) -> Mutual:
        """The accounts of an entity with a partner: its own, or those of the group."""
        return self.member(entity_id).mutual.get(partner, self.mutual)

    def with_accounts(self, billed: Mapping[AccountKey, str]) -> "Entities":
        """The same, with the entities that the register of accounts names.

        Raises:
            UnknownSubjectError: it names one that the group does not have.
        """
        for entity_id in sorted(set(billed.values())):
            self.member(entity_id)
        return replace(self, billed=dict(billed))

    def misfits(self, types: Mapping[str, str], *, currency: str) -> list[str]:
        """What does not fit a chart: `types` are its account types by code. Empty: all fits."""
        pairs = [self.mutual, *(one for member in self.members for one in member.mutual.values())]
        wanted = [(one.due_from, "asset") for one in pairs]
        wanted += [(one.due_to, "liability") for one in pairs]
        found = [
            f"intercompany account {code[:60]} is {types.get(code, 'not in the chart')}, expected "
            f"an account of type {kind}; correct the code or the chart"
            for code, kind in dict.fromkeys(wanted)
            if types.get(code) != kind
        ]
        return found + [
            f"entity {one.entity_id} keeps its books in {one.currency}, expected {currency} as the "
            "chart, because nothing translates between entities yet; leave it out"
            for one in self.members
            if one.currency != currency
        ]


def parse_entities(text: str, *, name: str) -> Entities:
    """Read an entities file; `name` is the file's name in errors.

    Raises:
        RuleFileError: the file breaks the language, an id or a cost centre stands twice, or an
            unknown entity is named; with the line.
    """
    root = fields(
        read_yaml(text, name=name), required=("entities", "default", "intercompany", "members")
    )
    nodes = members(root["members"])
    found = [_entity(node) for node in nodes]
    ids = [one.entity_id for one in found]
    refuse_repeats(zip(ids, nodes, strict=True), what="entity")
    refuse_repeats(_cost_centers(nodes), what="cost center")
    for one, node in zip(found, nodes, strict=True):
        _refuse_strangers(
            list(one.mutual), [other for other in ids if other != one.entity_id], node
        )
    default = identifier_of(root["default"])
    _refuse_strangers([default], ids, root["default"])
    return Entities(
        name=text_of(root["entities"]),
        default=default,
        mutual=_mutual(root["intercompany"]),
        members=tuple(found),
    )


def _entity(node: Node) -> Entity:
    values = fields(node, required=_MEMBER, optional=("cost_centers", "intercompany"))
    centers = members(values["cost_centers"]) if "cost_centers" in values else []
    mutual = entries(values["intercompany"]) if "intercompany" in values else {}
    return Entity(
        entity_id=identifier_of(values["id"]),
        name=text_of(values["name"]),
        currency=text_of(values["currency"]),
        cost_centers=frozenset(text_of(one) for one in centers),
        mutual={partner: _mutual(one) for partner, one in mutual.items()},
    )


def _mutual(node: Node) -> Mutual:
    values = fields(node, required=_SIDES)
    return Mutual(due_from=text_of(values["due_from"]), due_to=text_of(values["due_to"]))


def _cost_centers(nodes: Iterable[Node]) -> Iterable[tuple[str, Node]]:
    for node in nodes:
        listed = entries(node).get("cost_centers")
        yield from ((text_of(one), one) for one in (members(listed) if listed else []))


def _refuse_strangers(named: Sequence[str], known: Sequence[str], node: Node) -> None:
    for one in named:
        if one not in known:
            raise node.error(
                f"{one[:60]!r} is no other entity of this file (it has {', '.join(known)}); "
                "correct the id or add the entity."
            )
