"""A month's ledger lines as they are asked for: reported or restated, now or as of a sequence.

Owns which kept file or publication answers; computes nothing.
"""

from typing import Any

import pyarrow as pa

from tieout.core.errors import NotReadyError, UnknownSubjectError, UsageError
from tieout.core.period import Period
from tieout.focus.ledger_columns import with_own_dimensions
from tieout.steps.context import Context
from tieout.store import publications, restated, runs
from tieout.store.session import Tx

BASES = ("reported", "restated")
_STAGES = ("final", "draft")


def lines(
    context: Context, tx: Tx, month: Period, *, basis: str = "reported", as_of: int | None = None
) -> pa.Table:
    """The lines (LEDGER_SCHEMA) of a month; of one that is not final yet those of its draft.

    Raises:
        UsageError: another basis.
        NotReadyError: the month has not been allocated.
        UnknownSubjectError: nothing was published of the month at that sequence.
    """
    if basis not in BASES:
        raise UsageError(f"Expected a basis of {', '.join(BASES)}, found {basis[:40]!r}.")
    newest = restatement(tx, month, as_of=as_of) if basis == "restated" else None
    if newest is not None:
        return _read(context, newest.files["lines"])
    if as_of is None:
        return _read(context, allocated_run(tx, month).outputs["lines"])
    published = publications.as_of(tx, str(month), as_of)
    if published is None:
        raise UnknownSubjectError(
            f"Nothing of {month} was published when the ledger stood at {as_of}: give a later "
            "sequence, or none for what stands now."
        )
    return publications.lines(tx, published.publication_id)


def restatement(tx: Tx, month: Period, *, as_of: int | None) -> restated.Restatement | None:
    """The restated view of a month, now or as of a sequence; None: it stands as reported."""
    if as_of is None:
        return restated.head(tx, str(month))
    return restated.as_of(tx, str(month), as_of)


def allocated_run(tx: Tx, month: Period) -> runs.Run:
    """The run whose lines are the month: of the final figures, else of the draft.

    Raises:
        NotReadyError: there is none yet.
    """
    for stage in _STAGES:
        if found := runs.latest(tx, "allocate", f"{month}/{stage}"):
            return found
    raise NotReadyError(
        f"{month} has not been allocated yet: its cost is known once `tieout classify` and "
        "`tieout allocate` have run for it."
    )


def _read(context: Context, file: dict[str, Any]) -> pa.Table:
    return with_own_dimensions(context.lake.get_table(file["path"], file["sha256"]))
