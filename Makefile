# `make demo` and `make test` set up what they need. With ROS 2 sourced, the workspace's own ROS is used.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

# ROS 2 belongs to the system's Python, whatever else is first on PATH
PYTHON ?= $(if $(ROS_DISTRO),/usr/bin/python3,python3)
MODE := $(or $(ROS_DISTRO),standalone)
VENV_READY := .venv/.ready-$(MODE)
BUILT := build/.built-$(MODE)
PACKAGE := dejavu_ros launch config ckpts msg cmake CMakeLists.txt package.xml
SOURCES := $(shell find $(PACKAGE) -type f -not -path '*/__pycache__/*')
# PYTHONSAFEPATH: the sources here must not come before the built package
RUN := $(if $(ROS_DISTRO),source install/setup.bash &&,unset PYTHONPATH &&) export PYTHONSAFEPATH=1 &&

.PHONY: help setup build test demo soak gpu docs lint lock clean list-sources

help: ## say what there is
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/'

setup: $(VENV_READY) ## make .venv
build: $(BUILT) ## build the ROS package into ./install

test: $(BUILT) ## run the tests: make test ARGS="-k bags"
	$(RUN) .venv/bin/pytest $(ARGS)

demo: $(BUILT) ## build a map from one season, relocalize in another, end with a picture
	$(RUN) .venv/bin/dejavu demo $(ARGS)

SOAK_SCALE ?= 1
soak: $(BUILT) ## hours of it, counted in soak/summary.json; SOAK_SCALE=0.05 is quick, an interrupted one goes on
	$(RUN) .venv/bin/dejavu soak -o soak --scale $(SOAK_SCALE) $(ARGS)

gpu: ## the tests and figures that need an NVIDIA GPU, into ./gpu; PYTHON names one with PyTorch for CUDA
	PYTHON=$(PYTHON) benchmarks/gpu.sh gpu

docs: $(BUILT) ## write docs/parameters.md, docs/model_numbers.md, docs/troubleshooting.md and config/relocalize.yaml from the code
	$(RUN) .venv/bin/python -m dejavu_ros.ros.reference .

lint: $(VENV_READY) ## ruff
	.venv/bin/ruff check .

lock: $(VENV_READY) ## resolve requirements/standalone.in anew
	.venv/bin/pip install -q --dry-run --ignore-installed --report - -r requirements/standalone.in \
	  | .venv/bin/python tools/lock_requirements.py > requirements/standalone.new
	mv requirements/standalone.new requirements/standalone.txt

clean: ## remove everything that make made
	rm -rf .venv build install log

$(VENV_READY): requirements/standalone.txt requirements/ros.txt tools/make_venv.sh tools/mend_cmake_targets.py
	rm -rf build install log
	tools/make_venv.sh $(PYTHON)
	touch $@

# the list of files, renewed only when a file has come or gone
list-sources:
build/sources.txt: list-sources
	@mkdir -p build
	@printf '%s\n' $(sort $(SOURCES)) | cmp -s - $@ || printf '%s\n' $(sort $(SOURCES)) > $@

$(BUILT): $(VENV_READY) $(SOURCES) build/sources.txt tools/build.sh
	tools/build.sh
	touch $@
