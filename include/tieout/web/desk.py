"""One request of one person at the desk: the view that was asked for, links, the page that answers.

Owns how a page's answer becomes HTML or a file, and what every page says of itself: whose it is, of
which month, as of which ledger sequence. Knows no page.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from tieout.core.errors import UnknownSubjectError
from tieout.publish.money_text import plain
from tieout.steps import standing_now
from tieout.steps.context import Context
from tieout.web import downloads, preferences, view
from tieout.web.api import web_context
from tieout.web.assets import below
from tieout.web.auth import Person
from tieout.web.forms import Forms, PageForm
from tieout.web.rendering import render
from tieout.web.signing import Part, Signer
from tieout.web.table import Table, paged, purpose

SEE_OTHER: Final = 303


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


class Desk:
    """What a page function is given."""

    def __init__(self, request: Request, person: str) -> None:
        self._request = request
        self.person = person
        self.context: Context = web_context()
        self.root = str(request.scope.get("root_path", ""))
        self.preferences = preferences.read(request.cookies)
        self.standing = standing_now.read(self.context)
        self._view: view.View | None = None
        state = request.app.state
        self._signer: Signer = state.signer
        self._forms: Forms = state.forms
        self.tabs: Sequence[Tab] = state.tabs
        self._kept: Kept = state.kept

    @property
    def path(self) -> str:
        """The address of this page below the mount point, without its query."""
        return below(self._request.scope)

    def view(self, *own: str) -> view.View:
        """The context of this request; `own` are the keys that this page knows besides.

        Raises:
            QueryError: an unknown key, or a value that does not fit (400).
        """
        if self._view is None:
            items = self._request.query_params.multi_items()
            self._view = view.parse(items, own=(*own, "table"))
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
        return self.root + path + self.view().carried().query(**changes)

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
            raise view.QueryError(
                "The key after of the address is no token of this table: go back to its first page."
            )
        return found

    def paged(self, table: Table) -> Table:
        """Sort and cut a table whose rows are all here."""
        return paged(table, self.view(), self._signer)

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
                ignored=sorted(asked.changed() & set(view.CARRIED) - page.honours),
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
        which = None if table is page.tables[0] else table.name
        return f"{self.root}{self.path}.{form}{self.view().query(after=None, table=which)}"

    def _sequence(self, page: Page) -> int:
        return self.standing.ledger_seq if page.as_of is None else page.as_of

    def _file(self, page: Page, form: str) -> Response:
        wanted = self.view().own.get("table")
        found = [one for one in page.tables if wanted in (None, one.name)]
        if not found:
            raise UnknownSubjectError(
                f"This page has no table {(wanted or '')[:40]!r} to download: expected one of "
                f"{', '.join(one.name for one in page.tables) or 'none'}."
            )
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
