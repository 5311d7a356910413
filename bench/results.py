"""The file of benchmark results: one entry a comparison, merged by name.

Owns bench/results.json and the printed table, for every benchmark; measures nothing. The file is
read by docs and by people who want to know what changed, so its keys never change their meaning.
"""

import json
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

_WHOLE_FROM = 1_000  # from here on decimals tell nothing
FILE = Path(__file__).with_name("results.json")


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One comparison; `name` is its key and says everything that the figures depend on.

    `ours` and `other` are medians in `unit` (None: not measured, `note` says why); `ratio` is how
    many times better ours is, or what the goal speaks of; `met` is None where nothing was measured.
    """

    name: str
    ours: float | None
    other: float | None
    unit: str
    ratio: float | None
    goal: str
    met: bool | None
    versions: dict[str, str]
    note: str = ""


def merge(results: Sequence[Result], path: Path = FILE) -> None:
    """Write the results into the file; an entry of the same name is replaced, others stay."""
    kept: dict[str, Any] = {}
    if path.exists():
        kept = {entry["name"]: entry for entry in json.loads(path.read_text(encoding="utf-8"))}
    kept |= {result.name: asdict(result) for result in results}
    entries = [kept[name] for name in sorted(kept)]
    path.write_text(json.dumps(entries, indent=1) + "\n", encoding="utf-8")


def table(results: Sequence[Result]) -> str:
    """The results as text for people, in their order."""
    lines = [f"{'measure':58} {'ours':>12} {'other':>12} {'unit':14} {'ratio':>8}  goal"]
    for one in results:
        word = {True: "met", False: "MISSED", None: "not measured"}[one.met]
        lines.append(
            f"{one.name:58} {_figure(one.ours):>12} {_figure(one.other):>12} {one.unit:14} "
            f"{_figure(one.ratio):>8}  {one.goal}: {word}{f' ({one.note})' if one.note else ''}"
        )
    return "\n".join(lines)


def python_version() -> dict[str, str]:
    """The interpreter's own entry for `versions`."""
    return {"python": platform.python_version()}


def _figure(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:,.0f}" if abs(value) >= _WHOLE_FROM else f"{value:.2f}"
