"""The chart of accounts and the mapping of a ledger line to its account.

Owns the chart file's language (YAML, see docs/reference/chart-of-accounts.md). The chart is data:
versions and approvals are kept by the store.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, cast, get_args

from tieout.allocation.reallocation import Reallocation
from tieout.core.errors import RuleFileError
from tieout.ledger.entities import LEGAL_ENTITY, Entities
from tieout.rules.fields import entries, fields, members, one_of, refuse_repeats, text_of
from tieout.rules.yaml_text import Node, read_yaml

AccountType = Literal["asset", "liability", "equity", "income", "expense"]
ControlRole = Literal[
    "cash",
    "prepaid",
    "input_tax",
    "payable",
    "accrued",
    "opening",
    "suspense",
    "credit_adjustment",
    "commitment",
    "commitment_contra",
    "shortfall",
    "accrued_shortfall",
    "exchange_difference",
]

_ROLE_TYPES: dict[str, AccountType] = {
    "cash": "asset",
    "prepaid": "asset",
    "input_tax": "asset",
    "payable": "liability",
    "accrued": "liability",
    "opening": "equity",
    "suspense": "expense",
    "credit_adjustment": "expense",  # credit granted for nothing, or expired unused
    "commitment": "asset",  # memo: what is promised and not yet spent
    "commitment_contra": "liability",  # memo: the other side, so that nothing is recognised
    "shortfall": "expense",  # what a commitment was not drawn
    "accrued_shortfall": "liability",  # the same, until it is billed
    "exchange_difference": "income",  # gains and losses by rates: no cost of any cloud
}
# without credit_adjustment: suspense; without those of commitments nothing of them is posted;
# without exchange_difference: no account in a foreign currency
_OPTIONAL = frozenset(
    {
        "credit_adjustment",
        "commitment",
        "commitment_contra",
        "shortfall",
        "accrued_shortfall",
        "exchange_difference",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """One account of the general ledger."""

    code: str
    name: str
    type: AccountType


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpenseRule:
    """Ledger lines of this P&L category are booked to this expense account."""

    pl_category: str
    account: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """Accounts, control accounts by role, expense accounts by P&L category (first match wins).

    `entities` are the legal entities whose books these are; None: those of one. `reallocations` are
    the pools whose cost is booked on a sender first, by pool id.
    """

    name: str
    currency: str
    accounts: tuple[Account, ...]
    control: Mapping[str, str]
    expense: tuple[ExpenseRule, ...]
    entities: Entities | None = None
    reallocations: Mapping[str, Reallocation] = field(default_factory=dict)

    def account(self, code: str) -> Account:
        """The account of that code.

        Raises:
            RuleFileError: the chart has no such account.
        """
        for account in self.accounts:
            if account.code == code:
                return account
        raise RuleFileError(f"Chart {self.name} has no account {code!r}: add it to the chart.")

    def control_account(self, role: ControlRole, *, provider: str) -> str:
        """Code of the control account; `payable.aws` wins over `payable` for that provider."""
        general = self.control.get(role, self.control["suspense"])
        return self.control.get(f"{role}.{provider}", general)

    def has(self, *roles: ControlRole) -> bool:
        """Whether the chart names a general account for each of these roles."""
        return all(role in self.control for role in roles)

    def expense_account(self, pl_category: str | None) -> str | None:
        """Code of the expense account, or None when no rule names the category."""
        for rule in self.expense:
            if rule.pl_category == pl_category:
                return rule.account
        return None

    def reallocation_of(self, row: Mapping[str, Any]) -> Reallocation | None:
        """How a ledger line that was in a pool is passed on; None: it is booked straight away."""
        return self.reallocations.get(row.get("pool_id") or "")

    def cost_account(self, row: Mapping[str, Any]) -> str:
        """The expense account on which a ledger line is cost: its natural one, else suspense.

        The P&L category decides; of a line that a pool passes on, that of the sender.
        """
        terms = self.reallocation_of(row)
        category = terms.pl_category if terms else row["pl_category"]
        suspense = self.control_account("suspense", provider=row["provider"] or "")
        return self.expense_account(category) or suspense

    def borne_by(self, row: Mapping[str, Any]) -> dict[str, str]:
        """The dimension that says which entity bears a ledger line; none for one entity."""
        return {LEGAL_ENTITY: self.entities.bearer(row)} if self.entities else {}


def parse_chart(text: str, *, name: str) -> Chart:
    """Read a chart file; `name` is the file's name in errors.

    Raises:
        RuleFileError: the file breaks the language, an account is missing, doubled or of the wrong
            type for its role; names the line.
    """
    root = fields(
        read_yaml(text, name=name),
        required=("chart", "currency", "accounts", "control", "expense"),
    )
    accounts = _accounts(root["accounts"])
    types = {account.code: account.type for account in accounts}
    return Chart(
        name=text_of(root["chart"]),
        currency=text_of(root["currency"]),
        accounts=accounts,
        control=_control(root["control"], types),
        expense=tuple(_expense(node, types) for node in members(root["expense"])),
    )


def _accounts(node: Node) -> tuple[Account, ...]:
    found, codes = [], []
    for member in members(node):
        values = fields(member, required=("code", "name", "type"))
        kind = cast("AccountType", one_of(values["type"], get_args(AccountType)))
        code = text_of(values["code"])
        found.append(Account(code=code, name=text_of(values["name"]), type=kind))
        codes.append((code, values["code"]))
    refuse_repeats(codes, what="account")
    return tuple(found)


def _control(node: Node, types: Mapping[str, AccountType]) -> dict[str, str]:
    control = {}
    for key, value in entries(node).items():
        role = key.partition(".")[0]
        if role not in _ROLE_TYPES:
            raise value.error(f"unknown role {key[:60]!r}; known: {', '.join(_ROLE_TYPES)}.")
        control[key] = _code(value, types, expected=_ROLE_TYPES[role])
    missing = [role for role in _ROLE_TYPES if role not in control and role not in _OPTIONAL]
    if missing:
        raise node.error(f"no control account for {', '.join(missing)}; name one for each role.")
    return control


def _expense(node: Node, types: Mapping[str, AccountType]) -> ExpenseRule:
    values = fields(node, required=("pl_category", "account"))
    return ExpenseRule(
        pl_category=text_of(values["pl_category"]),
        account=_code(values["account"], types, expected="expense"),
    )


def _code(node: Node, types: Mapping[str, AccountType], *, expected: AccountType) -> str:
    code = text_of(node)
    if code not in types:
        raise node.error(f"account {code[:60]!r} is not in the list of accounts; add it there.")
    if types[code] != expected:
        raise node.error(f"account {code} is of type {types[code]}; expected {expected}.")
    return code
