"""Accounts in foreign currencies on the checklist: what their papers, lines and balances come to.

Owns the comparison in the account's own currency and C11, remeasurement recomputed. An account in
the books' currency is the other modules' business.
"""

from tieout.close.evidence import AccountEvidence, CloseInputs, OwnCurrency
from tieout.core.money import format_units, from_minor, minor_digits, to_minor
from tieout.ledger.entry import JournalEntry
from tieout.ledger.fx import translate
from tieout.ledger.fx_rates import Rate
from tieout.ledger.grouping import is_cost
from tieout.ledger.remeasure import open_items


def no_foreign_account(inputs: CloseInputs) -> str | None:
    """Why C11 does not apply: no entry was translated."""
    if any(entry.exchange for entry in inputs.entries):
        return None
    return f"every entry is in {inputs.currency}"


def remeasured(inputs: CloseInputs) -> tuple[list[str], str]:
    """C11: every open item in a foreign currency stands at the closing rate, to the minor unit.

    Entries of the month were translated at the rates in force, too: another version of the rates
    does not change what was posted, so it has to be seen.
    """
    rates = dict(inputs.closing_rates)
    items = open_items(inputs.entries, chart=inputs.chart, period=inputs.period)
    problems = []
    for item in items.values():
        rate = rates.get(item.currency)
        if rate is None:
            problems.append(f"{item.key}: no closing rate {item.currency} to {inputs.currency}")
        elif translate(item.amount_minor, rate) != item.carried_minor:
            problems.append(
                f"{item.key}, account {item.account}: carried at "
                f"{_shown(item.carried_minor, inputs.currency)}, at the closing rate "
                f"{rate.rate:f} it is {_shown(translate(item.amount_minor, rate), inputs.currency)}"
            )
    problems += [
        f"{account.subject}: accrued at {used.rate:f} of {used.on}, the rate in force is "
        f"{account.own.cost_rate.rate:f} of {account.own.cost_rate.on}"
        for account in inputs.accounts
        if account.own
        for used in _cost_rates(account, inputs)
        if used != account.own.cost_rate
    ]
    shown = ", ".join(f"{key} {rate.rate:f} of {rate.on}" for key, rate in sorted(rates.items()))
    return problems, f"{len(items)} open items at {shown or 'no rate'}"


def input_tax_units(account: AccountEvidence, own: OwnCurrency, inputs: CloseInputs) -> int:
    """Input tax of the account's month in the journal, as its papers have it."""
    code = inputs.chart.control_account("input_tax", provider=account.provider)
    minor = sum(
        line.transaction_minor or 0
        for entry in _of_month(account, inputs)
        for line in entry.lines
        if line.account == code
    )
    return from_minor(minor, minor_digits(own.currency))


def expense_problem(account: AccountEvidence, own: OwnCurrency, inputs: CloseInputs) -> str | None:
    """C15 of a foreign account: equal in its own currency, and translated at the month's rate.

    Each entry is rounded once, so in the books' currency the sum may be a minor unit off for each
    further entry.
    """
    entries = [
        entry
        for entry in _of_month(account, inputs)
        if entry.posting_on <= inputs.period.last_on and any(is_cost(line) for line in entry.lines)
    ]
    lines = [line for entry in entries for line in entry.lines if is_cost(line)]
    posted = sum(line.transaction_minor or 0 for line in lines)
    wanted = to_minor(own.net_units, minor_digits(own.currency))
    if posted != wanted:
        return (
            f"{account.subject}: journal {_shown(posted, own.currency)}, ledger "
            f"{_shown(wanted, own.currency)}"
        )
    booked = sum(line.amount_minor for line in lines)
    value = translate(wanted, own.cost_rate)
    if abs(booked - value) > max(len(entries) - 1, 0):
        return (
            f"{account.subject}: journal {_shown(booked, inputs.currency)}, ledger "
            f"{_shown(value, inputs.currency)} at {own.cost_rate.rate:f}"
        )
    return None


def _cost_rates(account: AccountEvidence, inputs: CloseInputs) -> list[Rate]:
    """The rates that the month's own accruals were translated at, each once."""
    found = [
        entry.exchange.rates[0]
        for entry in _of_month(account, inputs)
        if entry.exchange
        and entry.journal_type in ("accrual", "true_up")
        and inputs.period.contains(entry.posting_on)
    ]
    return list(dict.fromkeys(found))


def _of_month(account: AccountEvidence, inputs: CloseInputs) -> list[JournalEntry]:
    return [
        entry
        for entry in inputs.entries
        if (entry.provider, entry.billing_account_id, entry.service_period)
        == (account.provider, account.billing_account_id, str(inputs.period))
    ]


def _shown(amount_minor: int, currency: str) -> str:
    digits = minor_digits(currency)
    return f"{format_units(from_minor(amount_minor, digits), digits)} {currency}"
