"""The reference of all commands as Markdown, read from the commands themselves.

`python -m tieout.cli.reference` prints it; `make docs` keeps it in docs/reference/commands.md, and
a house test compares. Owns the form of that page only.
"""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import typer
from typer.main import get_command

HEAD = """# Every command with its arguments and options

Made from the program by `make docs`; the [command line](cli.md) tells the same by what one wants
to do. Every command also takes `--json` (one object for a program; a command that does several
things prints one a line) and `--help`.

## Commands
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """One argument or option: its names on the command line, and what its help says."""

    names: tuple[str, ...]
    help: str
    is_required: bool
    is_argument: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One command: the words that call it, what it does, what it takes."""

    path: str
    help: str
    options: tuple[Parameter, ...]


def commands(app: typer.Typer) -> list[Command]:
    """All commands of the program, by their words."""
    return sorted(_below(get_command(app), ()), key=lambda one: one.path)


def page(app: typer.Typer) -> str:
    """The whole page, ending with a newline."""
    return HEAD + "".join(_section(one) for one in commands(app))


def _below(command: Any, words: tuple[str, ...]) -> Iterator[Command]:
    """Groups have `commands`; what has none is a command."""
    members = getattr(command, "commands", None)
    if members is None:
        options = tuple(_parameter(one) for one in command.params if one.name != "help")
        yield Command(path=" ".join(words), help=command.help or "", options=options)
        return
    for name, member in members.items():
        yield from _below(member, (*words, name))


def _parameter(one: Any) -> Parameter:
    is_argument = one.param_type_name == "argument"
    names = (one.name.upper(),) if is_argument else (*one.opts, *one.secondary_opts)
    return Parameter(
        names=names,
        help=one.help or "",
        is_required=one.required,
        is_argument=is_argument,
    )


def _section(one: Command) -> str:
    takes = [option for option in one.options if "--json" not in option.names]
    arguments = [option.names[0] for option in takes if option.is_argument]
    call = " ".join(["tieout", one.path, *arguments])
    rows = [f"\n### `tieout {one.path}`\n\n{one.help.strip()}\n\n    {call}\n"]
    if takes:
        rows.append("\n")
    for option in takes:
        names = ", ".join(f"`{name}`" for name in option.names)
        needed = "" if option.is_required else " (optional)"
        said = f": {option.help}" if option.help else ""
        rows.append(f"- {names}{needed}{said}\n")
    return "".join(rows)


if __name__ == "__main__":
    from tieout.cli.main import app as program

    sys.stdout.write(page(program))
