"""Sums of published lines, kept with each publication; entries by the sources that they cite.

Revision ID: 0019
Revises: 0018
"""

from tieout.store.migrations.script import refuse_downgrade, run_sql

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Run the SQL file of this revision, in one transaction."""
    run_sql("0019_ledger_sums.sql")


def downgrade() -> None:
    """Refuse: facts are not dropped; restore a backup instead."""
    refuse_downgrade()
