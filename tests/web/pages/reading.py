"""Reads a page as a browser would: headings, links, tables, and what may not be there."""

import csv
import io
import json
import re
import zipfile
from dataclasses import dataclass, field
from html.parser import HTMLParser

import pyarrow.parquet as pq

_ROW = re.compile(rb"<row ")


@dataclass(slots=True)
class ReadTable:
    """A table of a page: its caption, and how many rows its body has."""

    caption: str = ""
    rows: int = 0
    files: list[str] = field(default_factory=list)


class ReadPage(HTMLParser):
    """What a page holds."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.headings: list[str] = []
        self.title = ""
        self.links: list[str] = []
        self.ids: list[str] = []
        self.forbidden: list[str] = []
        self.tables: list[ReadTable] = []
        self.hidden: dict[str, str] = {}
        self.words: list[str] = []
        self._open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self._open.append(tag)
        self.ids += [given["id"]] if "id" in given else []
        self.links += [given[name] for name in ("href", "src") if name in given]
        if tag == "script" and "src" not in given:
            self.forbidden.append("inline script")
        self.forbidden += [name for name in given if name == "style" or name.startswith("on")]
        if tag == "style":
            self.forbidden.append("style element")
        if tag == "h1":
            self.headings.append("")
        if tag == "table":
            self.tables.append(ReadTable())
        if tag == "tr" and "tbody" in self._open:
            self.tables[-1].rows += 1
        if tag == "input" and given.get("type") == "hidden":
            self.hidden[given["name"]] = given["value"]
        if tag in ("input", "meta", "link", "br"):
            self._open.pop()

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        inside = self._open[-1] if self._open else ""
        if "h1" in self._open:
            self.headings[-1] += data
        if inside == "title" and "svg" not in self._open:
            self.title += data
        if inside == "caption":
            self.tables[-1].caption += data
        self.words.append(data)

    def text(self) -> str:
        """All words in their order, single spaces between them."""
        return " ".join(" ".join(self.words).split())

    def files(self, form: str) -> list[str]:
        """Addresses of the tables as files of one form."""
        return [one for one in self.links if re.search(rf"\.{form}(\?|$)", one)]


def rows_of(form: str, content: bytes) -> int:
    """How many rows a downloaded table has, without its head."""
    if form == "csv":
        return len(list(csv.reader(io.StringIO(content.decode())))) - 1
    if form == "json":
        return len(json.loads(content)["rows"])
    if form == "parquet":
        return int(pq.read_table(io.BytesIO(content)).num_rows)
    with zipfile.ZipFile(io.BytesIO(content)) as book:
        return len(_ROW.findall(book.read("xl/worksheets/sheet1.xml"))) - 1
