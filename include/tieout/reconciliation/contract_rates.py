"""Negotiated rates as a dated and approved policy. Owns the file's language, not what a rate does.

YAML, see docs/reference/contract-rates.md; the values are `rating.contract`'s.
"""

from collections.abc import Mapping, Sequence
from fractions import Fraction
from itertools import combinations

from tieout.core.errors import MoneyFormatError
from tieout.core.money import parse_decimal
from tieout.focus.usage import SERVICE_TIERS, TOKEN_KINDS
from tieout.rating.contract import ANY, HUNDRED, ContractRate
from tieout.rules import fields
from tieout.rules.yaml_text import Node, read_yaml

_REQUIRED = ("id", "provider", "billing_account_id", "valid_from", "evidence")
_OPTIONAL = ("valid_to", "model", "service_tier", "token_kind", "discount_pct", "unit_price")


def parse_contract_rates(text: str, *, name: str) -> tuple[ContractRate, ...]:
    """Read negotiated rates from YAML, ordered by id.

    Raises:
        RuleFileError: a field is missing or unknown, not exactly one of discount and unit price, a
            discount outside 0 to 100, an unknown tier or kind, no day between the two days, an id
            stands twice, or two rates are for the same thing on one day. With the line.
    """
    root = fields.fields(read_yaml(text, name=name), required=["contract_rates"])
    nodes = fields.members(root["contract_rates"])
    rates = [_rate(node) for node in nodes]
    ids = [one.rate_id for one in rates]
    fields.refuse_repeats(zip(ids, nodes, strict=True), what="rate")
    for (first, _), (second, node) in combinations(zip(rates, nodes, strict=True), 2):
        if first.meets(second):
            raise node.error(
                f"{second.rate_id} and {first.rate_id} are for the same tokens on the same days; "
                "end one on the day on which the other begins (valid_to is exclusive)."
            )
    return tuple(sorted(rates, key=lambda one: one.rate_id))


def _rate(node: Node) -> ContractRate:
    entry = fields.fields(node, required=_REQUIRED, optional=_OPTIONAL)
    if ("discount_pct" in entry) == ("unit_price" in entry):
        raise node.error("expected exactly one of discount_pct and unit_price.")
    starts = fields.day_of(entry["valid_from"])
    ends = fields.day_of(entry["valid_to"]) if "valid_to" in entry else None
    if ends is not None and ends <= starts:
        raise entry["valid_to"].error(f"{ends} must lie after valid_from {starts}.")
    return ContractRate(
        rate_id=fields.identifier_of(entry["id"]),
        provider=fields.identifier_of(entry["provider"]),
        billing_account_id=fields.text_of(entry["billing_account_id"]),
        valid_from=starts,
        valid_to=ends,
        model=_model(entry["model"]) if "model" in entry else ANY,
        service_tier=_one(entry, "service_tier", SERVICE_TIERS),
        token_kind=_one(entry, "token_kind", TOKEN_KINDS),
        discount_pct=_percent(entry["discount_pct"]) if "discount_pct" in entry else None,
        unit_price=_number(entry["unit_price"]) if "unit_price" in entry else None,
        evidence=fields.text_of(entry["evidence"]),
    )


def _model(node: Node) -> str:
    name = fields.text_of(node)
    if ANY in name[:-1]:
        raise node.error(f"{name[:60]!r} has * inside; it may only end a name.")
    return name


def _one(entry: Mapping[str, Node], key: str, known: Sequence[str]) -> str | None:
    return fields.one_of(entry[key], known) if key in entry else None


def _percent(node: Node) -> Fraction:
    found = _number(node)
    if not 0 < found <= HUNDRED:
        raise node.error("expected a discount above 0 and up to 100 percent of the list price.")
    return found


def _number(node: Node) -> Fraction:
    try:
        found = Fraction(parse_decimal(fields.text_of(node)))
    except MoneyFormatError as error:
        raise node.error(str(error)) from error
    if found < 0:
        raise node.error("expected a number of zero or more.")
    return found
