#!/bin/sh
# Feeds garbage to everything that arrives from outside: each target of fuzz/ for
# a minute (FUZZ_SECONDS), beginning with its committed corpus. What is found
# meanwhile is not kept; a crash is, under fuzz/artifacts.
set -eu
cd "$(dirname "$0")/.."

if ! cargo fuzz --version >/dev/null 2>&1; then
    echo "make fuzz needs cargo-fuzz: cargo install cargo-fuzz" >&2
    exit 1
fi
found=$(mktemp -d)
trap 'rm -rf "$found"' EXIT
for target in delivery signature answer; do
    mkdir "$found/$target"
    # The sanitizer's flags are for nightly compilers; a stable one takes them so.
    RUSTC_BOOTSTRAP=1 cargo fuzz run "$target" "$found/$target" "fuzz/corpus/$target" -- \
        -max_total_time="${FUZZ_SECONDS:-60}" -max_len=65536 -print_final_stats=1 -verbosity=0
done
