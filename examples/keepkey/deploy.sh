#!/bin/sh
# Brings a version to an environment: notes it, and has the environment verified at its address from now on.
set -eu
cd -- "$(dirname -- "$0")"
[ "$1" = start ] || { echo "usage: $0 start ENVIRONMENT VERSION" >&2; exit 64; }
mkdir -p deployment/running
printf '%s\n' "$3" > "deployment/running/$2"
[ -s "deployment/targets/$2" ] || printf '%s/%s\n' "$(cat deployment/targets/world)" "$2" > "deployment/targets/$2"
echo "$3 runs in $2"
