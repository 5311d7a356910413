"""The finance API imports Airflow, which is told its home first."""

import tests.dags.airflow_home  # noqa: F401  the import is the point
