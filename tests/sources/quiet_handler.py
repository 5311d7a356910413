"""The request handler that every stub server of these tests builds on."""

from http.server import BaseHTTPRequestHandler


class QuietHandler(BaseHTTPRequestHandler):
    """Gives GET and POST to `answer` and writes no log: the test that asks is the one to read."""

    def do_GET(self) -> None:
        self.answer()

    def do_POST(self) -> None:
        self.answer()

    def answer(self) -> None:
        """What the stub says; `self.command` is the method."""
        raise AssertionError(f"nobody said what to answer to {self.path}")

    def log_message(self, *_: object, **__: object) -> None:
        pass
