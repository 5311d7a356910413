"""Exports of a close: which form a file's name asks for."""

from pathlib import Path

import pytest

from tieout.cli import reports
from tieout.core.errors import UsageError


def test_a_report_of_another_form_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"expected one of them, found month\.doc"):
        reports.report("2026-10", tmp_path / "month.doc")


@pytest.mark.parametrize(
    ("name", "form"), [("a.pdf", "01-close-report.pdf"), ("a.html", "01-close-report.html")]
)
def test_the_name_of_the_file_says_the_form(
    name: str, form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, Path]] = []

    def run(_: object, *, period: str, form: str, file: Path) -> None:
        assert period == "2026-10"
        asked.append((form, file))

    monkeypatch.setattr("tieout.steps.close_export.run", run)
    monkeypatch.setattr(reports, "run_step", lambda step, **_: step(None))
    reports.report("2026-10", tmp_path / name)
    reports.workbook("2026-10")
    assert asked == [
        (form, tmp_path / name),
        ("01-close-workbook.xlsx", Path("tieout-2026-10.xlsx")),
    ]
