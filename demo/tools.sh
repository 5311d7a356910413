#!/bin/sh
# Installs the tools that some tests of the connectors, of the FOCUS export and of the engine run against:
#   DIR/bq     a BigQuery emulator          DIR/focus   the FOCUS conformance validator
#   DIR/node   Azurite (Azure Blob Storage), Prism (answers from an OpenAPI file), axe-core (accessibility)
#   DIR/spark  PySpark, which is a whole Spark, and Ibis (0.9 GB); only if asked for
# and, as packages of the machine, what pages, workbook and close report are tested with: Chromium,
# LibreOffice Calc, Pango. They are installed only by root and only where apt-get is; nothing else outside
# DIR is written.
# Usage: demo/tools.sh [DIR [spark]]       (DIR is .tools unless given)
# A part that cannot be installed says why in one sentence; its tests are skipped. Always ends with 0.
set -u
here=$(cd "$(dirname "$0")/.." && pwd)
lists=$here/demo/tools
mkdir -p "${1:-$here/.tools}"
tools=$(cd "${1:-$here/.tools}" && pwd)
export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1

say() { printf 'tieout: %s\n' "$*" >&2; }

# ready PART FILE: is the part installed from exactly this file?
ready() { [ -f "$tools/$1/installed-from" ] && cmp -s "$2" "$tools/$1/installed-from"; }
stamp() { cp "$2" "$tools/$1/installed-from"; }

# fits PYTHON MINOR: does it run, is it 3.MINOR or later, and can it make a virtual environment?
fits() {
  "$1" -c "import sys, venv, ensurepip; raise SystemExit(not (3, $2) <= sys.version_info[:2] <= (3, 14))" 2>/dev/null
}

# interpreter MINOR: the first fitting interpreter of the machine, on PATH or of pyenv
interpreter() {
  for name in python3 python3.13 python3.12 python3.14 python3.11 \
    "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3.1[1-4]*/bin/python; do
    if command -v "$name" >/dev/null 2>&1 && fits "$name" "$1"; then
      printf '%s\n' "$name"
      return 0
    fi
  done
  return 1
}

# python_part PART MINOR: a virtual environment from the hash-locked list of that part
python_part() {
  if ready "$1" "$lists/$1.txt"; then return 0; fi
  if ! python=$(interpreter "$2"); then
    say "$1 is left out: it needs Python 3.$2 to 3.14 with the venv module, and none was found on PATH or under pyenv."
    return 1
  fi
  say "installing $1 with $("$python" --version 2>&1)"
  if ! "$python" -m venv --clear "$tools/$1" ||
    ! "$tools/$1/bin/python" -m pip -qq install --require-hashes -r "$lists/$1.txt"; then
    say "$1 is left out: pip could not install demo/tools/$1.txt (its message is above)."
    return 1
  fi
}

bigquery() {
  python_part bq 11 || return 0
  if ready bq "$lists/bq.txt"; then return 0; fi
  # DuckDB would fetch these from the network; they lie under HOME, so the emulator gets its own
  mkdir -p "$tools/bq/home"
  if ! HOME="$tools/bq/home" "$tools/bq/bin/python" -c \
    'import duckdb_extensions as d; d.import_extension("icu"); d.import_extension("spatial")'; then
    say "bq is left out: the DuckDB extensions could not be unpacked (the message is above)."
    return 0
  fi
  stamp bq "$lists/bq.txt"
}

focus() {
  python_part focus 12 || return 0
  if ready focus "$lists/focus.txt"; then return 0; fi
  stamp focus "$lists/focus.txt"
}

spark() {
  if ready spark "$lists/spark.txt"; then return 0; fi
  if ! java=$(java -version 2>&1); then
    say "spark is left out: it needs Java 17 or later, and java was not found on PATH."
    return 0
  fi
  major=$(printf '%s\n' "$java" | sed -n 's/.*version "\([0-9]*\).*/\1/p')
  if [ "${major:-0}" -lt 17 ]; then
    say "spark is left out: it needs Java 17 or later, and java on PATH is ${major:-of no known version}."
    return 0
  fi
  python_part spark 11 || return 0
  stamp spark "$lists/spark.txt"
}

javascript() {
  if ready node "$lists/package-lock.json"; then return 0; fi
  if ! command -v node >/dev/null 2>&1 || ! command -v npm >/dev/null 2>&1; then
    say "node is left out: Azurite, Prism and axe-core need Node.js 18 or later with npm, and they were not found on PATH."
    return 0
  fi
  say "installing node tools with Node.js $(node --version)"
  mkdir -p "$tools/node"
  cp "$lists/package.json" "$lists/package-lock.json" "$tools/node/"
  if ! npm ci --prefix "$tools/node" --ignore-scripts --no-audit --no-fund --silent >&2; then
    say "node is left out: npm could not install demo/tools/package-lock.json (its message is above)."
    return 0
  fi
  stamp node "$lists/package-lock.json"
}

# of_the_machine NAME PACKAGE...: are they there? If not, root lets apt-get install the packages
of_the_machine() {
  name=$1
  shift
  if present "$name"; then return 0; fi
  if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null 2>&1; then
    say "$name is left out: it is not on this machine, and only root with apt-get can install it ($*)."
    return 0
  fi
  say "installing $* with apt-get"
  if ! DEBIAN_FRONTEND=noninteractive apt-get -qq -y install --no-install-recommends "$@" >/dev/null; then
    if ! apt-get -qq update || ! DEBIAN_FRONTEND=noninteractive \
      apt-get -qq -y install --no-install-recommends "$@" >/dev/null; then
      say "$name is left out: apt-get could not install $* (its message is above)."
    fi
  fi
}

# present NAME: a program on PATH, or a shared library
present() {
  command -v "$1" >/dev/null 2>&1 || /sbin/ldconfig -p 2>/dev/null | grep -q "$1\.so"
}

browser() {
  of_the_machine chromium chromium
  of_the_machine soffice libreoffice-calc-nogui
  of_the_machine libpangoft2-1.0 libpango-1.0-0 libpangoft2-1.0-0
}

found() { if present "$1"; then say "ready: $2"; else say "absent: $2"; fi; }

# report PART FILE WHAT
report() { if ready "$1" "$lists/$2"; then say "ready: $3 ($tools/$1)"; else say "absent: $3"; fi; }

bigquery
focus
javascript
browser
[ "${2:-}" != spark ] || spark
report bq bq.txt "BigQuery emulator"
report focus focus.txt "FOCUS validator"
report node package-lock.json "Azurite, Prism and axe-core"
found chromium "Chromium"
found soffice "LibreOffice Calc"
found libpangoft2-1.0 "Pango"
[ "${2:-}" != spark ] || report spark spark.txt "PySpark and Ibis"
exit 0
