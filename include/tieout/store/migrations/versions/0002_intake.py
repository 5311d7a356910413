"""Documents that people hand in or must look at: received, queued, corrected, decided.

Revision ID: 0002
Revises: 0001
"""

from tieout.store.migrations.script import refuse_downgrade, run_sql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Run the SQL file of this revision, in one transaction."""
    run_sql("0002_intake.sql")


def downgrade() -> None:
    """Refuse: facts are not dropped; restore a backup instead."""
    refuse_downgrade()
