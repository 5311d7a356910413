"""Control accounts of a role and what stands on them by billing account. Owns no roll."""

from collections.abc import Iterable

from tieout.ledger.chart import Chart, ControlRole
from tieout.ledger.entry import JournalEntry
from tieout.ledger.trial_balance import account_balance

AccountKey = tuple[str, str, str]  # provider, billing account, currency


def control_codes(chart: Chart, role: ControlRole) -> tuple[str, ...]:
    """The codes of a role: the general account and those of single providers, in order."""
    named = {code for name, code in chart.control.items() if name.partition(".")[0] == role}
    return tuple(sorted(named))


def control_balances(
    entries: Iterable[JournalEntry], *, chart: Chart, role: ControlRole
) -> dict[AccountKey, int]:
    """Debit minus credit on all accounts of a role, by billing account; none of them zero.

    Every account of the role counts for everyone: an entry on another provider's account shows.
    """
    codes = control_codes(chart, role)
    found: dict[AccountKey, int] = {}
    for entry in entries:
        key = (entry.provider, entry.billing_account_id, entry.currency)
        balance = sum(account_balance([entry], account=code) for code in codes)
        found[key] = found.get(key, 0) + balance
    return {key: balance for key, balance in found.items() if balance}
