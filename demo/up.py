"""`make up`: Airflow and the finance pages on 127.0.0.1 over what `make run` made, until Ctrl-C."""

import sys
from functools import partial

from demo import airflow, deployment, welcome
from demo.standins import FINAL_ON, StandIns
from tieout.core.errors import TieoutError


def main() -> int:
    """Run in the foreground; 0 after Ctrl-C, 3 with one sentence when it cannot start."""
    home = deployment.home_folder()
    try:
        with deployment.alone(home):
            airflow.stop_stale(home)
            made = deployment.prepare(home)
            today = max(FINAL_ON, made.calendar())
            standins = StandIns(home, as_of=today)
            standins.start()
            try:
                port = airflow.free_port()
                connections = standins.connection_environment()
                settings = made.airflow(connections, port=port, today=today)
                airflow.migrate(settings)
                pages_are_up = partial(welcome.tell, settings.url)
                with airflow.running(settings, pages_are_up=pages_are_up):
                    print("Airflow is ready: its scheduler runs too.")
                    airflow.stay()
            finally:
                standins.stop()
                deployment.release(made)
    except (TieoutError, deployment.DemoError, airflow.AirflowNotUpError) as error:
        print(f"tieout: {error}", file=sys.stderr)
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main())
