#!/bin/sh
# Makes the Rust target wasm32-wasip2 available to the toolchain in use: by rustup, and
# where rustup is missing or cannot reach its server, by debian-wasm-target.sh.
#
# A rust-toolchain.toml that names the target would say it in one line. With it, every call
# of cargo fails on a machine where rustup cannot reach its server.
set -eu

target=wasm32-wasip2
lib=$(rustc --print sysroot)/lib/rustlib/$target

# The target is there when a program that needs std and the C start files links.
works() {
    probe=$(mktemp -d)
    echo 'fn main() { println!("{}", std::env::args().count()); }' >"$probe/probe.rs"
    rustc --target $target -o "$probe/probe.wasm" "$probe/probe.rs" >"$probe/log" 2>&1 && ok=0 || ok=1
    rm -rf "$probe"
    return $ok
}

# What was compiled against another copy of the standard library does not fit.
ready() {
    rm -rf "$(dirname "$0")/../target/$target"
    echo "the Rust target $target is ready"
    exit 0
}

[ -d "$lib/lib" ] && works && exit 0

if command -v rustup >/dev/null 2>&1; then
    echo "adding the Rust target $target with rustup"
    # A server that cannot be reached must not hold the build for minutes.
    limit=$(command -v timeout >/dev/null 2>&1 && echo "timeout 300" || true)
    said=$(RUSTUP_MAX_RETRIES=1 $limit rustup target add $target 2>&1) && works && ready
    reason="rustup could not add it: $(printf '%s' "$said" | tail -n 1)"
else
    reason="rustup is not installed"
fi

echo "building it from Debian's rust-src (about a minute)"
if other=$(sh "$(dirname "$0")/debian-wasm-target.sh" 2>&1); then
    works && ready
    other="it was built from Debian's rust-src, but a program does not link with it"
fi
cat >&2 <<EOF
The Rust target $target is missing and could not be added to $(rustc --version):
  - $reason
  - $other
What to do: run 'rustup target add $target' where static.rust-lang.org can be
reached, or install your distribution's package of the target's standard
library (Debian: libstd-rust-dev-wasm32 with its rustc), then run make again.
EOF
exit 1
