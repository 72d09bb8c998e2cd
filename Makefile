# Everything a developer or a CI runs. `make help` lists the targets; each sets up what it needs.

PYTHON ?= python3
VENV   ?= .venv
# Passed on to pytest, or to the benchmarks: make test ARGS="-k burn -x"
ARGS   ?=

BIN   := $(VENV)/bin
# Touched when the environment matches the requirements, so that it is made again only when they change.
STAMP := $(VENV)/.complete
COMPILE := uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --no-header --no-annotate

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

##@ Everyday

.PHONY: help
help: ## list the targets
	@awk 'BEGIN {FS = ":.*## "} \
		/^##@ / {printf "\n%s\n", substr($$0, 5)} \
		/^[a-zA-Z_-]+:.*## / {printf "  make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: setup
setup: $(STAMP) ## create .venv from the pinned, hash-checked requirements

# Any way of saying where packages come from works: what uv does not find, pip installs by the same hashes.
$(STAMP): requirements/bootstrap.txt requirements/dev.txt pyproject.toml
	@echo "setup: creating $(VENV)"
	@$(PYTHON) -c 'import sys; sys.exit("Binnacle needs Python 3.11 or later; this is " + sys.version.split()[0] if sys.version_info < (3, 11) else 0)'
	@$(PYTHON) -m venv --clear $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/bootstrap.txt
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements/dev.txt \
		|| $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-index --no-deps --no-build-isolation --editable .
	@touch $@

.PHONY: demo
demo: setup ## a guided tour: what a team writes, what becomes of it, a change, a mistake
	@$(BIN)/binnacle demo

.PHONY: demo-cluster
demo-cluster: setup ## the same tour on a local Kubernetes API server (built once: Go, some minutes)
	@PYTHONPATH=tests $(BIN)/python -m servers build etcd kube-apiserver kube-controller-manager kubectl
	@PYTHONPATH=tests $(BIN)/python -m tour

.PHONY: test
test: setup servers ## run every test that can run here (finds or builds the test servers first)
	$(BIN)/python -m pytest -n 2 --dist loadfile $(ARGS)

.PHONY: again
again: setup ## run once more, alone, the few tests of servers that failed in the last run
	PYTHONPATH=tests $(BIN)/python -m servers.again

.PHONY: unit
unit: setup ## run the tests that need no server, without the thorough ones (a minute or two)
	$(BIN)/python -m pytest -n 2 --dist loadfile -m "not thorough" $(addprefix --ignore=tests/,cluster harness kind stack) $(ARGS)

# What python -m soak is told: make soak PARTS="faults courses-1 --again"
PARTS  ?=

.PHONY: soak
soak: setup servers ## take all counts in full (hours; begun anew it goes on): make soak PARTS="faults --again" or ARGS=tests/fuzz
	PYTHONPATH=tests $(BIN)/python -m soak $(PARTS) $(if $(ARGS),--tests $(ARGS))

.PHONY: servers
servers: setup ## find or build the test servers into a cache outside the tree
	PYTHONPATH=tests $(BIN)/python -m servers build

.PHONY: bench
bench: setup servers ## run the benchmarks and print one table (minutes): make bench ARGS="cold --resources 5000"
	PYTHONPATH=tests $(BIN)/python -m bench $(ARGS)

##@ Quality

.PHONY: lint
lint: setup ## check formatting and lint rules
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

.PHONY: format
format: setup ## format the code and apply safe lint fixes
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

.PHONY: types
types: setup ## check types
	$(BIN)/mypy

.PHONY: layers
layers: setup ## check that each layer imports only what lies below it
	$(BIN)/lint-imports

##@ Generated files

.PHONY: generate
generate: setup ## regenerate crds/, manifests/, reference pages, docs/pictures/; take new fields into the compatibility record
	PYTHONPATH=tests $(BIN)/python .ci/generate.py

.PHONY: generated-check
generated-check: setup ## fail when a generated file, or a pinned requirement, is stale
	PYTHONPATH=tests $(BIN)/python .ci/generate.py --check
	$(BIN)/uv pip check --quiet --python $(BIN)/python

.PHONY: requirements
requirements: setup ## pin the newest versions that pyproject.toml allows
	$(BIN)/$(COMPILE) --upgrade requirements/bootstrap.in -o requirements/bootstrap.txt
	$(BIN)/$(COMPILE) --upgrade pyproject.toml -o requirements/run.txt
	$(BIN)/$(COMPILE) --upgrade pyproject.toml --group dev -c requirements/run.txt -o requirements/dev.txt
	@if grep -n '://' requirements/*.txt; then echo "requirements must not name an index"; exit 1; fi
