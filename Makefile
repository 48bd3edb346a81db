# The front door: `make help` says what there is; CI uses the same targets.
#
# Needs CPython 3.11 or newer, cargo, a C compiler and make. Everything else is
# installed into .venv. A stamp file in .venv stands for each finished step, so a
# target whose inputs did not change does nothing.

PYTHON ?= python3
CARGO  ?= cargo
ARGS   ?=

VENV   := .venv
BIN    := $(VENV)/bin
STAMPS := $(VENV)/stamps
# Tests run on this many processes.
JOBS   ?= 2
# The random tests beside real servers begin here, so that a run can be repeated;
# look for more with make test SEED=<number>.
SEED   ?= 31

RUST_SOURCES := $(shell find rust -name '*.rs') $(wildcard rust/*/Cargo.toml rust/*/build.rs) \
                Cargo.toml Cargo.lock $(wildcard .cargo/config.toml rust-toolchain.toml)

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help install serve test test-rust test-python lint format bench wheel clean oracles clients

help:  ## This list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile

install: $(STAMPS)/installed  ## Build and install into .venv (rubellite, rubellite-server)

serve: install  ## Run the server: make serve ARGS="--port 7000"
	@exec $(BIN)/rubellite-server $(ARGS)

test: lint test-rust test-python  ## Lint, Rust tests and Python tests against real servers

test-rust:
	$(CARGO) test --locked --quiet --package rubellite-core --package rubellite-lua

test-python: install oracles clients
	RUBELLITE_DIFF_SEED=$(SEED) $(BIN)/python -m pytest -n $(JOBS) --dist worksteal $(ARGS)

lint: $(STAMPS)/tools  ## ruff, mypy --strict, import layers, rustfmt, clippy
	$(BIN)/ruff check --quiet .
	$(BIN)/ruff format --quiet --check . || { $(BIN)/ruff format --diff . ; exit 1; }
	$(BIN)/mypy
	@if [ -f rubellite/__init__.py ]; then $(BIN)/lint-imports --no-logo; fi
	@if $(CARGO) fmt --version >/dev/null 2>&1; then $(CARGO) fmt --all --check; \
	 else echo "lint: rustfmt is not installed; Rust layout not checked"; fi
	@if $(CARGO) clippy --version >/dev/null 2>&1; then \
	   $(CARGO) clippy --locked --quiet --workspace --all-targets -- -D warnings; \
	 else echo "lint: clippy is not installed; Rust not linted"; fi

format: $(STAMPS)/tools  ## Lay out Python and Rust as lint wants it
	$(BIN)/ruff check --quiet --fix-only .
	$(BIN)/ruff format --quiet .
	$(CARGO) fmt --all

bench: install oracles  ## Benchmarks beside the real servers: make bench ARGS="..."
	$(BIN)/python -m benchmarks $(ARGS)

wheel: $(STAMPS)/tools  ## The wheel that ships, in dist/
	$(BIN)/maturin build --locked --profile dist --out dist

clean:  ## Remove what was built (.venv, target, caches)
	rm -rf $(VENV) target dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	rm -f rubellite/_core*.so
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Redis 7.0 is Debian's own; the other two servers come in wheels with the tools.
oracles: $(STAMPS)/tools
	@command -v redis-server >/dev/null || { \
	   if command -v apt-get >/dev/null && [ "$$(id -u)" = 0 ]; then \
	     apt-get update -qq && DEBIAN_FRONTEND=noninteractive \
	       apt-get install -y -qq --no-install-recommends redis-server redis-tools >/dev/null; \
	   else \
	     echo "redis-server is not on PATH. Tests that ask Redis 7.0 are skipped;"; \
	     echo "to run them: sudo apt-get install redis-server redis-tools"; \
	   fi; }

# Clients in other languages and software that uses Redis: what is missing and can be had is fetched
# into target/clients and target/software; a test without its toolchain is skipped and says why.
clients: $(STAMPS)/tools
	@$(BIN)/python -m tests.clients

$(STAMPS)/venv:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "$(PYTHON) is older than 3.11; name another: make PYTHON=python3.11"; exit 1; }
	$(PYTHON) -m venv $(VENV) || \
	  { echo "no venv module: apt-get install python3-venv"; rm -rf $(VENV); exit 1; }
	@mkdir -p $(STAMPS) && touch $@

# The versions stand in pyproject.toml's `dev` extra, and only there.
$(STAMPS)/tools: pyproject.toml | $(STAMPS)/venv
	$(BIN)/python -c 'import tomllib; \
	  project = tomllib.load(open("pyproject.toml", "rb"))["project"]; \
	  print(*project["optional-dependencies"]["dev"], sep="\n")' > $(STAMPS)/tools.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --requirement $(STAMPS)/tools.txt
	@touch $@

# An editable install: Python sources are used where they stand, Rust is a release build.
$(STAMPS)/installed: $(RUST_SOURCES) pyproject.toml | $(STAMPS)/maturin
	VIRTUAL_ENV=$(abspath $(VENV)) $(BIN)/maturin develop --release --locked --quiet
	@touch $@

# `make install` needs none of the other tools.
$(STAMPS)/maturin: | $(STAMPS)/venv
	@test -x $(BIN)/maturin || $(BIN)/pip install --quiet --disable-pip-version-check \
	  "$$(sed -n 's/^ *"\(maturin==[^"]*\)".*/\1/p' pyproject.toml)"
	@touch $@
