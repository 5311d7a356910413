"""Import this before anything of Airflow: an empty home, our plugin, and no warnings of its own."""

import os
import tempfile
import warnings
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]

os.environ.setdefault("AIRFLOW_HOME", tempfile.mkdtemp(prefix="tieout-airflow-"))
os.environ["AIRFLOW__CORE__LOAD_EXAMPLES"] = "False"
os.environ["AIRFLOW__CORE__PLUGINS_FOLDER"] = str(REPOSITORY / "plugins")
os.environ["AIRFLOW__API_AUTH__JWT_SECRET"] = "only for tests, and as long as SHA-512 wants it " * 2

with warnings.catch_warnings():
    # Airflow 3.3.2 calls names deprecated that it uses itself while it imports: theirs, only here
    warnings.simplefilter("ignore")
    import airflow.api_fastapi.core_api.security
    import airflow.providers.standard.sensors.python  # noqa: F401  both: the import is the point
