# The only door: whatever a developer or a CI runs is a target of this file.

.DEFAULT_GOAL := help
.PHONY: help demo up test test-kube test-image image walks chaos fuzz lint types laws generate verify bench picture setup
.PHONY: verify-protos verify-lock verify-crd verify-chart verify-compatible

export UV_PROJECT_ENVIRONMENT := .venv
export UV_PYTHON_DOWNLOADS := never
unexport VIRTUAL_ENV PYTHONHOME
# What was compiled is kept, whatever the shell says: three processes read the same tests.
unexport PYTHONDONTWRITEBYTECODE
# A user without a home of their own keeps what tools cache beside what they installed.
ifeq ($(shell [ -w "$${XDG_CACHE_HOME:-$$HOME}" ] && echo yes),)
export XDG_CACHE_HOME := $(CURDIR)/.venv/cache
endif

# Arguments for the tool behind a target: make test ARGS="-k batcher -x"
ARGS ?=
# The interpreter that .venv is built with; the first of these that is new enough.
PYTHON ?= python3.11 python3.12 python3.13 python3.14 python3 python
# The commit whose protos verify holds these to; empty: the newest that differs.
AGAINST ?=

help: ## show this list
	@echo 'Parley: agents that talk by text message.'; echo
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))
	@echo; echo 'ARGS="..." reaches the tool (demo, up, test, types, bench); PYTHON=... chooses the interpreter.'

demo: .venv/installed ## watch a text come in, be answered and go out; no account needed
	.venv/bin/parley demo $(ARGS)

up: .venv/installed ## start every service on this machine, with a simulated Twilio
	.venv/bin/parley up $(ARGS)

# Most tests wait for something most of the time: three processes keep two cores busy. A process that dies fails the
# test it was at and is replaced; with --dist loadfile, loadscope or loadgroup xdist would then wait for ever.
# Whatever hangs all the same: an interrupt after 20 minutes still tells what failed.
test: .venv/installed ## run every test
	@$(LIMIT) .venv/bin/pytest -n 3 --dist worksteal --max-worker-restart 4 $(ARGS) || \
	  $(call once_more,$(LIMIT) .venv/bin/pytest)

LIMIT := $(if $(shell command -v timeout),timeout --foreground -s INT -k 60 20m)

# Dozens of real processes on two cores have bad moments: what fails in one has to pass alone, and both are printed.
# 1 is pytest's word for failed tests: after anything else not every test was run.
once_more = { [ $$? = 1 ] && echo 'What failed is tried once more, alone.' && \
  $(1) --last-failed --last-failed-no-failures none; }

test-kube: .venv/installed ## test on a real Kubernetes API server; the first time builds it, about ten minutes
	.venv/bin/python -m tests.kube.programs
	.venv/bin/python -m tests.kube.tools
	@$(KUBE_TESTS) -n 2 --dist worksteal --max-worker-restart 4 $(ARGS) || $(call once_more,$(KUBE_TESTS))

KUBE_TESTS := PARLEY_KUBE_REQUIRED=1 .venv/bin/pytest $(if $(filter tests/%,$(ARGS)),,tests/kube tests/chart)

test-image: .venv/installed ## build the images, run them, have checkov judge them and the chart; the first time takes minutes
	@$(IMAGE_TESTS) $(ARGS) || $(call once_more,$(IMAGE_TESTS))

IMAGE_TESTS := .venv/bin/pytest $(wildcard tests/image/build/test_*.py) -p no:randomly

image: .venv/installed ## build the five images with buildah (with Docker: docs/compose.md)
	.venv/bin/python -m tests.image.build.engine

lint: .venv/installed ## check style: ruff, its formatter, buf
	.venv/bin/ruff check
	.venv/bin/ruff format --check
	cd protos && ../.venv/bin/buf lint

types: .venv/installed ## check types: mypy --strict
	.venv/bin/mypy services operator helm tests bench examples $(ARGS)

laws: .venv/installed ## check the laws of ARCHITECTURE.md: who imports whom, what a module may hold
	.venv/bin/lint-imports --no-logo
	.venv/bin/pytest tests/laws

generate: .venv/installed ## write protos/gen, the chart's CRD and README, and uv.lock anew
	PATH="$(CURDIR)/.venv/bin:$$PATH" protos/generate
	.venv/bin/python -m parley_operator.crd > helm/parley/crds/phonenumbers.yaml
	.venv/bin/python helm/readme.py
	.venv/bin/uv lock

verify: verify-protos verify-lock verify-crd verify-chart verify-compatible ## prove that nothing generated has drifted and no contract broke

