# Each target sets up what it needs in .venv: nothing but Python 3.11, make and git.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
export TF_CPP_MIN_LOG_LEVEL ?= 3
# Tests run in this many processes, as most of their time is Python's.
WORKERS ?= 2
PYTEST := $(BIN)/python -m pytest -n $(WORKERS) --dist=worksteal

.PHONY: help setup check test test-jax test-slow coverage bench demo
help: ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 12

.venv/.installed: setup.py constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $@

setup: .venv/.installed ## install everything into .venv

check: setup ## lint, and the fast tests on TensorFlow: under a minute
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(PYTEST) -m "not model and not jax and not slow"

test: check ## check, every named model, small runs end to end: under 15 minutes
	$(PYTEST) -m "model and not jax and not slow"
	KERAS_BACKEND=jax $(PYTEST) -m "not model and not tensorflow and not slow" \
	    tests/zoo/layers tests/zoo/test_cost.py
	KERAS_BACKEND=jax $(PYTEST) -m "model and not tensorflow and not slow" \
	    tests/zoo/models tests/zoo/test_distribution.py \
	    -k "forward_pass or as_one_does or two_devices"

test-jax: setup ## layers, models and search on JAX
	KERAS_BACKEND=jax $(PYTEST) -m "not tensorflow and not slow" \
	    tests/zoo tests/search

test-slow: setup ## long runs and kills
	$(BIN)/python -m pytest -m slow

coverage: setup ## the lines that `check` and the models on TensorFlow do not reach
	$(PYTEST) -m "not jax and not slow" --cov --cov-report=term:skip-covered

bench: setup ## the benchmarks; results in benches/RESULTS.md
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[bench]'
	for bench in benches/bench_*.py; do $(BIN)/python $$bench || exit 1; done

DEMO ?= demo
demo: setup ## clips -> search -> training -> evaluation -> prediction, in minutes
	$(BIN)/python -m datasets.prepare moving_shapes --out=$(DEMO)/clips
	$(BIN)/python -m search.run --gin_file=search/demo.gin --data=$(DEMO)/clips \
	    --workdir=$(DEMO)/search
	$(BIN)/python -m zoo.train --gin_file=train/demo.gin --data=$(DEMO)/clips \
	    --model=$(DEMO)/search/best.json --workdir=$(DEMO)/model
	$(BIN)/python -m zoo.evaluate --model=$(DEMO)/model --data=$(DEMO)/clips
	$(BIN)/python -m zoo.predict --model=$(DEMO)/model $(DEMO)/clips/unseen.mp4
	@echo
	@echo "Clips: $(DEMO)/clips   Search: $(DEMO)/search   Network: $(DEMO)/model"
	@echo "With videos of your own, in folders named by their class, run the same four"
	@echo "commands with --data=FOLDER; the README tells more."
