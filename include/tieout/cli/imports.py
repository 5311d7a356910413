"""Commands for documents and files that people bring: import, review, enter. Owns words only."""

from datetime import date
from pathlib import Path
from typing import Annotated

import typer

from tieout.cli import views
from tieout.cli.shell import Json, run_step, show, show_found, working
from tieout.core.errors import UsageError
from tieout.sources.limits import MAX_DOCUMENT_BYTES
from tieout.sources.saved_answers import read_focus_file, read_saved
from tieout.steps import papers, receive, review
from tieout.steps import saved as saved_step
from tieout.steps.match import Given

import_app = typer.Typer(help="Documents and files that did not come through an interface.")
review_app = typer.Typer(help="Documents that wait for a person.")
enter_app = typer.Typer(help="Documents that a person types, with evidence.")

_FILE = typer.Argument(exists=True, dir_okay=False)
Files = Annotated[list[Path], _FILE]
File = Annotated[Path, _FILE]
Folder = Annotated[Path, typer.Argument(exists=True, file_okay=False)]
Provider = Annotated[str | None, typer.Option(help="Provider of the account.")]
Account = Annotated[str | None, typer.Option(help="Billing account id.")]
Month = Annotated[str | None, typer.Option(help="Accounting month, such as 2026-10.")]
NeededAccount = Annotated[str, typer.Option("--account", help="Billing account id.")]
NeededMonth = Annotated[str, typer.Option("--period", help="Accounting month, such as 2026-10.")]
Through = Annotated[
    str | None, typer.Option(help="Last day (UTC) that the files cover; else the last with rows.")
]
Document = Annotated[str, typer.Argument(help="Id of the document, or how it begins.")]
Author = Annotated[str, typer.Option("--as", "--person", help="Who does this.")]
Hand = Annotated[str | None, typer.Option("--as", "--person", help="Who hands it in.")]
Reason = Annotated[str, typer.Option(help="Why, in one sentence.")]


@import_app.command("invoice")
def import_invoice(
    files: Files,
    *,
    provider: Provider = None,
    account: Account = None,
    period: Month = None,
    person: Hand = None,
    json_: Json = False,
) -> None:
    """Hand in invoices, receipts and credit notes; what fits no account waits for a person."""
    given = Given(provider=provider, account=account, period=period)
    waiting = 0
    with working() as made:
        for file in files:
            content = _read(file)
            result = receive.invoice(
                made, name=file.name, content=content, given=given, person=person
            )
            show(result, as_json=json_)
            waiting += result.summary["state"] == "queued"
    if waiting:
        raise typer.Exit(1)


@import_app.command("focus")
def import_focus(
    file: File,
    *,
    account: NeededAccount,
    period: NeededMonth,
    mapping: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="JSON: their columns to FOCUS names."),
    ] = None,
    through: Through = None,
    person: Hand = None,
    json_: Json = False,
) -> None:
    """Take a FOCUS file (CSV or Parquet) as the cost report of an account's month."""
    saved = saved_step.Saved(
        provider="focus_file",
        account=account,
        period=period,
        documents=read_focus_file(file, mapping=mapping),
        through=_day(through),
        person=person,
    )
    run_step(lambda made: saved_step.run(made, saved=saved, kind="cost"), as_json=json_)


@import_app.command("raw")
def import_raw(
    provider: Annotated[str, typer.Argument(help="Provider plug-in that reads the files.")],
    folder: Folder,
    *,
    account: NeededAccount,
    period: NeededMonth,
    kind: Annotated[str | None, typer.Option(help="cost or usage; else both.")] = None,
    through: Through = None,
    person: Hand = None,
    json_: Json = False,
) -> None:
    """Take a provider's answers that were saved elsewhere, as if they had been pulled."""
    saved = saved_step.Saved(
        provider=provider,
        account=account,
        period=period,
        documents=read_saved(folder),
        through=_day(through),
        person=person,
    )
    chosen = _kind(kind)
    run_step(lambda made: saved_step.run(made, saved=saved, kind=chosen), as_json=json_)


@review_app.command("list")
def review_list(
    period: Annotated[str | None, typer.Argument(help="Accounting month; else all.")] = None,
    json_: Json = False,
) -> None:
    """What waits for a person: documents in the queue, figures that wait for an approval."""
    with working() as made:
        found = papers.listing(made, period=period)
    show_found(found, views.review, as_json=json_)


@review_app.command("show")
def review_show(
    document: Document,
    picture: Annotated[Path | None, typer.Option(help="PNG file to write the page to.")] = None,
    page: Annotated[int, typer.Option(help="Page of the picture, from 1.")] = 1,
    json_: Json = False,
) -> None:
    """One document: what failed, what happened to it, what it says, what was typed for it."""
    with working() as made:
        found = papers.show(made, document=document)
        if picture is not None:
            picture.write_bytes(papers.picture(made, document=document, page=page))
    show_found(found, views.paper, as_json=json_)


@review_app.command("correct")
def review_correct(
    document: Document,
    file: File,
    *,
    person: Author,
    reason: Reason,
    provider: Provider = None,
    account: Account = None,
    period: Month = None,
    json_: Json = False,
) -> None:
    """Type what a document says (YAML or JSON); it counts once another person approved it."""
    typed = review.Typed(
        name=file.name,
        content=_read(file),
        given=Given(provider=provider, account=account, period=period),
        person=person,
        reason=reason,
    )
    run_step(lambda made: review.correct(made, document=document, typed=typed), as_json=json_)


@review_app.command("reject")
def review_reject(
    document: Document, *, person: Author, reason: Reason, json_: Json = False
) -> None:
    """Set a document aside for good, or refuse typed figures that nobody approved yet."""
    run_step(
        lambda made: review.reject(made, document=document, person=person, reason=reason),
        as_json=json_,
    )


@enter_app.command("invoice")
def enter_invoice(
    file: File,
    *,
    evidence: Annotated[Path, typer.Option(exists=True, dir_okay=False, help="What proves it.")],
    person: Author,
    reason: Reason = review.WHY_ENTERED,
    provider: Provider = None,
    account: Account = None,
    period: Month = None,
    json_: Json = False,
) -> None:
    """Type an invoice that no file tells (YAML or JSON); another person approves it."""
    typed = review.Typed(
        name=file.name,
        content=_read(file),
        given=Given(provider=provider, account=account, period=period),
        person=person,
        reason=reason,
    )
    proof = _read(evidence)
    run_step(
        lambda made: review.enter(made, typed=typed, evidence_name=evidence.name, evidence=proof),
        as_json=json_,
    )


def _read(file: Path) -> bytes:
    """The file, or just enough of it to be refused as too large."""
    with file.open("rb") as stream:
        return stream.read(MAX_DOCUMENT_BYTES + 1)


def _day(text: str | None) -> date | None:
    try:
        return None if text is None else date.fromisoformat(text)
    except ValueError:
        raise UsageError(f"Expected a day such as 2026-10-31, found {text!r}.") from None


def _kind(text: str | None) -> saved_step.Kind | None:
    if text in {None, "cost", "usage"}:
        return "cost" if text == "cost" else "usage" if text else None
    raise UsageError(f"Expected --kind cost or usage, found {text!r}.")
