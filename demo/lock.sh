#!/bin/sh
# Refreshes all locked requirement files. They carry hashes and no index address.
set -eu
cd "$(dirname "$0")/.."
compile() {
  .venv/bin/uv pip compile --quiet --upgrade --universal --python-version 3.11 --no-header \
    --generate-hashes "$1.in" --output-file "$1.txt"
}
compile requirements
compile requirements-dev
compile requirements-uv
compile requirements-image

# what only tests use, each in an environment of its own (demo/tools.sh); one of them needs a newer Python
compile_tool() {
  .venv/bin/uv pip compile --quiet --upgrade --universal --python-version "$2" --no-header \
    --generate-hashes "demo/tools/$1.in" --output-file "demo/tools/$1.txt"
}
compile_tool bq 3.11
compile_tool focus 3.12
compile_tool spark 3.11
if command -v npm >/dev/null 2>&1; then
  (cd demo/tools && npm install --package-lock-only --no-audit --no-fund --silent &&
    sed -i '/"resolved":/d' package-lock.json)
else
  echo "demo/lock.sh: npm was not found on PATH: demo/tools/package-lock.json stays as it is" >&2
fi
