#!/bin/sh
# `make up`: the simulator and the app in front of it, until Ctrl-C.
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
cd "$root"
app=http://127.0.0.1:$PORT
simulator=http://127.0.0.1:$SIMULATOR_PORT
state=${STATE_DIR:-$root/.spin/up-$PORT}
which=$(sh scripts/host.sh --which)
children=

stop() {
    trap - EXIT INT TERM HUP
    for child in $children; do
        kill "$child" 2>/dev/null || true
    done
    for child in $children; do
        tries=0
        while kill -0 "$child" 2>/dev/null; do
            tries=$((tries + 1))
            [ $tries -lt 50 ] || kill -KILL "$child" 2>/dev/null || true
            sleep 0.1
        done
    done
    wait
}
trap stop EXIT
trap 'stop; exit 130' INT
trap 'stop; exit 143' TERM HUP

fail() {
    echo "$1" >&2
    exit 1
}

# What runs here is not reached through a proxy, nor with somebody's .curlrc.
get() {
    curl -q -s -o /dev/null --noproxy '*' "$@"
}

# Waits until the URL answers, or says which of the two ended before it did.
await() {
    name=$1 url=$2 child=$3
    tries=0
    until get -f "$url" && kill -0 "$child" 2>/dev/null; do
        kill -0 "$child" 2>/dev/null || fail "$name did not start; what it said stands above"
        tries=$((tries + 1))
        [ $tries -lt 300 ] || fail "$name does not answer at $url"
        sleep 0.2
    done
}

for port in "$PORT" "$SIMULATOR_PORT"; do
    case $port in
    '' | *[!0-9]* | ??????*) fail "'$port' is no port" ;;
    esac
    [ "$port" -ge 1 ] && [ "$port" -le 65535 ] || fail "'$port' is no port"
done
[ "$PORT" -ne "$SIMULATOR_PORT" ] || fail "the app and the simulator cannot share port $PORT"
for port in "$PORT" "$SIMULATOR_PORT"; do
    if get --max-time 2 "http://127.0.0.1:$port" || [ $? -ne 7 ]; then
        fail "port $port is in use; make up PORT=… SIMULATOR_PORT=… takes others"
    fi
done

# The simulator's own credentials and a key for trying it out. None of them
# opens anything but this simulator on this machine.
key=try-me
hash=$(printf '%s' $key | { sha256sum 2>/dev/null || shasum -a 256; } | cut -d ' ' -f 1)
export SPIN_VARIABLE_SMARTCAR_CLIENT_ID=client_simulator
export SPIN_VARIABLE_SMARTCAR_CLIENT_SECRET=simulator-secret
export SPIN_VARIABLE_SMARTCAR_IAM_ORIGIN=$simulator
export SPIN_VARIABLE_SMARTCAR_VEHICLE_ORIGIN=$simulator
export SPIN_VARIABLE_SMARTCAR_MANAGEMENT_ORIGIN=$simulator
export SPIN_VARIABLE_SMARTCAR_COMPATIBILITY_ORIGIN=$simulator
export SPIN_VARIABLE_SMARTCAR_CONNECT_ORIGIN=$simulator
export SPIN_VARIABLE_SMARTCAR_APPLICATION_ID=98e71ae6-c452-4b4b-9791-759e02c4ca3c
export SPIN_VARIABLE_CONNECT_REDIRECT_URI=$app/connect/callback
export SPIN_VARIABLE_WEBHOOK_ID=7ab320d1-fc51-4ec4-96cb-481bb4eaa128
export SPIN_VARIABLE_MANAGEMENT_TOKENS=simulator-management-token
export SPIN_VARIABLE_API_KEYS="[{\"name\":\"try-me\",\"sha256\":\"$hash\",\"scopes\":[\"*\"]}]"

# A try begins with an empty store. Nothing else in that place is touched.
mkdir -p "$state"
rm -f "$state"/sqlite_db.db* "$state"/sqlite_key_value.db*

target/debug/simulator --listen "127.0.0.1:$SIMULATOR_PORT" --deliver-to "$app/webhooks" &
simulator_pid=$!
children="$simulator_pid"
await "the simulator" "$simulator/_simulator/vehicles" $simulator_pid

sh scripts/host.sh spin.toml "127.0.0.1:$PORT" "$state" &
app_pid=$!
children="$children $app_pid"
await "the app" "$app/healthz" $app_pid

cat <<EOF

smartcar-edge is ready at $app (host: $which), Smartcar's double at $simulator.
In a second shell, try:

# 1. Lock a simulated car. The answer is Smartcar's own command-execution.
curl -s -X POST $app/v3/vehicles/5afdcfb9-3999-402c-8ffc-e19d12cb958d/commands/security/lock -H 'Authorization: Bearer $key' -H 'sc-user-id: 8ecce4c7-4527-4e25-b9f2-afd6fca3c9e8'

# 2. The car reported it: a signed delivery was received, verified and stored.
curl -s $app/v3/vehicles/5afdcfb9-3999-402c-8ffc-e19d12cb958d/signals/closure-islocked -H 'Authorization: Bearer $key'

# 3. Smartcar delivers at least once. Send the same event again: it stays stored once.
curl -s -X POST $simulator/_simulator/deliveries/last/redeliver
curl -s $app/status -H 'Authorization: Bearer $key'

# 4. Unlock it. The delivery has named the car's owner, so sc-user-id can be left out.
curl -s -X POST $app/v3/vehicles/5afdcfb9-3999-402c-8ffc-e19d12cb958d/commands/security/unlock -H 'Authorization: Bearer $key'

# 5. Two commands, one access token: see the count of POST /oauth2/token.
curl -s $simulator/_simulator/requests

Ctrl-C stops everything.
EOF

# The first of the two to end ends the other. (POSIX sh has no wait -n.)
while kill -0 $simulator_pid 2>/dev/null && kill -0 $app_pid 2>/dev/null; do
    sleep 1
done
fail "the app or the simulator ended; what it said stands above"
