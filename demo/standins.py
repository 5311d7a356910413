"""Stand-ins of the five providers on loopback: they replay the bills of the sample company.

    python demo/standins.py --home DIR --aws-port N --replay-port M [--as-of 2026-11-01]

S3 is moto's real emulator; the rest is recorded answers: AWS's invoicing and organizations
interfaces here, the AI providers, BigQuery and Azure in modules of their own. `POST /_standin/as-of
{"date": "2026-11-03"}` moves the world to a day of the story (`demo/story.py`): it turns a draft
month into the final one, with final report, late rows, invoices. Any key is accepted; a request
without one gets 401.
"""

import argparse
import json
import logging
import shutil
import signal
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import boto3
from botocore.config import Config
from moto.server import ThreadedMotoServer

from demo import standin_ai, standin_azure, standin_bigquery
from demo.story import BILLS, CREDIT_MEMO_ON, LATE_INVOICE_ON, MONTHS, NOVEMBER, OCTOBER, Month

LOOPBACK = "127.0.0.1"
BUCKET, PREFIX, REPORT, REGION = "nordlicht-billing", "cur", "monthly", "us-east-1"
DRAFT_ON, FINAL_ON = OCTOBER.draft_on, OCTOBER.final_on
ACCOUNTS = {
    "aws": "417000000001",
    "openai": "org-NordlichtLabs",
    "anthropic": "nordlicht-labs",
    "gcp": standin_bigquery.ACCOUNT,
    "azure": standin_azure.PROFILE,
}

# from which day on a document lies in a provider's drop folder
_DROPPED = (
    (OCTOBER.final_on, "openai", "invoices/openai-*.pdf"),
    (OCTOBER.final_on, "anthropic", "invoices/anthropic-*.pdf"),
    (OCTOBER.final_on, "gcp", "gcp/cost-table-*.csv"),
    (NOVEMBER.final_on, "anthropic", "2026-11/invoices/anthropic-*.pdf"),
    (NOVEMBER.final_on, "gcp", "2026-11/gcp/cost-table-*.csv"),
    (LATE_INVOICE_ON, "openai", "2026-11/invoices/openai-*.pdf"),
)

