"""What always holds in a simulated month: the invariants of the ledger, the lake and the log.

Each function raises LieError with the first thing that does not hold.
"""

from collections.abc import Mapping, Sequence

from tests.sim.months import SERVICE, Fact, facts_of, newest
from tests.sim.sim_store import Row, State

from tieout.audit.canonical import canonical_hash
from tieout.audit.chain import GENESIS, first_bad
from tieout.audit.merkle import consistency_proof, leaf_hash, root, verify_consistency
from tieout.core.ids import sha256_hex
from tieout.core.money import to_minor
from tieout.ledger.entry import balanced
from tieout.ledger.trial_balance import trial_balance

_EXPENSE = ("5100", "6900")
_ALONE = 1


class LieError(AssertionError):
    """An invariant does not hold: what, and what was found."""


def hold(holds: bool, sentence: str) -> None:
    """Let through what holds."""
    if not holds:
        raise LieError(sentence)


def entries_are_lawful(state: State) -> None:
    """Balanced, numbered without a gap, one a key, reversed once at most; they sum to zero."""
    rows = state.rows
    for row in rows:
        balanced(row.entry)
    numbers = [row.posted.ledger_seq for row in rows]
    taken = sorted([*numbers, *(one.closed_seq for one in state.months.values() if one.closed_seq)])
    hold(taken == list(range(1, len(taken) + 1)), f"numbers {taken} have a gap")
    keys = {row.entry.idempotency_key for row in rows}
    hold(len(keys) == len(rows), "one key has two entries")
    originals = [row.entry.reverses for row in rows if row.entry.reverses]
    reversals = {row.entry.idempotency_key for row in rows if row.entry.reverses}
    hold(len(set(originals)) == len(originals), "an entry is reversed twice")
    hold(not reversals & set(originals), "a reversal is reversed")
    hold(set(originals) <= keys, "a reversal has no original")
    trial_balance([row.entry for row in rows])


def statement(state: State, *, upto: int) -> str:
    """What the month reports as of a number of the ledger."""
    return _report([row for row in state.rows if row.posted.ledger_seq <= upto])


def close_holds(state: State, bugs: frozenset[str]) -> None:
    """No later entry, two people, and what was reported is read back to the byte."""
    month, rows = state.months[SERVICE], state.rows
    if month.closed_seq is None or month.closed_at is None:
        return
    late = [r for r in rows if r.period == SERVICE and r.posted.ledger_seq > month.closed_seq]
    hold(not late, "an entry stands in a closed month")
    people = {name.split(" as ")[0] for name in month.closed_by}
    hold(len(people) > _ALONE, f"{people} closed the month alone")
    known = statement(state, upto=month.closed_seq)
    if "as-of by timestamp" in bugs:
        known = _report([row for row in rows if row.recorded_at <= month.closed_at])
    hold(known == month.reported, "what was reported is not what is read back")


def files_are_there(state: State, files: Mapping[str, bytes], seen: frozenset[Fact]) -> None:
    """Each head names a file with that hash; no fact of an acknowledged answer is gone."""
    for head in (state.heads.get("facts"), state.heads.get("booked")):
        if head is not None:
            content = files.get(head)
            whole = content is not None and sha256_hex(content) == head
            hold(whole, f"head {head[:8]} has no file")
    if facts := state.heads.get("facts"):
        known = {one.fact_id: one.version for one in newest(facts_of(files[facts]))}
        lost = [one for one in seen if known.get(one.fact_id, -1) < one.version]
        hold(not lost, f"facts {lost} were acknowledged and are gone")


def expense_is_whole(state: State, facts: frozenset[Fact], made_units: int) -> None:
    """Accruals and true-ups are what the facts say that were booked last, to the last unit."""
    units = sum(fact.units for fact in facts)
    hold(made_units == units, f"lines are {made_units} units, the facts {units}")
    lines = [line for row in state.rows for line in row.entry.lines]
    expense = sum(line.amount_minor for line in lines if line.account in _EXPENSE)
    hold(expense == to_minor(units, 2), f"booked {expense} cents, the facts say {units} units")


def log_continues(
    state: State, acknowledged: int, roots: Sequence[tuple[int, bytes]]
) -> tuple[int, bytes]:
    """The chain holds and the tree grew out of its last root; gives its size and root now."""
    events = state.events
    hold(len(events) >= acknowledged, "an acknowledged event is gone")
    size, old = roots[-1] if roots else (0, root([]))
    after = (size, events[size - 1].hash) if size else (0, GENESIS)
    hold(first_bad(events[size:], after=after) is None, "the chain of the log is broken")
    leaves = [leaf_hash(event.canonical.encode()) for event in events]
    new = root(leaves)
    proof = consistency_proof(leaves, size)
    grown = verify_consistency(size, len(leaves), proof=proof, old_root=old, new_root=new)
    hold(grown, f"the log does not continue what it was at {size}")
    return len(leaves), new


def _report(rows: Sequence[Row]) -> str:
    return canonical_hash([row.posted.content_hash for row in rows if row.period == SERVICE])
