#!/bin/sh
# Compile requirements/*.txt from pyproject.toml, with hashes and without any address.
# usage: deploy/lock.sh [--check | --upgrade]
#   --check    compile beside them and compare: CI's question
#   --upgrade  take newer versions; without it what is locked stays where it still fits
set -eu
cd "$(dirname "$0")/.."
into=requirements
upgrade=
case "${1:-}" in
  --check) into=$(mktemp -d) && trap 'rm -rf "$into"' EXIT && cp requirements/*.txt "$into" ;;
  --upgrade) upgrade=--upgrade ;;
esac

compile() {
  out=$1
  shift
  # shellcheck disable=SC2086 # $upgrade is one word or none
  UV_PYTHON_DOWNLOADS=never .venv/bin/uv pip compile --quiet --system-certs --universal --python-version 3.11 \
    --generate-hashes --no-header --no-annotate --no-emit-index-url --no-emit-find-links \
    $upgrade -o "$into/$out.txt" "$@"
}

# each group is held to the versions of those before it: they share one environment
compile run pyproject.toml
compile test --group test -c "$into/run.txt"
compile lint --group lint -c "$into/run.txt" -c "$into/test.txt"
compile build --group build -c "$into/run.txt" -c "$into/test.txt" -c "$into/lint.txt"

if [ "$into" != requirements ]; then
  for file in "$into"/*.txt; do
    cmp -s "$file" "requirements/$(basename "$file")" || {
      echo "requirements/$(basename "$file") is not what pyproject.toml asks for. Run: make lock" >&2
      exit 1
    }
  done
  echo "requirements/*.txt are what pyproject.toml asks for"
fi
