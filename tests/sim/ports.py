"""The ports of the simulation: dice, clock, fault points and a disk that forgets what it may.

Everything that is not determined comes out of one seed, so a month that fails can be run again.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TypeVar

T = TypeVar("T")
BEGIN = datetime(2026, 10, 5, 6, tzinfo=UTC)


class CrashError(Exception):
    """The process died at a call of a port; what it had not made durable may be gone."""


class DiskFullError(Exception):
    """No space is left; the file that was there before is intact."""


class Dice:
    """Numbers out of a seed: the same on every machine and for every hash seed of Python."""

    def __init__(self, seed: int) -> None:
        self._seed, self._thrown = seed, 0

    def below(self, bound: int) -> int:
        self._thrown += 1
        digest = hashlib.blake2b(f"{self._seed}:{self._thrown}".encode(), digest_size=8).digest()
        return int.from_bytes(digest) % bound

    def pick(self, choices: Sequence[T]) -> T:
        return choices[self.below(len(choices))]

    def chance(self, percent: int) -> bool:
        return self.below(100) < percent


class Faults:
    """The n-th call of a port from now on ends the process; 0 arms nothing."""

    def __init__(self) -> None:
        self.armed, self.crashes = 0, 0

    def point(self) -> None:
        if self.armed:
            self.armed -= 1
            if not self.armed:
                self.crashes += 1
                raise CrashError


@dataclass(slots=True)
class Clock:
    """Simulated time; a skewed clock may jump back, which must not matter to any figure."""

    now: datetime = BEGIN

    def pass_(self, hours: int) -> None:
        self.now += timedelta(hours=hours)


@dataclass(slots=True)
class SimDisk:
    """Files in a cache and on the platter. A crash keeps what was synced, and only that.

    Content is durable after `fsync` of the file, a name after a sync of the folder; a file whose
    name is durable and whose content is not comes back torn.
    """

    faults: Faults
    bugs: frozenset[str]
    full: bool = False
    flip_next: bool = False
    cache: dict[str, bytes] = field(default_factory=dict)
    synced: set[str] = field(default_factory=set)
    platter: dict[str, bytes] = field(default_factory=dict)
    made_at: dict[str, datetime] = field(default_factory=dict)

    def publish(self, name: str, content: bytes, at: datetime) -> None:
        """Write beside, sync, rename, sync the folder: then the file stays."""
        self.faults.point()
        if self.full:
            raise DiskFullError
        beside = f"{name}.tmp"
        self.cache[beside] = content
        self.faults.point()
        if "no fsync" not in self.bugs:
            self.synced.add(beside)
        self.cache[name] = self.cache.pop(beside)
        if beside in self.synced:
            self.synced.add(name)
        self.made_at[name] = at
        self.faults.point()
        if "no directory sync" not in self.bugs:
            self._sync_folder()

    def read(self, name: str) -> bytes:
        """What the file holds; one bit may be wrong once, which only its hash tells."""
        self.faults.point()
        content = self.cache[name]
        if self.flip_next:
            self.flip_next = False
            return bytes([content[0] ^ 1]) + content[1:]
        return content

    def remove(self, name: str) -> None:
        self.cache.pop(name, None)
        self.platter.pop(name, None)

    def crash(self) -> None:
        """Only the platter is left."""
        self.cache = dict(self.platter)
        self.synced = set(self.platter)

    def _sync_folder(self) -> None:
        for name, content in self.cache.items():
            if not name.endswith(".tmp"):
                whole = name in self.synced
                self.platter[name] = content if whole else content[: len(content) // 2]
