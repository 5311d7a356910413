"""Make the AI providers' part of `sample/bills/` and `sample/truth.json` out of the shared data.

    python sample/build.py DATA     (then sample/build_aws.py DATA)

DATA is the folder that holds `ai/scenario-2026-10`. The result is the same on every run. README.md
says what is changed.
"""

import base64
import json
import re
import shutil
import sys
import zlib
from collections.abc import Mapping
from pathlib import Path

HERE = Path(__file__).parent
BILLS = HERE / "bills"

BILL_TO = {b"(Acme Analytics B.V.)": b"(Nordlicht Labs B.V.)"}
DEFAULT_WORKSPACE = "wrkspc_00Default"


def main(data: Path) -> None:
    """Write everything; what was there before is removed first."""
    shutil.rmtree(BILLS, ignore_errors=True)
    scenario = data / "ai" / "scenario-2026-10"
    copy_ai(scenario)
    copy_invoices(scenario / "invoices")
    write_json(HERE / "truth.json", json.loads((scenario / "truth.json").read_text()))


def copy_ai(scenario: Path) -> None:
    """The recorded pages as they are, and the workspace list that includes the default one."""
    pulls = {
        "as_of_2026-11-01": "pull-on-first-of-next-month",
        "as_of_2026-11-03": "pull-on-third-of-next-month",
    }
    for ours, theirs in pulls.items():
        copy_folder(scenario / "openai" / theirs, BILLS / "openai" / ours)
    copy_folder(scenario / "openai" / "usage", BILLS / "openai" / "usage")
    copy_files(scenario / "openai", ["projects.json", "api_keys.json"], BILLS / "openai")
    copy_folder(scenario / "anthropic" / "analytics", BILLS / "anthropic" / "analytics")
    copy_files(scenario / "anthropic", ["workspaces.json"], BILLS / "anthropic")
    listed = json.loads((scenario / "anthropic" / "workspaces.json").read_text())
    default = {**listed["data"][0], "id": DEFAULT_WORKSPACE, "name": "Default"}
    with_default = {**listed, "data": [default, *listed["data"]]}
    write_json(BILLS / "anthropic" / "workspaces_with_default.json", with_default)


def copy_invoices(folder: Path) -> None:
    """The PDFs with our sample company in the address; everything else is left alone."""
    target = BILLS / "invoices"
    target.mkdir(parents=True)
    for path in sorted(folder.glob("*.pdf")):
        (target / path.name).write_bytes(rewritten(path.read_bytes(), BILL_TO))
    copy_files(folder, [path.name for path in sorted(folder.glob("*.expected.json"))], target)


def rewritten(pdf: bytes, changes: Mapping[bytes, bytes]) -> bytes:
    """Replace texts in the page streams and write the cross-reference table anew."""

    def stream(match: re.Match[bytes]) -> bytes:
        text = zlib.decompress(base64.a85decode(b"<~" + match[2].strip(), adobe=True))
        for old, new in changes.items():
            text = text.replace(old, new)
        packed = base64.a85encode(zlib.compress(text, 9)) + b"~>"
        return b"/Length %d%s%s%s" % (len(packed), match[1], packed, match[3])

    body, tail = pdf[: pdf.rindex(b"\nxref\n") + 1], pdf[pdf.rindex(b"trailer") :]
    pattern = rb"/Length \d+(\s*>>\s*stream\r?\n)(.*?)(endstream)"
    body = re.sub(pattern, stream, body, flags=re.DOTALL)
    offsets = [match.start() for match in re.finditer(rb"^\d+ 0 obj", body, flags=re.MULTILINE)]
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    xref = b"xref\n0 %d\n0000000000 65535 f \n" % (len(offsets) + 1)
    tail = re.sub(rb"startxref\n\d+", b"startxref\n%d" % len(body), tail)
    return body + xref + table + tail


def write_json(path: Path, value: object) -> None:
    """Indented JSON with a newline at the end."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, indent=1, ensure_ascii=False) + "\n")


def copy_folder(source: Path, target: Path) -> None:
    """All JSON files of a folder."""
    copy_files(source, [path.name for path in sorted(source.glob("*.json"))], target)


def copy_files(source: Path, names: list[str], target: Path) -> None:
    """Files byte for byte."""
    target.mkdir(parents=True, exist_ok=True)
    for name in names:
        (target / name).write_bytes((source / name).read_bytes())


if __name__ == "__main__":
    main(Path(sys.argv[1]))
