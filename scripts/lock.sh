#!/usr/bin/env bash
# Compiles the hashed locks from pyproject.toml; with --check only says whether they are fresh.
set -euo pipefail
cd "$(dirname "$0")/.."
uv=${UV:-.venv/bin/uv}
compile() {  # extra-args... output; starts from the present lock, so that nothing is upgraded by the way
  "$uv" pip compile -q --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
    --no-emit-index-url --no-emit-find-links --no-emit-build-options "${@:1:$#-1}" pyproject.toml -o "${!#}"
}
if [ "${1:-}" = --check ]; then
  tmp=$(mktemp -d); trap 'rm -rf "$tmp"' EXIT
  cp requirements.lock requirements-dev.lock "$tmp/"
  compile "$tmp/requirements.lock"; compile --extra dev "$tmp/requirements-dev.lock"
  for f in requirements.lock requirements-dev.lock; do
    cmp -s "$f" "$tmp/$f" || { echo "$f is stale: run 'make lock'" >&2; exit 1; }
  done
  echo "locks are fresh"
else
  compile requirements.lock; compile --extra dev requirements-dev.lock
fi
