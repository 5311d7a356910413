"""The books as an hledger journal, checked by hledger itself where it is installed."""

import re
import shutil
import subprocess
from pathlib import Path
from types import ModuleType

import pytest
from tests.ledger.books import CHART, OCTOBER
from tests.publish.test_beancount import stored

from tieout.core.errors import ConservationError, DocumentUnreadableError
from tieout.publish.erp import beancount, hledger

HLEDGER = shutil.which("hledger")
needs_hledger = pytest.mark.skipif(
    HLEDGER is None, reason="hledger is not on PATH (Debian and Ubuntu: apt-get install hledger)"
)


def exported() -> str:
    return hledger.export(stored(), CHART, period=OCTOBER)


def check(text: str, folder: Path) -> subprocess.CompletedProcess[str]:
    file = folder / "books.journal"
    file.write_text(text)
    command = [str(HLEDGER), "-f", str(file), "check", "-s", "ordereddates", "payees"]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@needs_hledger
def test_an_independent_program_accepts_the_books(tmp_path: Path) -> None:
    found = check(exported(), tmp_path)
    assert (found.returncode, found.stdout + found.stderr) == (0, "")


@needs_hledger
@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("  98.000000 USD", "  98.001000 USD", "could not balance"),
        ("expenses:6100-Research", "expenses:6100-Recearch", "undeclared account"),
        ("== 22.340000 USD", "== 22.350000 USD", "balance assertion"),
        ("openai org-1 |", "openai org-7 |", "undeclared payee"),
    ],
)
def test_an_independent_program_refuses_books_that_were_touched(
    old: str, new: str, complaint: str, tmp_path: Path
) -> None:
    text = exported()
    at = text.rindex(old)
    found = check(text[:at] + new + text[at + len(old) :], tmp_path)
    assert found.returncode == 1
    assert complaint in found.stdout + found.stderr


def test_parsed_back_both_text_ledgers_say_the_same() -> None:
    other = beancount.read_back(beancount.export(stored(), CHART, period=OCTOBER))
    found = hledger.read_back(exported())
    assert len(found) == len(other) == sum(len(one["lines"]) for one in stored())
    assert [(one.number, one.debit_minor, one.credit_minor) for one in found] == [
        (one.number, one.debit_minor, one.credit_minor) for one in other
    ]


def test_control_accounts_are_asserted_after_the_month_and_after_the_last_entry() -> None:
    found = re.findall(
        r"^(\S+) \* tieout|2100\S*  0\.0+ USD == (\S+) USD$", exported(), re.MULTILINE
    )
    days = [day for day, _ in found if day]
    balances = [balance for _, balance in found if balance]
    assert (days, balances) == (["2026-10-31", "2026-11-03"], ["-98.000000", "0.000000"])


def test_marks_that_end_a_field_are_replaced() -> None:
    value = stored()[0] | {"description": "a | b ; c\nd"}
    text = hledger.export([value], CHART, period=OCTOBER)
    assert "| a / b , c d\n" in text


def test_books_without_entries_are_directives_only() -> None:
    assert hledger.export([], CHART, period=OCTOBER) == (
        "commodity 1000.000000 USD\npayee tieout\n"
    )


def test_a_posting_without_an_amount_is_refused() -> None:
    with pytest.raises(DocumentUnreadableError, match="A posting of JE-1 is 'assets:1000-Cash'"):
        hledger.read_back("2026-10-31 * (JE-1) x | y\n    assets:1000-Cash\n")


@pytest.mark.parametrize("ledger", [beancount, hledger])
def test_a_text_that_is_not_the_entries_is_not_given_out(
    ledger: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger, "read_back", lambda _: [])
    with pytest.raises(ConservationError, match=r"lines of the (beancount|hledger) file differ"):
        ledger.export(stored(), CHART, period=OCTOBER)
