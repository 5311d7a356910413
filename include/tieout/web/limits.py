"""How often one person may ask within a minute; counted in this process only.

With several API-server processes a person may do as many times as much: divide by their number.
Rules: OWASP ASVS 5.0 V2.4. It knows no route and no duty.
"""

import time
from collections import defaultdict, deque
from collections.abc import Callable, Mapping
from math import ceil
from threading import Lock
from typing import Final, Literal

Kind = Literal["read", "write", "export", "upload"]

WINDOW_S: Final = 60
PER_MINUTE: Final[Mapping[Kind, int]] = {"read": 120, "write": 30, "export": 10, "upload": 10}


class TooManyRequestsError(Exception):
    """More of one kind came from one person than a minute allows."""

    def __init__(self, kind: Kind, wait_s: int) -> None:
        super().__init__(kind, wait_s)
        self.kind = kind
        self.wait_s = wait_s


class Limits:
    """The requests of each person in the last minute; one per app."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = Lock()
        self._seen: defaultdict[tuple[str, Kind], deque[float]] = defaultdict(deque)

    def count(self, person: str, kind: Kind) -> None:
        """Count one request; what is refused is not counted, so waiting always helps.

        Raises:
            TooManyRequestsError: with the whole seconds to wait.
        """
        with self._lock:
            now, seen = self._clock(), self._seen[person, kind]
            while seen and seen[0] <= now - WINDOW_S:
                seen.popleft()
            if len(seen) >= PER_MINUTE[kind]:
                raise TooManyRequestsError(kind, ceil(seen[0] + WINDOW_S - now))
            seen.append(now)
