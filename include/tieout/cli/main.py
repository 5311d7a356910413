"""The command line: the same steps that the DAGs run, for a shell. Owns words and exit codes only.

Exit codes: 0 good · 1 something blocks (a period, a check, a missing input) · 2 the request is
wrong · 3 the world or stored data failed.
"""

import sys
from collections.abc import Callable, Iterator
from datetime import date
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from typer.exceptions import TyperException

from tieout import log
from tieout.cli import close as close_views
from tieout.cli import entities, erp, figures, imports, matches, reports, rules, setup, views
from tieout.cli import pack as packs
from tieout.cli.shell import (
    Json,
    busy,
    errors,
    run_step,
    show,
    show_found,
    show_text,
    working,
)
from tieout.core.errors import StateError, TieoutError, UsageError
from tieout.core.period import parse_period
from tieout.steps import allocate as allocate_step
from tieout.steps import classify as classify_step
from tieout.steps import close as close_step
from tieout.steps import (
    context,
    earlier,
)
from tieout.steps import exceptions as exceptions_step
from tieout.steps import (
    explain as explain_step,
)
from tieout.steps import matching as matching_step
from tieout.steps import normalise as normalise_step
from tieout.steps import (
    policies as policy_step,
)
from tieout.steps import (
    post as post_step,
)
from tieout.steps import publish as publish_step
from tieout.steps import pull as pull_step
from tieout.steps import rate as rate_step
from tieout.steps import reconcile as reconcile_step
from tieout.steps import (
    status as status_step,
)

HELP = """Close the month for AI and cloud spend: every figure ties out to the invoice.

A month in five commands, when Airflow does not run them: tieout month 2026-10 draft, then
tieout month 2026-10, tieout checklist 2026-10, tieout statement 2026-10, and after two people
have signed in the finance pages tieout publish 2026-10. Why a figure is what it is:
tieout lines 2026-10, then tieout explain 2026-10 LINE. Is this set-up good: tieout doctor.

Every command takes --json. Exit codes: 0 good, 1 something blocks, 2 the request is wrong,
3 a failure.
"""
DAILY, CLOSE, RULES, PROVE, SET_UP = "Daily", "Close", "Rules", "Prove", "Set up"
app = typer.Typer(
    name="tieout",
    help=HELP,
    no_args_is_help=True,
    add_completion=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
)
policies_app = typer.Typer(help="Rules, registers and accounts: approved, versioned data.")
for panel, group, noun in (
    (DAILY, imports.import_app, "import"),
    (DAILY, imports.enter_app, "enter"),
    (DAILY, imports.review_app, "review"),
    (CLOSE, erp.export_app, "export"),
    (RULES, policies_app, "policies"),
    (RULES, rules.rules_app, "rules"),
    (PROVE, packs.audit_app, "audit"),
    (PROVE, packs.checkpoint_app, "checkpoint"),
):
    app.add_typer(group, name=noun, no_args_is_help=True, rich_help_panel=panel)
for panel, commands in (
    (DAILY, (reports.completeness, reports.restatements, figures.figures, figures.daily)),
    (CLOSE, (matches.match, matches.matches, matches.causes, figures.bridge)),
    (CLOSE, (reports.rollforward, close_views.checklist, close_views.exceptions)),
    (CLOSE, (close_views.movements, close_views.reopenings, entities.entities)),
    (RULES, (rules.reapply,)),
    (PROVE, (packs.pack,)),
    (SET_UP, (setup.doctor, setup.logins, setup.migrate, setup.people)),
):
    for command in commands:
        app.command(rich_help_panel=panel)(command)

_MISUSED, _STOPPED = 2, 130
Period = Annotated[str, typer.Argument(help="Accounting month, such as 2026-10.")]
Provider = Annotated[str, typer.Argument(help="Provider: aws, azure, gcp, openai, anthropic, ...")]
Stage = Annotated[str, typer.Argument(help="draft (as accrued) or final (newest, with invoice).")]
Line = Annotated[str, typer.Argument(help="Ledger line id or its first characters.")]
Kind = Annotated[str, typer.Argument(help="accounts, allocation, chart, classification, ...")]


