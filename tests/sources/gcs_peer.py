"""A stub of Google Cloud Storage's JSON interface: the bucket `bills` is a folder of this machine.

python gcs_peer.py FOLDER prints its address and answers until it is ended.
"""

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

BUCKET = "/storage/v1/b/bills"
NOT_FOUND = b'{"error": {"code": 404, "message": "not found"}}'


class Handler(BaseHTTPRequestHandler):
    """Answers for the bucket, the list of its objects, one object, and its bytes."""

    folder = Path()

    def log_message(self, *_: object, **__: object) -> None:
        """Silence: this is a process of its own."""

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        status, body = self._answer(unquote(parts.path), parse_qs(parts.query))
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _answer(self, path: str, query: dict[str, list[str]]) -> tuple[int, bytes]:
        if path == BUCKET:
            return 200, json.dumps({"name": "bills", "id": "bills"}).encode()
        names = sorted(
            file.relative_to(self.folder).as_posix()
            for file in self.folder.rglob("*")
            if file.is_file()
        )
        if path == f"{BUCKET}/o":
            (prefix,) = query.get("prefix", [""])
            found = [self._entry(name) for name in names if name.startswith(prefix)]
            return 200, json.dumps({"items": found}).encode()
        name = path.removeprefix(f"{BUCKET}/o/")
        if name not in names:
            return 404, NOT_FOUND
        if query.get("alt") == ["media"]:
            return 200, (self.folder / name).read_bytes()
        return 200, json.dumps(self._entry(name)).encode()

    def _entry(self, name: str) -> dict[str, str]:
        return {
            "kind": "storage#object",
            "name": name,
            "bucket": "bills",
            "size": str((self.folder / name).stat().st_size),
            "generation": "1",
            "timeCreated": "2026-11-02T00:00:00Z",
            "updated": "2026-11-02T00:00:00Z",
        }


if __name__ == "__main__":
    Handler.folder = Path(sys.argv[1])
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    sys.stdout.write(f"http://127.0.0.1:{server.server_port}\n")
    sys.stdout.flush()
    server.serve_forever()