Answer = tuple[int, bytes]
Headed = tuple[int, bytes, Mapping[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What came with a call besides its path."""

    headers: Mapping[str, str]
    body: bytes


class StandIns:
    """The world outside, as of a day of the story. Starts on free ports unless ports are given."""

    def __init__(
        self,
        home: Path,
        *,
        aws_port: int = 0,
        replay_port: int = 0,
        as_of: date = DRAFT_ON,
    ) -> None:
        self.home = home.resolve()
        self.as_of = as_of
        self._turn = threading.Lock()
        self._moto = ThreadedMotoServer(ip_address=LOOPBACK, port=aws_port, verbose=False)
        self._replay = _Server(replay_port, self)
        self._thread = threading.Thread(target=self._replay.serve_forever, daemon=True)

    def start(self) -> None:
        """Listen, and put the world into the state of `as_of`."""
        logging.getLogger("werkzeug").setLevel(logging.ERROR)  # one line a request is no use here
        self._moto.start()
        self._s3().create_bucket(Bucket=BUCKET)
        self.set_as_of(self.as_of)
        self._thread.start()

    def stop(self) -> None:
        """Stop listening; the drop folders stay."""
        self._replay.shutdown()
        self._replay.server_close()
        self._thread.join()
        self._moto.stop()

    def set_as_of(self, day: date) -> None:
        """Move the world to a day; may be repeated, and may go back."""
        with self._turn:
            self.as_of = day
            for month in MONTHS:
                self._deliver_report(month)
            self._deliver_documents()

    @property
    def endpoints(self) -> dict[str, str]:
        """Base addresses by provider."""
        replay = f"http://{LOOPBACK}:{self._replay.server_port}"
        _, aws_port = self._moto.get_host_and_port()
        return {
            "aws": f"http://{LOOPBACK}:{aws_port}",
            "aws_invoicing": replay,
            "aws_organizations": replay,
            "openai": f"{replay}/v1",
            "anthropic": replay,
            "gcp": replay,
            "azure": replay,
        }

    def documents_url(self, provider: str) -> str:
        """The drop folder of a provider's PDF documents."""
        return (self.home / "drop" / provider).as_uri()

    def connection_environment(self) -> dict[str, str]:
        """Environment variables that make the Airflow connections point here."""
        aws = {
            "conn_type": "generic",
            "login": "demo",
            "password": "demo",
            "extra": {
                "endpoint_url": self.endpoints["aws"],
                "invoicing_endpoint_url": self.endpoints["aws_invoicing"],
                "organizations_endpoint_url": self.endpoints["aws_organizations"],
                "account_names": "organizations",
                "bucket": BUCKET,
                "prefix": PREFIX,
                "report": REPORT,
                "region": REGION,
            },
        }
        azure = {
            "conn_type": "generic",
            "login": "demo",
            "password": "demo",
            "extra": standin_azure.connection_extra(self.endpoints["azure"]),
        }
        google = standin_bigquery.connection_extra(self.endpoints["gcp"])
        google |= {"documents_url": self.documents_url("gcp")}
        gcp = {"conn_type": "generic", "extra": google}
        connections = {"aws": aws, "azure": azure, "gcp": gcp}
        for provider in ("openai", "anthropic"):
            connections[provider] = {
                "conn_type": "generic",
                "password": "demo",
                "extra": {
                    "endpoint_url": self.endpoints[provider],
                    "documents_url": self.documents_url(provider),
                },
            }
        environment = {
            f"AIRFLOW_CONN_TIEOUT_{name.upper()}": json.dumps(value)
            for name, value in connections.items()
        }
        return {**environment, "TIEOUT_ALLOW_LOOPBACK": "1"}

    def cloud_answer(
        self, method: str, path: str, query: Mapping[str, list[str]], *, sent: Request
    ) -> Headed | None:
        """What BigQuery or Azure answers, which check keys themselves; None: not their path."""
        found = standin_bigquery.answer(method, path, query, sent.body, as_of=self.as_of)
        if found is not None:
            return (*found, {})
        return standin_azure.answer(
            method,
            unquote(path),
            query,
            sent.body,
            sent.headers,
            as_of=self.as_of,
            base_url=self.endpoints["azure"],
        )

    def aws_answer(self, target: str, body: bytes) -> Answer:
        """What AWS answers to an operation of its JSON interfaces."""
        if target == "Invoicing.ListInvoiceSummaries":
            return 200, self._summaries(json.loads(body)["Filter"]["BillingPeriod"])
        if target == "AWSOrganizationsV20161128.ListAccounts":
            return 200, (BILLS / "aws" / "organizations" / "list_accounts.json").read_bytes()
        return standin_ai.failure(400, f"no stand-in for {target}")

    def _summaries(self, asked: Mapping[str, int]) -> bytes:
        """The invoices of a billing period; October has a credit memo from 20 November on."""
        period = f"{asked['Year']:04d}-{asked['Month']:02d}"
        for month in MONTHS:
            if month.period == period and month.stage(self.as_of) == "final":
                is_credited = month is OCTOBER and self.as_of >= CREDIT_MEMO_ON
                name = "list_invoice_summaries"
                if is_credited:
                    return (NOVEMBER.bills / "aws/invoicing" / f"{name}.{period}.json").read_bytes()
                return (month.bills / "aws/invoicing" / f"{name}.json").read_bytes()
        return b'{"InvoiceSummaries": []}'

    def _deliver_report(self, month: Month) -> None:
        """Data files first, the manifest last, as AWS does; older files stay beside them."""
        stage = month.stage(self.as_of)
        root = month.bills / "aws" / (stage or "draft")
        files = sorted(path for path in root.rglob("*") if path.is_file())
        for path in sorted(files, key=lambda one: one.name.endswith("-Manifest.json")):
            key = path.relative_to(root).as_posix()
            if stage:
                self._s3().put_object(Bucket=BUCKET, Key=key, Body=path.read_bytes())
            else:
                self._s3().delete_object(Bucket=BUCKET, Key=key)

    def _deliver_documents(self) -> None:
        for day, provider, pattern in _DROPPED:
            folder = self.home / "drop" / provider
            folder.mkdir(parents=True, exist_ok=True)
            for path in sorted(BILLS.glob(pattern)):
                if self.as_of >= day:
                    shutil.copyfile(path, folder / path.name)
                else:
                    (folder / path.name).unlink(missing_ok=True)

    def _s3(self) -> Any:
        return boto3.client(
            "s3",
            endpoint_url=self.endpoints["aws"],
            region_name=REGION,
            aws_access_key_id="demo",
            aws_secret_access_key="demo",
            config=Config(s3={"addressing_style": "path"}),
        )


_NO_HEADERS: Mapping[str, str] = {}


class _Server(ThreadingHTTPServer):
    """The replay server, which knows the world that it answers for."""

    daemon_threads = True

    def __init__(self, port: int, world: StandIns) -> None:
        super().__init__((LOOPBACK, port), _Handler)
        self.world = world


class _Handler(BaseHTTPRequestHandler):
    disable_nagle_algorithm = True  # small answers would wait 40 ms for the other side
    """One request; `server.world` has the answers."""

    protocol_version = "HTTP/1.1"
    server: _Server

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        if parts.path == "/_standin/health":
            as_of = self.server.world.as_of.isoformat()
            self._send(200, _json({"status": "ok", "as_of": as_of}))
        elif not self._is_cloud(b"") and self._has_key():
            query, today = parse_qs(parts.query), self.server.world.as_of
            self._send(*standin_ai.answer(parts.path, query, as_of=today))

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if urlsplit(self.path).path == "/_standin/as-of":
            self._send(*_move(self.server.world, body))
        elif not self._is_cloud(body) and self._has_key():
            self._send(*self.server.world.aws_answer(self.headers.get("X-Amz-Target", ""), body))

    def log_message(self, *_: object, **__: object) -> None:
        """Silence: the caller's log is the one to read."""

    def _is_cloud(self, body: bytes) -> bool:
        parts = urlsplit(self.path)
        sent = Request(headers=dict(self.headers.items()), body=body)
        found = self.server.world.cloud_answer(
            self.command, parts.path, parse_qs(parts.query), sent=sent
        )
        if found is not None:
            self._send(*found)
        return found is not None

    def _has_key(self) -> bool:
        given = self.headers.get("Authorization") or self.headers.get("X-Api-Key")
        if not given:
            self._send(*standin_ai.failure(401, "no key was sent"))
        return bool(given)

    def _send(self, status: int, content: bytes, headers: Mapping[str, str] = _NO_HEADERS) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", **headers}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


def _move(world: StandIns, body: bytes) -> Answer:
    try:
        day = date.fromisoformat(json.loads(body)["date"])
    except (ValueError, KeyError, TypeError):
        return standin_ai.failure(400, 'expected {"date": "2026-11-03"}')
    world.set_as_of(day)
    return 200, _json({"as_of": day.isoformat()})


def _json(value: object) -> bytes:
    return json.dumps(value).encode()


def main() -> None:
    """Serve until a signal says stop."""
    parser = argparse.ArgumentParser(description="Stand-ins of the five providers.")
    parser.add_argument("--home", type=Path, required=True, help="folder of the drop folders")
    parser.add_argument("--aws-port", type=int, default=0)
    parser.add_argument("--replay-port", type=int, default=0)
    parser.add_argument("--as-of", type=date.fromisoformat, default=DRAFT_ON)
    given = parser.parse_args()
    world = StandIns(
        given.home,
        aws_port=given.aws_port,
        replay_port=given.replay_port,
        as_of=given.as_of,
    )
    stopped = threading.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, lambda *_: stopped.set())
    world.start()
    print(json.dumps(world.endpoints), flush=True)
    stopped.wait()
    world.stop()


if __name__ == "__main__":
    main()
