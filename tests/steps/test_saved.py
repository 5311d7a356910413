"""Reports that somebody saved elsewhere: read as if they had been pulled, or refused whole."""

import shutil
from datetime import date
from pathlib import Path

import pytest
from tests.steps.handed_in import actions

from tieout.core.errors import SourceAnswerError, TieoutError, UnknownSubjectError, UsageError
from tieout.sources.base import RawDocument
from tieout.sources.saved_answers import read_saved
from tieout.steps import normalise, saved
from tieout.steps.context import Context, StepResult
from tieout.store import charge_files, coverage, snapshots

BILLS = Path(__file__).parents[2] / "sample" / "bills"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """OpenAI's answers of October, as somebody saved them."""
    made = tmp_path / "answers"
    shutil.copytree(BILLS / "openai" / "as_of_2026-11-03", made)
    shutil.copytree(BILLS / "openai" / "usage", made / "usage")
    shutil.copy(BILLS / "openai" / "projects.json", made)
    return made


def keep(
    desk: Context,
    folder: Path,
    provider: str = "openai",
    account: str = "org-1",
    *,
    period: str = "2026-10",
    kind: saved.Kind | None = None,
    through: date | None = None,
) -> StepResult:
    what = saved.Saved(
        provider=provider,
        account=account,
        period=period,
        documents=read_saved(folder),
        through=through,
        person="ana",
    )
    return saved.run(desk, saved=what, kind=kind)


def heads(desk: Context) -> dict[str, snapshots.Snapshot]:
    with desk.store.transaction() as tx:
        return {one.kind: one for one in snapshots.heads(tx, "2026-10")}


def named(documents: tuple[RawDocument, ...]) -> dict[str, str]:
    return {one.name: one.kind for one in documents}


def test_saved_pages_are_versions_of_both_kinds_and_normalise_reads_them(
    desk: Context, folder: Path
) -> None:
    made = keep(desk, folder)
    assert (made.status, made.summary["new_versions"]) == ("done", 2)
    assert (made.summary["documents"], made.summary["kinds"]) == (11, "cost, usage")
    assert set(heads(desk)) == {"cost", "usage"}
    normalise.run(desk, provider="openai", period="2026-10")
    with desk.store.transaction() as tx:
        file = charge_files.get(tx, heads(desk)["cost"].snapshot_id, "charges")
    assert file
    assert (file.rows_bad, file.rows_out > 0) == (0, True)
    assert actions(desk)[0] == "documents_pulled"


def test_the_same_folder_again_changes_nothing(desk: Context, folder: Path) -> None:
    keep(desk, folder)
    assert keep(desk, folder).status == "unchanged"


def test_one_kind_can_be_kept_alone(desk: Context, folder: Path) -> None:
    assert keep(desk, folder, kind="usage").summary["new_versions"] == 1
    assert set(heads(desk)) == {"usage"}


def test_files_vouch_for_the_days_that_they_have_and_a_person_for_more(
    desk: Context, folder: Path
) -> None:
    for page in ("costs.page3.json", "costs.page4.json", "costs.page5.json"):
        (folder / page).unlink()
    keep(desk, folder, kind="cost")
    last = heads(desk)["cost"].through_on
    assert last < date(2026, 10, 31)
    normalise.run(desk, provider="openai", period="2026-10")
    with desk.store.transaction() as tx:
        days = coverage.complete_days(
            tx, period="2026-10", provider="openai", billing_account_id="org-1"
        )
    assert max(days) == last
    with pytest.raises(UsageError, match="Expected a finished day of 2026-10"):
        keep(desk, folder, kind="cost", through=date(2026, 11, 1))


def test_a_report_of_aws_keeps_the_names_that_its_manifest_lists(
    desk: Context, tmp_path: Path
) -> None:
    folder = tmp_path / "cur"
    source = BILLS / "aws" / "final" / "cur" / "monthly" / "20261001-20261101"
    shutil.copytree(source, folder)
    found = named(read_saved(folder))
    assert found == {
        "monthly-Manifest.json": "manifest",
        "cur/monthly/20261001-20261101/20261103T061840Z/monthly-1.csv.gz": "data",
        "cur/monthly/20261001-20261101/20261103T061840Z/monthly-2.csv.gz": "data",
    }
    assert keep(desk, folder, "aws", "417000000001").summary["new_versions"] == 1
    with pytest.raises(UsageError, match="Expected saved answers of kind usage, found data"):
        keep(desk, folder, "aws", "417000000001", kind="usage")


def test_what_cannot_be_read_is_refused_and_nothing_is_kept(desk: Context, folder: Path) -> None:
    page = folder / "costs.page2.json"
    page.write_bytes(page.read_bytes()[:-40])
    with pytest.raises(SourceAnswerError, match="not the JSON that was asked for"):
        keep(desk, folder)
    assert heads(desk) == {}


@pytest.mark.parametrize(
    ("provider", "account", "period", "error", "words"),
    [
        (
            "openai",
            "org-9",
            "2026-10",
            UnknownSubjectError,
            "No registered account is openai/org-9",
        ),
        ("openai", "org-1", "2026-09", SourceAnswerError, "rows cannot be read, more than 5 %"),
        ("anthropic", "lab-1", "2026-10", TieoutError, "."),
    ],
)
def test_another_account_month_or_provider_is_refused(
    desk: Context,
    folder: Path,
    *,
    provider: str,
    account: str,
    period: str,
    error: type[TieoutError],
    words: str,
) -> None:
    with pytest.raises(error, match=words):
        keep(desk, folder, provider, account, period=period)
    assert heads(desk) == {}


def test_a_file_whose_name_says_nothing_is_refused_by_name(folder: Path) -> None:
    (folder / "api_keys.json").write_text("{}")
    with pytest.raises(UsageError, match=r"'api_keys\.json' is no saved answer by its name"):
        read_saved(folder)


def test_a_link_is_refused_and_a_hidden_file_left_out(folder: Path) -> None:
    (folder / ".DS_Store").write_bytes(b"x")
    assert ".DS_Store" not in named(read_saved(folder))
    (folder / "cost.link.json").symlink_to(folder / "projects.json")
    with pytest.raises(UsageError, match=r"cost\.link\.json is a link"):
        read_saved(folder)


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="holds 0 files"):
        read_saved(tmp_path)


def test_a_request_beside_a_file_says_what_was_asked(folder: Path) -> None:
    (folder / "projects.json.request.json").write_text('{"include_archived": "true"}')
    (projects,) = [one for one in read_saved(folder) if one.name == "projects.json"]
    assert projects.request == {"include_archived": "true", "file": "projects.json"}
    (folder / "projects.json.request.json").write_text('{"include_archived": true}')
    with pytest.raises(SourceAnswerError, match="no object of texts"):
        read_saved(folder)
