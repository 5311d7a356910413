#!/bin/sh
# Makes the virtual environment and installs the hash-locked requirements into it.
# Usage: demo/bootstrap.sh .venv        (PYTHON=/path/to/python3.12 chooses an interpreter)
set -eu
venv=$1
here=$(cd "$(dirname "$0")/.." && pwd)

say() { printf 'tieout: %s\n' "$*" >&2; }

fits() {
  "$1" -c 'import sys; raise SystemExit(not (3, 11) <= sys.version_info[:2] <= (3, 14))' 2>/dev/null
}

python=${PYTHON:-}
if [ -z "$python" ]; then
  for name in python3 python3.13 python3.12 python3.11 python3.14; do
    if command -v "$name" >/dev/null 2>&1 && fits "$name"; then python=$name; break; fi
  done
fi
if [ -z "$python" ] || ! fits "$python"; then
  say "Python 3.11 to 3.14 is needed and was not found. Debian 12 and Ubuntu 24.04: apt-get install python3 python3-venv"
  exit 3
fi
if ! "$python" -c 'import venv, ensurepip' 2>/dev/null; then
  say "$python has no venv module. Mend it with: apt-get install python3-venv"
  exit 3
fi

started=$(date +%s)
if [ ! -x "$venv/bin/python" ] || ! fits "$venv/bin/python"; then
  say "making $venv with $("$python" --version 2>&1)"
  "$python" -m venv --clear "$venv"
fi
say "installing the locked packages (the first time about 1 GB on disk)"
if [ ! -x "$venv/bin/uv" ]; then
  "$venv/bin/python" -m pip --quiet --disable-pip-version-check install --require-hashes -r "$here/requirements-uv.txt"
fi
VIRTUAL_ENV="$here/$venv" "$venv/bin/uv" pip sync --quiet --system-certs --require-hashes "$here/requirements-dev.txt"
VIRTUAL_ENV="$here/$venv" "$venv/bin/uv" pip install --quiet --system-certs --no-deps --no-build-isolation --editable "$here"
say "set up in $(($(date +%s) - started)) s"
