"""Dimensions of one's own in the published ledger.

Revision ID: 0006
Revises: 0005
"""

from tieout.store.migrations.script import refuse_downgrade, run_sql

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Run the SQL file of this revision, in one transaction."""
    run_sql("0006_own_dimensions.sql")


def downgrade() -> None:
    """Refuse: facts are not dropped; restore a backup instead."""
    refuse_downgrade()
