# Every target sets up .venv by itself; a second run does nothing that is already done.
.POSIX:
VENV = .venv
BIN = $(VENV)/bin
READY = $(VENV)/.ready
DATA = var/data
PORT = 8080

# Schedules of `simulate`; each is a small world that runs to its end.
SEEDS = 10000

# Of fuzzing.
SECONDS = 120
# Processes that `chaos` kills; it stops killing after CHAOS_MINUTES.
KILLS = 1000
CHAOS_MINUTES = 40
# Kind of hostile input, or row of docs/security.md, that `attack` sends; --help names them.
ATTACK = all

.PHONY: setup demo test test-routers test-kernels test-engines soak real lint bench simulate fuzz chaos attack serve clean

setup: $(READY)

# The stamp lies inside .venv, so that removing .venv also forgets that it was ready.
$(READY): requirements-dev.lock pyproject.toml
	@sh .ci/make_venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $(READY)

demo: $(READY)
	$(BIN)/python -m examples.demo
	$(BIN)/python -m examples.journeys

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# Three parts side by side: what starts a router mostly waits for processes, so the cores run the rest meanwhile.
test: lint
	@$(MAKE) --no-print-directory --keep-going --jobs=3 test-routers test-kernels test-engines

test-routers: $(READY)
	$(BIN)/pytest -m "ray and not soak"

# The kernels' tests run twice: here with every array index checked, below as in production.
test-kernels: $(READY)
	NUMBA_BOUNDSCHECK=1 $(BIN)/pytest -m "kernel and not ray"

test-engines: $(READY)
	$(BIN)/pytest -m "not ray and not soak"

# What guards the measuring: each bench with a router of its own, and bugs planted for the simulation to find.
soak: $(READY)
	$(BIN)/pytest -m soak

# All of each real set below ../shared/data through a running router, twice, and a table of what came of it; `test` takes
# the first rows of the larger ones.
real: $(READY)
	ORDER_ROUTER_REAL=full $(BIN)/pytest -s tests/actors/test_real_orders.py

# One table, in some five minutes: every goal, what is measured here, the ratio.
bench: $(READY)
	$(BIN)/order-router bench goals

simulate: $(READY)
	$(BIN)/python -m bench.trials.simulation --seeds $(SEEDS) --workers 2

chaos: $(READY)
	$(BIN)/python -m bench.trials.chaos --kills $(KILLS) --minutes $(CHAOS_MINUTES)

# Some six minutes on two cores.
attack: $(READY)
	$(BIN)/python -m bench.trials.attack --only $(ATTACK)

# Processor time over all targets; what reached new code is kept below var/fuzz and is where the next run begins.
fuzz: $(READY)
	$(BIN)/python -m bench.trials.fuzz --seconds $(SECONDS) --workers 2

serve: $(READY)
	$(BIN)/order-router serve --data $(DATA) --port $(PORT)

clean:
	rm -rf var build *.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .benchmarks
