"""LibreOffice as an independent calculator: what a workbook comes to, calculated anew."""

import shutil
import subprocess
from pathlib import Path

import pytest

PROGRAM = shutil.which("soffice")
needs_soffice = pytest.mark.skipif(
    PROGRAM is None, reason="soffice is not installed: apt-get install libreoffice-calc-nogui"
)
# without this LibreOffice believes the values that stand in the file (0: always recalculate)
_ALWAYS = """<?xml version="1.0" encoding="UTF-8"?>
<oor:items xmlns:oor="http://openoffice.org/2001/registry">
<item oor:path="/org.openoffice.Office.Calc/Formula/Load">
<prop oor:name="OOXMLRecalcMode" oor:op="fuse"><value>0</value></prop></item>
</oor:items>
"""


def converted(file: Path, folder: Path, form: str = "xlsx") -> Path:
    """The file as LibreOffice saves it in a form, after calculating every formula itself."""
    profile = folder / "profile"
    (profile / "user").mkdir(parents=True, exist_ok=True)
    (profile / "user" / "registrymodifications.xcu").write_text(_ALWAYS)
    command = [PROGRAM or "", f"-env:UserInstallation={profile.as_uri()}", "--headless"]
    command += ["--convert-to", form, "--outdir", str(folder), str(file)]
    subprocess.run(command, check=True, capture_output=True, timeout=300)
    return folder / f"{file.stem}.{form}"
