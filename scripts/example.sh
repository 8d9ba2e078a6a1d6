#!/bin/sh
# `make example`: Smartcar's double and examples/night-lock in front of it, on free
# ports; calls it twice, prints what happened and ends.
set -eu
cd "$(dirname "$0")/.."

dir=$(mktemp -d)
children=

stop() {
    trap - EXIT INT TERM HUP
    for child in $children; do
        kill "$child" 2>/dev/null || true
    done
    wait
    rm -rf "$dir"
}
trap stop EXIT
trap 'stop; exit 130' INT
trap 'stop; exit 143' TERM HUP

fail() {
    echo "$1" >&2
    cat "$dir"/*.log >&2
    exit 1
}

get() {
    curl -q -s --noproxy '*' "$@"
}

# Nothing listens there, as far as one can know beforehand; and no system gives out
# such a port by itself.
free_port() {
    while :; do
        port=$((10000 + $(od -An -N2 -tu2 /dev/urandom) % 20000))
        get -o /dev/null --max-time 1 "http://127.0.0.1:$port" || [ $? -ne 7 ] || break
    done
    echo $port
}

# Waits until the URL answers.
await() {
    tries=0
    until get -f -o /dev/null "$2"; do
        kill -0 "$3" 2>/dev/null || fail "$1 did not start"
        tries=$((tries + 1))
        [ $tries -lt 300 ] || fail "$1 does not answer at $2"
        sleep 0.2
    done
}

simulator=http://127.0.0.1:$(free_port)
app=http://127.0.0.1:$(free_port)

# The simulator's own credentials, and a night that lasts all day.
export SPIN_VARIABLE_SMARTCAR_CLIENT_ID=client_simulator
export SPIN_VARIABLE_SMARTCAR_CLIENT_SECRET=simulator-secret
export SPIN_VARIABLE_SMARTCAR_IAM_ORIGIN=$simulator
export SPIN_VARIABLE_SMARTCAR_VEHICLE_ORIGIN=$simulator
export SPIN_VARIABLE_SMARTCAR_MANAGEMENT_ORIGIN=$simulator
export SPIN_VARIABLE_SMARTCAR_COMPATIBILITY_ORIGIN=$simulator
export SPIN_VARIABLE_NIGHT_FROM=00:00
export SPIN_VARIABLE_NIGHT_TO=00:00

target/debug/simulator --listen "${simulator#http://}" >"$dir/simulator.log" 2>&1 &
children=$!
await "the simulator" "$simulator/_simulator/vehicles" $!
sh scripts/host.sh examples/night-lock/spin.toml "${app#http://}" "$dir/state" >"$dir/app.log" 2>&1 &
children="$children $!"
await "night-lock" "$app/.well-known/spin/health" $!

echo "One of three simulated cars says that it is unlocked. It is night: POST /run locks it."
get -X POST "$app/run"
echo
echo "The second time there is nothing to do."
get -X POST "$app/run"
echo
echo "What Smartcar's double was asked: one access token for everything, one lock."
get "$simulator/_simulator/requests"
echo
