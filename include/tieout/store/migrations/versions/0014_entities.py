"""Legal entities as a policy, and document numbers by fiscal year.

Revision ID: 0014
Revises: 0013
"""

from tieout.store.migrations.script import refuse_downgrade, run_sql

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Run the SQL file of this revision, in one transaction."""
    run_sql("0014_entities.sql")


def downgrade() -> None:
    """Refuse: facts are not dropped; restore a backup instead."""
    refuse_downgrade()