walks: .venv/installed ## walk the session rules at length: 2,500 random lives of 50 steps, two minutes
	PARLEY_WALKS=2500 .venv/bin/pytest -o faulthandler_timeout=0 tests/unit/session/test_thread_walk.py $(ARGS)

chaos: .venv/installed ## kill everything, again and again, and judge what became of every text
	GRPC_VERBOSITY=ERROR .venv/bin/python -m tests.chaos $(ARGS)

fuzz: .venv/installed ## fuzz signatures, forms, reports, segments, HTTP and JSON: 30 s each, by a seed that is printed
	.venv/bin/python -m tests.fuzz $(ARGS)

bench: .venv/installed ## measure: turns per second and CPU per turn, every service its own process
	.venv/bin/python -m bench $(ARGS)

picture: .venv/installed ## draw docs/phone.png anew: the phone page in a Chromium that is on this machine
	PARLEY_PICTURE=docs/phone.png .venv/bin/pytest -q tests/e2e/phone/test_picture.py

verify-protos: .venv/installed
	@fresh=$$(mktemp -d) && trap 'rm -rf "$$fresh"' EXIT && PATH="$(CURDIR)/.venv/bin:$$PATH" protos/generate "$$fresh" && \
	if diff -r -x __pycache__ protos/gen "$$fresh"; then echo 'protos/gen is what the protos say.'; \
	else echo 'protos/gen is not what the protos say: run make generate and commit.' >&2; exit 1; fi

verify-crd: .venv/installed
	@.venv/bin/python -m parley_operator.crd | diff - helm/parley/crds/phonenumbers.yaml && echo 'The chart has the CRD of the operator.'

verify-chart: .venv/installed
	@.venv/bin/python helm/readme.py --verify

verify-lock: .venv/installed
	.venv/bin/uv lock --check

# What was promised: the protos where this branch left main; on main, the last state that differs from this one.
verify-compatible: .venv/installed
	@for commit in $(or $(AGAINST),$$(git merge-base HEAD origin/main 2>/dev/null) $$(git merge-base HEAD main 2>/dev/null) HEAD \
	  $$(git log -1 --format=%H^ -- protos/parley 2>/dev/null)) none; do \
	  git cat-file -e "$$commit:./protos/parley" 2>/dev/null && ! git diff --quiet "$$commit" -- protos/parley && break; done; \
	if [ "$$commit" = none ]; then echo 'buf breaking: skipped, git knows no earlier state of protos/parley.'; exit 0; fi; \
	promised=$$(mktemp -d) && trap 'rm -rf "$$promised"' EXIT && git archive "$$commit" protos | tar -x -C "$$promised" && \
	echo "buf breaking: against $$(git log -1 --format='%h %s' "$$commit")" && \
	cd protos && ../.venv/bin/buf breaking --against "$$promised/protos"

# --- the environment: .venv, with everything that uv.lock names -------------------------------------------------

setup: .venv/installed

.venv/installed: uv.lock $(wildcard pyproject.toml */pyproject.toml services/*/pyproject.toml)
	@$(if $(INTACT),:,$(build-environment))
	.venv/bin/uv sync --frozen
	@pwd -P > $@

# An environment holds absolute paths: a checkout that was moved, and one whose interpreter is gone, is built anew.
INTACT := $(shell [ "$$(cat .venv/installed 2>/dev/null)" = "$$(pwd -P)" ] && .venv/bin/python -Ic 'import uv' 2>/dev/null && echo yes)
ifeq ($(INTACT),)
.PHONY: .venv/installed
endif

UV := $(shell sed -n 's/^ *"\(uv==[0-9.]*\)".*/\1/p' pyproject.toml)

define build-environment
for python in $(PYTHON) none; do \
  "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && break; done; \
if [ "$$python" = none ]; then \
  echo 'Parley needs Python 3.11 or newer, and found none among: $(PYTHON)' >&2; \
  echo 'Install it (Debian, Ubuntu: apt-get install python3 python3-venv) or name it: make PYTHON=/path/to/python3' >&2; exit 1; fi; \
echo "Building .venv with $$python; the first time takes about a minute."; \
if "$$python" -c 'import ensurepip' 2>/dev/null; then \
  rm -rf .venv && "$$python" -m venv .venv && .venv/bin/python -m pip install --quiet $(UV); \
elif "$$python" -m pip --version >/dev/null 2>&1; then \
  rm -rf .venv && "$$python" -m venv --without-pip .venv && "$$python" -m pip --python .venv/bin/python install --quiet $(UV); \
else \
  echo "$$python can build no virtual environment: it has neither ensurepip nor pip." >&2; \
  echo 'Install them (Debian, Ubuntu: apt-get install python3-venv) or name another: make PYTHON=/path/to/python3' >&2; exit 1; fi
endef
