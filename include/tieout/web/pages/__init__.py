"""The pages: one module each, listed once in TABS. Nothing else needs to know that a page exists.

To write a page `x` (Close is the model):

1. `web/pages/x.py` has a `router = APIRouter(prefix="/x")` and, for each address, a plain function
   that is given a `desk: AtDesk` and the `period: Period`, reads through a step, and returns
   `desk.show(Page(...))`. It decides nothing and adds nothing up: figures come from steps.
2. The context: `view = desk.view("state", ...)` with the page's own keys, first of all. Unknown
   keys are refused. A page names in `Page.honours` which of entity, as_of, basis, currency and
   where its figures follow; of the others the frame says that they are not followed.
3. Tables: `Table(name=, caption=, columns=(Column(...), ...), rows=[{column: value}, ...])`; a
   value is plain (text, int, Decimal in the major unit, date) or `Cell(value, link=, note=)`,
   `State(word, tone)`, `Unknown(reason)`, or a tuple of them in a column of the kind `list`.
   `desk.paged(table)` searches, sorts and pages a first table that fits in memory; the frame does
   it for the others. What does not fit is read by keyset:
   `desk.position(name)` gives what the page before put into `following=`, and `every=` reads all
   rows for the downloads, which exist without further work.
4. Links: `desk.link("/ledger/2026-10")` to another page, `desk.here(sort="-amount")` on this one.
   Never write an address by hand: the app is mounted below a prefix.
5. Costly figures that only move with the books: `desk.kept(f"name {period}", lambda: ...)`. A page
   takes at most twelve SQL statements.
6. The template `web/templates/x/....html` extends `base.html`, fills the block `content`, and shows
   tables and charts with `{% import "parts.html" as parts %}`: `parts.table(desk, page, tables.t)`,
   `parts.chart(one)`. No style attribute, no inline script: the gate's headers forbid both.
7. Forms: a model that extends `forms.PageForm`, a POST route that ends in
   `desk.decide(form, decision, then=desk.link(...))`; in the template `parts.hidden(desk)`.
8. One line in TABS, a section in docs/reference/pages.md, a test in tests/web/pages. The contract
   test walks every page by itself: give its addresses in `tests/web/pages/addresses.py`.
"""

from typing import Final

from tieout.web.desk import Tab
from tieout.web.pages import (
    allocation,
    audit,
    close,
    documents,
    initiatives,
    ledger,
    reconciliation,
    rules,
)

TABS: Final = (
    Tab(
        name="close",
        title="Close",
        letter="c",
        question="Where are we?",
        router=close.router,
    ),
    Tab(
        name="reconciliation",
        title="Reconciliation",
        letter="r",
        question="Does it tie?",
        router=reconciliation.router,
    ),
    Tab(
        name="ledger",
        title="Ledger",
        letter="l",
        question="What is this number?",
        router=ledger.router,
    ),
    Tab(
        name="documents",
        title="Documents",
        letter="d",
        question="What came in?",
        router=documents.router,
    ),
    Tab(
        name="rules",
        title="Rules",
        letter="u",
        question="What will happen to which cost, and who agreed?",
        router=rules.router,
    ),
    Tab(
        name="allocation",
        title="Allocation",
        letter="a",
        question="Who carries the shared cost, and does it add up?",
        router=allocation.router,
    ),
    Tab(
        name="audit",
        title="Audit",
        letter="t",
        question="Who did what, when, why?",
        router=audit.router,
    ),
    Tab(
        name="initiatives",
        title="Initiatives",
        letter="i",
        question="What did it really cost, and who says so?",
        router=initiatives.router,
    ),
)
