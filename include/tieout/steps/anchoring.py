"""What keeps checkpoints of the audit log and copies them outside, for `checkpoint` and `publish`.

Owns the order: a checkpoint is kept in the transaction that it closes, and copied outside after the
commit, so that no copy stands for something that never was. A signature may be added later.
"""

from tieout.audit.checkpoint import Checkpoint, checkpoint_of, disagreement
from tieout.core.errors import IntegrityError
from tieout.core.ids import sha256_hex
from tieout.lake import anchors
from tieout.publish.pack_keys import load_key
from tieout.steps.context import Context
from tieout.store import audit, checkpoints
from tieout.store.checkpoints import KeptCheckpoint
from tieout.store.session import Tx

ORIGIN = "tieout/audit-log"


def keep(context: Context, tx: Tx, *, period: str = "") -> KeptCheckpoint:
    """Keep the checkpoint of the log as it is in this transaction, signed if there is a key.

    `period` is the month that was published with it.
    """
    texts = [event.canonical for event in audit.whole_log(tx)]
    before = checkpoints.listing(tx, upto=len(texts))
    if not before or before[-1].size != len(texts):
        made = _made(texts, before, period)
        settings = context.settings
        kept_at = anchors.places(made.size, url=settings.anchor_url, repository=settings.anchor_git)
        checkpoints.add(tx, made.size, made.text(), anchors=kept_at)
    _sign_all(context, tx, texts)
    return checkpoints.listing(tx, upto=len(texts))[-1]


def anchor(context: Context) -> int:
    """Copy every kept checkpoint to its places, where it is not there yet; gives their count.

    Raises:
        IntegrityError: a copy outside says something else than the database.
    """
    with context.store.transaction() as tx:
        kept = checkpoints.listing(tx)
    found = [(place, one) for one in kept for place in one.anchors]
    for place, one in found:
        anchors.put(place, one.note())
    return len(found)


def agree(name: str, text: str, texts: list[str]) -> None:
    """Make sure that a checkpoint and the log say the same.

    Raises:
        IntegrityError: names the checkpoint and what was cut or changed.
    """
    wrong = disagreement(text, texts)
    if wrong:
        raise IntegrityError(f"The audit log does not agree with {name}: {wrong}.")


def _made(texts: list[str], before: list[KeptCheckpoint], period: str) -> Checkpoint:
    notes = [f"published {period}"] if period else []
    if before:
        notes.append(f"previous {sha256_hex(before[-1].body.encode())}")
    return checkpoint_of(ORIGIN, texts, notes=notes)


def _sign_all(context: Context, tx: Tx, texts: list[str]) -> None:
    """Sign what is not signed yet, after another look at the log that it stands for."""
    key = load_key(context.settings.signing_key)
    if key is None:
        return
    for one in checkpoints.listing(tx, upto=len(texts)):
        if key.verifier_key not in one.signatures:
            agree(f"the kept checkpoint of {one.size} events", one.body, texts)
            checkpoints.sign(tx, one.size, key.verifier_key, key.line(one.body))
