"""Two more kinds of policy: the table of tags and the table of owners.

Revision ID: 0003
Revises: 0002
"""

from tieout.store.migrations.script import refuse_downgrade, run_sql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Run the SQL file of this revision, in one transaction."""
    run_sql("0003_lookups.sql")


def downgrade() -> None:
    """Refuse: facts are not dropped; restore a backup instead."""
    refuse_downgrade()
