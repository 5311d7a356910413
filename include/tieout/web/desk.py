"""One request of one person at the desk: the view that was asked for, links, the page that answers.

Owns how a page's answer becomes HTML or a file, and what every page says of itself: whose it is, of
which month, as of which ledger sequence. Knows no page.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from tieout.core.errors import UnknownSubjectError
from tieout.publish.money_text import plain
from tieout.steps import standing_now
from tieout.steps.context import Context
from tieout.web import downloads, preferences
from tieout.web.api import web_context
from tieout.web.assets import below
from tieout.web.auth import Person
from tieout.web.forms import Forms, PageForm
from tieout.web.rendering import render
from tieout.web.signing import Part, Signer
from tieout.web.table import Row, Table, paged, purpose
from tieout.web.view import CARRIED, DEFAULT_SIZE, QueryError, View, parse

SEE_OTHER: Final = 303
_FEW: Final = 6  # rows that need no search


@dataclass(frozen=True, slots=True, kw_only=True)
class Tab:
    """One page of the tab bar: its name is the first part of its address."""

    name: str
    title: str
    letter: str
    question: str
    router: APIRouter


@dataclass(frozen=True, slots=True, kw_only=True)
class Crumb:
    """One step of the way to a figure; `amount` is the figure there, as text."""

    title: str
    link: str = ""
    amount: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """What a page answers.

    `headline` is the answer in one sentence: the h1 and the title. `tables` come as files too, the
    first for `.csv` and so on, another by `?table=`; sort and paging are of the first.
    `honours` are keys of the context that the page's figures follow; of another one that is set the
    page says that it does not. `as_of` is the sequence of figures that are not of now.
    """

    name: str
    period: str
    headline: str
    template: str
    tables: tuple[Table, ...] = ()
    values: Mapping[str, Any] = field(default_factory=dict)
    crumbs: tuple[Crumb, ...] = ()
    honours: frozenset[str] = frozenset()
    as_of: int | None = None
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """A form that searches the rows of a table: what it asks now, and what it keeps of the view."""

    text: str
    fields: Sequence[tuple[str, str]]


class Desk:
    """What a page function is given."""

    def __init__(self, request: Request, person: str) -> None:
        self._request = request
        self.person = person
        self.context: Context = web_context()
        self.root = str(request.scope.get("root_path", ""))
        self.preferences = preferences.read(request.cookies)
        self.standing = standing_now.read(self.context)
        self._view: View | None = None
        self._carried: View | None = None
        state = request.app.state
        self._signer: Signer = state.signer
        self._forms: Forms = state.forms
        self.tabs: Sequence[Tab] = state.tabs
        self._kept: Kept = state.kept
        self._whole: set[str] = set()

    @property
    def path(self) -> str:
        """The address of this page below the mount point, without its query."""
        return below(self._request.scope)

    def view(self, *own: str) -> View:
        """The context of this request; `own` are the keys that this page knows besides.

        Raises:
            QueryError: an unknown key, or a value that does not fit (400).
        """
        if self._view is None:
            items = self._request.query_params.multi_items()
            self._view = parse(items, own=own)
        return self._view

    def month(self, period: str) -> standing_now.Month:
        """The month of the address.

        Raises:
            UnknownSubjectError: it was never opened (404).
        """
        found = self.standing.month(period)
        if found is None:
            raise UnknownSubjectError(
                f"{period} was never opened: expected one of "
                f"{', '.join(one.period for one in self.standing.months) or 'none yet'}."
            )
        return found

    def link(self, path: str, **changes: Any) -> str:
        """The address of another page, with the context that goes along."""
        if self._carried is None:
            self._carried = self.view().carried()
        return self.root + path + self._carried.query(**changes)

    def here(self, **changes: Any) -> str:
        """The address of this page with something changed."""
        return self.root + self.path + self.view().query(**changes)

    def position(self, table: str) -> list[Part] | None:
        """What `Table.following` held on the page before; None on the first page.

        Raises:
            QueryError: the token is not of this table in this order.
        """
        asked = self.view()
        if not asked.after:
            return None
        found = self._signer.read(purpose(table, asked.sort), asked.after)
        if found is None:
            raise QueryError(
                "The key after of the address is no token of this table: go back to its first page."
            )
        return found

    def paged(self, table: Table, dress: Callable[[Row], Row] | None = None) -> Table:
        """Search, sort and cut the first table, whose rows are all here.

        `dress` gives the rows of this page what costs time and no file shows: links.
        """
        self._whole.add(table.name)
        asked = self.view()
        if asked.table not in ("", table.name):
            asked = View(size=asked.size)
        page = paged(table, asked, self._signer)
        return page if dress is None else replace(page, rows=[dress(row) for row in page.rows])

    def money(self, amount: Decimal, unit: str, *, digits: int = 2) -> str:
        """An amount in a sentence, as this person likes it."""
        text = plain(amount, digits=digits, brackets=self.preferences.brackets)
        return f"{text}\u00a0{unit}"

    def kept(self, name: str, make: Callable[[], Any]) -> Any:
        """What `make` gives, kept until anything is written to the books; for costly figures."""
        return self._kept.get((name, self.standing.mark), make)

    def form(self) -> dict[str, str]:
        """The hidden fields of a form."""
        return {"form_token": self._forms.token(self.person), "form_key": self._forms.new_key()}

    def decide(self, form: PageForm, decision: Callable[[], Any], *, then: str) -> Response:
        """Let a form in, decide once, and go on to a page by GET.

        Every decision by form passes here: what is asked of a person again belongs here.

        Raises:
            SegregationError: the form is not from a page that was shown to this person.
        """
        self._forms.check(form, self.person)

        def made() -> str:
            decision()
            return then

        return RedirectResponse(self._forms.once(form, self.person, made), status_code=SEE_OTHER)

    def show(self, page: Page) -> Response:
        """The page as HTML, or one of its tables as a file if the address ends so."""
        page = replace(page, tables=self._turned(page))
        form = self._request.scope.get("tieout.form")
        if form:
            return self._file(page, str(form))
        asked = self.view()
        tab = next(one for one in self.tabs if one.name == page.name)
        return HTMLResponse(
            render(
                page.template,
                **page.values,
                desk=self,
                page=page,
                tab=tab,
                tabs=self.tabs,
                view=asked,
                seq=self._sequence(page),
                tables={one.name: one for one in page.tables},
                ignored=sorted(asked.changed() & set(CARRIED) - page.honours),
            )
        )

    def next_page(self, table: Table) -> str:
        """The address of a table's next page; empty on the last."""
        if table.following is None:
            return ""
        token = self._signer.sign(purpose(table.name, self.view().sort), table.following)
        return self.here(after=token)

    def file(self, page: Page, table: Table, form: str) -> str:
        """The address of a table as a file."""
        return f"{self.root}{self.path}.{form}{self._of(page, table).query(after=None)}"

    def turned(self, page: Page, table: Table, **changes: Any) -> str:
        """The address of this page with a table in another order, searched, or from its start."""
        query = self._of(page, table).query(**{"after": None, **changes})
        place = "" if table.name == page.tables[0].name else f"#{table.name}"
        return self.root + self.path + query + place

    def order(self, page: Page, table: Table) -> str:
        """The column that a table is sorted by, `-` before it for the largest first."""
        return self._of(page, table).sort

    def search(self, page: Page, table: Table) -> Search | None:
        """The form that searches a table's rows; None where it is read page by page or short."""
        asked = self._of(page, table)
        if table.name not in self._whole or not (asked.find or len(table.rows) > _FEW):
            return None
        kept = replace(asked, find="", after="")
        pairs = [*kept.pairs(), *((key, text) for key, text in kept.own.items() if text)]
        return Search(text=asked.find, fields=pairs)

    def _of(self, page: Page, table: Table) -> View:
        """The context as this table follows it: another table's order and search are not its."""
        asked = self.view()
        first = page.tables[0].name
        if table.name == (asked.table or first):
            return asked
        which = "" if table.name == first else table.name
        return replace(asked, sort="", after="", find="", size=DEFAULT_SIZE, table=which)

    def _turned(self, page: Page) -> tuple[Table, ...]:
        """The tables as the address asks for them; the first one was turned by the page itself.

        Raises:
            UnknownSubjectError: the address names a table that the page has not (404).
            QueryError: it searches one that is read page by page.
        """
        wanted = self.view().table
        names = [one.name for one in page.tables]
        if wanted and wanted not in names:
            raise UnknownSubjectError(
                f"This page has no table {wanted!r}: expected one of {', '.join(names) or 'none'}."
            )
        made = (*page.tables[:1], *map(self._another, page.tables[1:]))
        if self.view().find and not self._whole & {wanted or next(iter(names), "")}:
            raise QueryError(
                "The key find of the address searches tables that a page holds as a whole: "
                "narrow this one down with its own fields."
            )
        return made

    def _another(self, table: Table) -> Table:
        if table.every is not None or table.following is not None:
            return table
        self._whole.add(table.name)
        columns = tuple(replace(one, sorts=one.kind != "list") for one in table.columns)
        known = replace(table, columns=columns)
        if self.view().table != table.name:
            return known
        return paged(known, self.view(), self._signer)

    def _sequence(self, page: Page) -> int:
        return self.standing.ledger_seq if page.as_of is None else page.as_of

    def _file(self, page: Page, form: str) -> Response:
        wanted = self.view().table
        found = [one for one in page.tables if wanted in ("", one.name)]
        if not found:
            raise UnknownSubjectError("This page has no table to download.")
        table = found[0]
        about = downloads.About(
            title=page.headline,
            address=self.here(),
            ledger_seq=self._sequence(page),
            person=self.person,
            note=page.note,
        )
        name = f"tieout-{page.name}-{page.period}-{table.name}.{form}"
        return Response(
            downloads.file_bytes(table, form, about),
            media_type=downloads.FORMS[form],
            headers={"Content-Disposition": f'attachment; filename="{name}"'},
        )


class Kept:
    """Costly values of the newest state of the books; an older state's are dropped."""

    def __init__(self, most: int = 64) -> None:
        self._most = most
        self._values: dict[tuple[str, str], Any] = {}

    def get(self, key: tuple[str, str], make: Callable[[], Any]) -> Any:
        """The value of this name at this state, made at most once."""
        if key not in self._values:
            made = make()
            same = {one: value for one, value in self._values.items() if one[1] == key[1]}
            self._values = same if len(same) < self._most else {}
            self._values[key] = made
        return self._values[key]


def desk_of(request: Request, person: Person) -> Desk:
    """The desk of this request."""
    return Desk(request, person)


AtDesk = Annotated[Desk, Depends(desk_of)]
