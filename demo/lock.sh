#!/bin/sh
# Refreshes the three locked requirement files. They carry hashes and no index address.
set -eu
cd "$(dirname "$0")/.."
compile() {
  .venv/bin/uv pip compile --quiet --upgrade --universal --python-version 3.11 --no-header \
    --generate-hashes "$1.in" --output-file "$1.txt"
}
compile requirements
compile requirements-dev
compile requirements-uv
