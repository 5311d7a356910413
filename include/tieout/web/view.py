"""What a page is asked to show: the context in its query string, read strictly and written back.

Owns the keys, their order and defaults, and links that carry the context on. Knows no page and no
figure. Defaults are left out and keys keep one order, so one view has one address.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from functools import cache
from typing import Any, Final, Literal
from urllib.parse import quote

from tieout.core.errors import UsageError

Basis = Literal["reported", "restated"]
DEFAULT_SIZE: Final = 100
# what a link to another page takes along; the rest belongs to the page it was chosen on
CARRIED: Final = ("entity", "as_of", "basis", "currency", "where")
_LONGEST: Final = 200
_FORMS: Final[Mapping[str, tuple[re.Pattern[str], str]]] = {
    "entity": (re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,59}"), "the id of a legal entity"),
    "as_of": (re.compile(r"[0-9]{1,15}"), "a ledger sequence such as 4711"),
    "basis": (re.compile(r"reported|restated"), "reported or restated"),
    "currency": (re.compile(r"[A-Z]{3}"), "a currency such as USD"),
    "by": (
        re.compile(r"[a-z][a-z0-9_]{0,59}(?:,[a-z][a-z0-9_]{0,59}){0,3}"),
        "up to four dimensions",
    ),
    "where": (
        re.compile(r"[a-z][a-z0-9_]{0,59}:.{1,180}"),
        "a dimension and a value, such as provider:aws",
    ),
    "sort": (
        re.compile(r"-?[a-z][a-z0-9_]{0,59}"),
        "a column, with - before it for the largest first",
    ),
    "after": (re.compile(r"[A-Za-z0-9_-]{1,2000}"), "the token of a page's next link"),
    "size": (re.compile(r"[1-9][0-9]{0,2}|1000"), "a number of rows from 1 to 1000"),
    "find": (re.compile(r".{1,80}"), "at most 80 characters to find in the rows"),
    "table": (re.compile(r"[a-z][a-z0-9_]{0,59}"), "the name of a table of the page"),
}


class QueryError(UsageError):
    """A key of the address is unknown, stands twice, or holds what it cannot."""


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """The context of a page; the field names are the keys of the address, in its order.

    `as_of` is a ledger sequence, None for the head. `sort`, `after`, `size` and `find` are of the
    table that `table` names, empty for the page's first. `own` holds the keys of this page alone.
    """

    entity: str = ""
    as_of: int | None = None
    basis: Basis = "reported"
    currency: str = ""
    by: tuple[str, ...] = ()
    where: tuple[tuple[str, str], ...] = ()
    sort: str = ""
    after: str = ""
    size: int = DEFAULT_SIZE
    find: str = ""
    table: str = ""
    own: Mapping[str, str] = field(default_factory=dict)

    def query(self, **changes: Any) -> str:
        """The query string with its `?`, empty when nothing differs from the defaults.

        A change names a field, or a key of the page's own; None takes the default again.
        """
        known = _known()
        given = {k: _or_default(k, value) for k, value in changes.items() if k in known}
        own = {**self.own, **{key: value for key, value in changes.items() if key not in known}}
        pairs = (replace(self, **given) if given else self).pairs()
        pairs += [(key, text) for key, text in sorted(own.items()) if text]
        return "?" + "&".join(f"{k}={quote(str(v), safe=':,')}" for k, v in pairs) if pairs else ""

    def carried(self) -> "View":
        """What goes along to another page."""
        return View(**{name: getattr(self, name) for name in CARRIED})

    def changed(self) -> frozenset[str]:
        """The keys that differ from their defaults."""
        return frozenset(key for key, _ in self.pairs())

    def pairs(self) -> list[tuple[str, str]]:
        """The keys that differ from their defaults, as text, in the order of the address."""
        pairs = [
            ("entity", self.entity),
            ("as_of", "" if self.as_of is None else str(self.as_of)),
            ("basis", "" if self.basis == "reported" else self.basis),
            ("currency", self.currency),
            ("by", ",".join(self.by)),
            *(("where", f"{name}:{value}") for name, value in self.where),
            ("sort", self.sort),
            ("after", self.after),
            ("size", "" if self.size == DEFAULT_SIZE else str(self.size)),
            ("find", self.find),
            ("table", self.table),
        ]
        return [(key, text) for key, text in pairs if text]


@cache
def _known() -> frozenset[str]:
    return frozenset(one.name for one in fields(View))


def parse(items: Iterable[tuple[str, str]], *, own: Iterable[str] = ()) -> View:
    """Read the pairs of a query string; `own` are the further keys that this page knows.

    Raises:
        QueryError: an unknown key, a key twice (but `where`), or a value that does not fit.
    """
    texts: dict[str, str] = {}
    where: list[tuple[str, str]] = []
    allowed = (*_FORMS, *own)
    for key, text in items:
        if key not in allowed:
            raise QueryError(
                f"The address has an unknown key {key[:40]!r}: expected only "
                f"{', '.join(allowed)}; take it out."
            )
        if not text and key != "where":
            continue  # an empty field of a form means its default
        _check(key, text)
        if key == "where":
            name, _, value = text.partition(":")
            where.append((name, value))
        elif key in texts:
            raise QueryError(f"The address has the key {key} twice: expected it once.")
        else:
            texts[key] = text
    return _view(texts, tuple(dict.fromkeys(where)), own=own)


def _check(key: str, text: str) -> None:
    if key in _FORMS:
        pattern, expected = _FORMS[key]
        fits = bool(pattern.fullmatch(text))
    else:
        expected = f"at most {_LONGEST} characters"
        fits = len(text) <= _LONGEST
    if not fits or "\x00" in text:
        raise QueryError(f"The key {key} of the address is {text[:40]!r}: expected {expected}.")


def _view(
    texts: Mapping[str, str], where: tuple[tuple[str, str], ...], *, own: Iterable[str]
) -> View:
    as_of = texts.get("as_of")
    return View(
        entity=texts.get("entity", ""),
        as_of=None if as_of is None else int(as_of),
        basis="restated" if texts.get("basis") == "restated" else "reported",
        currency=texts.get("currency", ""),
        by=tuple(filter(None, texts.get("by", "").split(","))),
        where=where,
        sort=texts.get("sort", ""),
        after=texts.get("after", ""),
        size=int(texts.get("size", DEFAULT_SIZE)),
        find=texts.get("find", ""),
        table=texts.get("table", ""),
        own={key: texts[key] for key in own if key in texts},
    )


def _or_default(key: str, value: Any) -> Any:
    return getattr(View(), key) if value is None else value
