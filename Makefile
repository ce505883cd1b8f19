# The one door: each target makes what it needs first.
PYTHON ?= python3
CACHE := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/alicloud-ingress
BIN := .venv/bin
READY := .venv/ready
WITH_ENGINE = engine=$$($(BIN)/python tools/engine.py) && PATH="$(CURDIR)/$(BIN):$$engine:$$PATH"

.PHONY: test demo lint lock fake golden clean

test: $(READY)
	$(WITH_ENGINE) python -m pytest

demo: $(READY)
	@$(WITH_ENGINE) python tools/demo.py

lint: $(READY)
	$(BIN)/ruff check provider tests tools sample-stack
	$(BIN)/mypy

fake: $(READY)
	$(BIN)/alicloud-ingress fake

golden: $(READY)
	@$(WITH_ENGINE) GOLDEN=write python -m pytest tests/e2e/test_golden.py tests/unit/test_golden_reports.py

lock: $(READY)
	$(BIN)/uv pip compile -q --generate-hashes --universal --no-emit-index-url --python-version 3.10 --extra testing --group dev --custom-compile-command "make lock" pyproject.toml -o requirements.lock

clean:
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis

$(READY): requirements.lock pyproject.toml
	$(PYTHON) -m venv --clear .venv
	PIP_CACHE_DIR="$(CACHE)/pip" PIP_DISABLE_PIP_VERSION_CHECK=1 $(BIN)/pip install --quiet --require-hashes -r requirements.lock
	PIP_CACHE_DIR="$(CACHE)/pip" PIP_DISABLE_PIP_VERSION_CHECK=1 $(BIN)/pip install --quiet --no-deps --no-build-isolation -e .
	touch $(READY)
