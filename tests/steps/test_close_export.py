"""Workbook and report of the sample month: as published, and the statement's own totals."""

import io
import json
from decimal import Decimal
from pathlib import Path

import openpyxl
import pypdfium2
import pytest
from tests import month
from tests.publish.spreadsheets import converted, needs_soffice

from tieout.core.errors import HashMismatchError
from tieout.core.period import parse_period
from tieout.publish.close_files import REPORT_HTML, REPORT_PDF, WORKBOOK
from tieout.publish.workbook import workbook
from tieout.reports.dossier import Dossier
from tieout.steps import close_export, dossier, evidence, pack, status
from tieout.store import journal


def gathered(world: month.World) -> Dossier:
    worker = world.worker()
    with worker.store.transaction() as tx:
        found = evidence.load(worker, tx, parse_period(month.PERIOD))
        seq = journal.ledger_seq(tx)
        entries = journal.entries(tx, upto_seq=seq)
        made = dossier.gather(worker, tx, found, entries, upto_seq=seq)
    worker.close()
    return made


def test_what_is_exported_of_a_published_month_is_the_published_file_and_in_the_pack(
    closed_world: month.World, tmp_path: Path
) -> None:
    worker = closed_world.worker()
    done = pack.run(worker, period=month.PERIOD, folder=tmp_path / "packs")
    for form in (WORKBOOK, REPORT_HTML, REPORT_PDF):
        file = tmp_path / form
        told = close_export.run(worker, period=month.PERIOD, form=form, file=file)
        assert told.summary["as_published"] == "yes"
        assert file.read_bytes() == (Path(str(done.summary["folder"])) / form).read_bytes()
    worker.close()


def test_the_pdf_says_the_totals_of_the_statement(closed_world: month.World) -> None:
    worker = closed_world.worker()
    content, _ = close_export.content_of(worker, period=month.PERIOD, form=REPORT_PDF)
    stated = status.statement(worker, period=month.PERIOD)
    worker.close()
    with pypdfium2.PdfDocument(content) as document:
        text = "".join(page.get_textpage().get_text_range() for page in document)
    for row in stated["rows"]:
        assert f"{Decimal(row['billed']):,.2f}" in text
        assert row["billing_account_id"] in text
    for name in ("ledger_total", "journal_debit", "expense"):
        assert f"{Decimal(stated[name]):,.2f}" in text
    assert stated["content_hash"] in text


@needs_soffice
def test_an_independent_program_adds_the_workbook_up_to_the_statement(
    closed_world: month.World, tmp_path: Path
) -> None:
    made = gathered(closed_world)
    raw = tmp_path / "raw.xlsx"
    raw.write_bytes(workbook(made, calculated=False))
    found = openpyxl.load_workbook(converted(raw, tmp_path / "out"), data_only=True)
    assert {sheet.title: sheet["B3"].value for sheet in found} == dict.fromkeys(
        found.sheetnames, "ties"
    )
    figures = {row[0].value: row[1].value for row in found["Summary"].iter_rows()}
    worker = closed_world.worker()
    stated = status.statement(worker, period=month.PERIOD)
    worker.close()
    for title, name in (
        ("Cost of the month, tax included", "ledger_total"),
        ("Expense in the books", "expense"),
        ("Debits posted", "journal_debit"),
    ):
        assert f"{figures[title]:.2f}" == f"{Decimal(stated[name]):.2f}"
    written = openpyxl.load_workbook(io.BytesIO(workbook(made)), data_only=True)
    formulas = openpyxl.load_workbook(io.BytesIO(workbook(made)))
    where = [
        (sheet.title, cell.coordinate)
        for sheet in formulas
        for row in sheet.iter_rows()
        for cell in row
        if cell.data_type == "f"
    ]
    shown = [[_cents(book[sheet][at].value) for sheet, at in where] for book in (found, written)]
    assert len(where) > 150
    assert shown[0] == shown[1]


def test_a_changed_published_file_is_refused(closed_world: month.World) -> None:
    worker = closed_world.worker()
    (file,) = worker.settings.home.rglob(f"evidence/{REPORT_HTML}")
    good = file.read_bytes()
    file.write_bytes(good + b" ")
    try:
        with pytest.raises(HashMismatchError, match="close-report"):
            close_export.content_of(worker, period=month.PERIOD, form=REPORT_HTML)
    finally:
        file.write_bytes(good)
        worker.close()


def test_of_an_open_month_they_are_made_of_what_stands_now(
    closed_world: month.World, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker = closed_world.worker()
    monkeypatch.setattr("tieout.steps.published.stands", lambda *_: False)
    content, is_published = close_export.content_of(worker, period=month.PERIOD, form=REPORT_HTML)
    worker.close()
    assert not is_published
    assert b"15,821.61" in content
    assert json.dumps(gathered(closed_world).content_hash)[1:13].encode() in content


def _cents(value: object) -> str:
    return value if isinstance(value, str) else f"{value:.2f}".replace("-0.00", "0.00")
