#!/bin/sh
# How many lines of the crate smartcar its own tests run, file by file. Fails
# below COVERAGE_LINES percent. Tests are no lines of their own: neither the
# files of tests nor the module at the end of a file, which always run whole.
set -eu
cd "$(dirname "$0")/.."

if ! cargo llvm-cov --version >/dev/null 2>&1; then
    echo "make coverage needs cargo-llvm-cov: cargo install --locked cargo-llvm-cov" >&2
    exit 1
fi
report=$(mktemp)
trap 'rm -f "$report"' EXIT
cargo llvm-cov --locked -p smartcar --lib --lcov --output-path "$report" \
    --ignore-filename-regex '(_tests|/testing)\.rs$'

awk -F '[:,]' -v least="${COVERAGE_LINES:-90}" -v root="$PWD/src/smartcar/" '
    function row(hit, all, name) {
        printf "%6.1f %%  %5d of %5d  %s\n", all ? 100 * hit / all : 100, hit, all, name
    }
    # The line on which the tests of a file begin.
    function tests(file,    line, at, begin) {
        while ((getline line < file) > 0) {
            at++
            if (line ~ /^#\[cfg\(test\)\]/) begin = at
            if (line ~ /^mod tests/ && begin == at - 1) { close(file); return begin }
        }
        close(file)
        return at + 1
    }
    /^SF:/ {
        path = substr($0, 4)
        name = index(path, root) == 1 ? substr(path, length(root) + 1) : ""
        end = tests(path)
        lines = run = 0
    }
    /^DA:/ && name && $2 < end { lines++; run += $3 > 0 }
    /^end_of_record/ && name { row(run, lines, name); all += lines; hit += run }
    END {
        if (!all) { print "no line was measured" > "/dev/stderr"; exit 1 }
        row(hit, all, "src/smartcar")
        if (100 * hit < least * all) {
            print "fewer than " least " % of the lines are run" > "/dev/stderr"
            exit 1
        }
    }' "$report"
