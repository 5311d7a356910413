"""OpenAI and Anthropic on loopback: the recorded pages of the sample company, by the asked month.

    answer(path, query, as_of=...)

A whole month is served as it was recorded; fewer days are cut out of it. Owns the AI providers'
paths; keys are checked by the server.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path

from demo.story import NOVEMBER, OCTOBER, Month, known_month

Answer = tuple[int, bytes]

_SECONDS = ("/v1/organization/costs", "/v1/organization/usage/completions")
_REPORTS = {
    "/v1/organization/costs": ("openai", "costs"),
    "/v1/organization/usage/completions": ("openai/usage", "completions"),
    "/v1/organizations/analytics/cost": ("anthropic/analytics", "cost"),
    "/v1/organizations/analytics/usage": ("anthropic/analytics", "usage"),
}
_NUMBER_MARK = re.compile(r'"@@(.*?)@@"')


@dataclass(frozen=True, slots=True, kw_only=True)
class _Span:
    """The instants that were asked: from `start` to before `end`."""

    start: datetime
    end: datetime


def answer(path: str, query: Mapping[str, list[str]], *, as_of: date) -> Answer:
    """What a provider answers to a GET on a day of the story."""
    if path == "/v1/organization/projects":
        month = NOVEMBER if NOVEMBER.stage(as_of) else OCTOBER
        return 200, (month.bills / "openai" / "projects.json").read_bytes()
    if path == "/v1/organizations/workspaces":
        with_default = query.get("include_default") == ["true"]
        name = "workspaces_with_default.json" if with_default else "workspaces.json"
        return 200, (OCTOBER.bills / "anthropic" / name).read_bytes()
    if path not in _REPORTS:
        return failure(404, f"no stand-in for {path}")
    return _report(path, query, as_of)


def failure(status: int, message: str) -> Answer:
    """A refusal in the form that both providers' SDKs read."""
    return status, json.dumps({"error": {"type": "stand-in", "message": message}}).encode()


def _report(path: str, query: Mapping[str, list[str]], as_of: date) -> Answer:
    asked = _asked(path, query)
    if asked is None:
        return failure(400, "start and end are required")
    month = known_month(asked.start.date(), as_of)
    if month is None or not _whole(month).start <= asked.start < asked.end <= _whole(month).end:
        return failure(400, "only October 2026, and November from 1 December on, was recorded")
    content = _page(_recorded(path, month, as_of), query.get("page", [None])[0])
    if content is None:
        return failure(400, "unknown page")
    return 200, content if asked == _whole(month) else _cut(content, path, asked)


def _asked(path: str, query: Mapping[str, list[str]]) -> _Span | None:
    try:
        if path in _SECONDS:
            start, end = (
                datetime.fromtimestamp(int(query[name][0]), UTC)
                for name in ("start_time", "end_time")
            )
        else:
            start, end = (
                datetime.fromisoformat(query[name][0]) for name in ("starting_at", "ending_at")
            )
    except (KeyError, ValueError):
        return None
    return _Span(start=start, end=end)


def _whole(month: Month) -> _Span:
    first, last = (datetime(day.year, day.month, day.day, tzinfo=UTC) for day in month.days)
    return _Span(start=first, end=last + timedelta(days=1))


def _recorded(path: str, month: Month, as_of: date) -> Sequence[Path]:
    """The pages in their order; one that the draft does not have is as the final one."""
    folder, name = _REPORTS[path]
    folders = [month.bills / folder]
    if name == "costs":
        pulls = [month.final_on, month.draft_on][: 1 if month.stage(as_of) == "final" else 2]
        folders = [month.bills / folder / f"as_of_{day}" for day in pulls]
    found = {page.name: page for one in folders for page in one.glob(f"{name}.page*.json")}
    return [found[key] for key in sorted(found)]


def _page(paths: Sequence[Path], cursor: str | None) -> bytes | None:
    """The first recorded page, or the one that follows the page which names this cursor."""
    if cursor is None:
        return paths[0].read_bytes()
    for before, after in pairwise(paths):
        if json.loads(before.read_bytes())["next_page"] == cursor:
            return after.read_bytes()
    return None


def _cut(content: bytes, path: str, asked: _Span) -> bytes:
    """The recorded page with the asked days only; its numbers keep their digits."""
    key = "start_time" if path in _SECONDS else "starting_at"
    page = json.loads(content, parse_float=lambda text: f"@@{text}@@")
    page["data"] = [
        entry for entry in page["data"] if asked.start <= _instant(entry[key]) < asked.end
    ]
    return _NUMBER_MARK.sub(r"\1", json.dumps(page)).encode()


def _instant(value: int | str) -> datetime:
    if isinstance(value, int):
        return datetime.fromtimestamp(value, UTC)
    return datetime.fromisoformat(value)
