"""What all commands share: a context that is closed again, one line a step, and the consoles."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated

import typer
from rich.console import Console

from tieout.cli import views
from tieout.config import ProviderConnection, connection_from_environment, load_settings
from tieout.steps import context

Json = Annotated[bool, typer.Option("--json", help="Print JSON for a program.")]
console = Console(soft_wrap=True, highlight=False)
errors = Console(stderr=True, soft_wrap=True, highlight=False)


@contextmanager
def working() -> Iterator[context.Context]:
    """A worker's context from the environment."""
    made = context.make(settings=load_settings(), connection=_connection)
    try:
        yield made
    finally:
        made.close()


def show(result: context.StepResult, *, as_json: bool) -> None:
    """One line for a person, or one object for a program."""
    if as_json:
        print(json.dumps({**result.summary, "step": result.step, "subject": result.subject,
                          "status": result.status}, sort_keys=True))  # fmt: skip
    else:
        console.print(views.result_line(result), markup=False)


def run_step(step: Callable[[context.Context], context.StepResult], *, as_json: bool) -> None:
    """Run one step and show what it reports."""
    with working() as made:
        show(step(made), as_json=as_json)


def _connection(provider: str) -> ProviderConnection:
    return connection_from_environment(provider)
