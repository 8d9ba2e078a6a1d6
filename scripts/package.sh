#!/bin/sh
# `make package`: the components for other applications, named and versioned, in
# target/package, with their sizes and digests. Each file is pushed as it is:
#   wkg oci push <registry>/smartcar-edge/<name>:<version> target/package/<file>
#
# usage: package.sh COMPONENT…
set -eu
cd "$(dirname "$0")/.."

sha256() {
    if command -v sha256sum >/dev/null 2>&1; then sha256sum; else shasum -a 256; fi | cut -d ' ' -f 1
}

built=target/wasm32-wasip2/release
out=${PACKAGE_DIR:-target/package}
version=$(sed -n 's/^version = "\(.*\)"$/\1/p' Cargo.toml | head -n 1)
contract=$(sed -n 's/^package \(.*\);$/\1/p' wit/types.wit)

rm -rf "$out"
mkdir -p "$out/wit"
cp wit/*.wit "$out/wit/"
{
    printf '{\n  "version": "%s",\n  "contract": "%s",\n  "components": [' "$version" "$contract"
    comma=
    for name in "$@"; do
        file=$name-$version.wasm
        cp "$built/$(printf '%s' "$name" | tr - _).wasm" "$out/$file"
        printf '%s\n    {"name": "%s", "file": "%s", "mediaType": "application/wasm", "size": %d, "sha256": "%s"}' \
            "$comma" "$name" "$file" "$(wc -c <"$out/$file")" "$(sha256 <"$out/$file")"
        comma=,
    done
    printf '\n  ]\n}\n'
} >"$out/manifest.json"
cat "$out/manifest.json"
