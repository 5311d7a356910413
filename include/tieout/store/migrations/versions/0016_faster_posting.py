"""Faster posting: entries proven, numbered and looked up in fewer passes.

Revision ID: 0016
Revises: 0015
"""

from tieout.store.migrations.script import refuse_downgrade, run_sql

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Run the SQL file of this revision, in one transaction."""
    run_sql("0016_faster_posting.sql")


def downgrade() -> None:
    """Refuse: facts are not dropped; restore a backup instead."""
    refuse_downgrade()
