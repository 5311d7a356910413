"""How a revision runs its SQL files. Owns nothing else; Alembic owns order and bookkeeping."""

from pathlib import Path

from alembic import op

VERSIONS = Path(__file__).parent / "versions"


def run_sql(name: str) -> None:
    """Run one file of `versions/` as it is written: several statements, no parameters."""
    connection = op.get_bind().connection.driver_connection
    if connection is None:
        raise RuntimeError("A migration needs a live connection; offline mode is not supported.")
    connection.execute((VERSIONS / name).read_bytes())
