#!/bin/sh
# `make package`: the components for other applications, named and versioned, in
# target/package, with their sizes and digests. Each file is pushed as it is:
#   wkg oci push <registry>/smartcar-edge/<name>:<version> target/package/<file>
# Beside each stands what it is made of (scripts/sbom.sh).
#
# usage: package.sh COMPONENT…
set -eu
cd "$(dirname "$0")/.."

sha256() {
    if command -v sha256sum >/dev/null 2>&1; then sha256sum; else shasum -a 256; fi | cut -d ' ' -f 1
}

# What the manifest says of a file.
entry() {
    printf '"file": "%s", "mediaType": "%s", "size": %d, "sha256": "%s"' \
        "$1" "$2" "$(wc -c <"$out/$1")" "$(sha256 <"$out/$1")"
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
        sbom=$name-$version.cdx.json
        cp "$built/$(printf '%s' "$name" | tr - _).wasm" "$out/$file"
        sh scripts/sbom.sh "$name" "$(sha256 <"$out/$file")" "$@" >"$out/$sbom"
        printf '%s\n    {"name": "%s", %s,\n     "sbom": {%s}}' "$comma" "$name" \
            "$(entry "$file" application/wasm)" "$(entry "$sbom" application/vnd.cyclonedx+json)"
        comma=,
    done
    printf '\n  ]\n}\n'
} >"$out/manifest.json"
cat "$out/manifest.json"