def main() -> None:
    """Entry point: one sentence for a person instead of a traceback, and a documented exit code."""
    log.configure()
    try:
        code = app(standalone_mode=False)
    except TieoutError as error:
        errors.print(f"tieout: {error}", markup=False, emoji=False)
        sys.exit(exit_code(error))
    except typer.Abort:
        sys.exit(_STOPPED)
    except TyperException as error:
        sys.exit(_misused(error))
    sys.exit(code if isinstance(code, int) else 0)


def _misused(error: TyperException) -> int:
    """One sentence for words that are no command, option or value of ours."""
    said = " ".join(error.format_message().split())
    if said:  # nothing is said by the help that a bare `tieout` shows
        errors.print(f"tieout: {said.rstrip('.')}; see `tieout --help`.", markup=False, emoji=False)
    return _MISUSED


def exit_code(error: TieoutError) -> int:
    """1 for a state that blocks, 2 for a wrong request, 3 for a failure."""
    if isinstance(error, StateError):
        return 1
    return 2 if isinstance(error, UsageError) else 3


@app.command(rich_help_panel=DAILY)
def pull(provider: Provider, period: Period, documents: bool = False, json_: Json = False) -> None:
    """Pull a provider's answers into the lake; --documents pulls invoices and receipts."""
    kinds: tuple[pull_step.Kind, ...] = ("documents",) if documents else ("cost", "usage")
    run_step(
        lambda made: pull_step.run(made, provider=provider, period=period, kinds=kinds),
        as_json=json_,
    )


@app.command(rich_help_panel=DAILY)
def normalise(provider: Provider, period: Period, json_: Json = False) -> None:
    """Turn what was pulled into FOCUS charges, usage rows and billing documents."""
    run_step(lambda made: normalise_step.run(made, provider=provider, period=period), as_json=json_)


@app.command(rich_help_panel=DAILY)
def rate(provider: Provider, period: Period, json_: Json = False) -> None:
    """Price metered usage from the dated rate card: our own estimate."""
    run_step(lambda made: rate_step.run(made, provider=provider, period=period), as_json=json_)


@app.command(rich_help_panel=DAILY)
def rates(period: Period, json_: Json = False) -> None:
    """Print a rate card for the models used in a period, to be proposed as a policy."""
    with working() as made:
        text = rate_step.draft_card(made, period=period)
    show_text("rate_card", text, as_json=json_)


@app.command(rich_help_panel=DAILY)
def classify(period: Period, stage: Stage = "final", json_: Json = False) -> None:
    """Give every charge its initiative and finance dimensions by the approved rules."""
    run_step(lambda made: classify_step.run(made, period=period, stage=stage), as_json=json_)


@app.command(rich_help_panel=DAILY)
def allocate(period: Period, stage: Stage = "final", json_: Json = False) -> None:
    """Split shared cost pools; a certificate proves that nothing was lost."""
    run_step(lambda made: allocate_step.run(made, period=period, stage=stage), as_json=json_)


@app.command(rich_help_panel=CLOSE)
def reconcile(period: Period, json_: Json = False) -> None:
    """Set estimate, report and invoice against each other and name every difference."""
    run_step(lambda made: reconcile_step.run(made, period=period), as_json=json_)


@app.command(rich_help_panel=CLOSE)
def accrue(period: Period, json_: Json = False) -> None:
    """Post the month-end accrual of accounts that are billed in arrears."""
    run_step(lambda made: post_step.accrue(made, period=period), as_json=json_)


@app.command(rich_help_panel=CLOSE)
def settle(period: Period, json_: Json = False) -> None:
    """Post true-ups, reversals, invoices and the prepaid month."""
    run_step(lambda made: post_step.settle(made, period=period), as_json=json_)


@app.command(rich_help_panel=CLOSE)
def close(period: Period, json_: Json = False) -> None:
    """Run the checklist and ask for the two signatures; closing itself is for people."""
    with working() as made:
        exceptions_step.refresh(made, period=period)
        show(close_step.request(made, period=period), as_json=json_)


@app.command(rich_help_panel=CLOSE)
def publish(period: Period, json_: Json = False) -> None:
    """Publish a closed period: ledger tables, journal file and evidence."""
    run_step(lambda made: publish_step.run(made, period=period), as_json=json_)


