# Everything runs in .venv; `make setup` makes it, and does nothing where it is up to date.
PYTHON ?= python3
ARGS ?=
BIN := .venv/bin
TIMED := $(filter-out bench_colors bench_gradients bench_quality,$(basename $(notdir $(wildcard benchmarks/bench_*.py))))
NATIVE := $(wildcard csrc/*.h csrc/*.cpp csrc/*.cu)

.PHONY: help setup train test check format lint types bench bench-gradients bench-quality floor clean

help:  ## list the targets
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 10

setup: .venv/installed  ## create .venv and install nr3d with its development tools

.venv/installed: pyproject.toml CMakeLists.txt $(NATIVE)
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e ".[dev]"
	touch $@

train: setup  ## train the embedded default; ARGS="EXPERIMENT key=value" for another
	$(BIN)/python train.py $(ARGS)

test: setup  ## run the test-suite on two processes; ARGS="-k WORD" for a part
	$(BIN)/python -m pytest -n 2 --dist loadfile $(ARGS)

check: setup lint types test  ## what CI runs: format, lint, types, tests

format: setup  ## rewrite Python and C++ in the project's format
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
	$(BIN)/clang-format -i $(NATIVE)

lint: setup  ## complain about format and lint
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/clang-format --dry-run -Werror $(NATIVE)

types: setup  ## check types, strictly
	$(BIN)/mypy

.venv/installed-peers: .venv/installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e ".[bench]"
	touch $@

bench: .venv/installed-peers  ## time the renderer beside its peers
	for name in $(TIMED); do \
	    OMP_WAIT_POLICY=PASSIVE $(BIN)/python -m benchmarks.$$name $(ARGS) || exit 1; done

bench-gradients: setup  ## what each gradient is worth, an hour or two; needs data/furniture.h5
	$(BIN)/python -m benchmarks.bench_gradients $(ARGS)

bench-quality: setup  ## docs/results.md: the recipes on openhome and pybullet; a GPU, or days
	$(BIN)/python -m benchmarks.bench_quality $(ARGS)

floor: setup  ## run the quick tests with the oldest torch that is supported
	test -x .venv-floor/bin/python || $(PYTHON) -m venv .venv-floor
	.venv-floor/bin/python -m pip install --quiet "torch==2.4.*" "torchvision==0.19.*" -e ".[dev]"
	.venv-floor/bin/python -m pytest -n 2 tests/renderer tests/geometry tests/models tests/losses

clean:  ## remove .venv, build folders and caches; data/ and runs/ stay
	rm -rf .venv .venv-floor build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
