"""Roles of readers and administrators, confirmations of decisions, connections seen per pull.

Revision ID: 0015
Revises: 0014
"""

from tieout.store.migrations.script import refuse_downgrade, run_sql

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Run the SQL files of this revision in order, in one transaction."""
    for part in ("confirmations", "connections", "guard_grants"):
        run_sql(f"0015_{part}.sql")


def downgrade() -> None:
    """Refuse: facts are not dropped; restore a backup instead."""
    refuse_downgrade()
