"""On how many random cases a law is tried: some, always the same, or in `make soak` many new ones.

`make test` has to be short, so costly laws say here how few cases they get there; `make soak` tries
each of them on thirty times as many, drawn anew each time, and prints how to repeat what fails.
"""

import os

import hypothesis

SOAK = os.environ.get("TIEOUT_SOAK") == "1"
TIMES = 30
CASES = 60  # of a law that says nothing itself


def examples(cases: int) -> hypothesis.settings:
    """The decorator of a law that is tried on this many cases in `make test`."""
    return hypothesis.settings(max_examples=cases * TIMES if SOAK else cases)


def use() -> None:
    """Make it so for all laws; time never calls one broken, for the machine may be busy."""
    cases = hypothesis.settings(
        deadline=None,
        derandomize=not SOAK,
        print_blob=True,
        max_examples=CASES * TIMES if SOAK else CASES,
    )
    hypothesis.settings.register_profile("tieout", cases)
    hypothesis.settings.load_profile("tieout")
