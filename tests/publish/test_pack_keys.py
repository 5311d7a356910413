"""The signing key: a file that only its owner reads, and copies of checkpoints outside."""

import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from tieout.core.errors import IntegrityError, SettingError
from tieout.lake import anchors
from tieout.publish.pack_keys import load_key, make_key

NOTE = "tieout\n3\nroot\n"


def test_a_new_key_is_readable_by_its_owner_alone_and_never_printed(tmp_path: Path) -> None:
    file = tmp_path / "signing.pem"
    known = make_key(file)
    assert file.stat().st_mode & 0o777 == 0o400
    key = load_key(str(file))
    assert key is not None
    assert key.verifier_key == known
    assert repr(key) == f"SigningKey({known})"
    assert key.line(NOTE).startswith("\u2014 tieout ")
    assert isinstance(key.private.public_key(), Ed25519PublicKey)
    with pytest.raises(SettingError, match="File exists"):
        make_key(file)


def test_no_setting_is_no_key_and_a_wrong_file_is_named(tmp_path: Path) -> None:
    assert load_key("") is None
    with pytest.raises(SettingError, match="No such file"):
        load_key(str(tmp_path / "none.pem"))
    file = tmp_path / "signing.pem"
    file.write_text("no key")
    with pytest.raises(SettingError, match="expected 0400"):
        load_key(str(file))
    file.chmod(0o400)
    with pytest.raises(SettingError, match="no Ed25519 key"):
        load_key(str(file))


def test_copies_are_written_once_read_again_and_never_written_over(tmp_path: Path) -> None:
    repository = tmp_path / "audit.git"
    clone = tmp_path / "clone"
    for command in (
        ["git", "init", "--quiet", "--bare", str(repository)],
        ["git", "clone", "--quiet", str(repository), str(clone)],
    ):
        subprocess.run(command, check=True, capture_output=True)
    places = anchors.places(3, url=(tmp_path / "out").as_uri(), repository=str(clone))
    assert [one["kind"] for one in places] == ["folder", "git tag"]
    for place in places:
        assert anchors.get(place) is None
        anchors.put(place, NOTE)
        anchors.put(place, f"{NOTE}\na signature that came later\n")
        assert anchors.get(place) == NOTE
        with pytest.raises(IntegrityError, match="holds another checkpoint"):
            anchors.put(place, "tieout\n3\nother\n")
    pushed = {**places[1], "place": places[1]["place"].replace(str(clone), str(repository))}
    assert anchors.get(pushed) == NOTE


def test_nothing_configured_is_no_place_and_a_folder_without_git_is_named(tmp_path: Path) -> None:
    assert anchors.places(3, url="", repository="") == []
    (place,) = anchors.places(3, url="", repository=str(tmp_path))
    with pytest.raises(SettingError, match="TIEOUT_ANCHOR_GIT"):
        anchors.get(place)
