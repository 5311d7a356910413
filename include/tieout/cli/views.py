"""How results look in a terminal: tables, trees and one-line reports. Owns no figure."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from tieout.rules.own_dimensions import own_of
from tieout.steps.context import StepResult

MOST_LINES = 40
_HALF_CENT, _HALF_MILLIONTH = Decimal("0.005"), Decimal("0.0000005")
_SECTIONS = {
    "estimate_to_report": "own estimate to report",
    "draft_to_final": "draft to final report",
    "report_to_invoice": "report to invoice",
    "credit_rollforward": "opening to closing credit",
}


def result_line(result: StepResult) -> str:
    """One line a step: what, about what, done or unchanged, and its counts."""
    facts = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in result.summary.items())
    return f"{result.step:<10} {result.subject:<24} {result.status:<10} {facts}".rstrip()


def status(found: dict[str, Any]) -> RenderableType:
    """Checklist and signatures of a period."""
    table = plain_table(f"{found['period']}: {found['state'] or 'not begun'}")
    for column in ("check", "title", "result", "detail"):
        table.add_column(column)
    for check in found["checks"]:
        passed = "passed" if check["passed"] else "FAILED" if check["blocking"] else "open"
        table_row(table, check["check_id"], check["title"], passed, check["detail"])
    for one in found["sign_offs"]:
        table_row(
            table,
            "signed",
            f"{one['duty']} {one['person_id']}",
            "current" if one["is_current"] else "void",
            f"{one['signed_at'][:19]} content {one['content_hash'][:12]}",
        )
    return table


def statement(found: dict[str, Any]) -> Iterator[RenderableType]:
    """The tie-out statement: one row an account, why its figures differ, then the totals."""
    table = plain_table(f"Tie-out statement {found['period']} ({found['currency']})")
    table.add_column("account", no_wrap=True)
    names = ("estimated", "reported", "billed", "explained", "unexplained")
    for name in names:
        table.add_column(name, justify="right")
    for row in found["rows"]:
        table_row(
            table,
            " ".join((row["provider"], f"({row['mode']})", row.get("currency", ""))).strip(),
            *(money(row.get(name)) for name in names),
        )
    yield table
    yield _bridges(found)
    if found["own_dimensions"]:
        yield _own_totals(found["own_dimensions"])
    yield _totals(found)


def _bridges(found: dict[str, Any]) -> RenderableType:
    table = plain_table("Why they differ (sentences and evidence: reconciliation.json)")
    for name in ("account", "from one figure to the next", "cause"):
        table.add_column(name)
    table.add_column(found["currency"], justify="right")
    story = [bridge for bridge in found["bridges"] if bridge["section"] in _SECTIONS]
    for bridge in sorted(story, key=_story_order):
        step = _SECTIONS[bridge["section"]]
        rows = [(line["component"], int(line["amount_units"])) for line in bridge["lines"]]
        rows.append(("unexplained", int(bridge["unexplained_units"])))
        shown = [(cause, units) for cause, units in rows if units] or [("no difference", 0)]
        for cause, units in shown:
            other = "" if bridge["currency"] == found["currency"] else f" {bridge['currency']}"
            shown_units = f"{_units(units)}{other}"
            table_row(table, bridge["provider"], step, cause.replace("_", " "), shown_units)
    return table


def _story_order(bridge: dict[str, Any]) -> tuple[str, int]:
    return (bridge["provider"], list(_SECTIONS).index(bridge["section"]))


def _own_totals(rows: list[dict[str, Any]]) -> RenderableType:
    table = plain_table("Own dimensions")
    for name in ("dimension", "value"):
        table.add_column(name, no_wrap=True)
    table.add_column("cost", justify="right", no_wrap=True)
    for row in rows:
        value = "not decided" if row["value"] is None else row["value"]
        table_row(table, row["dimension"], value, money(row["amount"]))
    return table


def _totals(found: dict[str, Any]) -> RenderableType:
    grid = Table.grid(padding=(0, 2))
    grid.add_column()
    grid.add_column(justify="right")
    share = Decimal(found["unallocated_share_bp"]) / 100
    rows = (
        ("ledger total", money(found["ledger_total"])),
        ("unallocated", f"{money(found['unallocated'])} ({share} %)"),
        ("journal debits", money(found["journal_debit"])),
        ("journal credits", money(found["journal_credit"])),
        ("expense of the period", money(found["expense"])),
        *(
            ("differences of exchange", money(found[name]))
            for name in ("exchange_difference",)
            if name in found
        ),
        *(
            (f"of which consumed in {one['service_period']}", money(one["expense"]))
            for one in found["earlier_expense"]
        ),
        ("period state", found["state"]),
        ("content hash", found["content_hash"][:16]),
        ("audit events", str(found["audit_events"])),
    )
    for name, value in rows:
        table_row(grid, name, value)
    return grid


def ledger_lines(found: list[dict[str, Any]]) -> RenderableType:
    """Ledger lines, largest first; what is folded is said."""
    table = plain_table("Ledger lines")
    shown = [(row, _own(row)) for row in found[:MOST_LINES]]
    more = ("own",) if any(own for _, own in shown) else ()
    for name in ("line", "provider", "service", "initiative", "pool", *more):
        table.add_column(name, no_wrap=True, min_width=12 if name == "line" else None)
    table.add_column("billed cost", justify="right", no_wrap=True)
    for row, own in shown:
        table_row(
            table,
            row["ledger_line_id"][:12],
            row["provider"],
            row["service_name"],
            row["initiative"] or "unallocated",
            row["pool_id"] or "",
            *([own] if more else []),
            money(row["billed_cost"]),
        )
    rest = found[MOST_LINES:]
    if rest:
        total = sum((Decimal(row["billed_cost"]) for row in rest), Decimal(0))
        empty = [""] * (3 + len(more))
        table_row(table, "", f"{len(rest)} others", *empty, money(str(total)))
    return table


def _own(row: dict[str, Any]) -> str:
    """The classes of the user's own dimensions: `team search, tier gold`."""
    return ", ".join(f"{name} {value}" for name, value in own_of(row["own_dimensions"]).items())


