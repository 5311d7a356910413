"""The doctor's look at providers: one read with each credential that the register names.

Owns which read: the provider's own plug-in is asked for the first days of a month, as `pull` would,
and nothing of the answer is kept. It needs no permission that a pull does not need.
"""

from collections.abc import Iterator
from datetime import timedelta

from tieout.core.errors import (
    ConnectionMissingError,
    NotReadyError,
    SettingError,
    SourceRefusedError,
    SourceUnreachableError,
    TieoutError,
)
from tieout.core.period import Period, parse_period
from tieout.ledger.billing_accounts import BillingAccount
from tieout.sources.base import load_provider
from tieout.steps.context import Context
from tieout.steps.doctor.points import Area, Point
from tieout.steps.inputs import accounts

_AREA = Area("providers")
_MEND: dict[type[TieoutError], str] = {
    ConnectionMissingError: "add the connection, or run this where Airflow's connections are",
    SourceRefusedError: "give the key the permissions on the provider's page, or a new key",
    SourceUnreachableError: "check endpoint, proxy and firewall, then try again",
    SettingError: "correct the connection as the provider's page says",
}


def look(context: Context) -> Iterator[Point]:
    """One point per credential; the month is yesterday's, so that some day of it is over."""
    yesterday = context.now().date() - timedelta(days=1)
    month = parse_period(f"{yesterday:%Y-%m}")
    try:
        with context.store.transaction() as tx:
            registered = accounts(tx, month)
    except TieoutError as error:
        mend = "propose the accounts policy (docs/guides/connect-an-account.md)"
        yield _AREA.warn("register", str(error), mend)
        return
    first: dict[tuple[str, str], BillingAccount] = {}
    for account in registered:
        first.setdefault((account.provider, account.connection), account)
    for account in first.values():
        yield _one(context, account, month)


def _one(context: Context, account: BillingAccount, month: Period) -> Point:
    name = f"connection {account.connection}"
    try:
        found = _read(context, account, month)
    except NotReadyError as error:  # it answered: there is only nothing yet
        return _AREA.ok(name, f"answers, without data so far: {error}")
    except ConnectionMissingError as error:
        return _AREA.warn(name, str(error), _MEND[ConnectionMissingError])
    except TieoutError as error:
        known = (mend for kind, mend in _MEND.items() if isinstance(error, kind))
        page = f"see docs/reference/providers/{account.provider}.md"
        return _AREA.fail(name, str(error), next(known, page))
    return _AREA.ok(name, found)


def _read(context: Context, account: BillingAccount, month: Period) -> str:
    """The report of the month's first day; whole files where a provider delivers whole files."""
    answers = load_provider(account.provider).fetch_cost(
        context.connection(account.connection),
        account=account.billing_account_id,
        period=month,
        through=month.start_on,
        now=context.now(),
    )
    count = sum(len(one.content) for one in answers)
    return f"{account.subject} answered {len(answers)} documents, {count} bytes"
