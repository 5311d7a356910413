"""Reopening, locking, voided signatures; the exceptions queue; reviews and override events.

Revision ID: 0009
Revises: 0008
"""

from tieout.store.migrations.script import refuse_downgrade, run_sql

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Run the SQL files of this revision in order, in one transaction."""
    for part in ("states", "reopen", "exceptions", "reviews", "close_grants"):
        run_sql(f"0009_{part}.sql")


def downgrade() -> None:
    """Refuse: facts are not dropped; restore a backup instead."""
    refuse_downgrade()
