#!/bin/sh
# `make conformance`: the app in front of the simulator, asked for everything that
# /openapi.json describes and for much that it does not, for CONFORMANCE_SECONDS.
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
cd "$root"
seconds=${CONFORMANCE_SECONDS:-120}
place=target/conformance
python=$place/venv/bin/python
app_pid=

stop() {
    trap - EXIT INT TERM HUP
    # It ends the simulator and the app itself.
    [ -z "$app_pid" ] || kill "$app_pid" 2>/dev/null || true
    wait
}
trap stop EXIT
trap 'stop; exit 130' INT
trap 'stop; exit 143' TERM HUP

fail() {
    echo "$1" >&2
    exit 1
}

case $seconds in
'' | *[!0-9]* | 0) fail "CONFORMANCE_SECONDS is '$seconds', and not a number of seconds" ;;
esac

# The tools are installed once for each change of what is asked for.
install() {
    command -v python3 >/dev/null || fail "make conformance needs Python 3.10 or later (python3), which is not on PATH"
    python3 -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 10))' 2>/dev/null ||
        fail "make conformance needs Python 3.10 or later with the modules venv and ensurepip (python3-venv on Debian)"
    mkdir -p $place
    rm -rf $place/venv
    python3 -m venv $place/venv
    $python -m pip install --quiet --disable-pip-version-check -r tests/conformance/requirements.txt ||
        fail "make conformance could not install tests/conformance/requirements.txt"
    cp tests/conformance/requirements.txt $place/installed.txt
}
cmp -s tests/conformance/requirements.txt $place/installed.txt || install

free() {
    $python -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

said=$place/app.log
: >$said
PORT=$(free) SIMULATOR_PORT=$(free)
export PORT SIMULATOR_PORT
EDGE_HOST=embedded STATE_DIR=$place/state sh scripts/up.sh >$said 2>&1 &
app_pid=$!
tries=0
until grep -q 'Ctrl-C stops everything' $said; do
    kill -0 $app_pid 2>/dev/null || { cat $said >&2; fail "the app did not start"; }
    tries=$((tries + 1))
    [ $tries -lt 300 ] || fail "the app is not ready; $said tells more"
    sleep 0.2
done

document=http://127.0.0.1:$PORT/openapi.json
curl -q -s -f --noproxy '*' -o $place/openapi.json "$document" ||
    fail "the app does not answer at $document"
$place/venv/bin/openapi-spec-validator $place/openapi.json

# Every failure comes with the request that shows it again.
NO_PROXY=127.0.0.1 PYTHONDONTWRITEBYTECODE=1 \
    $place/venv/bin/schemathesis --config-file tests/conformance/schemathesis.toml \
    run "$document" --max-time "$seconds" "$@"
