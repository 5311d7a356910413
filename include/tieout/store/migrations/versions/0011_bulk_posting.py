"""Bulk posting: many entries copied in, proven and numbered as one set.

Revision ID: 0011
Revises: 0010
"""

from tieout.store.migrations.script import refuse_downgrade, run_sql

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Run the SQL file of this revision, in one transaction."""
    run_sql("0011_bulk_posting.sql")


def downgrade() -> None:
    """Refuse: facts are not dropped; restore a backup instead."""
    refuse_downgrade()
