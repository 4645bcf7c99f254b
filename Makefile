# What people and CI type. `make` alone lists it.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help quickstart man test lint bench load soak chaos api-check interop matrix conformance fuzz tenancy scanners clean tools

# cargo puts its output there; set it to keep the checkout clean.
TARGET := $(or $(CARGO_TARGET_DIR),target)

# Arguments for the command behind a target: make quickstart ARGS='--help', make test ARGS=replay.
ARGS ?=

# How long each fuzz target runs, in seconds.
FUZZ_SECONDS ?= 60

# How many requests `make api-check` makes for each operation.
EXAMPLES ?= 300

PRODUCT := mcps mcps-authority mcps-wrap mcps-gateway mcps-demo-server

help: ## List the targets
	@echo 'make TARGET, where TARGET is one of'
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-13s%s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

quickstart: tools ## Build MCPS and start all of it on this machine (ARGS go to `mcps dev`)
	@echo 'Building $(PRODUCT). The first time takes some minutes, later ones seconds.'
	cargo build --profile quickstart --locked $(addprefix --bin ,$(PRODUCT))
	@echo 'Built. Starting: $(TARGET)/quickstart/mcps dev $(ARGS)'
	@exec $(TARGET)/quickstart/mcps dev $(ARGS)

man: tools ## Manual pages of every program, in target/man/man1
	cargo build --locked $(addprefix --bin ,$(filter-out mcps-demo-server,$(PRODUCT)))
	@for program in $(filter-out mcps-demo-server,$(PRODUCT)); do $(TARGET)/debug/$$program man --out $(TARGET)/man/man1; done

# The commands are built together with the tests: alone, they would ask for fewer features and build 75 crates twice.
test: tools ## Install what the tests need and run all of them (ARGS go to `cargo test`)
	cargo build --locked --workspace --bins --tests
	scripts/test-env cargo test --locked --workspace $(ARGS)

tenancy: tools ## 10,000 random operations of two tenants on each database: nothing of one is in an answer to the other
	cargo build --locked --workspace --bins --tests
	MCPS_TENANCY_OPERATIONS=10000 scripts/test-env cargo test --locked --workspace --test it tenancy::oracle -- --nocapture

interop: tools ## Only the sessions with MCP servers and SDKs of others, direct and through MCPS
	cargo build --locked --workspace --bins --tests
	scripts/test-env cargo test --locked --workspace --test it peers:: $(ARGS)

matrix: tools ## Every client with every server, and the table in docs/compatibility.md (ARGS: only these pairs)
	scripts/matrix $(ARGS)

conformance: tools ## The MCP conformance suite, directly and through the signed path (ARGS: one run of scripts/conformance)
	cargo build --locked --workspace --bins
	MCPS_BIN='$(abspath $(TARGET))/debug' $(if $(ARGS),scripts/conformance $(ARGS),scripts/conformance-all)

lint: tools ## Formatting, clippy, documentation, licences, crates, docker-compose.yml
	cargo fmt --all --check
	cargo clippy --locked --workspace --all-targets --all-features -- -D warnings
	RUSTDOCFLAGS='-D warnings' cargo doc --locked --workspace --no-deps
	scripts/check-install
	scripts/cargo-tool cargo-deny 0.20.2
	cargo deny --locked check bans licenses sources

bench: tools ## Measure the hot paths (ARGS go to criterion)
	cargo build --release --locked --workspace --bins
	cargo build --release --locked -p mcps-transport --examples
	MCPS_TEST_DURABLE=1 scripts/test-env cargo bench --locked --workspace --benches -- $(ARGS)
	scripts/instructions

load: tools ## Hundreds of clients, streams for minutes, servers and wrappers killed meanwhile: five minutes
	cargo build --release --locked --workspace --bins
	cargo bench --locked -p mcps-tests --bench load

soak: tools ## A million calls (ARGS: how many) of 1,000 sessions through a gateway while its servers die
	cargo build --release --locked --workspace --bins
	cargo bench --locked -p mcps-tests --bench soak -- $(ARGS)

# Each of them twenty times as long as in the suite.
chaos: tools ## Kill, crash, freeze and exchange what the authority rests on, hundreds of times: six minutes
	cargo build --locked --workspace --bins --tests
	MCPS_CHAOS=20 scripts/test-env cargo test --locked --workspace --test it faults:: -- \
		--nocapture --test-threads 1

api-check: tools ## Requests by the thousand made from the OpenAPI document, with EXAMPLES (300) for each operation
	cargo build --locked --workspace --bins --tests
	MCPS_API_EXAMPLES=$(EXAMPLES) scripts/test-env cargo test --locked --workspace --test it \
		authority::conformance -- --nocapture

scanners: tools ## Real scanners look at tools, and the authority at what they report (installs them, pinned)
	cargo build --locked --workspace --bins --tests
	MCPS_BIN='$(abspath $(TARGET))/debug' scripts/scanners

# No sanitizer: our code has no unsafe block, and without one the targets run faster and with any toolchain.
fuzz: tools ## Each fuzz target for FUZZ_SECONDS (60)
	scripts/cargo-tool cargo-fuzz 0.13.2
	@for target in $$(RUSTC_BOOTSTRAP=1 cargo fuzz list); do \
		echo "Fuzzing $$target for $(FUZZ_SECONDS) s"; \
		mkdir -p "fuzz/corpus/$$target"; \
		RUSTC_BOOTSTRAP=1 cargo fuzz run --sanitizer none "$$target" "fuzz/corpus/$$target" "fuzz/seeds/$$target" -- \
			-max_total_time=$(FUZZ_SECONDS) -rss_limit_mb=4096; \
	done

clean: ## Remove what was built and what the tests installed
	cargo clean
	rm -rf .cache fuzz/target

tools:
	@command -v cargo >/dev/null || { echo 'Rust is missing: install rustup, then try again.' >&2; exit 1; }
	@command -v cc >/dev/null || { echo 'A C compiler is missing: sudo apt-get install build-essential' >&2; exit 1; }
