#!/bin/sh
# Installs what the tests need beside Python, where it may: Chromium, PostgreSQL, a real OCI registry, Prometheus,
# Alertmanager and Node from Debian, and a real OpenID Connect provider from npm (exact versions and hashes: tests/oidc).
# Silent when nothing is missing. With CI=true a tool that is still missing is a failure; otherwise its tests are
# skipped, and one line per tool says so. PORTCULLIS_TEST_TOOLS=as-is installs nothing.
set -eu

has_chromium() { command -v chromium >/dev/null 2>&1; }
has_registry() { command -v docker-registry >/dev/null 2>&1; }
has_prometheus() { command -v prometheus >/dev/null 2>&1; }
has_alertmanager() { command -v prometheus-alertmanager >/dev/null 2>&1; }
has_postgres() {
    command -v initdb >/dev/null 2>&1 && command -v postgres >/dev/null 2>&1 && return 0
    for folder in /usr/lib/postgresql/*/bin; do
        [ -x "$folder/initdb" ] && [ -x "$folder/postgres" ] && return 0
    done
    return 1
}

has_node() { command -v node >/dev/null 2>&1; }
has_npm() { command -v npm >/dev/null 2>&1; }
provider="$(dirname "$0")/../tests/oidc"
has_provider() {
    # npm leaves a copy of the lock file behind what it installed: an older one is another version.
    [ -f "$provider/node_modules/.package-lock.json" ] &&
        [ ! "$provider/package-lock.json" -nt "$provider/node_modules/.package-lock.json" ]
}

missing() {
    has_chromium || echo chromium
    has_registry || echo docker-registry
    has_prometheus || echo prometheus
    has_alertmanager || echo prometheus-alertmanager
    has_postgres || echo postgresql
    has_node || echo nodejs
    has_npm || has_provider || echo npm
}

install_provider() {
    has_node && has_npm || return 0
    log=$(mktemp)
    echo "test-tools: installing the OpenID Connect provider of the tests (npm)"
    if ! (cd "$provider" && npm ci) >"$log" 2>&1; then
        echo "test-tools: npm ci failed; it said at last:" >&2
        tail -n 5 "$log" >&2
    fi
    rm -f "$log"
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
if [ "${PORTCULLIS_TEST_TOOLS:-}" != as-is ]; then
    # shellcheck disable=SC2086 -- one word for each package
    [ -z "$wanted" ] || install $wanted
    has_provider || install_provider
fi

wanted=$(missing)
has_provider || wanted="$wanted oidc-provider"
for tool in $wanted; do
    case $tool in
    chromium) tests="the tests of pages in a browser" ;;
    docker-registry) tests="the tests against a real OCI registry" ;;
    prometheus) tests="the tests against a real Prometheus" ;;
    prometheus-alertmanager) tests="the test against a real Alertmanager" ;;
    nodejs | npm | oidc-provider) tests="the tests against a real OpenID Connect provider" ;;
    *) tests="the tests on PostgreSQL" ;;
    esac
    echo "test-tools: $tool is missing; skipped: $tests" >&2
done
[ -z "$wanted" ] || [ "${CI:-}" != true ]
