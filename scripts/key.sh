#!/bin/sh
# Makes an API key for the gateway: prints the key, which nothing else stores,
# and the entry with its SHA-256 for the variable api_keys.
set -eu

name=${KEY_NAME:-}
scopes=${KEY_SCOPES:-}
case $name in
'' | *[!A-Za-z0-9._-]*)
    echo "usage: make key NAME=<letters, digits, . _ -> SCOPES='<scope>[,<scope>…]'" >&2
    exit 2
    ;;
esac
# A scope is lower-case letters and _, or a beginning of such with a star.
if ! printf '%s' "$scopes" | grep -Eqx '([a-z_]+\*?|\*)(,([a-z_]+\*?|\*))*'; then
    echo "SCOPES: scopes separated by commas, for example control_security,read_*,read_status" >&2
    exit 2
fi

hex() { od -An -v -tx1 | tr -d ' \n'; }

sha256() {
    if command -v sha256sum >/dev/null 2>&1; then sha256sum; else shasum -a 256; fi | cut -d ' ' -f 1
}

# Sixty-four digits, or the tool that was to make them is missing.
check() {
    [ "${#1}" -eq 64 ] || {
        echo "make key needs od, and sha256sum or shasum" >&2
        exit 1
    }
}

key=$(head -c 32 /dev/urandom | hex)
hash=$(printf '%s' "$key" | sha256)
check "$key"
check "$hash"
list=$(printf '%s' "$scopes" | sed 's/,/","/g')

echo "key (give it to the caller; it is stored nowhere):"
echo "  $key"
echo "entry for the variable api_keys, a JSON array of such entries:"
echo "  {\"name\":\"$name\",\"sha256\":\"$hash\",\"scopes\":[\"$list\"],\"vehicles\":[\"*\"],\"users\":[\"*\"]}"
