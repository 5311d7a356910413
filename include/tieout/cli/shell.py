"""What all commands share: a context that is closed again, how results are shown, the consoles."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated, TypeVar

import typer
from rich.console import Console, RenderableType

from tieout.cli import views
from tieout.config import ProviderConnection, connection_from_environment, load_settings
from tieout.steps import context

Found = TypeVar("Found")
View = Callable[[Found], RenderableType | Iterator[RenderableType]]
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
    about = {"step": result.step, "subject": result.subject, "status": result.status}
    show_found({**result.summary, **about}, lambda _: views.result_line(result), as_json=as_json)


def show_found(found: Found, view: View[Found], *, as_json: bool) -> None:
    """All that was found as one line of JSON for a program, or as `view` draws it for a person.

    Texts of a view are shown as they are: what looks like markup in a name stays a name.
    """
    if as_json:
        print(json.dumps(found, sort_keys=True))
        return
    drawn = view(found)
    for part in drawn if isinstance(drawn, Iterator) else (drawn,):
        console.print(part, markup=False, soft_wrap=not console.is_terminal)


def show_text(name: str, text: str, *, as_json: bool) -> None:
    """A text that goes into a file as it is; for a program as the one entry of an object."""
    print(json.dumps({name: text}) if as_json else text, end="\n" if as_json else "")


@contextmanager
def busy(doing: str) -> Iterator[None]:
    """Says on a terminal's standard error that something runs; a program or a file sees nothing."""
    if not errors.is_terminal:
        yield
        return
    with errors.status(doing):
        yield


def run_step(step: Callable[[context.Context], context.StepResult], *, as_json: bool) -> None:
    """Run one step and show what it reports."""
    with working() as made, busy("working"):
        result = step(made)
    show(result, as_json=as_json)


def _connection(provider: str) -> ProviderConnection:
    return connection_from_environment(provider)