def explanation(found: dict[str, Any]) -> RenderableType:
    """A tree from the figure down to the provider's bytes."""
    line = found["ledger_line"]
    owner = line["initiative"] or "unallocated"
    head = f"ledger line {line['ledger_line_id'][:12]}: {line['billed_cost']} {line['provider']}"
    tree = Tree(_plain(f"{head} {line['service_name']} → {owner}"))
    for one in found["journal"]:
        place = f"{one['posting_on']} {one['entry']} account {one['account']}"
        tree.add(_plain(f"journal {place}: part of {one['amount']}"))
    if found["allocation"]:
        share = found["allocation"]
        tree.add(_plain(f"allocation: {share['share']} of pool {share['pool']} ({share['of']})"))
    classes = tree.add("classification")
    for dimension, one in found["classification"].items():
        classes.add(_plain(f"{dimension}: {one['value']} by rule {one['rule']}"))
    for one in found["approvals"]:
        people = f"proposed by {one['proposed_by']}, approved by {one['approved_by']}"
        classes.add(_plain(f"{one['policy']} {people} {one['approved_at']}"))
    charges = tree.add(_plain(f"{found['charge_count']} charges, {found['charges_total']} in all"))
    for one in found["charges"]:
        day = one["charge_period_start"][:10]
        place = f"row {one['row']} of document {one['document_sha256'][:12]}"
        charges.add(_plain(f"{one['billed_cost']} {day} {place}: {one['description']}"))
    if found["charge_count"] > len(found["charges"]):
        charges.add(_plain(f"{found['charge_count'] - len(found['charges'])} others"))
    papers = tree.add("documents")
    for sha256, one in sorted({one["document_sha256"]: one for one in found["charges"]}.items()):
        leaf = papers.add(_plain(f"{one['document']} fetched {one['fetched_at']}"))
        check = "bytes verified" if one["verified"] else "document not found"
        leaf.add(_plain(f"sha256 {sha256} {check}"))
    return tree


