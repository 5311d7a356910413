"""Checkpoints of the audit log with their signatures, and many events in one call.

Revision ID: 0010
Revises: 0009
"""

from tieout.store.migrations.script import refuse_downgrade, run_sql

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Run the SQL file of this revision, in one transaction."""
    run_sql("0010_checkpoints.sql")


def downgrade() -> None:
    """Refuse: facts are not dropped; restore a backup instead."""
    refuse_downgrade()
