"""What each check of content is there for: a forger who makes all hashes anew is found."""

from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from bench.pack_data import PERIOD, Case, a_case, an_entry, reversal_of, seal, sides
from tests.audit.verdict import failed

from bench import pack_data
from tieout.audit import verifier

# What a forger changes with all hashes made anew, and what is said: one per check of content.
Change = Callable[[Case], object]


def _entry(case: Case, place: int = 2) -> dict[str, Any]:
    """One entry that no reversal mirrors, to be changed."""
    found: dict[str, Any] = case.entries[place]
    return found


def _late(case: Case) -> None:
    late = an_entry(1, "manual", sides(100))
    case.entries.append(late)
    case.acts.insert(-1, {"action": "entries_posted", "subject": PERIOD, "entries": [late]})


def _insert(case: Case, entry: dict[str, Any]) -> None:
    case.entries.append(entry)
    case.acts[3]["entries"] = [*case.acts[3]["entries"], entry]


def _swap_ledger(case: Case, place: int, units: int) -> None:
    line, initiative, category, pool, pool_line, _ = case.ledger[place]
    case.ledger[place] = (line, initiative, category, pool, pool_line, units)


CONTENT: dict[str, tuple[Change, str]] = {
    "an amount of the paper of one cent more": (
        lambda case: _entry(case)["lines"][0].update(transaction_minor=1),
        "paper off balance",
    ),
    "a debit of one cent more": (
        lambda case: _entry(case)["lines"][0].update(debit_minor=1),
        "debits 1, credits",
    ),
    "an amount that is no integer": (
        lambda case: _entry(case)["lines"][0].update(debit_minor=True),
        "whole number of minor units",
    ),
    "a line with two sides": (
        lambda case: _entry(case)["lines"][0].update(credit_minor=3),
        "whole number of minor units",
    ),
    "a line number left out": (
        lambda case: _entry(case)["lines"][0].update(line_no=7),
        "expected lines from 1",
    ),
    "one line only": (lambda case: _entry(case).update(lines=[]), "expected lines from 1"),
    "a gap in the numbers": (
        lambda case: _entry(case, 3).update(document_no="2026-accrual-000099"),
        "not number 4",
    ),
    "a key used twice": (
        lambda case: _entry(case, 3).update(idempotency_key="accrual-2026-10-31-2"),
        "its key is there twice",
    ),
    "a reversal of nothing": (
        lambda case: case.entries[-1].update(reverses="accrual-9"),
        "not the first exact mirror",
    ),
    "a reversal that names nothing": (
        lambda case: case.entries[-1].update(reverses=None),
        "a reversal names its entry",
    ),
    "a second reversal of one entry": (
        lambda case: _insert(case, reversal_of(case.entries[-2], 2)),
        "not the first exact mirror",
    ),
    "a reversal of a reversal": (
        lambda case: _insert(case, reversal_of(case.entries[-1], 2)),
        "not the first exact mirror",
    ),
    "a reversal on another account": (
        lambda case: case.entries[-1]["lines"][0].update(account="6000"),
        "not the first exact mirror",
    ),
    "an entry after the close": (_late, "to a month that was closed"),
    "an entry left out of the journal": (
        lambda case: case.entries.pop(),
        "not in the journal",
    ),
    "an entry that no event posted": (
        lambda case: case.entries.append(an_entry(1, "manual", sides(100))),
        "not posted once by the log",
    ),
    "a month that nobody closed": (
        lambda case: case.acts.pop(-2),
        "the log does not close it",
    ),
    "another opening balance": (
        lambda case: case.files.update({"01-trial-balance.csv": _balance(case, "1")}),
        "opening_minor",
    ),
    "a share of one unit more": (
        lambda case: _swap_ledger(case, 0, case.ledger[0][-1] + 1),
        "pool line d0",
    ),
    "a line changed since it was classified": (
        lambda case: _swap_ledger(case, 2, case.ledger[2][-1] + 1),
        "ledger line d1: not as it was classified",
    ),
    "a line left out": (lambda case: case.ledger.pop(), "is missing"),
    "shares of a line that is booked to another pool": (
        lambda case: case.ledger.__setitem__(0, (*case.ledger[0][:3], "cpu", *case.ledger[0][4:])),
        "did not come out as it went in",
    ),
    "an amount that is none": (
        lambda case: case.files.update(
            {
                "07-direct-lines.csv": b"ledger_line_id,initiative,"
                b"pl_category,charge_category,billed_cost\r\nx,,,,1e3\r\n"
            }
        ),
        "'1e3' is not an amount",
    ),
    "a bridge that ends elsewhere": (
        lambda case: case.bridges[0].update(unexplained_units="6"),
        "bridge estimate_to_report of openai/org-1",
    ),
    "a row that does not follow": (
        lambda case: case.statement.update(
            rows=[
                {
                    "provider": "openai",
                    "billing_account_id": "org-1",
                    "estimated": None,
                    "reported": "1",
                    "billed": None,
                    "explained": "0.00000000003",
                    "unexplained": "0",
                }
            ]
        ),
        "the row of openai/org-1",
    ),
    "another ledger total": (
        lambda case: case.statement.update(ledger_total="1.000000000000"),
        "ledger_total 1.000000000000 is not the sum",
    ),
    "another expense": (
        lambda case: case.statement.update(expense="0.01"),
        "expense 0.01 is not the sum",
    ),
    "another content than was signed": (
        lambda case: setattr(case, "content_hash", "0" * 64),
        "signed was 0000",
    ),
    "one person twice": (
        lambda case: setattr(case, "people", ("ana", "ana")),
        "not two persons",
    ),
    "a signature that the log does not have": (
        lambda case: case.files.update(
            {
                "11-sign-offs.json": (
                    b'[{"person_id": "eve", "duty": "preparer", "content_hash": "x"}]'
                )
            }
        ),
        "the log does not have these signatures",
    ),
    "a record of another form": (
        lambda case: case.files.update({"06-bridges.json": b'[{"a": 1.5}]'}),
        "1.5 is not a whole number",
    ),
}


def _balance(case: Case, opening: str) -> bytes:
    text = pack_data._balances(case)
    return text.replace("5000,USD,", f"5000,USD,{opening}").encode()


@pytest.mark.parametrize("name", sorted(CONTENT))
def test_a_forger_who_fixes_every_hash_is_found_by_the_accounting(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    change, said = CONTENT[name]
    case = deepcopy(a_case())
    change(case)
    code, line = failed(seal(case, tmp_path), capsys)
    assert (code, said in line) == (1, True), line


def test_a_late_entry_is_allowed_when_the_month_was_reopened(tmp_path: Path) -> None:
    case = a_case()
    late = an_entry(1, "manual", sides(100))
    case.entries.append(late)
    published = case.acts.pop()
    case.acts += [
        {"action": "period_reopened", "subject": PERIOD, "payload": {}},
        {"action": "entries_posted", "subject": PERIOD, "entries": [late]},
        deepcopy(case.acts[-2]),
        deepcopy(case.acts[-1]),
        published,
    ]
    case.content_hash = _signed_again(case)
    assert verifier.main([str(seal(case, tmp_path))]) == 0


def _signed_again(case: Case) -> str:
    """The content with all entries: what is signed after the second close."""
    first = [act for act in case.acts if act["action"] == "entries_posted"]
    closed = Case(**{**vars(case), "acts": first})
    files = pack_data._files(case) | {"11-signed-ledger.parquet": b"what was signed, byte for byte"}
    return pack_data._content_hash(closed, files)
