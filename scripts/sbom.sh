#!/bin/sh
# What a component is made of, as a document of CycloneDX 1.6
# (https://cyclonedx.org/docs/1.6/json/): the crates that are compiled into it, their
# licences, the registry's checksums, and which of them needs which.
#
# `cargo tree` is asked, since it leaves out what the target and the features leave
# out. cargo-cyclonedx asks `cargo metadata`, which has the features of the whole
# workspace, and it lists macros, which run in the compiler and are not in the
# component. The same sources give the same bytes: there is no serial number, and a
# time only where SOURCE_DATE_EPOCH names one
# (https://reproducible-builds.org/specs/source-date-epoch/).
#
# usage: sbom.sh COMPONENT SHA256 PACKAGE…
# PACKAGE: what is packaged with it. cargo unites the features of what it builds
# together, and what another one switches on may be in this one too.
set -eu
cd "$(dirname "$0")/.."

component=$1
digest=$2
shift 2
packages=
for package in "$component" "$@"; do
    packages="$packages -p $package"
done
# shellcheck disable=SC2086
tree=$(cargo tree --quiet --locked --target wasm32-wasip2 --edges normal,no-proc-macro \
    --prefix depth --format ' {p}|{l}' $packages)
# Rust's own library is compiled in as well, and no lock file tells of it.
std=$(rustc --version | cut -d ' ' -f 2)
time=
if [ -n "${SOURCE_DATE_EPOCH:-}" ]; then
    # As GNU writes it, and as BSD does.
    time=$(date -u -d "@$SOURCE_DATE_EPOCH" +%Y-%m-%dT%H:%M:%SZ 2>/dev/null ||
        date -u -r "$SOURCE_DATE_EPOCH" +%Y-%m-%dT%H:%M:%SZ)
fi

printf '%s\n' "$tree" | awk -v component="$component" -v digest="$digest" -v std="$std" -v time="$time" '
    # What is ours has no address in a registry: crates.io may hold a crate of that
    # name, and it would be another one. Everything else comes from there (deny.toml).
    function reference(id) {
        if (ours[id]) return "smartcar-edge:" name[id] "@" version[id]
        if (id == "std") return "rust:std@" version[id]
        return purl(id)
    }
    function purl(id,    escaped) {
        escaped = version[id]
        gsub(/\+/, "%2B", escaped)
        return "pkg:cargo/" name[id] "@" escaped
    }
    function described(id, type, sum, indent,    text) {
        text = indent "\"type\": \"" type "\",\n" indent "\"bom-ref\": \"" reference(id) "\",\n"
        if (ours[id]) text = text indent "\"group\": \"smartcar-edge\",\n"
        if (id == "std") text = text indent "\"group\": \"rust\",\n"
        text = text indent "\"name\": \"" name[id] "\",\n" indent "\"version\": \"" version[id] "\""
        if (sum) text = text ",\n" indent "\"hashes\": [{\"alg\": \"SHA-256\", \"content\": \"" sum "\"}]"
        if (licence[id]) text = text ",\n" indent "\"licenses\": [{\"expression\": \"" licence[id] "\"}]"
        if (!ours[id] && id != "std") text = text ",\n" indent "\"purl\": \"" purl(id) "\""
        return text "\n"
    }
    function reach(id,    all, count, i) {
        if (reached[id]++) return
        order[++found] = id
        count = split(needs[id], all, " ")
        for (i = 1; i <= count; i++) reach(all[i])
    }
    function dependencies(id,    all, count, i, text) {
        count = split(needs[id], all, " ")
        for (i = 1; i <= count; i++) text = text (i > 1 ? ", " : "") "\"" reference(all[i]) "\""
        return "    {\"ref\": \"" reference(id) "\", \"dependsOn\": [" text "]}"
    }

    # The lock file.
    NR == FNR {
        split($0, quoted, "\"")
        if (/^name = /) crate = quoted[2]
        if (/^version = /) crate = crate "@" quoted[2]
        if (/^checksum = /) checksum[crate] = quoted[2]
        next
    }
    # The tree: "<depth> <name> v<version> [(<folder>)]|<licence> [(*)]".
    NF {
        split($0, halves, "|")
        id = $2 "@" substr($3, 2)
        sub(/\|.*/, "", id)
        if (!(id in name)) {
            split(id, parts, "@")
            name[id] = parts[1]
            version[id] = parts[2]
            ours[id] = !(id in checksum)
            licence[id] = halves[2]
            sub(/ \(\*\)$/, "", licence[id])
            # How licences were separated before they were expressions.
            gsub(/\//, " OR ", licence[id])
        }
        above[$1] = id
        if ($1 == 0 && name[id] == component) root = id
        if ($1 > 0 && !edges[above[$1 - 1], id]++) needs[above[$1 - 1]] = needs[above[$1 - 1]] " " id
    }
    END {
        if (!root) { print "cargo knows no component " component > "/dev/stderr"; exit 1 }
        name["std"] = "std"
        version["std"] = std
        licence["std"] = "MIT OR Apache-2.0"
        needs[root] = needs[root] " std"
        reach(root)
        print "{\n  \"bomFormat\": \"CycloneDX\",\n  \"specVersion\": \"1.6\",\n  \"version\": 1,"
        print "  \"metadata\": {"
        if (time) print "    \"timestamp\": \"" time "\","
        print "    \"lifecycles\": [{\"phase\": \"build\"}],"
        printf "    \"component\": {\n%s    }\n  },\n", described(root, "application", digest, "      ")
        print "  \"components\": ["
        for (i = 2; i <= found; i++)
            printf "    {\n%s    }%s\n", described(order[i], "library", checksum[order[i]], "      "), i < found ? "," : ""
        print "  ],\n  \"dependencies\": ["
        for (i = 1; i <= found; i++) print dependencies(order[i]) (i < found ? "," : "")
        print "  ]\n}"
    }' Cargo.lock -
