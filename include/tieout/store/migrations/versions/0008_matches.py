"""Matches of a month's figures, what people decided about them, and proven causes.

Revision ID: 0008
Revises: 0007
"""

from tieout.store.migrations.script import refuse_downgrade, run_sql

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Run the SQL file of this revision, in one transaction."""
    run_sql("0008_matches.sql")


def downgrade() -> None:
    """Refuse: facts are not dropped; restore a backup instead."""
    refuse_downgrade()
