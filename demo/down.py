"""`make down`: stop what a killed run left behind; with --forget also delete the sample month."""

import argparse
import shutil
import sys

from demo import airflow, deployment, postgres


def main() -> int:
    """Stop processes of this checkout; 3 when another program is still at work."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--forget", action="store_true", help="delete database, lake and logs")
    options = parser.parse_args()
    home = deployment.home_folder()
    if not home.exists():
        print(f"Nothing is there: {home}")
        return 0
    try:
        with deployment.alone(home):
            airflow.stop_stale(home)
            if options.forget:
                postgres.destroy(home)
            else:
                postgres.stop(home)
    except deployment.DemoError as error:
        print(f"tieout: {error}", file=sys.stderr)
        return 3
    if options.forget:
        shutil.rmtree(home)
    print("stopped and forgotten" if options.forget else "stopped")
    return 0


if __name__ == "__main__":
    sys.exit(main())