def policies(found: list[dict[str, Any]]) -> RenderableType:
    """Policy versions with their people."""
    table = plain_table("Policies")
    for name in ("kind", "version", "valid from", "proposed by", "approved by", "sha256"):
        table.add_column(name)
    for one in found:
        table_row(
            table,
            one["kind"], str(one["version"]), one["valid_from"], one["proposed_by"],
            one["approved_by"] or "not yet", one["sha256"][:12],
        )  # fmt: skip
    return table


def review(found: list[dict[str, Any]]) -> RenderableType:
    """The documents that wait for a person."""
    table = plain_table(f"Review: {len(found)} waiting")
    for name in ("document", "name", "state", "account", "month", "why"):
        table.add_column(name, no_wrap=name == "document")
    for one in found:
        table_row(
            table, one["document"][:12], one["name"], one["state"], _account(one),
            one["period"] or "-", one["reason"],
        )  # fmt: skip
    return table


def paper(found: dict[str, Any]) -> RenderableType:
    """One document of the review: state, history, what it says, what was typed for it."""
    tree = Tree(_plain(f"{found['name']}: {found['state']}, {_account(found)} {found['period']}"))
    tree.add(_plain(f"sha256 {found['document']}"))
    if found["evidence"]:
        tree.add(_plain(f"typed by {found['author']}, evidence {found['evidence']}"))
    if found["approved_by"]:
        tree.add(_plain(f"approved by {found['approved_by']}"))
    events = tree.add("history")
    for one in found["history"]:
        what = f"{one['recorded_at'][:19]} {one['event']} by {one['recorded_by']}"
        events.add(_plain(f"{what}: {one['reason']}"))
    for one in found["figures"]:
        says = tree.add(_plain(f"{one['kind']} {one['number']} of {one['seller']}"))
        for line in one["lines"]:
            says.add(_plain(f"{line['description']}: {line['amount']}"))
        sums = (f"{name} {one[name]}" for name in ("subtotal", "credit", "tax", "total"))
        says.add(_plain(f"{', '.join(sums)} {one['currency']}"))
    for one in found["typed"]:
        what = f"figures {one['document'][:12]} typed by {one['author']}: {one['state']}"
        tree.add(_plain(what))
    return tree


def _account(found: dict[str, Any]) -> str:
    return f"{found['provider']}/{found['billing_account_id']}" if found["provider"] else "-"


def plain_table(title: str) -> Table:
    """An empty table in the house's look."""
    return Table(
        title=title,
        title_justify="left",
        box=SIMPLE_HEAD,
        pad_edge=False,
        padding=(0, 1),
        collapse_padding=True,
    )


def table_row(table: Table, *cells: str) -> None:
    """Add a row of texts; nothing in them is markup, and control characters are shown."""
    table.add_row(*(_plain(cell) for cell in cells))


def _plain(text: str) -> Text:
    """Names and tags are a provider's: no markup of ours, no control of the terminal in them."""
    return Text("".join(one if one.isprintable() else "\ufffd" for one in text))


def money(text: str | None) -> str:
    """Two decimals; more for an amount that two would show as nothing."""
    if text is None:
        return "-"
    amount = Decimal(text)
    return f"{amount:,.2f}" if not amount or abs(amount) > _HALF_CENT else _small(amount)


def _units(units: str | int) -> str:
    amount = Decimal(int(units)).scaleb(-12)
    is_cents = amount == amount.quantize(Decimal("0.01"))
    return f"{amount:,.2f}" if is_cents or abs(amount) >= 1 else _small(amount)


def _small(amount: Decimal) -> str:
    return f"{amount:,.6f}" if abs(amount) > _HALF_MILLIONTH else f"{amount:,.12f}"
