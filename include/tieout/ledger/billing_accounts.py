"""The register of billing accounts: which accounts are expected, how they bill, where they opened.

Approved data of finance, not deployment settings; a provider without an account here is not pulled.
"""

from dataclasses import dataclass
from typing import Literal

from tieout.core.errors import NotReadyError
from tieout.reconciliation.prepaid import CreditEvent
from tieout.rules import fields
from tieout.rules.yaml_text import Node, read_yaml

Mode = Literal["arrears", "prepaid", "commitment"]
Relief = Literal["auto_reverse", "clear_on_match"]
_MODES: tuple[Mode, ...] = ("arrears", "prepaid", "commitment")
_RELIEFS: tuple[Relief, ...] = ("auto_reverse", "clear_on_match")
_OPTIONAL = ("opening", "connection", "credits", "balances", "relief", "entity")
_REQUIRED = ("provider", "billing_account_id", "name", "mode", "currency")


@dataclass(frozen=True, slots=True, kw_only=True)
class BillingAccount:
    """One account at one provider.

    `arrears` is billed after use by an invoice, `prepaid` buys credits first, `commitment` draws
    down a contract that is invoiced for its term. Prepaid and commitment accounts open their
    roll-forward in `opening_period` with `opening_units` (1e-12, what the provider's statement
    showed as remaining at the start of that period). `relief` says what ends an accrual in arrears:
    a reversal on the first day of the next month, or the document that it is matched with, against
    which it is cleared. `connection` names the Airflow
    connection `tieout_<connection>`; it is the provider's name unless the register says otherwise.
    `entity` is the legal entity that is billed, None the default one of the entities policy.
    """

    provider: str
    billing_account_id: str
    name: str
    mode: Mode
    currency: str
    opening_period: str | None
    opening_units: int
    connection: str
    credits: tuple[tuple[str, CreditEvent], ...] = ()  # period of the event, event
    balances: tuple[tuple[str, int], ...] = ()  # period, credit that the provider shows at its end
    relief: Relief = "auto_reverse"
    entity: str | None = None

    @property
    def subject(self) -> str:
        """How findings, runs and pages name the account."""
        return f"{self.provider}/{self.billing_account_id}"

    def stated_units(self, period: str) -> int | None:
        """The balance that the provider shows at the end of a period; None: nobody has read it."""
        return dict(self.balances).get(period)

    def credit_events(self, period: str) -> tuple[CreditEvent, ...]:
        """What the provider granted or let expire in a period, as the register has it."""
        return tuple(event for when, event in self.credits if when == period)


def parse_accounts(text: str, *, name: str) -> tuple[BillingAccount, ...]:
    """Read the register from YAML, ordered by provider and account.

    Raises:
        RuleFileError: an entry misses a field, names an unknown mode, or an account stands twice;
            with the line.
    """
    root = fields.fields(read_yaml(text, name=name), required=["accounts"])
    nodes = fields.members(root["accounts"])
    accounts = [_account(node) for node in nodes]
    subjects = [(account.subject, node) for account, node in zip(accounts, nodes, strict=True)]
    fields.refuse_repeats(subjects, what="account")
    return tuple(sorted(accounts, key=lambda account: account.subject))


def accounts_of(accounts: tuple[BillingAccount, ...], provider: str) -> tuple[BillingAccount, ...]:
    """The accounts of one provider.

    Raises:
        NotReadyError: the register has none.
    """
    found = tuple(account for account in accounts if account.provider == provider)
    if not found:
        known = sorted({account.provider for account in accounts})
        raise NotReadyError(
            f"No billing account of provider {provider!r} is registered: expected one beside "
            f"{', '.join(known)}; add it to the accounts policy and have it approved."
        )
    return found


def _account(node: Node) -> BillingAccount:
    entry = fields.fields(
        node,
        required=_REQUIRED,
        optional=_OPTIONAL,
    )
    period, units = _opening(entry["opening"]) if "opening" in entry else (None, 0)
    mode = fields.one_of(entry["mode"], _MODES)
    if mode != "arrears" and "relief" in entry:
        raise entry["relief"].error(f"only mode arrears accrues, found {mode}; leave it out.")
    provider = fields.identifier_of(entry["provider"])
    named = entry.get("connection")
    events = fields.members(entry["credits"]) if "credits" in entry else []
    balances = fields.members(entry["balances"]) if "balances" in entry else []
    stated = [(fields.stated_amount(balance), balance) for balance in balances]
    fields.refuse_repeats([(period, at) for (period, _), at in stated], what="balance of a period")
    return BillingAccount(
        provider=provider,
        billing_account_id=fields.text_of(entry["billing_account_id"]),
        name=fields.text_of(entry["name"]),
        mode=next(known for known in _MODES if known == mode),
        currency=fields.text_of(entry["currency"]),
        opening_period=period,
        opening_units=units,
        connection=fields.identifier_of(named) if named else provider,
        credits=tuple(_credit_event(event) for event in events),
        balances=tuple(balance for balance, _ in stated),
        relief=_relief(entry["relief"]) if "relief" in entry else "auto_reverse",
        entity=fields.identifier_of(entry["entity"]) if "entity" in entry else None,
    )


def _relief(node: Node) -> Relief:
    found = fields.one_of(node, _RELIEFS)
    return next(known for known in _RELIEFS if known == found)


def _opening(node: Node) -> tuple[str, int]:
    entry = fields.fields(node, required=["period", "amount"], optional=["evidence"])
    return fields.amount_of_month(entry)


def _credit_event(node: Node) -> tuple[str, CreditEvent]:
    entry = fields.fields(node, required=["period", "kind", "amount", "evidence"])
    kind = fields.one_of(entry["kind"], ("granted", "expired"))
    period, units = fields.amount_of_month(entry)
    if units <= 0:
        raise node.error("expected an amount above zero; `kind` says which way it goes.")
    return period, CreditEvent(
        kind="granted" if kind == "granted" else "expired",
        amount_units=units,
        evidence=fields.text_of(entry["evidence"]),
    )
