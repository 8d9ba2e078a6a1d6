#!/bin/sh
# Makes an API key for the gateway: prints the key, which nothing else stores,
# and the entry with its SHA-256 for the variable api_keys.
set -eu

name=${1:-}
scopes=${2:-}
case $name in
'' | *[!A-Za-z0-9._-]*)
    echo "usage: make key NAME=<letters, digits, . _ -> SCOPES=<scope>[,<scope>…]" >&2
    exit 2
    ;;
esac
case $scopes in
'' | ,* | *, | *,,* | *[!a-z_*,]*)
    echo "SCOPES: scopes parted by commas, for example control_security,read_*,read_status" >&2
    exit 2
    ;;
esac

hex() { od -An -v -tx1 | tr -d ' \n'; }

sha256() {
    if command -v sha256sum >/dev/null 2>&1; then sha256sum; else shasum -a 256; fi | cut -d ' ' -f 1
}

key=$(head -c 32 /dev/urandom | hex)
hash=$(printf '%s' "$key" | sha256)
list=$(printf '%s' "$scopes" | sed 's/,/","/g')

echo "key (give it to the caller; it is stored nowhere):"
echo "  $key"
echo "entry for the variable api_keys, a JSON array of such entries:"
echo "  {\"name\":\"$name\",\"sha256\":\"$hash\",\"scopes\":[\"$list\"],\"vehicles\":[\"*\"],\"users\":[\"*\"]}"
