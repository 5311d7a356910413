"""One month in a world of ports: a seed drives its events, its faults, their order and its clock.

A step is a generator that stops where another one may come between; it loads, computes with the
product's pure packages and saves in one transaction. `check` holds after every act; after the
faults end, `settle` must bring the ledger to the state of the same facts delivered once, in order.
"""

from collections.abc import Callable, Generator
from dataclasses import replace
from datetime import date, timedelta
from typing import Literal

from tests.ledger.books import CHART, MONTH
from tests.sim import checks
from tests.sim.months import (
    SERVICE,
    Books,
    Fact,
    Provider,
    balances,
    books,
    facts_of,
    newest,
    oracle,
)
from tests.sim.ports import Clock, CrashError, Dice, DiskFullError, Faults, SimDisk
from tests.sim.sim_store import SimStore, SimTx

from tieout.audit.canonical import canonical_bytes
from tieout.core.errors import StateError, TieoutError
from tieout.core.ids import sha256_hex
from tieout.ledger.entry import JournalEntry, entry_json, reverse
from tieout.ledger.posting import accrual, true_up
from tieout.ledger.posting import invoice as book_invoice

Step = Generator[None, None, None]
NEXT, NEXT_ON = "2026-11", date(2026, 11, 1)
GRACE = timedelta(days=7)
PEOPLE = ("ana", "ben")
ACTS = (
    *("pull", "pull", "pull", "book", "book", "book", "invoice", "sweep", "sweep", "tell", "tick"),
    *("close", "sign", "sign", "sign", "decide", "race", "race"),
)
_EXPENSE = ("5100", "6900")
_FREE = -1  # whatever else was posted meanwhile: the key of the entry decides


