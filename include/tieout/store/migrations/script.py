"""How a revision runs its SQL files. Owns nothing else; Alembic owns order and bookkeeping."""

from pathlib import Path

from alembic import op

from tieout.core.errors import UsageError

VERSIONS = Path(__file__).parent / "versions"


def run_sql(name: str) -> None:
    """Run one file of `versions/` as it is written: several statements, no parameters."""
    connection = op.get_bind().connection.driver_connection
    if connection is None:
        raise RuntimeError("A migration needs a live connection; offline mode is not supported.")
    connection.execute((VERSIONS / name).read_bytes())


def refuse_downgrade() -> None:
    """What every revision does when it is asked to go back: facts are never dropped.

    Raises:
        UsageError: always.
    """
    raise UsageError(
        "A ledger is not migrated back: expected a newer version, because going back would drop "
        "facts; restore the backup that was made before the upgrade."
    )
