"""Connections: a pull that suddenly goes another way is a finding that a person must accept.

Owns the fingerprint of a connection: its address and settings under a key of the deployment, never
its secrets. An administrator of Airflow may edit a connection and point it at a false provider;
that cannot be prevented from here, but it does not stay unseen.
"""

import hmac
import re
import secrets
from pathlib import Path
from urllib.parse import urlsplit

from tieout.audit.canonical import canonical_bytes
from tieout.config import ProviderConnection, Settings
from tieout.core.finding import Finding
from tieout.core.period import Period
from tieout.ledger.billing_accounts import BillingAccount
from tieout.log import is_sensitive
from tieout.steps.context import Context
from tieout.steps.outputs import begin, done_before, finish
from tieout.store import connections, periods
from tieout.store.logins import keep
from tieout.store.session import Tx

_OWN_ADDRESS = "the provider's own address"
_LONGEST_PLACE = 300
_LOOPBACK = re.compile(r"(127\.0\.0\.1|localhost|\[::1\]):[0-9]+")


def seen(
    context: Context, account: BillingAccount, month: Period, connection: ProviderConnection
) -> None:
    """Keep where this pull went; of an open month, what changed since its last close is found."""
    new = connections.NewSeen(
        provider=account.provider,
        billing_account_id=account.billing_account_id,
        fingerprint=fingerprint(
            connection, key=_key(context.settings), home=context.settings.home.as_uri()
        ),
        place=place(connection),
        period=str(month),
        seen_at=context.now(),
    )
    with context.store.transaction() as tx:
        connections.add(tx, new)
        if periods.state(tx, str(month)) != "closed":
            _report(context, tx, account, month)


def fingerprint(connection: ProviderConnection, *, key: bytes, home: str) -> str:
    """HMAC-SHA256 (hex) of address, login and settings.

    Secrets may be rotated without a change, and so may the deployment's own folder `home` (a URL)
    move with what lies in it.
    """
    shown = {
        "endpoint": _portless(connection.endpoint or ""),
        "login": connection.login or "",
        "extra": {
            name: _portless(value).replace(home, "home:")
            for name, value in connection.extra.items()
            if not is_sensitive(name)
        },
    }
    return hmac.digest(key, canonical_bytes(shown), "sha256").hex()


def place(connection: ProviderConnection) -> str:
    """The host that a connection points to, without a log-in."""
    host = urlsplit(_portless(connection.endpoint or "")).netloc.rpartition("@")[2]
    return host[:_LONGEST_PLACE] or _OWN_ADDRESS


def _report(context: Context, tx: Tx, account: BillingAccount, month: Period) -> None:
    closed_at = [one.closed_at for one in periods.listing(tx) if one.closed_at is not None]
    changed = [
        one
        for one in connections.changes(tx, account.provider, account.billing_account_id)
        if one.period <= str(month) and all(one.recorded_at > at for at in closed_at)
    ]
    subject = f"{month}/{account.subject}"
    work = begin(context, "connections", subject, reads=[one.fingerprint for one in changed])
    if not changed or done_before(tx, work):
        return
    finish(
        context,
        tx,
        work,
        outputs={"changes": len(changed)},
        action="connection_changed",
        found=[_finding(account, one) for one in changed],
    )


def _finding(account: BillingAccount, change: connections.Change) -> Finding:
    moved = (
        f"points at {change.place} since"
        if change.place != change.place_before
        else f"still points at {change.place}, with other settings since"
    )
    return Finding(
        kind="connection_changed",
        severity="blocking",
        subject=f"{account.subject} connection {change.fingerprint[:12]}",
        message=(
            f"The connection {account.connection} of {account.provider} now {moved} "
            f"{change.seen_at:%Y-%m-%d %H:%M} UTC (before: {change.place_before}): expected the "
            "same as at the last pull; find out who changed it, explain it and have it accepted."
        ),
    )


def _portless(text: str) -> str:
    """An address on this machine without its port: a stand-in has another one at each start."""
    return _LOOPBACK.sub(r"\1", text)


def _key(settings: Settings) -> bytes:
    """The deployment's key: the setting, else one that is made once and kept beside the logins."""
    given = settings.fingerprint_key.reveal()
    if given:
        return given.encode()
    file = settings.home / "secrets" / "fingerprint.key"
    if not file.exists():
        _make_once(file)
    return file.read_bytes().strip()


def _make_once(file: Path) -> None:
    fresh = file.with_name(f".{file.name}-{secrets.token_hex(4)}")
    keep(fresh, secrets.token_urlsafe(32))
    try:
        file.hardlink_to(fresh)  # unlike a rename, it never replaces the key of another process
    except FileExistsError:
        pass
    finally:
        fresh.unlink()
