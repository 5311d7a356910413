import gzip
import json
import time
import zlib
from decimal import Decimal

import pytest

from tieout.core.errors import DocumentUnreadableError, SettingError, SourceAnswerError
from tieout.sources import limits
from tieout.sources.limits import check_endpoint, gunzip, load_json


def test_a_public_https_address_is_taken() -> None:
    assert check_endpoint("https://api.openai.com/v1") == "https://api.openai.com/v1"


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:8080",
        "http://localhost/v1",
        "https://10.1.2.3",
        "https://169.254.169.254/latest",
        "https://[::1]/",
        "https://metadata.google.internal/",
        "https://printer.local",
    ],
)
def test_addresses_inside_the_network_need_the_setting(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TIEOUT_ALLOW_LOOPBACK")
    with pytest.raises(SettingError, match="TIEOUT_ALLOW_LOOPBACK=1"):
        check_endpoint(url)
    assert check_endpoint(url, allow_loopback=True) == url


@pytest.mark.parametrize(
    "url",
    [
        "http://api.openai.com",
        "ftp://x.example",
        "https://me:pw@x.example",
        "https://",
        "file:///a",
    ],
)
def test_addresses_that_would_leak_the_key_are_refused(url: str) -> None:
    with pytest.raises(SettingError) as caught:
        check_endpoint(url)
    assert "pw" not in str(caught.value)


def test_gzip_of_several_members_is_unpacked_whole() -> None:
    content = gzip.compress(b"one,") + gzip.compress(b"two")
    assert gunzip(content, name="a.gz") == b"one,two"


def test_gzip_of_nothing_is_nothing() -> None:
    assert gunzip(gzip.compress(b""), name="a.gz") == b""


def test_no_cut_of_a_gzip_file_is_taken_for_the_whole() -> None:
    whole = gzip.compress(bytes(range(256)) * 40, mtime=0)
    for cut in range(0, len(whole), max(1, len(whole) // 100)):
        with pytest.raises(DocumentUnreadableError, match="pull it again"):
            gunzip(whole[:cut], name="a.gz")


def test_a_flipped_bit_in_gzip_is_refused() -> None:
    whole = bytearray(gzip.compress(b"account,cost\n" * 100, mtime=0))
    whole[-6] ^= 1
    with pytest.raises(DocumentUnreadableError, match="not a whole gzip file"):
        gunzip(bytes(whole), name="a.gz")


def test_a_gzip_bomb_is_refused_within_a_second() -> None:
    packer = zlib.compressobj(9, wbits=31)
    bomb = b"".join(packer.compress(bytes(1_000_000)) for _ in range(100)) + packer.flush()
    started = time.monotonic()
    with pytest.raises(DocumentUnreadableError, match="at most 200:1"):
        gunzip(bomb, name="bomb.gz")
    assert time.monotonic() - started < 1


def test_a_file_beyond_the_size_limit_is_refused() -> None:
    with pytest.raises(DocumentUnreadableError, match="and 10 bytes"):
        gunzip(gzip.compress(b"x" * 11), name="a.gz", max_bytes=10)


def test_endless_gzip_members_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MAX_GZIP_MEMBERS", 3)
    with pytest.raises(DocumentUnreadableError, match="more than 3 gzip members"):
        gunzip(gzip.compress(b"") * 4, name="a.gz")


def test_json_numbers_stay_exact() -> None:
    text = b'{"value": 0.1234567890123456789, "count": 3}'
    expected = {"value": Decimal("0.1234567890123456789"), "count": 3}
    assert load_json(text, name="a.json") == expected


@pytest.mark.parametrize(
    "text",
    [
        b'{"a": NaN}',
        b'{"a": -Infinity}',
        b'{"a": 1, "a": 2}',
        b"{",
        b"<html>502</html>",
        b"\xff\xfe",
        b'{"a": 1.' + b"1" * 100 + b"}",
        b'{"a": ' + b"9" * 5000 + b"}",
        b"[" * 60 + b"]" * 60,
        b"[" * 100_000 + b"]" * 100_000,
    ],
)
def test_json_that_python_would_bend_is_refused(text: bytes) -> None:
    with pytest.raises(SourceAnswerError, match="not the JSON that was asked for"):
        load_json(text, name="a.json")


def test_json_beyond_the_size_limit_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MAX_JSON_BYTES", 5)
    with pytest.raises(SourceAnswerError, match="at most 5"):
        load_json(b"[1, 2, 3]", name="a.json")


def test_json_of_allowed_depth_is_read() -> None:
    value = json.loads("[" * 49 + "]" * 49)
    assert load_json(b"[" * 49 + b"]" * 49, name="a.json") == value
