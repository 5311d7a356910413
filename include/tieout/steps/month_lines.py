"""A month's ledger lines as they are asked for: reported or restated, now or as of a sequence.

Owns which kept file or publication answers; computes nothing. A month whose lines are those that
were published is answered by the database, which has sums and indexes; a file is read whole.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from tieout.core.errors import NotReadyError, UnknownSubjectError, UsageError
from tieout.core.period import Period
from tieout.focus.ledger_columns import with_own_dimensions
from tieout.reports import line_tables
from tieout.reports.line_tables import Sum, Wanted
from tieout.steps.context import Context
from tieout.store import ledger_lines, publications, restated, runs
from tieout.store.session import Tx

BASES = ("reported", "restated")
_STAGES = ("final", "draft")
_NOW = 2**62  # a ledger sequence behind all that there are


def lines(
    context: Context, tx: Tx, month: Period, *, basis: str = "reported", as_of: int | None = None
) -> pa.Table:
    """The lines (LEDGER_SCHEMA) of a month; of one that is not final yet those of its draft.

    Raises:
        UsageError: another basis.
        NotReadyError: the month has not been allocated.
        UnknownSubjectError: nothing was published of the month at that sequence.
    """
    _check(basis)
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Where the lines of months are: the publication of a month, or else its file."""

    kept: Mapping[str, int]
    files: Mapping[str, Mapping[str, Any]]

    def months(self) -> frozenset[str]:
        """The months that have lines."""
        return frozenset((*self.kept, *self.files))


def sums(
    context: Context,
    tx: Tx,
    places: Places,
    months: Sequence[str],
    by: Sequence[str],
    wanted: Sequence[Wanted] = (),
) -> dict[str, list[Sum]]:
    """Sums of the lines of months that fit conditions, by columns of LEDGER_SCHEMA."""
    kept = {period: places.kept[period] for period in months if period in places.kept}
    found = ledger_lines.sums(tx, list(kept.values()), by, wanted) if kept else {}
    made = {period: found.get(number, []) for period, number in kept.items()}
    for period in months:
        if period in places.files:
            own = line_tables.fitting(_read(context, places.files[period]), wanted)
            made[period] = line_tables.sums(own, by)
    return made


def fitting(
    context: Context,
    tx: Tx,
    month: Period,
    wanted: Wanted,
    columns: Sequence[str],
    *,
    basis: str = "reported",
    as_of: int | None = None,
) -> pa.Table:
    """Some columns of the lines of a month that have a value.

    Raises:
        UsageError, NotReadyError, UnknownSubjectError: as `lines`.
    """
    places = places_of(tx, [str(month)], basis=basis, as_of=as_of)
    if str(month) in places.kept:
        return ledger_lines.fitting(tx, places.kept[str(month)], [wanted], columns)
    whole = lines(context, tx, month, basis=basis, as_of=as_of)  # or says why there are none
    return line_tables.fitting(whole, [wanted]).select(columns)


def places_of(tx: Tx, months: Sequence[str], *, basis: str, as_of: int | None) -> Places:
    """Where the lines are that `lines` gives; a month that has none is in neither.

    Raises:
        UsageError: another basis.
    """
    _check(basis)
    upto = _NOW if as_of is None else as_of
    views = restated.heads(tx, upto_seq=upto) if basis == "restated" else {}
    published = publications.heads(tx, upto_seq=upto)
    newest = _allocated(tx, months) if as_of is None else {}
    kept: dict[str, int] = {}
    files: dict[str, Mapping[str, Any]] = {}
    for month in months:
        run, head = newest.get(month), published.get(month)
        if month in views:
            files[month] = views[month].files["lines"]
        elif head is not None and (as_of is not None or (run and run.run_id == head.run_id)):
            kept[month] = head.publication_id
        elif run is not None:
            files[month] = run.outputs["lines"]
    return Places(kept=kept, files=files)


def _allocated(tx: Tx, months: Sequence[str]) -> dict[str, runs.Run]:
    """What `allocated_run` gives, of many months at once."""
    subjects = {f"{month}/{stage}": month for stage in reversed(_STAGES) for month in months}
    found = runs.latest_of(tx, "allocate", list(subjects))
    return {month: found[one] for one, month in subjects.items() if one in found}


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


def _check(basis: str) -> None:
    if basis not in BASES:
        raise UsageError(f"Expected a basis of {', '.join(BASES)}, found {basis[:40]!r}.")


def _read(context: Context, file: Mapping[str, Any]) -> pa.Table:
    return with_own_dimensions(context.lake.get_table(file["path"], file["sha256"]))
