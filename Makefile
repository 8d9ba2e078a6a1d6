# make help lists what there is.
.DEFAULT_GOAL := help
SHELL := /bin/sh

# Where the app and the simulator listen; `make up PORT=8080` changes it.
PORT ?= 3000
SIMULATOR_PORT ?= 4010
# embedded | spin; empty: Spin where a suitable one is on PATH, else embedded.
export EDGE_HOST
# sqlite | postgres; empty: sqlite. On which database the tests run the app.
export EDGE_STORE

# One build directory for everything: spin.toml names files in it.
unexport CARGO_TARGET_DIR

# The components of this application, and those for others. They are built apart:
# cargo unites the features of what it is asked for, and neither changes the other.
APP := receiver gateway relay http-sink
# All of it is built to be small, but for what everyone may post to.
SMALL := $(filter-out receiver,$(APP))
OTHERS := client verify night-lock own-receiver print-sink
PROBES := client-probe host-probe host-probe-dependency host-probe-middleware sink-probe bench-noop
WASM := cargo build --locked --release --target wasm32-wasip2
packages = $(foreach package,$(1),-p $(package))

.PHONY: help target app app-postgres components probes natives build up example test test-postgres check-deploy openapi conformance wrk bench soak lint fmt wit package fuzz coverage mutants key clean

help: ## This list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' Makefile

target: ## Makes the Rust target wasm32-wasip2 available
	@sh scripts/wasm-target.sh

app: target
	@$(WASM) -p receiver --config profile.release.opt-level=3
	@$(WASM) $(call packages,$(SMALL))
ifeq ($(EDGE_STORE),postgres)
app: app-postgres
endif

# In a folder of its own: the files have the same names.
POSTGRES := $(WASM) --target-dir target/postgres --no-default-features --features postgres
app-postgres: target
	@$(POSTGRES) -p receiver --config profile.release.opt-level=3
	@$(POSTGRES) -p gateway -p relay
	@$(WASM) $(call packages,$(SMALL))

components: app
	@$(WASM) $(call packages,$(OTHERS))

probes: target
	@$(WASM) $(call packages,$(PROBES))

# By the very command that runs the tests: cargo unites the features of what it
# is asked for, and another request would compile the WebAssembly runtime again.
TEST := cargo test --locked --workspace $(patsubst %,--exclude %,$(PROBES) wit-docs)

natives:
	@$(TEST) --no-run

build: app natives ## Builds the components, the embedded host and the simulator

up: build ## Runs the app against the simulator and prints what to try
	@PORT="$(PORT)" SIMULATOR_PORT="$(SIMULATOR_PORT)" exec target/debug/dev up

example: build components ## Locks a simulated car by an app of a few lines (examples/night-lock)
	@target/debug/dev example

test: build components probes ## Builds and runs every test
	@$(TEST)
ifneq ($(EDGE_STORE),postgres)
	@$(MAKE) --no-print-directory test-postgres
endif

# The end-to-end tests once more, on the other engine, where its server is installed.
# EDGE_REQUIRE names it: then its absence is a failure.
INITDB := $(firstword $(wildcard /usr/lib/postgresql/*/bin/initdb) $(shell command -v initdb))
test-postgres: export EDGE_STORE = postgres
ifneq ($(INITDB)$(findstring postgres,$(EDGE_REQUIRE)),)
test-postgres: app-postgres
	@$(TEST) --test end_to_end --test to_postgres
else
test-postgres:
	@echo "left out: the tests on PostgreSQL, which is not installed (Debian: apt install postgresql)"
endif

check-deploy: app app-postgres ## Checks deploy/ and templates/: shapes, and that they name what spin.toml names
	@$(TEST) --test documents

openapi: ## Writes src/gateway/openapi.json from the routes
	@cargo run --locked --quiet -p openapi -- src/gateway/openapi.json

conformance: build ## Asks the app for all that /openapi.json says and more: make conformance CONFORMANCE_SECONDS=600
	@CONFORMANCE_SECONDS="$(CONFORMANCE_SECONDS)" EDGE_HOST=embedded exec target/debug/dev conformance

wrk:
	@command -v wrk >/dev/null || { echo "make bench needs wrk (https://github.com/wg/wrk), which is not on PATH" >&2; exit 1; }

# The host's own code is not optimised elsewhere, and what it costs would hide
# what the components cost. Selecting tests builds the programs beside them.
BENCH := $(TEST) --no-run --test probe --test instructions \
	--config profile.dev.package.edge-host.opt-level=2

bench: wrk components probes $(if $(INITDB),app-postgres) ## Measures and writes BENCHMARKS.md: make bench BENCH_SECONDS=5
	@$(BENCH)
	@BENCH_SECONDS=$(BENCH_SECONDS) target/debug/bench

soak: components ## A steady load beside unkind ones, for SOAK_SECONDS=600; writes BENCHMARKS.md
	@$(BENCH)
	@ulimit -n 8192; SOAK_SECONDS=$(SOAK_SECONDS) target/debug/bench soak

lint: target ## Formatting, clippy (native and wasm) and documentation, warnings denied
	@cargo fmt --all --check
	@cargo clippy --locked --workspace --all-targets -- -D warnings
	@cargo clippy --locked --target wasm32-wasip2 --no-default-features --features postgres -p receiver -p gateway -p relay -- -D warnings
	@cargo clippy --locked --target wasm32-wasip2 -p smartcar -p edge -p store $(call packages,$(APP) $(OTHERS) $(PROBES)) -- -D warnings
	@RUSTDOCFLAGS="-D warnings" cargo doc --locked --workspace --no-deps --quiet
	@for script in scripts/*.sh; do sh -n "$$script" || exit 1; done
	@sh scripts/wit.sh check
	@sh scripts/supply.sh $(APP) client verify

fmt: ## Formats everything
	@cargo fmt --all

wit: ## Renders the contract's documentation to target/wit and takes its changes
	@sh scripts/wit.sh lock
	@cargo run --locked --quiet -p wit-docs -- wit target/wit

# What other applications compose; the rest is of this one.
package: components app-postgres ## Puts the components, versioned, into target/package with digests and bills of materials
	@cargo run --locked --quiet -p package -- target/package \
		$(foreach engine,sqlite postgres,$(foreach component,receiver gateway relay,$(component):$(engine))) \
		http-sink client verify print-sink

fuzz: ## Feeds garbage to what arrives from outside, a minute a target (needs cargo-fuzz)
	@sh scripts/fuzz.sh

coverage: ## How much of the crate smartcar its tests run, file by file (needs cargo-llvm-cov)
	@sh scripts/coverage.sh

mutants: ## Whether tests notice small changes to the code that matters most (needs cargo-mutants)
	@sh scripts/mutants.sh

# The values reach the script by the environment, as they are.
key: export KEY_NAME = $(NAME)
key: export KEY_SCOPES = $(SCOPES)
key: ## A new API key: make key NAME=ops SCOPES='control_security,read_*'
	@sh scripts/key.sh

clean: ## Removes what was built and the local state
	@cargo clean
	@rm -rf .spin
