# Two commands: `make run` shows a takeover, a suspension and a recovery on this machine; `make test` proves the promises.
# Both install what they need (setup/prepare.sh) and need root: Postfix and Dovecot start as root only.
#
#   DEMO=quiet           play no rehearsal on the first start          DEMO=botnet    play another one
#   DEMO_LANG=ja|en      language of the terminal's story (default: LANG)
#   SEKISHO_VAR=DIR      where the stack keeps everything (default ./var)
#   SEKISHO_PORT_BASE=N  added to every port
#   SEKISHO_DATABASE=postgresql|mariadb  instead of SQLite (make prepare-test installs them)
#   SEKISHO_DOVECOT_ROOT=DIR  a tree with another Debian's Dovecot for our side (setup/trixie.sh DIR; make dovecot24)

KEPT := SEKISHO_SHOTS,LANG,LC_ALL,LC_MESSAGES,CI,DEMO,DEMO_LANG,SEKISHO_VAR,SEKISHO_PORT_BASE,SEKISHO_DATABASE,SEKISHO_DOVECOT_ROOT,SEKISHO_FAILPOINTS,SEKISHO_PREVIOUS
AS_ROOT := $(shell [ "$$(id -u)" = 0 ] || echo sudo --preserve-env=$(KEPT))
BIN := .venv/bin

# One after the other, also under make -j: lint is cheap and first, the stories need the machine for themselves.
.NOTPARALLEL:

.PHONY: help run test unit stack browser bench eval lint shots soak databases provider docs site dovecot24 deb package-test prepare-run prepare-test

help:
	@sed -n '1,9p' Makefile | cut -c3-

prepare-run:
	@$(AS_ROOT) setup/prepare.sh run

prepare-test:
	@$(AS_ROOT) setup/prepare.sh test

run: prepare-run
	@$(AS_ROOT) $(BIN)/sekisho up

# Everything CI runs: lint, unit tests, then the stories and the browser tests on a stack of their own.
test: lint unit stack browser

lint: prepare-test
	$(BIN)/ruff check --no-cache src tests demo bench evals manual
	$(BIN)/ruff format --check src tests demo bench evals manual
	$(BIN)/mypy
	$(BIN)/lint-imports

unit: prepare-test
	$(AS_ROOT) $(BIN)/pytest -q -n 2 --dist loadfile tests/unit

# A missing Postfix or Dovecot is a failure here, never a skip. Three stacks: a story mostly waits for its servers.
stack: prepare-test
	$(AS_ROOT) $(BIN)/pytest -q -n 3 --dist loadfile --no-loadscope-reorder --durations=15 tests/stack

browser: prepare-test
	$(AS_ROOT) $(BIN)/pytest -q -n 3 --dist loadfile --no-loadscope-reorder --durations=10 tests/browser

# Pictures of every page, ja and en, on a phone and a desk, in ./shots (or $$SEKISHO_SHOTS).
shots: prepare-test
	$(AS_ROOT) $(BIN)/pytest -q tests/browser/shots.py

# The same stories on Dovecot 2.4: that of Debian 13, in a directory tree made by debootstrap (docs/neighbours.md).
# Not part of CI: making the tree takes two minutes, and it needs 350 MB.
DOVECOT_TREE ?= /var/cache/sekisho-trixie
DOVECOT_STORIES := $(wildcard tests/stack/t0[1-8]_*.py tests/stack/t12_*.py tests/stack/t29_*.py tests/stack/t30_*.py tests/stack/t32_*.py)
dovecot24: prepare-test
	$(AS_ROOT) setup/trixie.sh $(DOVECOT_TREE)
	$(AS_ROOT) SEKISHO_DOVECOT_ROOT=$(DOVECOT_TREE) $(BIN)/pytest -q --durations=0 $(DOVECOT_STORIES)

# Writes docs/reference from the code; a unit test is red while they differ.
docs: prepare-test
	$(BIN)/python -m manual

# The documentation as a site, in ./site: nothing of it is loaded from another host. MkDocs has an environment of its own.
site: docs
	@[ .venv-docs/bin/mkdocs -nt requirements-docs.lock ] || { /usr/bin/python3 -m venv .venv-docs && .venv-docs/bin/python \
	  -m pip install -qq --disable-pip-version-check --require-hashes --no-deps -r requirements-docs.lock; }
	NO_MKDOCS_2_WARNING=1 .venv-docs/bin/mkdocs build --strict --quiet
	$(BIN)/python -m manual site site

bench: prepare-test
	$(AS_ROOT) $(BIN)/python bench/run.py
	$(AS_ROOT) $(BIN)/python bench/detection.py
	$(AS_ROOT) $(BIN)/python bench/pages.py
	$(AS_ROOT) $(BIN)/python bench/report.py

# Plays companies the engine was not calibrated on, prints Sekisho beside simple rules, writes docs/evaluation.md with its
# pictures; about five minutes.
eval: prepare-test
	$(AS_ROOT) $(BIN)/python -m evals report

# Looks for examples nobody thought of, plays the stories that take minutes, then applies each one-line sabotage to a copy of the tree and requires its story
# to turn red.
soak: prepare-test
	$(AS_ROOT) SEKISHO_SOAK=1 $(BIN)/pytest -q -n 2 tests/unit
	$(AS_ROOT) SEKISHO_SOAK=1 $(BIN)/pytest -q -n 2 --dist loadfile -m soak tests/stack tests/browser
	$(AS_ROOT) $(BIN)/python tests/sabotage/soak.py

# The first twelve stories and the column that opens nothing on PostgreSQL and on MariaDB (docs/databases.md); some ten
# minutes each.
databases: prepare-test
	for database in postgresql mariadb; do \
	  $(AS_ROOT) SEKISHO_DATABASE=$$database $(BIN)/pytest -q -n 3 --dist loadfile tests/stack/t0?_*.py tests/stack/t1[0-3]_*.py || exit 1; \
	done

# A provider's afternoon with Debian's Postfix, Dovecot, PostfixAdmin and MariaDB (docs/adopt.md): adopted, observed,
# contained, recovered, upgraded under load from the sources before their last change (or $$SEKISHO_PREVIOUS), restored,
# given back. SEKISHO_DATABASE=mariadb puts Sekisho's own tables there as well. The transcript also goes to
# build/provider.txt. Two minutes, on a busy machine seven.
provider: prepare-test
	$(AS_ROOT) SEKISHO_SOAK=1 $(BIN)/pytest -q -s -x tests/stack/t60_a_providers_afternoon.py

# ./build/sekisho_VERSION_amd64.deb for Debian 12 (docs/run.md).
deb: prepare-run
	packaging/deb/build.sh build

# Builds it, installs it with dpkg in a Debian 12 of its own (debootstrap, some minutes and 600 MB), removes and purges it.
package-test: deb
	$(AS_ROOT) packaging/deb/test.sh build
