"""Make `sample/bills/2026-11/` and `sample/truth-2026-11.json` out of October's bills.

    python sample/build_november.py     (after the builders of October, which it reads)

Needs nothing but this folder. The result is the same on every run: quantities follow from a hash of
day and service. README.md says what is changed.
"""

import shutil
from pathlib import Path

import november_anthropic
import november_aws
import november_azure
import november_gcp
import november_openai
from november import BILLS
from texts import write_json


def main() -> None:
    """Write everything; what was there before is removed first."""
    shutil.rmtree(BILLS, ignore_errors=True)
    truth = {
        "period": ["2026-11-01", "2026-12-01"],
        "currency": "USD",
        "draft_on": "2026-12-01",
        "final_on": "2026-12-03",
        "openai": november_openai.write(),
        "anthropic": november_anthropic.write(),
        "aws": november_aws.write(),
        "gcp": november_gcp.write(),
        "azure": november_azure.write(),
    }
    write_json(Path(__file__).parent / "truth-2026-11.json", truth)


if __name__ == "__main__":
    main()
