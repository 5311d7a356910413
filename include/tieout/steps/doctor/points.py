"""One line of the doctor: what was looked at, how it is, and how to mend it. Owns no check."""

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from typing import Literal

from tieout.core.errors import TieoutError

State = Literal["ok", "warn", "fail"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """`area` and `name` are stable words, `found` says what is, `mend` what to do (empty if ok)."""

    area: str
    name: str
    state: State
    found: str
    mend: str = ""

    def as_json(self) -> dict[str, str]:
        """The same as texts."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Area:
    """Makes the points of one area."""

    name: str

    def ok(self, name: str, found: str) -> Point:
        """As it should be."""
        return Point(area=self.name, name=name, state="ok", found=found)

    def warn(self, name: str, found: str, mend: str) -> Point:
        """It works, and is less than it should be, or could not be looked at from here."""
        return Point(area=self.name, name=name, state="warn", found=found, mend=mend)

    def fail(self, name: str, found: str, mend: str) -> Point:
        """It does not work, or leaves a door open."""
        return Point(area=self.name, name=name, state="fail", found=found, mend=mend)

    def judge(self, name: str, *, good: bool, found: str, mend: str) -> Point:
        """`ok` or `fail`."""
        return self.ok(name, found) if good else self.fail(name, found, mend)

    def attempt(self, name: str, look: Callable[[], str], *, mend: str) -> Point:
        """`ok` with what `look` says, or `fail` with the sentence of its refusal."""
        try:
            return self.ok(name, look())
        except TieoutError as error:
            return self.fail(name, str(error), mend)


def verdict(points: Iterable[Point]) -> State:
    """The worst of all points."""
    states = {point.state for point in points}
    return "fail" if "fail" in states else "warn" if "warn" in states else "ok"
