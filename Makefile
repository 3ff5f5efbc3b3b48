# Needs Python 3.11 or newer and make (GNU make 3.81 will do). Everything else is installed into virtual environments
# in this folder. Another interpreter: `make demo PYTHON=/path/to/python3.12`.
# On Windows without make, the two commands of the README do what `make demo` does.

PYTHON ?= $(shell for python in python3.13 python3.12 python3.11 python3 python; do \
    if $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then echo $$python; break; fi; done)

ifeq ($(OS),Windows_NT)
  BIN := Scripts
else
  BIN := bin
endif

DEMO := .venv-demo
TEST := .venv-test
BENCH := .venv-bench
TESTED := -e '.[accurate,heic,hub,keras,parquet,remote,serve,test]' pytest pytest-xdist hatchling playwright ruff mypy codespell sphinx furo myst-nb ipykernel
BENCHED := -e '.[keras,serve]'
SITE := docs/_build
LOG := docs/test-all.log
SOAK_LOG := docs/soak.json
SOAK_MINUTES ?= 20

.PHONY: help demo test test-all soak bench check docs clean

help:
	@echo "make demo    install the base alone and train on the built-in pictures"
	@echo "make test    check, then run the tests, but for the slow ones, in an environment of their own"
	@echo "make test-all   the same with all tests; what they say goes to $(LOG)"
	@echo "make soak    fuzz and kill for $(SOAK_MINUTES) minutes (SOAK_MINUTES); its log is $(SOAK_LOG)"
	@echo "make bench   measure beside what people would do instead: half an hour; ARGS=--quick: 10 minutes, ARGS=--help: more"
	@echo "make check   style, formatting, types and spelling"
	@echo "make docs    write docs/cli.md from the program's own help, README's pictures, and the site into $(SITE)/html"
	@echo "make clean   remove the environments and caches of this folder"

demo: $(DEMO)/installed
	$(DEMO)/$(BIN)/pawlab train sample

test: check
	$(TEST)/$(BIN)/python -m pytest -n auto -m "not slow"

test-all: check
	@echo "Running all tests (some minutes); the results are in $(LOG)."
	@$(TEST)/$(BIN)/python -m pytest -n auto -ra --durations=20 > $(LOG) 2>&1; code=$$?; tail -n 1 $(LOG); exit $$code

soak: $(TEST)/installed
	@$(TEST)/$(BIN)/python tests/fuzz/soak.py --minutes $(SOAK_MINUTES) --log $(SOAK_LOG)

bench: $(BENCH)/installed
	@$(BENCH)/$(BIN)/python -m compileall -q src  # as pip does, also where PYTHONDONTWRITEBYTECODE is set
	@$(BENCH)/$(BIN)/python benchmarks/bench.py $(ARGS)

check: $(TEST)/installed
	$(TEST)/$(BIN)/ruff check
	$(TEST)/$(BIN)/ruff format --check
	$(TEST)/$(BIN)/mypy
	$(TEST)/$(BIN)/codespell

docs: $(TEST)/installed
	$(TEST)/$(BIN)/python -m typer pawlab.cli utils docs --name pawlab --output docs/cli.md
	$(TEST)/$(BIN)/python docs/pictures.py
	$(TEST)/$(BIN)/python -m sphinx --fail-on-warning --quiet docs $(SITE)/html
	@echo "Open $(SITE)/html/index.html."

clean:
	rm -rf $(DEMO) $(TEST) $(BENCH) $(SITE) .mypy_cache .pytest_cache .ruff_cache

# An environment is made once, and brought up to date when a version or a dependency changes. Modules are compiled on all
# cores and without the libraries' own tests, which pip would compile too: 40 MB less.

$(DEMO)/installed: pyproject.toml constraints.txt
	$(call environment,$(DEMO),-e .,a minute)

$(TEST)/installed: pyproject.toml constraints.txt
	$(call environment,$(TEST),$(TESTED),a few minutes: TensorFlow is large)

$(BENCH)/installed: pyproject.toml constraints.txt
	$(call environment,$(BENCH),$(BENCHED),a few minutes: TensorFlow is large)

define environment
@test -n "$(PYTHON)" || { echo "No Python 3.11 or newer was found. Say where it is: make PYTHON=/path/to/python3.11"; exit 1; }
@echo "Installing into $(1) (once, $(3)) ..."
@$(PYTHON) -m venv $(1)
@$(1)/$(BIN)/python -m pip install --quiet --no-compile --disable-pip-version-check --constraint constraints.txt $(2)
@$(1)/$(BIN)/python -m compileall -q -j 0 -x '[/\\](tests?|pip|setuptools)[/\\]' $(1) src || true
@touch $@
endef
