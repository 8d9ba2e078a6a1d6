#!/bin/sh
# Runs the app of a Spin manifest on the host that EDGE_HOST names:
#   spin      `spin up`; Spin 4.1 or later has to be on PATH
#   embedded  this repository's stand-in, host
#   (empty)   spin where a suitable one is on PATH, else embedded
#
# RUNTIME_CONFIG, if it is set, is Spin's --runtime-config-file.
#
# usage: host.sh MANIFEST ADDRESS STATE_DIR | host.sh --which
set -eu

suitable() {
    # `spin 4.1.0 (…)`: major and minor of the first number.
    version=$(spin --version 2>/dev/null | sed -n 's/^spin \([0-9]*\)\.\([0-9]*\).*/\1 \2/p')
    [ -n "$version" ] || return 1
    set -- $version
    [ "$1" -gt 4 ] || { [ "$1" -eq 4 ] && [ "$2" -ge 1 ]; }
}

case ${EDGE_HOST:-} in
embedded) host=embedded ;;
spin)
    if ! command -v spin >/dev/null 2>&1; then
        echo "EDGE_HOST=spin: there is no spin on PATH (https://spinframework.dev/install)" >&2
        exit 1
    fi
    if ! suitable; then
        echo "EDGE_HOST=spin: this app needs Spin 4.1 or later (WASI 0.3), and $(spin --version) is on PATH" >&2
        exit 1
    fi
    host=spin
    ;;
'') if suitable; then host=spin; else host=embedded; fi ;;
*)
    echo "EDGE_HOST is '$EDGE_HOST'; it can be embedded, spin, or empty" >&2
    exit 2
    ;;
esac

if [ "${1:-}" = --which ]; then
    echo $host
    exit
fi

if [ $host = spin ]; then
    exec spin up --from "$1" --listen "$2" --state-dir "$3" \
        ${RUNTIME_CONFIG:+--runtime-config-file "$RUNTIME_CONFIG"}
elif [ -n "${RUNTIME_CONFIG:-}" ]; then
    echo "RUNTIME_CONFIG is Spin's; the embedded host has no runtime config" >&2
    exit 2
else
    built=$(dirname "$0")/../target
    exec "$built/debug/edge-host" --from "$1" --listen "$2" --state-dir "$3" \
        --cache-dir "$built/edge-host-cache"
fi