@app.command(rich_help_panel=CLOSE)
def status(period: Period, json_: Json = False) -> None:
    """State, checklist and signatures of a period."""
    with working() as made:
        found = status_step.period_status(made, period=period)
    show_found(found, views.status, as_json=json_)


@app.command(rich_help_panel=CLOSE)
def statement(period: Period, entity: entities.EntityOption = None, json_: Json = False) -> None:
    """The tie-out statement: estimated, reported, billed, explained, unexplained."""
    with working() as made:
        found = status_step.statement(made, period=period, entity=entity)
    show_found(found, views.statement, as_json=json_)


@app.command(rich_help_panel=CLOSE)
def lines(
    period: Period,
    basis: Annotated[str, typer.Option(help="reported or restated.")] = "reported",
    as_of: Annotated[int | None, typer.Option(help="As known at this ledger sequence.")] = None,
    json_: Json = False,
) -> None:
    """The ledger lines of a period, largest first: as reported, or as restated by later rules."""
    with working() as made:
        found = status_step.ledger_lines(made, period=period, basis=basis, as_of=as_of)
    show_found(found, views.ledger_lines, as_json=json_)


@app.command(rich_help_panel=PROVE)
def explain(
    period: Period,
    line: Line,
    charge: Annotated[bool, typer.Option("--charge", help="LINE is a charge's line id.")] = False,
    json_: Json = False,
) -> None:
    """The way from a ledger line back to the provider's rows, or all classes of a charge."""
    if charge:
        rules.charge_history(period, line, as_json=json_)
        return
    with working() as made:
        found = explain_step.run(made, period=period, line=line)
    show_found(found, views.explanation, as_json=json_)


@app.command(rich_help_panel=DAILY)
def month(period: Period, stage: Stage = "final", json_: Json = False) -> None:
    """All steps of a stage in order, without Airflow: up to the accrual, or to the signatures."""
    parse_period(period)
    with working() as made:
        steps = list(_stage(made, period, stage))
        for number, step in enumerate(steps, start=1):
            with busy(f"step {number} of {len(steps)}"):
                result = step()
            show(result, as_json=json_)


def _stage(
    made: context.Context, period: str, stage: str
) -> Iterator[Callable[[], context.StepResult]]:
    providers = status_step.registered_providers(made, period=period)
    final = stage == "final"
    if final:
        for month_, name in earlier.paper_series(made, period=period):
            papers = partial(pull_step.run, made, kinds=("documents",))
            yield partial(papers, provider=name, period=month_)
            yield partial(normalise_step.run, made, provider=name, period=month_)
    for name in providers:
        yield partial(pull_step.run, made, provider=name, period=period)
        yield partial(normalise_step.run, made, provider=name, period=period)
        yield partial(rate_step.run, made, provider=name, period=period)
    yield partial(classify_step.run, made, period=period, stage=stage)
    yield partial(allocate_step.run, made, period=period, stage=stage)
    if not final:
        yield partial(post_step.accrue, made, period=period)
        return
    yield partial(reconcile_step.run, made, period=period)
    yield partial(matching_step.run, made, period=period)
    yield partial(post_step.settle, made, period=period)
    yield partial(exceptions_step.refresh, made, period=period)
    yield partial(close_step.request, made, period=period)


@policies_app.command("propose")
def policies_propose(
    kind: Kind,
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False)],
    person: Annotated[str, typer.Option("--as", "--person", help="Who proposes it.")],
    valid_from: Annotated[str, typer.Option(help="First day it is in force.")] = "2020-01-01",
    json_: Json = False,
) -> None:
    """Propose a policy version; it takes effect when another person has approved it."""
    run_step(
        lambda made: policy_step.propose(
            made,
            kind=kind,
            text=file.read_text(encoding="utf-8"),
            name=file.name,
            valid_from=date.fromisoformat(valid_from),
            person=person,
        ),
        as_json=json_,
    )


@policies_app.command("list")
def policies_list(json_: Json = False) -> None:
    """All policy versions, with who proposed and who approved them."""
    with working() as made:
        found = status_step.policies(made)
    show_found(found, views.policies, as_json=json_)


if __name__ == "__main__":
    main()
