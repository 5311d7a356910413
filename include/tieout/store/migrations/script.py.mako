"""${message}

Revision ID: ${up_revision}
Revises: ${down_revision}
"""

from tieout.store.migrations.script import refuse_downgrade, run_sql

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Run the SQL files of this revision in order, in one transaction."""
    run_sql("${up_revision}.sql")


def downgrade() -> None:
    """Refuse: facts are not dropped; restore a backup instead."""
    refuse_downgrade()
