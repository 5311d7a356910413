"""What the verifier says of a folder."""

from pathlib import Path

import pytest

from tieout.audit import verifier


def failed(folder: Path, capsys: pytest.CaptureFixture[str], *more: str) -> tuple[int, str]:
    capsys.readouterr()
    code = verifier.main([str(folder), *more])
    return code, capsys.readouterr().out.splitlines()[-1]
