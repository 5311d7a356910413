"""Rules applied to the past: previews, their approvals, and closed months as restated.

Revision ID: 0004
Revises: 0003
"""

from tieout.store.migrations.script import refuse_downgrade, run_sql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Run the SQL file of this revision, in one transaction."""
    run_sql("0004_reapply.sql")


def downgrade() -> None:
    """Refuse: facts are not dropped; restore a backup instead."""
    refuse_downgrade()
