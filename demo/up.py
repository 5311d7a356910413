"""`make up`: Airflow and its UI on 127.0.0.1 over what `make run` made, until Ctrl-C."""

import sys

from demo import airflow, deployment
from demo.standins import FINAL_ON, StandIns
from tieout.core.errors import TieoutError


def main() -> int:
    """Run in the foreground; 0 after Ctrl-C, 3 with one sentence when it cannot start."""
    home = deployment.home_folder()
    try:
        with deployment.alone(home):
            airflow.stop_stale(home)
            made = deployment.prepare(home)
            standins = StandIns(home, as_of=FINAL_ON)
            standins.start()
            try:
                port = airflow.free_port()
                settings = made.airflow(standins.connection_environment(), port=port)
                airflow.migrate(settings)
                with airflow.running(settings):
                    airflow.stay(settings)
            finally:
                standins.stop()
                deployment.release(made)
    except (TieoutError, deployment.DemoError, airflow.AirflowNotUpError) as error:
        print(f"tieout: {error}", file=sys.stderr)
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main())
