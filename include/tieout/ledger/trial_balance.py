"""The trial balance: debits, credits and balance of every account; it sums to zero."""

from collections.abc import Collection, Iterable, Sequence
from datetime import date

import pyarrow as pa

from tieout.core.errors import UnbalancedEntryError
from tieout.core.period import Period
from tieout.ledger.chart import Chart
from tieout.ledger.entry import JournalEntry

_SCHEMA = pa.schema(
    [
        pa.field("account", pa.string(), nullable=False),
        pa.field("debit_minor", pa.int64(), nullable=False),
        pa.field("credit_minor", pa.int64(), nullable=False),
        pa.field("balance_minor", pa.int64(), nullable=False),
    ]
)


def trial_balance(entries: Iterable[JournalEntry], *, through: date | None = None) -> pa.Table:
    """One row per account that was posted to, by account code; minor units of one currency.

    `through` is the last posting day that counts (inclusive); None counts all.
    Guarantees `sum(balance_minor) == 0`.

    Raises:
        UnbalancedEntryError: the balances do not sum to zero, or entries of two currencies mix.
    """
    kept = _through(entries, through)
    currencies = {entry.currency for entry in kept}
    if len(currencies) > 1:
        raise UnbalancedEntryError(
            f"A trial balance is of one currency, found {', '.join(sorted(currencies))}: "
            "ask for one balance per currency."
        )
    sides: dict[str, list[int]] = {}
    for entry in kept:
        for line in entry.lines:
            side = sides.setdefault(line.account, [0, 0])
            side[0] += line.debit_minor
            side[1] += line.credit_minor
    rest = sum(debit - credit for debit, credit in sides.values())
    if rest:
        raise UnbalancedEntryError(
            f"The trial balance should sum to zero, found {rest} minor units: an entry that does "
            "not balance was posted; run the verifier."
        )
    rows = [
        {
            "account": account,
            "debit_minor": debit,
            "credit_minor": credit,
            "balance_minor": debit - credit,
        }
        for account, (debit, credit) in sorted(sides.items())
    ]
    return pa.Table.from_pylist(rows, _SCHEMA)


def account_balance(
    entries: Iterable[JournalEntry],
    *,
    account: str,
    through: date | None = None,
    provider: str | None = None,
    billing_account_id: str | None = None,
) -> int:
    """Debits minus credits of one account in minor units, of one provider account when named."""
    return sum(
        line.amount_minor
        for entry in _through(entries, through)
        if provider in (None, entry.provider)
        and billing_account_id in (None, entry.billing_account_id)
        for line in entry.lines
        if line.account == account
    )


def daily_control_balances(
    entries: Sequence[JournalEntry], *, accounts: Collection[str], chart: Chart, period: Period
) -> list[tuple[date, str, int]]:
    """Day, account code and balance at that day's end, of the control accounts among `accounts`.

    The days are the period's last one and the last on which anything was posted.
    """
    last = max((entry.posting_on for entry in entries), default=period.last_on)
    return [
        (day, code, account_balance(entries, account=code, through=day))
        for day in sorted({period.last_on, last})
        for code in sorted(set(chart.control.values()) & set(accounts))
    ]


def _through(entries: Iterable[JournalEntry], through: date | None) -> list[JournalEntry]:
    return [entry for entry in entries if through is None or entry.posting_on <= through]
