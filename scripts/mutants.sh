#!/bin/sh
# Changes the code in small ways, one at a time, and runs the tests of its crate:
# a change that no test notices is a gap in them. .cargo/mutants.toml says what is
# changed. The rules that stand in SQL (src/store/sqlite/migrations) are not; the tool
# changes Rust only. What was found is kept under target/mutants.out.
set -eu
cd "$(dirname "$0")/.."

if ! cargo mutants --version >/dev/null 2>&1; then
    echo "make mutants needs cargo-mutants: cargo install --locked cargo-mutants" >&2
    exit 1
fi
mkdir -p target
least=${MUTANTS_CAUGHT:-85}
# It exits 2 where changes were missed and 3 where tests ran out of time; how many
# were caught is counted below.
status=0
cargo mutants --output target --jobs "${MUTANTS_JOBS:-2}" --timeout 30 || status=$?
case $status in
0 | 2 | 3) ;;
*) exit "$status" ;;
esac

count() { wc -l <"target/mutants.out/$1.txt"; }
caught=$(($(count caught) + $(count timeout)))
viable=$((caught + $(count missed)))
echo "$caught of $viable viable changes were noticed"
if [ $((caught * 100)) -lt $((viable * least)) ]; then
    echo "fewer than $least % of the changes were noticed" >&2
    exit 1
fi
