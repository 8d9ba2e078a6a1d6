#!/bin/sh
# What the project stands on: that no component carries a crate twice, and, where
# the tools are installed, licences, sources and versions (cargo-deny, deny.toml)
# and known vulnerabilities (cargo-deny, cargo-audit).
#
# A tool that is missing, or a database of vulnerabilities that cannot be fetched,
# is reported and no failure: a machine without a network can work on this too.
#
# usage: supply.sh COMPONENT…
set -eu
cd "$(dirname "$0")/.."

packages=
for component in "$@"; do
    packages="$packages -p $component"
done
# shellcheck disable=SC2086
twice=$(cargo tree --quiet --locked --duplicates --depth 0 --target wasm32-wasip2 \
    --edges normal,no-proc-macro $packages)
if [ -n "$twice" ]; then
    echo "a component carries these twice:" >&2
    echo "$twice" >&2
    exit 1
fi

missing() {
    echo "not checked: $1 ($2 is not installed: cargo install --locked $2)"
}

unreachable() {
    echo "not checked: known vulnerabilities by $1 (their database could not be fetched)"
}

# A server that does not answer must not hold anyone up.
limit=$(command -v timeout >/dev/null 2>&1 && echo "timeout 60" || true)

if command -v cargo-deny >/dev/null 2>&1; then
    cargo deny --log-level error --locked check licenses bans sources
    if $limit cargo deny --log-level off --locked fetch db >/dev/null 2>&1; then
        cargo deny --log-level error --locked check --disable-fetch advisories
    else
        unreachable cargo-deny
    fi
else
    missing "licences, sources and versions of crates" cargo-deny
fi

if command -v cargo-audit >/dev/null 2>&1; then
    if ! said=$($limit cargo audit --color never 2>&1); then
        case $said in
        *"fetch advisory database"*) unreachable cargo-audit ;;
        *)
            echo "$said" >&2
            exit 1
            ;;
        esac
    fi
else
    missing "known vulnerabilities" cargo-audit
fi
