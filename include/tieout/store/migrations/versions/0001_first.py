"""The first schema: every table, guard, view and grant of the ledger.

Revision ID: 0001
Revises: nothing
"""

from tieout.store.migrations.script import refuse_downgrade, run_sql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

PARTS = (
    "foundation",
    "facts",
    "journal",
    "results",
    "close",
    "publication",
    "audit",
    "views",
    "grants",
)


def upgrade() -> None:
    """Run the SQL files of this revision in order, in one transaction."""
    for part in PARTS:
        run_sql(f"0001_{part}.sql")


def downgrade() -> None:
    """Refuse: facts are not dropped; restore a backup instead."""
    refuse_downgrade()
