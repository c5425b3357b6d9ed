# Two commands for a new machine: `make demo` shows the main job, `make test` proves it. `make check` is what CI runs.
VENV := .venv
# More than a small machine has cores: much of the suite waits for processes that it has started.
TEST_WORKERS ?= $(shell echo $$(($$(nproc 2>/dev/null || echo 2) + 4)))
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
# Where it is set, each of the suite's thousand processes would compile the product anew, and each worker every test.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help demo test quick nightly torture simulate week load cancels tidy continuity agents check lint types contracts house docs lock clean page page-types screenshots
help:  ## this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

$(STAMP): requirements.lock pyproject.toml .ci/setup
	@sh .ci/setup $(VENV)
	@touch $@

page: $(STAMP)  ## the web page, built from mobile-bridge/app with a Node that comes along; where it cannot be, a line says why
	@$(BIN)/python mobile-bridge/build_page.py

demo: $(STAMP) page  ## a fleet of two real processes does the main job in a throw-away folder
	@$(BIN)/shiftbook demo $(DEMO_ARGS)

test: $(STAMP) page  ## the whole suite: every promise, the long ones in their short form
	@$(BIN)/python -m tests.in_memory $(BIN)/python -m pytest -n $(TEST_WORKERS) --dist worksteal $(TEST_ARGS)

quick: $(STAMP)  ## what one runs while writing: the pure packages, the rooms on a remote in memory, the architecture
	@$(BIN)/python -m tests.in_memory $(BIN)/python -m pytest -n logical --dist worksteal -q tests/missions tests/handoff tests/sync tests/architecture \
	  tests/orchestrator/core tests/orchestrator/ledger tests/orchestrator/policy $(TEST_ARGS)

nightly: $(STAMP) page  ## the long forms: torture, load, a hundred cancels, the agents' matrix, seeds, every operation of the API
	@$(BIN)/python -m pytest -n 2 -m nightly --ignore=tests/agents $(TEST_ARGS)
	@$(BIN)/python -m pytest -n 2 -m "hypothesis and not nightly" --hypothesis-profile=thorough $(TEST_ARGS)
	@$(MAKE) torture load cancels tidy agents

screenshots: $(STAMP) page  ## the documents' pictures of page and terminal, from the demo's own data (needs Chromium)
	@$(BIN)/python -m tests.page.screenshots

TORTURE_SECONDS ?= 600
torture: $(STAMP)  ## real nodes under a nemesis, and explorations of every interleaving, seed after seed (TORTURE_SECONDS=600)
	@$(BIN)/python -m tests.acceptance.torture --seconds $(TORTURE_SECONDS) $(TORTURE_ARGS)

simulate: $(STAMP)  ## a fleet in virtual time, with the code that real nodes run (SIMULATE_ARGS=--help)
	@$(BIN)/python -m tests.simulation $(SIMULATE_ARGS)

WEEK ?= week.json
week: $(STAMP)  ## the simulated week: 1,000 nodes, 100,000 missions, seven days of virtual time; figures in WEEK=week.json, from the first quarter of a day on
	@time $(BIN)/python -m tests.simulation --nodes 1000 --missions 100000 --days 7 --pushes-a-minute 300 \
		--beat-seconds 600 --fetch-seconds 300 600 --plot docs/images/scaling.svg --out $(WEEK)

LOAD_REQUESTS ?= 20000
load: $(STAMP)  ## a served node under load from clients of every kind while its backend dies and returns (LOAD_REQUESTS=20000)
	@$(BIN)/python -m tests.acceptance.load --requests $(LOAD_REQUESTS) $(LOAD_ARGS)

CANCELS ?= 100
MISSIONS ?= 200
cancels: $(STAMP)  ## a hundred running missions cancelled, each until nothing of it is left, with the seconds it took
	@SHIFTBOOK_CANCELS=$(CANCELS) $(BIN)/python -m pytest -q tests/acceptance/test_cancelling.py

tidy: $(STAMP)  ## two hundred missions through two nodes, and the disk back to where it was
	@SHIFTBOOK_MISSIONS=$(MISSIONS) $(BIN)/python -m pytest -q tests/acceptance/test_tidiness.py

CONTINUITY ?= continuity-study
CONTINUITY_MINUTES ?= 30
CONTINUITY_ARGS ?= --projects 8 --instances 1
continuity: $(STAMP)  ## a study of continuity with this machine's model, half an hour of it; again, to go on (CONTINUITY=folder)
	@[ -f $(CONTINUITY)/plan.json ] || $(BIN)/shiftbook continuity plan $(CONTINUITY) $(CONTINUITY_ARGS)
	@$(BIN)/shiftbook continuity run $(CONTINUITY) --minutes $(CONTINUITY_MINUTES)
	@$(BIN)/shiftbook continuity report $(CONTINUITY) --to $(CONTINUITY)/report.md
	@$(BIN)/shiftbook continuity report $(CONTINUITY) --html --to $(CONTINUITY)/report.html

agents: $(STAMP)  ## the real agents' programs, installed by .ci/agents, against a stand-in for their models
	@PATH="$$(bash .ci/agents):$$PATH" SHIFTBOOK_REQUIRE_SERVICES=1 $(BIN)/python -m pytest -n 2 -m "nightly or not nightly" tests/agents $(TEST_ARGS)

# mypy is busy on one core for as long as all else takes that reads the sources: the four go two at a time, each one's
# words together. The suite, which has work for every core, comes after them.
check: $(STAMP)  ## what CI runs (the documents are part of the suite)
	@$(MAKE) --no-print-directory --jobs=2 --output-sync=target types lint contracts page-types
	@$(MAKE) --no-print-directory test

lint: $(STAMP)  ## ruff, rules and format
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

types: $(STAMP)  ## mypy, strict
	@$(BIN)/mypy

page-types: page  ## svelte-check and TypeScript, strict; the page's own tests are part of the suite
	@$(BIN)/python mobile-bridge/build_page.py --check

contracts: $(STAMP)  ## the floors, held by import-linter
	@$(BIN)/lint-imports

house: $(STAMP)  ## draw the picture of the rooms anew from the imports
	@$(BIN)/python -m tests.architecture.house

docs: $(STAMP)  ## every command, field and setting appears in the documents
	@$(BIN)/python -m pytest -q tests/architecture

lock: $(STAMP)  ## renew requirements.lock (needs uv)
	uv pip compile pyproject.toml --extra all --group dev --python-version 3.11 --universal --generate-hashes \
	  --no-emit-index-url --no-annotate --custom-compile-command "make lock" -o requirements.lock

clean:  ## remove what make made
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
