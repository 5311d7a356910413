"""How the cost that a pool passes on is booked: through which account, and who sends it.

Owns the keys `posting`, `account` and `sender` of a pool. Journal lines are the ledger's.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, cast, get_args

from tieout.rules.fields import fields, one_of, text_of
from tieout.rules.yaml_text import Node

Style = Literal["distribution", "assessment"]
KEYS = ("posting", "account", "sender")
_SENDER = ("cost_center", "pl_category")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reallocation:
    """The sender of a pool's cost, and the account through which the receivers take it over.

    `pl_category` of the sender decides the natural account. `account` is the secondary account of
    an assessment; None is a distribution, where sender and receivers have the natural account.
    """

    cost_center: str
    pl_category: str
    account: str | None = None

    @property
    def style(self) -> Style:
        """What the file calls it."""
        return "distribution" if self.account is None else "assessment"


def reallocation_of(content: Mapping[str, Node]) -> Reallocation | None:
    """What a pool says of its posting; None: its cost is booked on the receivers straight away.

    Raises:
        RuleFileError: a key is missing beside another, or an account stands where none is used.
    """
    given = [key for key in KEYS if key in content]
    if not given:
        return None
    node = content[given[0]]
    if "posting" not in content or "sender" not in content:
        raise node.error(
            f"{given[0]} needs posting ({' or '.join(get_args(Style))}) and sender beside it; add "
            "them, or leave all out to book the cost on its receivers straight away."
        )
    style = cast("Style", one_of(content["posting"], get_args(Style)))
    if (style == "assessment") != ("account" in content):
        raise content["posting"].error(
            "an assessment passes cost on through an account of its own, and a distribution "
            f"through the natural one; {'add' if style == 'assessment' else 'leave out'} account."
        )
    sender = fields(content["sender"], required=_SENDER)
    return Reallocation(
        cost_center=text_of(sender["cost_center"]),
        pl_category=text_of(sender["pl_category"]),
        account=text_of(content["account"]) if "account" in content else None,
    )
