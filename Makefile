# What a developer runs. `make measure` and `make test` need only Python >= 3.11, cargo and a
# C compiler; all else is installed into .venv. Written for GNU make 3.81 and newer.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_QUIET := 1

# What the extension module is made of; it is built again when one of them changes.
SOURCES := Cargo.toml Cargo.lock pyproject.toml $(shell find rust -name '*.rs')

# What `make measure` measures: the standard library of the Python at hand, but for folders
# that begin with s, because site-packages is one. Yours: make measure CORPUS=FOLDER ARGS=...
STDLIB = $(shell $(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("stdlib"))')
CORPUS ?= $(STDLIB)/{*.py,[!s]*/**/*.py}
ARGS ?=

.PHONY: help measure test lint format bench clean tools

help:
	@echo 'make measure   build, then measure the text of the Python standard library'
	@echo 'make test      build, then run every test: cargo and pytest'
	@echo 'make lint      check style, lints, types, stubs and the Rust documentation'
	@echo 'make format    put the style right'
	@echo 'make bench     time every stage of the Rust core'
	@echo 'make clean     remove all that was built, .venv too'

measure: $(VENV)/built
	$(BIN)/elastic-core measure '$(CORPUS)' $(ARGS)

test: $(VENV)/dev $(VENV)/built
	cargo test --release
	$(BIN)/python -m pytest -n auto

lint: $(VENV)/dev $(VENV)/built
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/mypy benches/peers
	$(BIN)/mypy examples/beyond
	$(BIN)/stubtest elastic_core._core
	cargo fmt --check
	cargo clippy --all-targets -- -D warnings
	cargo clippy --all-targets --features python -- -D warnings
	RUSTDOCFLAGS='-D warnings' cargo doc --no-deps

format: $(VENV)/dev
	$(BIN)/ruff check --fix
	$(BIN)/ruff format
	cargo fmt

bench: tools
	cargo bench

clean:
	rm -rf $(VENV) dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
	rm -f python/elastic_core/_core.*so
	cargo clean

# An empty file in .venv says when a step was last done.
$(VENV)/created: | tools
	$(PYTHON) -m venv --clear $(VENV)
	$(BIN)/pip install 'maturin>=1.9,<2'
	@touch $@

$(VENV)/built: $(VENV)/created $(SOURCES) | tools
	@echo 'Building elastic-core; the first time takes some minutes.'
	$(BIN)/maturin develop --release
	@touch $@

$(VENV)/dev: pyproject.toml constraints.txt | $(VENV)/built
	PIP_CONSTRAINT=constraints.txt $(BIN)/maturin develop --release --extras dev,cluster,report,train
	@touch $@

# A missing tool gets one sentence that names it and says how to get it.
tools:
	@sh .ci/tools '$(PYTHON)' '$(CC)'
