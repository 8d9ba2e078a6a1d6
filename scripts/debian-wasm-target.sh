#!/bin/sh
# Builds the standard library of the Rust target wasm32-wasip2 from Debian's own copy of
# the very Rust release in use (package rust-src) and Debian's wasi-libc, and puts it where
# rustup would have put it. For machines that reach a Debian mirror and not rustup's server.
#
# Everything happens in a temporary directory that is removed again; the system's own
# package lists and installed packages are not touched. It says only why it failed.
set -eu

target=wasm32-wasip2
sysroot=$(rustc --print sysroot)
lib=$sysroot/lib/rustlib/$target
release=$(rustc --version | awk '{print $2}')

fail() {
    echo "$1" >&2
    exit 1
}

for tool in apt-get apt-cache dpkg; do
    command -v $tool >/dev/null 2>&1 || fail "the Debian way needs $tool, which is not here"
done

# A mirror that this machine already uses; the suites are the only thing we name.
mirror=$(apt-get indextargets --format '$(SITE)' 'Created-By: Packages' 2>/dev/null |
    awk '/\/debian\/*$/ { print; exit }')
[ -n "$mirror" ] || fail "apt knows no Debian mirror"
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
[ -r $keyring ] || fail "$keyring (package debian-archive-keyring) is missing"

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
trap 'exit 130' INT TERM
chmod 755 "$dir"
mkdir -p "$dir/lists/partial" "$dir/cache/archives/partial" "$dir/debs" "$dir/unpacked"
for suite in stable stable-backports testing sid; do
    echo "deb [signed-by=$keyring] $mirror $suite main"
done >"$dir/sources.list"

apt() {
    command=$1
    shift
    "$command" -qq \
        -o Dir::Etc::sourcelist="$dir/sources.list" -o Dir::Etc::sourceparts=- \
        -o Dir::Etc::preferencesparts=- -o Dir::Etc::preferences=- \
        -o Dir::State::Lists="$dir/lists" -o Dir::Cache="$dir/cache" \
        -o APT::Sandbox::User=root -o Acquire::Languages=none "$@"
}

apt apt-get update >"$dir/log" 2>&1 || fail "apt-get update failed: $(tail -n 1 "$dir/log")"

# The standard library must be of exactly the compiler's release.
version=$(apt apt-cache madison rust-src | awk -F'|' '{gsub(/ /, "", $2); print $2}' |
    grep -E "^$(echo "$release" | sed 's/\./\\./g')[+~-]" | head -n 1)
[ -n "$version" ] || fail "Debian has no rust-src of release $release"
(cd "$dir/debs" && apt apt-get download "rust-src=$version" wasi-libc) >"$dir/log" 2>&1 ||
    fail "download failed: $(tail -n 1 "$dir/log")"
for deb in "$dir"/debs/*.deb; do
    dpkg -x "$deb" "$dir/unpacked"
done

source=$(echo "$dir"/unpacked/usr/src/rustc-*/library/sysroot)
libc=$dir/unpacked/usr/lib/$target
[ -f "$libc/libc.a" ] || libc=$(dirname "$(find "$dir/unpacked/usr/lib" -path "*$target*/libc.a" | head -n 1)")
[ -f "$source/Cargo.toml" ] && [ -f "$libc/libc.a" ] || fail "the Debian packages are laid out in an unknown way"

# The flags are those of Rust's own bootstrap for a standard library.
if ! env -u RUSTC_WRAPPER -u CARGO_BUILD_TARGET -u CARGO_ENCODED_RUSTFLAGS \
    CARGO_TARGET_DIR="$dir/target" RUSTC_BOOTSTRAP=1 \
    RUSTFLAGS="-Cembed-bitcode=yes -Zforce-unstable-if-unmarked -L native=$libc" \
    cargo build --manifest-path "$source/Cargo.toml" --release --target $target \
    --features panic-unwind >"$dir/log" 2>&1; then
    fail "building std failed: $(grep -m 1 '^error' "$dir/log" || tail -n 1 "$dir/log")"
fi

# Into place by one rename, so that an interrupted run leaves nothing half done.
new=$sysroot/lib/rustlib/.$target.$$
mkdir -p "$new/lib/self-contained" || fail "$sysroot is not writable"
cp "$dir/target/$target/release/deps/"*.rlib "$new/lib/"
cp "$libc/crt1-command.o" "$libc/crt1-reactor.o" "$libc/libc.a" "$new/lib/self-contained/"
rm -rf "$lib"
mv "$new" "$lib"
