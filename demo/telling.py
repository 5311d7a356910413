"""What the demo says while it works: lines on the console with the seconds since its start."""

import time

from rich.console import Console

console = Console(highlight=False, soft_wrap=True)
_started = time.monotonic()


def say(text: str) -> None:
    """One line of progress with the seconds since the start."""
    console.print(f"{time.monotonic() - _started:6.1f} s  {text}", markup=False)
