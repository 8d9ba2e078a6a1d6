#!/bin/sh
# Holds the contract in wit/ to its version: whoever composes smartcar:edge@0.2.0
# relies on what 0.2.0 says.
#
#   wit.sh check   fails where wit/ is not what wit/CONTRACT.lock has of its version
#   wit.sh lock    writes wit/CONTRACT.lock, unless that would change a version
#                  that is released
#
# A line of the lock is a version, whether it is `unreleased` or `released`, and
# the SHA-256 of the contract without comments and empty lines. WIT_DIR is another
# folder, for tests.
set -eu
cd "$(dirname "$0")/.."

wit=${WIT_DIR:-wit}
lock=$wit/CONTRACT.lock

fail() {
    echo "$1" >&2
    exit 1
}

sha256() {
    if command -v sha256sum >/dev/null 2>&1; then sha256sum; else shasum -a 256; fi | cut -d ' ' -f 1
}

# Every file says the package, and all say the same.
packages=$(sed -n 's/^package \(.*\);$/\1/p' "$wit"/*.wit | sort -u)
case $packages in
smartcar:edge@*' '* | *'
'*) fail "the files of $wit/ name several packages: $(echo $packages)" ;;
smartcar:edge@*) version=${packages#smartcar:edge@} ;;
*) fail "the files of $wit/ do not name the package smartcar:edge@<version>" ;;
esac

digest=$(
    for file in $(LC_ALL=C ls "$wit"/*.wit); do
        sed -e 's|//.*||' -e 's/^[[:space:]]*//' -e 's/[[:space:]]*$//' -e '/^$/d' "$file"
    done | sha256
)
[ "${#digest}" -eq 64 ] || fail "wit.sh needs sha256sum or shasum"

line=$(grep "^$version " "$lock" 2>/dev/null || true)
[ "$line" = "${line% "$digest"}" ] || exit 0
case $line in
'')
    why="smartcar:edge@$version is new"
    todo="'make wit' adds it"
    ;;
"$version unreleased "*)
    why="$wit/ was changed, and smartcar:edge@$version is not released yet"
    todo="'make wit' takes the change; after the release it will need a new version"
    ;;
*)
    why="$wit/ was changed, and smartcar:edge@$version is released: others are built on it"
    todo="give all files of $wit/ a new version in 'package smartcar:edge@…;' and what is new a '@since', then run 'make wit'"
    ;;
esac

case ${1:-} in
check) fail "$why: $todo" ;;
lock)
    case $line in
    '' | "$version unreleased "*) ;;
    *) fail "$why: $todo" ;;
    esac
    others=$(grep -v "^$version " "$lock" 2>/dev/null || true)
    {
        [ -z "$others" ] || echo "$others"
        echo "$version unreleased $digest"
    } >"$lock.new"
    mv "$lock.new" "$lock"
    echo "$lock: $version unreleased $digest"
    ;;
*) fail "usage: wit.sh check|lock" ;;
esac
