"""Commands for who sets tieout up: doctor, migrate, people. Owns words and exit codes only."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer
from rich.console import RenderableType
from rich.text import Text

from tieout.cli.shell import Json, show_found, working
from tieout.config import administrator_url, load_settings
from tieout.steps import doctor as doctor_step
from tieout.steps import people as people_step
from tieout.store.logins import prepare
from tieout.store.migrate import HEAD, upgrade

Offline = Annotated[
    bool, typer.Option("--offline", help="Ask no provider: leave their credentials out.")
]
PeopleFile = Annotated[
    Path, typer.Argument(exists=True, dir_okay=False, help="YAML: people and their duties.")
]


def doctor(*, offline: Offline = False, json_: Json = False) -> None:
    """Look at the set-up and say how to mend each point; 1 when a point fails."""
    with working() as made:
        points = doctor_step.run(made, ask_providers=not offline)
    state = doctor_step.verdict(points)
    found = {"verdict": state, "points": [point.as_json() for point in points]}
    show_found(found, lambda _: _lines(points), as_json=json_)
    if state == "fail":
        raise typer.Exit(1)


def logins(*, json_: Json = False) -> None:
    """Make databases, roles and logins on a server; keeps their URLs in TIEOUT_HOME/secrets."""
    home = load_settings().home
    prepare(administrator_url().reveal(), home)
    files = sorted(path.name for path in (home / "secrets").glob("*.url"))
    found = {"folder": str(home / "secrets"), "files": files}
    show_found(found, lambda _: f"{home / 'secrets'}: {', '.join(files)}", as_json=json_)


def migrate(*, json_: Json = False) -> None:
    """Bring the ledger's database to this version (needs TIEOUT_OWNER_DATABASE_URL)."""
    upgrade(load_settings().owner_database_url.reveal())
    show_found({"schema": HEAD}, lambda _: f"schema is at version {HEAD}", as_json=json_)


def people(file: PeopleFile, *, json_: Json = False) -> None:
    """Load people and their duties (needs TIEOUT_OWNER_DATABASE_URL)."""
    url = load_settings().owner_database_url.reveal()
    added = people_step.load(url, file.read_text(encoding="utf-8"), name=file.name)
    found = {"added_or_changed": added}
    show_found(found, lambda _: f"people: {added} added or changed", as_json=json_)


def _lines(points: list[doctor_step.Point]) -> Iterator[RenderableType]:
    """One line a point, the worst of it first to read: what to do stands at its end."""
    for point in points:
        mend = f" -> {point.mend}" if point.mend else ""
        yield Text(f"{point.state:<4} {point.area}: {point.name}: {point.found}{mend}")
    counts = {state: sum(p.state == state for p in points) for state in ("ok", "warn", "fail")}
    yield Text(", ".join(f"{count} {state}" for state, count in counts.items()))
