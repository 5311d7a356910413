"""Confirmations: one number for one person, one act and one content, used once within ten minutes.

The database gives, compares and uses them up; only the hash of a number is kept.
"""

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from tieout.store.schema import INSTANT, metadata
from tieout.store.session import Tx

confirmation = sa.Table(
    "confirmation",
    metadata,
    sa.Column("nonce_sha256", sa.Text, primary_key=True),
    sa.Column("person_id", sa.Text),
    sa.Column("act", sa.Text),
    sa.Column("subject", sa.Text),
    sa.Column("content_hash", sa.Text),
    sa.Column("logged_in_at", INSTANT),
    sa.Column("issued_at", INSTANT),
    sa.Column("expires_at", INSTANT),
)
confirmation_use = sa.Table(
    "confirmation_use",
    metadata,
    sa.Column("nonce_sha256", sa.Text, primary_key=True),
    sa.Column("used_at", INSTANT),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """What is decided: an act such as `sign`, about a subject, with exactly this content.

    `content_hash` has 64 hex digits.
    """

    act: str
    subject: str
    content_hash: str


def issue(tx: Tx, nonce_sha256: str, claim: Claim, *, logged_in_at: datetime) -> datetime:
    """Keep a number for the person of this transaction; gives the instant when it ends.

    Raises (at the end of the transaction):
        SegregationError: not the pages' login, or a person without a duty in the close.
    """
    given = sa.func.tieout.issue_confirmation(
        nonce_sha256,
        claim.act,
        claim.subject,
        claim.content_hash,
        sa.cast(logged_in_at, INSTANT),
    )
    ends: datetime = tx.execute(sa.select(given)).scalar_one()
    return ends


def use(tx: Tx, nonce_sha256: str, claim: Claim) -> None:
    """Use a number up, for exactly what it was given for.

    Raises (at the end of the transaction):
        ConfirmationError: another person's, of another act or content, ended, or used before.
    """
    taken = sa.func.tieout.use_confirmation(
        nonce_sha256, claim.act, claim.subject, claim.content_hash
    )
    tx.execute(sa.select(taken))
