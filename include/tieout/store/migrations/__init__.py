"""The migrations: Alembic's environment, and `versions/` with one revision per schema change."""
