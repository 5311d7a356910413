"""Alerts reach people over a real mail connection and a real web hook, both on loopback."""

import json
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_string
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import ClassVar

import pytest
from airflow.sdk import BaseHook, Connection

from tieout import notifiers
from tieout.steps.alerts import Alert

LATE = Alert(kind="close_late", period="2026-10", sentence="2026-10 is <b>late</b> {{ 7 * 7 }}.")


@contextmanager
def serving(server: socketserver.TCPServer) -> Iterator[int]:
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield int(server.server_address[1])
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Mail(socketserver.StreamRequestHandler):
    """As much of SMTP as one letter needs."""

    letters: ClassVar[list[str]] = []

    def handle(self) -> None:
        self.wfile.write(b"220 here\r\n")
        while line := self.rfile.readline():
            word = line[:4].upper()
            if word == b"DATA":
                self.wfile.write(b"354 go on\r\n")
                letter = b""
                while (more := self.rfile.readline()) != b".\r\n":
                    letter += more
                self.letters.append(letter.decode())
            self.wfile.write(b"221 bye\r\n" if word == b"QUIT" else b"250 fine\r\n")


class _Hook(BaseHTTPRequestHandler):
    texts: ClassVar[list[str]] = []

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.texts.append(json.loads(body)["text"])
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"ok")

    def log_request(self, *_: object) -> None:
        """Nothing: the test looks at what was taken."""


def connected(monkeypatch: pytest.MonkeyPatch, made: Connection) -> None:
    monkeypatch.setattr(BaseHook, "get_connection", lambda *_names: made)


def test_without_an_address_nobody_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TIEOUT_ALERT_EMAILS", raising=False)
    monkeypatch.delenv("TIEOUT_ALERT_WEBHOOK", raising=False)
    assert notifiers.notifiers(["x"]) == []
    assert notifiers.tell([LATE]) == [{"kind": "close_late", "period": "2026-10"}]


def test_nothing_to_tell_sends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIEOUT_ALERT_WEBHOOK", "1")
    assert notifiers.tell([]) == []


def test_a_web_hook_gets_the_sentences_as_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIEOUT_ALERT_WEBHOOK", "1")
    monkeypatch.setenv("TIEOUT_ALLOW_LOOPBACK", "1")
    with serving(HTTPServer(("127.0.0.1", 0), _Hook)) as port:
        url = f"http://127.0.0.1:{port}/services/T0/B0/secret"
        connected(monkeypatch, Connection(conn_id="c", conn_type="generic", password=url))
        notifiers.tell([LATE])
    assert _Hook.texts == ["close_late 2026-10: 2026-10 is <b>late</b> {{ 7 * 7 }}."]


def test_a_letter_names_what_is_late_and_nothing_in_it_is_markup_or_a_template(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TIEOUT_ALERT_EMAILS", "ana@example.com, ben@example.com")
    with serving(socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Mail)) as port:
        extra = {"disable_ssl": True, "disable_tls": True, "from_email": "tieout@example.com"}
        made = Connection(
            conn_id="tieout_smtp",
            conn_type="smtp",
            host="127.0.0.1",
            port=port,
            extra=json.dumps(extra),
        )
        connected(monkeypatch, made)
        notifiers.tell([LATE])
    (letter,) = _Mail.letters
    read = message_from_string(letter)
    assert read["Subject"] == "tieout: 1 to look at"
    assert "ana@example.com" in read["To"]
    (body,) = [part for part in read.walk() if part.get_content_type() == "text/html"]
    text = body.get_payload(decode=True)
    assert isinstance(text, bytes)
    assert b"2026-10 is &lt;b&gt;late&lt;/b&gt; {{ 7 * 7 }}." in text
