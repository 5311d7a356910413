"""Commitments: two policy kinds of contracts, two types of entries of what they leave.

Revision ID: 0012
Revises: 0011
"""

from tieout.store.migrations.script import refuse_downgrade, run_sql

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Run the SQL file of this revision, in one transaction."""
    run_sql("0012_commitments.sql")


def downgrade() -> None:
    """Refuse: facts are not dropped; restore a backup instead."""
    refuse_downgrade()
