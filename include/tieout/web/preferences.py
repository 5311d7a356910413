"""How a person likes to see figures, kept in a cookie, so per person and browser."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

COOKIE: Final = "tieout_view"

Density = Literal["compact", "normal", "wide"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Preferences:
    """Credits in brackets or with a minus; height of rows; whether single keys do something."""

    brackets: bool = True
    density: Density = "normal"
    keys: bool = True

    def text(self) -> str:
        """The cookie's value."""
        return ".".join(
            ("brackets" if self.brackets else "minus", self.density, "keys" if self.keys else "off")
        )


def read(cookies: Mapping[str, str]) -> Preferences:
    """What the cookie says; whatever it does not say is as it is at first."""
    words = set(cookies.get(COOKIE, "").split("."))
    density: Density = "compact" if "compact" in words else "wide" if "wide" in words else "normal"
    return Preferences(brackets="minus" not in words, density=density, keys="off" not in words)
