# `make help` lists the commands. CMake builds; this file is the front door.
SHELL := /bin/bash
JOBS ?= $(shell nproc)
MODEL := .cache/models/smollm2-135m

.PHONY: help setup build demo model test test-release interop asan tsan fuzz fuzz-short bench bench-libp2p gpu-bundle bench-gpu bench-network bench-index bench-discovery bench-sim bench-sybil lint tidy format docs clean

help:  ## Lists the commands
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-14s %s\n", $$1, $$2}'

setup:  ## Installs what the build needs and this machine lacks (Debian 12)
	@scripts/setup.sh

build: setup  ## Builds everything, optimised, into build/release
	@scripts/build.sh release

model: setup  ## Fetches the small real model and converts it (once)
	@scripts/model/fetch_model.sh

demo: build model  ## Two processes share the KV cache of a real prompt; prints the table
	@build/release/apps/gpu-demo --role=demo --model=$(MODEL) --token-file=$(MODEL)/tokens.txt

test:  ## All tests: release, sanitizers, fuzzers for 10 s each, lint
	@scripts/test.sh all

test-release:  ## Tests of the optimised build: unit, end to end, interop, model
	@scripts/test.sh release

interop: setup  ## Our libp2p against go's, rust's and js's; writes the tables to docs/interop.md
	@scripts/build.sh release interop_peer
	@tests/interop/document.sh $(CURDIR)/build/release/tests/interop/interop_peer $(CURDIR)/docs/interop.md

asan:  ## Unit tests under the address and undefined-behaviour sanitizers
	@scripts/test.sh asan

tsan:  ## Threaded modules' tests under the thread sanitizer
	@scripts/test.sh tsan

fuzz: setup  ## Every fuzz target for 60 s (SECONDS_EACH=n for another time)
	@scripts/fuzz.sh $${SECONDS_EACH:-60}

fuzz-short: setup  ## Every fuzz target for 10 s on the kept corpus
	@scripts/test.sh fuzz

bench: build model  ## The benchmarks: get against recompute; noise and yamux by themselves
	@scripts/bench.sh

bench-libp2p: setup  ## Our libp2p beside go-libp2p, rust-libp2p and plain TCP
	@scripts/build.sh release interop_peer plain_tcp_peer
	@python3 bench/libp2p/run.py

gpu-bundle: setup  ## What a GPU machine needs to check and measure: build/gpu-bundle; start its run.sh there
	@scripts/gpu_bundle.sh

bench-gpu: build  ## Checks and measures on this machine's GPU; without one what host memory can do (ARGS=--only=fetch …)
	@python3 bench/gpu/run.py --out=build/bench-gpu $(ARGS)

bench-network: build  ## The network path beside plain TCP and beside others (ARGS=--only=get …)
	@python3 bench/network/run.py --out=build/bench-network $(ARGS)

bench-index: setup  ## The index of who holds which block, and hashing prompts: 20 million pairs (ARGS=--quick …)
	@scripts/build.sh release index_bench
	@python3 bench/index/run.py $(ARGS)

bench-discovery: setup  ## How soon nodes find each other and each other's blocks (ARGS=--nodes=10 …); needs root
	@scripts/build.sh release discovery_node
	@python3 bench/discovery/run.py $(ARGS)

bench-sim: setup  ## Simulated clusters of 100 to 10,000 whole nodes (ARGS=--sizes=100,1000 …)
	@scripts/build.sh release sim_bench
	@python3 bench/sim/run.py $(ARGS)

bench-sybil: setup  ## A node among 200 hostile peers, beside itself without them
	@scripts/build.sh release sybil_bench
	@python3 bench/sybil/run.py $(ARGS)

lint: setup  ## Format, and which module includes which
	@scripts/lint.sh

tidy: setup  ## clang-tidy over the code (slow)
	@scripts/tidy.sh

format: setup  ## Formats the code
	@git ls-files '*.h' '*.cc' '*.cu' '*.cuh' | xargs clang-format-16 -i

docs:  ## API documentation of libp2p by Doxygen, into build/docs; and where the other documents are
	@command -v doxygen >/dev/null || { echo "docs: install doxygen (apt-get install doxygen)" >&2; exit 1; }
	@mkdir -p build/docs && doxygen libp2p/Doxyfile && echo build/docs/html/index.html
	@ls README.md ARCHITECTURE.md HACKING.md CHANGELOG.md docs/*.md docs/decisions/*.md 2>/dev/null

clean:  ## Removes what was built; keeps what was fetched
	rm -rf build
