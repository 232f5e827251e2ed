# Commands for developers. They need Python >= 3.11, cargo and a C compiler; everything else is
# installed into .venv. Requires GNU make 3.81 or newer.

PYTHON ?= python3
# The cargo profile of everything but `make bench`. All steps share it, and so their artifacts.
PROFILE ?= release
VENV := .venv
BIN := $(VENV)/bin
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_QUIET := 1
# uv compiles no modules. Python does when it first imports one, and has to keep the result.
unexport PYTHONDONTWRITEBYTECODE

# The sources of the extension module, which is rebuilt when one of them changes.
SOURCES := Cargo.toml Cargo.lock pyproject.toml $(shell find rust -name '*.rs')

# What `make measure` measures: Python's standard library except folders that start with s, one of
# which is site-packages. To measure another corpus: make measure CORPUS=FOLDER ARGS=...
STDLIB = $(shell $(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("stdlib"))')
CORPUS ?= $(STDLIB)/{*.py,[!s]*/**/*.py}
ARGS ?=
# Processes that run tests: two more than there are cores, as many tests wait for other processes.
TESTERS = $(shell expr $$(getconf _NPROCESSORS_ONLN) + 2)
# Tests write thousands of small files and wait until the disk has each; in memory that takes no time.
# Not where /dev/shm is small, or refuses the library that the tests compile.
IN_MEMORY = $(shell mount 2>/dev/null | grep -q ' /dev/shm .*noexec' || \
	df -k /dev/shm 2>/dev/null | awk 'NR == 2 && $$4 > 4000000 { print "TMPDIR=/dev/shm" }')
# The seed of `make fuzz`.
SEED ?= 0

.PHONY: help measure test test-rust test-python lint lint-rust lint-python check lint-uncompiled fuzz docs stubs \
	keys format bench clean developed tools

help:
	@echo 'make measure   build, then measure the text of the Python standard library'
	@echo 'make test      build, then run all tests: cargo and pytest'
	@echo 'make lint      check style, lints, types, stubs and the Rust documentation'
	@echo 'make fuzz      read ten times as many damaged files as the tests do; another seed: SEED=1'
	@echo 'make docs      build the documentation into site/; its first page is site/index.html'
	@echo 'make stubs     generate the stub of the extension module, _core.pyi'
	@echo 'make keys      generate the tables of docs/configuration.md'
	@echo 'make format    format the code'
	@echo 'make bench     run the benchmarks of the Rust core'
	@echo 'make clean     remove everything that was built, including .venv'

measure: $(VENV)/built
	$(BIN)/elastic-core measure '$(CORPUS)' $(ARGS)

test: test-rust test-python

test-rust: | tools
	$(IN_MEMORY) cargo test --profile $(PROFILE)

test-python: developed
	$(IN_MEMORY) $(BIN)/python -m pytest -n $(TESTERS) --dist worksteal

lint: lint-python lint-rust

lint-python: developed
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/mypy benches/peers
	$(BIN)/mypy examples/beyond
	$(BIN)/stubtest --mypy-config-file .ci/stubtest.ini elastic_core._core

# Clippy and rustdoc share the build scripts, the macros and the checked dependencies.
lint-rust: | tools
	cargo fmt --check
	cargo clippy --profile $(PROFILE) --all-targets -- -D warnings
	cargo clippy --profile $(PROFILE) --all-targets --features python -- -D warnings
	RUSTDOCFLAGS='-D warnings' cargo doc --profile $(PROFILE) --no-deps --features python

# `lint` and `test` as `.ci/run` does them: what the tests compile of Rust is linted as it is compiled.
check: export RUSTC_WORKSPACE_WRAPPER := $(CURDIR)/.ci/lint
check: lint-uncompiled test-rust lint-python docs test-python

lint-uncompiled: | tools
	cargo fmt --check
	cargo test --profile $(PROFILE) --benches --no-run

fuzz: developed
	$(BIN)/python tests/fuzz --count 10 --seed $(SEED)

# Links to what is not there, docstrings that cannot be read and a failing notebook are errors.
docs: developed
	$(BIN)/sphinx-build --quiet --fail-on-warning --keep-going -c docs -d $(VENV)/doctrees . site

stubs: developed
	$(BIN)/python .ci/stubs.py > $(VENV)/stub.pyi
	$(BIN)/ruff format --quiet $(VENV)/stub.pyi
	mv $(VENV)/stub.pyi python/elastic_core/_core.pyi

keys: developed
	$(BIN)/python .ci/keys.py

format: $(VENV)/dev
	$(BIN)/ruff check --fix
	$(BIN)/ruff format
	cargo fmt

bench: tools
	cargo bench

clean:
	rm -rf $(VENV) dist site .pytest_cache .mypy_cache .ruff_cache .hypothesis
	rm -f python/elastic_core/_core.*so
	cargo clean

# Empty files in .venv record when a step was last done.
$(VENV)/created: | tools
	$(PYTHON) -m venv --clear $(VENV)
	$(BIN)/pip install 'maturin>=1.9,<2' 'uv>=0.5'
	@touch $@

$(VENV)/built: $(VENV)/created $(SOURCES) | tools
	@echo 'Building elastic-core; the first time takes some minutes.'
	$(BIN)/maturin develop --uv --profile $(PROFILE)
	@touch $@

# Builds and installs with the extras in one step, after which `built` is up to date, too. Those that
# `train` requires are named, as they cannot be looked up in a package that is being installed.
$(VENV)/dev: $(VENV)/created pyproject.toml constraints.txt | tools
	@echo 'Building elastic-core; the first time takes some minutes.'
	UV_CONSTRAINT=constraints.txt $(BIN)/maturin develop --uv --profile $(PROFILE) --extras dev,cluster,experiments,lm,train
	@touch $@ $(VENV)/built

# One after the other also with `make -j`, as the first does what the second would do at the same time.
developed: $(VENV)/dev
	@$(MAKE) --silent $(VENV)/built

# A missing tool is reported in one sentence, with how to get it.
tools:
	@sh .ci/tools '$(PYTHON)' '$(CC)'