class World:
    """The ports of one month and everything that happens through them."""

    def __init__(
        self, seed: int, bugs: frozenset[str] = frozenset(), *, truth: int | None = None
    ) -> None:
        self.dice, self.faults, self.clock, self.bugs = Dice(seed), Faults(), Clock(), bugs
        self.store = SimStore(self.faults, self.clock, bugs)
        self.disk = SimDisk(self.faults, bugs)
        self.provider = Provider(self.dice, Dice(10**9 + (seed if truth is None else truth)))
        self.held: list[Step] = []
        self.seen: frozenset[Fact] = frozenset()  # what answers that were acknowledged held
        self.roots: list[tuple[int, bytes]] = []
        self.acknowledged, self.runs, self.trace = 0, 0, ""
        self.checked = (-1, -1)
        with self.store.transaction() as tx:
            tx.ensure(SERVICE)
            tx.ensure(NEXT)

    # What happens

    def act(self, name: str, *, arm: int = 0, hold: bool = False) -> None:
        """One act, with a crash at the n-th call of a port; held, it goes on at a later act."""
        self.faults.armed = arm
        try:
            self._do(name, hold=hold)
        except CrashError:
            self._recover()
        except (TieoutError, DiskFullError):
            pass  # refused: nothing is written, the scheduler comes again
        self.faults.armed = 0
        self.trace = sha256_hex(f"{self.trace}{name}{arm}{hold}{self._state_hash()}".encode())
        self.check()

    def resume(self, *, arm: int = 0) -> None:
        """A zombie wakes up: the oldest held attempt goes on to its end."""
        if self.held:
            self.act("resume", arm=arm)

    def settle(self) -> None:
        """Liveness: without faults everything arrives in a few acts and the ledger is the oracle's.

        Raises:
            LieError: it is not.
        """
        self.disk.full = self.disk.flip_next = False
        self.provider.tell_more(99)
        for name in ("resume",) * len(self.held) + ("pull",) * 12 + ("book", "invoice", "book"):
            self.act(name)
        document = self.provider.invoice()
        assert document
        wanted = oracle(self.provider.truth(), document)
        found = balances([row.entry for row in self.store.state.rows])
        checks.hold(found == wanted, f"the ledger is {found}, expected {wanted}")

    def _do(self, name: str, *, hold: bool) -> None:
        simple: dict[str, Callable[[], None]] = {
            "tell": lambda: self.provider.tell_more(1 + self.dice.below(3)),
            "tick": lambda: self.clock.pass_(self.dice.pick((1, 12, 48, -6, -30))),
            "sign": self._sign,
            "close": self._ask,
            "decide": self._decide,
            "sweep": self._sweep,
        }
        if name in simple:
            simple[name]()
            return
        if name == "race":
            self._race()
            return
        steps: dict[str, Callable[[], Step]] = {
            "pull": self._pull,
            "book": self._book,
            "invoice": self._invoice,
            "resume": lambda: self.held.pop(0),
        }
        step = steps[name]()
        if hold:
            for _ in range(1 + self.dice.below(2)):
                next(step, None)
            self.held.append(step)
            return
        for _ in step:
            pass

    def _race(self) -> None:
        """Two at once: one step stops half way, something else happens, then it goes on."""
        step = self.dice.pick((self._pull, self._book, self._book, self._invoice))()
        for _ in range(1 + self.dice.below(2)):
            next(step, None)
        self._do(self.dice.pick(("decide", "sweep", "pull", "book", "invoice")), hold=False)
        for _ in step:
            pass

    def _recover(self) -> None:
        self.disk.crash()
        self.held.clear()
        self.store.writer = None

    # The steps

    def _pull(self) -> Step:
        """The provider's answer joins what is known: file first, then the head that names it."""
        head = self.store.state.heads.get("facts")
        known = self._load(head) if head else []
        answer = self.provider.fetch()
        if answer.throttled and "empty throttled answer taken as zero" not in self.bugs:
            return
        facts = [fact for page in answer.pages for fact in page]
        new = sorted(newest(known + facts)) if answer.pages else []
        if "page repeat counted twice" in self.bugs:
            new += sorted({fact for fact in facts if facts.count(fact) > 1})
        content = canonical_bytes([[*fact[:4], str(fact.units)] for fact in new])
        name = sha256_hex(content)
        if "commit before rename" in self.bugs:
            self._move(head, name)
            yield
            self.disk.publish(name, content, self.clock.now)
        else:
            self.disk.publish(name, content, self.clock.now)
            yield
            if not self._move(head, name):
                return  # another attempt came first
        self.seen = newest([*self.seen, *facts])

    def _move(self, expected: str | None, new: str) -> bool:
        with self.store.transaction() as tx:
            moved = tx.move_head("facts", expected=expected, new=new)
            tx.append("pull", new)
        self.acknowledged = max(self.acknowledged, len(tx.seen.events))
        return moved

    def _book(self) -> Step:
        """Accrue, or true up; what comes after the close goes into the open month."""
        head = self.store.state.heads.get("facts")
        if head is None:
            return
        found = self._books(head)
        posted = [row.entry for row in self.store.state.rows]
        on = None if self.store.state.months[SERVICE].state != "closed" else NEXT_ON
        if "late event into closed month" in self.bugs:
            on = None
        wanted = self._adjustment(posted, found, on)
        if any(entry.journal_type == "invoice" for entry in posted):
            return
        yield
        yield from self._save([wanted] if wanted else [], ("booked", head), _FREE)

    def _adjustment(
        self, posted: list[JournalEntry], found: Books, on: date | None
    ) -> JournalEntry | None:
        soft = self.store.state.months[SERVICE].state != "open"
        if any(entry.journal_type in ("accrual", "true_up") for entry in posted) or soft:
            # what was added after the close stands in the next month, and counts all the same
            here = [replace(entry, posting_on=MONTH.period.last_on) for entry in posted]
            made = true_up(here, found.lines, month=MONTH, chart=CHART, documents=())
        else:
            made = accrual(found.lines, month=MONTH, chart=CHART)
        if made.entry is None or on is None:
            return made.entry
        return replace(made.entry, posting_on=on)

    def _invoice(self) -> Step:
        """Once the lines are the invoice's: accruals are reversed, the invoice stands instead."""
        document, head = self.provider.invoice(), self.store.state.heads.get("facts")
        if document is None or head is None:
            return
        found = self._books(head)
        posted = [row.entry for row in self.store.state.rows]
        matched = found.units == document.subtotal_units
        if not matched or any(entry.journal_type == "invoice" for entry in posted):
            return
        entry = book_invoice(found.lines, month=MONTH, chart=CHART, document=document).entry
        assert entry
        yield
        made = [*self._reversals(posted), entry]
        yield from self._save(made, ("invoiced", head), len(posted))

    def _reversals(self, posted: list[JournalEntry]) -> list[JournalEntry]:
        """What reverses every accrual and true-up; a planted bug reverses reversals, too."""
        open_ones = [one for one in posted if one.journal_type in ("accrual", "true_up")]
        made = [reverse(entry, on=NEXT_ON) for entry in open_ones]
        if "reversal of a reversal" in self.bugs and made:
            as_new = replace(made[0], journal_type="accrual", reverses=None)
            made.append(reverse(as_new, on=NEXT_ON))
        return made

    def _save(self, entries: list[JournalEntry], done: tuple[str, str], counted: int) -> Step:
        """One transaction, unless what was read has moved meanwhile; a lost answer is looked up."""
        self.runs += 1
        if "key built from run id" in self.bugs:
            entries = [
                replace(entry, idempotency_key=f"{entry.idempotency_key}:{self.runs}")
                for entry in entries
            ]
        try:
            with self.store.transaction() as tx:
                yield
                self._write(tx, entries, done, counted)
        except CrashError:
            if "blind retry after lost ack" in self.bugs:
                with self.store.transaction() as tx:
                    again = [
                        replace(entry, idempotency_key=f"{entry.idempotency_key}:again")
                        for entry in entries
                    ]
                    self._write(tx, again, done, _FREE)
            raise
        self.acknowledged = max(self.acknowledged, len(tx.seen.events))

    @staticmethod
    def _write(tx: SimTx, entries: list[JournalEntry], done: tuple[str, str], counted: int) -> None:
        moved = counted not in (_FREE, len(tx.entries()))
        if moved or tx.head("facts") != done[1] or tx.head("invoiced"):
            raise StateError("Facts or entries have moved since they were read: superseded.")
        for entry in entries:
            tx.post(entry_json(entry))
        name, value = done
        tx.move_head(name, expected=tx.head(name), new=value)
        tx.append(name, value)

    def _ask(self) -> None:
        with self.store.transaction() as tx:
            tx.request_close(SERVICE, checks.statement(tx.seen, upto=tx.ledger_seq()))

    def _sign(self) -> None:
        """Somebody signs what was asked for, or what they read some time ago."""
        month = self.store.state.months[SERVICE]
        content = month.asked if month.asked and self.dice.chance(85) else sha256_hex(b"old page")
        duty: Literal["preparer", "controller"] = (
            "preparer" if month.preparer is None or self.dice.chance(30) else "controller"
        )
        with self.store.transaction() as tx:
            if tx.sign(SERVICE, duty, content, self.dice.pick(PEOPLE)) == "closed":
                tx.month(SERVICE).reported = content

    def _decide(self) -> None:
        """Two people sit together: ask, sign, sign."""
        self._ask()
        self._sign()
        self._sign()

    def _sweep(self) -> None:
        """Delete files that no publication ever named, once they are old enough."""
        grace = timedelta(days=-9) if "GC without grace" in self.bugs else GRACE
        named = set(self.store.state.head_history)
        for name, made_at in list(self.disk.made_at.items()):
            if name not in named and self.clock.now - made_at > grace:
                self.disk.remove(name)

    # What is read

    def _load(self, name: str) -> list[Fact]:
        content = self.disk.read(name)
        if sha256_hex(content) != name:
            raise StateError(f"File {name[:12]} is not what was written: read it again.")
        return facts_of(content)

    def _books(self, head: str) -> Books:
        return self._made(self._load(head))

    def _made(self, facts: list[Fact]) -> Books:
        kept = newest(facts)
        repeated = tuple(facts[len(kept) :])
        return books(kept, repeated, floats="float sum" in self.bugs)

    def _state_hash(self) -> str:
        state = self.store.state
        return f"{state.seq} {len(state.events)} {state.heads} {sorted(self.disk.cache)}"

    # What always holds

    def check(self) -> None:
        """Every invariant of the ledger, the lake and the log.

        Raises:
            LieError: the first one that does not hold.
        """
        state = self.store.state
        if (state.seq, len(state.events)) != self.checked:
            self.checked = (state.seq, len(state.events))
            checks.entries_are_lawful(state)
            self.roots.append(checks.log_continues(state, self.acknowledged, self.roots))
        checks.close_holds(state, self.store.bugs)
        checks.files_are_there(state, self.disk.cache, self.seen)
        if (booked := state.heads.get("booked")) and not state.heads.get("invoiced"):
            facts = facts_of(self.disk.cache[booked])
            checks.expense_is_whole(state, newest(facts), self._made(facts).units)


def live(
    seed: int, bugs: frozenset[str] = frozenset(), *, truth: int | None = None, acts: int = 24
) -> World:
    """One whole month of this seed: acts with faults, then without; gives the world it ends in.

    What the provider knows is the seed's own, or that of `truth`.

    Raises:
        LieError: an invariant broke, or the ledger is not the oracle's.
    """
    world = World(seed, bugs, truth=truth)
    dice = world.dice
    for _ in range(acts):
        world.disk.full, world.disk.flip_next = dice.chance(4), dice.chance(6)
        arm = 1 + dice.below(8) if dice.chance(25) else 0
        if world.held and dice.chance(35):
            world.resume(arm=arm)
        else:
            world.act(dice.pick(ACTS), arm=arm, hold=dice.chance(15))
    world.settle()
    return world
