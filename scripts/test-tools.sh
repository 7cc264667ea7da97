#!/bin/sh
# Installs what the tests need beside Python, where it may: Chromium, PostgreSQL and a real OCI registry, from Debian.
# Silent when nothing is missing. With CI=true a tool that is still missing is a failure; otherwise its tests are
# skipped, and one line per tool says so. PORTCULLIS_TEST_TOOLS=as-is installs nothing.
set -eu

has_chromium() { command -v chromium >/dev/null 2>&1; }
has_registry() { command -v docker-registry >/dev/null 2>&1; }
has_postgres() {
    command -v initdb >/dev/null 2>&1 && command -v postgres >/dev/null 2>&1 && return 0
    for folder in /usr/lib/postgresql/*/bin; do
        [ -x "$folder/initdb" ] && [ -x "$folder/postgres" ] && return 0
    done
    return 1
}

missing() {
    has_chromium || echo chromium
    has_registry || echo docker-registry
    has_postgres || echo postgresql
}

install() {
    command -v apt-get >/dev/null 2>&1 || return 0
    if [ "$(id -u)" = 0 ]; then
        as_root="env"
    elif command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; then
        as_root="sudo -n env"
    else
        return 0
    fi
    log=$(mktemp)
    echo "test-tools: installing" "$@"
    # shellcheck disable=SC2086 -- as_root is a command with its arguments
    if ! { $as_root apt-get update && $as_root DEBIAN_FRONTEND=noninteractive \
        apt-get install -y --no-install-recommends "$@"; } >"$log" 2>&1; then
        echo "test-tools: apt-get failed; it said at last:" >&2
        tail -n 5 "$log" >&2
    fi
    rm -f "$log"
}

wanted=$(missing)
[ -n "$wanted" ] || exit 0
# shellcheck disable=SC2086 -- one word for each package
[ "${PORTCULLIS_TEST_TOOLS:-}" = as-is ] || install $wanted

wanted=$(missing)
for tool in $wanted; do
    case $tool in
    chromium) tests="the tests of pages in a browser" ;;
    docker-registry) tests="the tests against a real OCI registry" ;;
    *) tests="the tests on PostgreSQL" ;;
    esac
    echo "test-tools: $tool is missing; skipped: $tests" >&2
done
[ -z "$wanted" ] || [ "${CI:-}" != true ]
