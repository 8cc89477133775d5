# Two commands for a new machine: make demo, make test. Both install what is missing.
export CARGO_TARGET_DIR ?= $(HOME)/.cache/verbund/target

.PHONY: help prerequisites build demo test check bench bench-failover bench-exclusion install clean-demo kubernetes helm testbed testbed-down demo-kubernetes test-fencing

help:
	@echo "make demo           a federation of three sites on this machine, until Ctrl-C"
	@echo "make test           every test"
	@echo "make check          what CI runs: form, lints, dependencies, purity, tests"
	@echo "make bench          the planner alone, and side by side with etcd; prints tables and the path of a JSON list"
	@echo "make bench-failover from the loss of a site to all its workloads ready elsewhere; tables, path of a JSON list"
	@echo "make bench-exclusion from the last signature under an exclusion to the last closed stream at every site; tables, path of a JSON list"
	@echo "make build          the binary, at $(CARGO_TARGET_DIR)/release/verbund"
	@echo "make install        the binary to \$$PREFIX/bin (default /usr/local)"
	@echo "make clean-demo     forgets the demo's federation"
	@echo "make testbed        SITES=2 whole sites with real Kubernetes clusters on this machine (root); says how to use them"
	@echo "make testbed-down   stops them"
	@echo "make demo-kubernetes  the demo on real Kubernetes clusters (root), until Ctrl-C"
	@echo "make test-fencing   RUNS=9 runs: an exclusive workload under faults never runs twice (root)"

prerequisites:
	@.ci/prerequisites

build: prerequisites
	cargo build --locked --release --package verbund

demo: build
	@VERBUND=$(CARGO_TARGET_DIR)/release/verbund deploy/demo/run

clean-demo:
	@deploy/demo/run --forget

# What needs root is left out, and says so, with VERBUND_WITHOUT_ROOT=1.
kubernetes:
	@[ "$$VERBUND_WITHOUT_ROOT" = 1 ] || .ci/kubernetes

# For the tests of charts; needs no root.
helm:
	@.ci/helm

testbed: prerequisites kubernetes
	cargo build --locked --package verbund-testbed
	@$(CARGO_TARGET_DIR)/debug/verbund-testbed up --sites $(or $(SITES),2)

testbed-down:
	@$(CARGO_TARGET_DIR)/debug/verbund-testbed down --all

demo-kubernetes: build kubernetes
	cargo build --locked --package verbund-sites --package verbund-testbed
	VERBUND_BIN=$(CARGO_TARGET_DIR)/release/verbund $(CARGO_TARGET_DIR)/debug/verbund-demo-kubernetes

test-fencing: build kubernetes
	cargo build --locked --package verbund-sites
	VERBUND_BIN=$(CARGO_TARGET_DIR)/release/verbund $(CARGO_TARGET_DIR)/debug/verbund-test-fencing --runs $(or $(RUNS),9)

test: build kubernetes helm
	VERBUND_BIN=$(CARGO_TARGET_DIR)/release/verbund cargo test --locked --workspace --no-fail-fast

check:
	.ci/run

bench: build
	@.ci/prerequisites bench
	cargo build --locked --release --package verbund-kit --bins
	@VERBUND_BIN=$(CARGO_TARGET_DIR)/release/verbund .ci/bench

bench-failover: build kubernetes
	cargo build --locked --release --package verbund-kit --bin verbund-bench-failover
	cargo build --locked --package verbund-sites
	VERBUND_BIN=$(CARGO_TARGET_DIR)/release/verbund $(CARGO_TARGET_DIR)/release/verbund-bench-failover \
	  --out $(CARGO_TARGET_DIR)/bench/verbund-bench-failover.json
	VERBUND_BIN=$(CARGO_TARGET_DIR)/release/verbund $(CARGO_TARGET_DIR)/debug/verbund-bench-failover-sites \
	  --with $(CARGO_TARGET_DIR)/bench/verbund-bench-failover.json

bench-exclusion: build
	cargo build --locked --release --package verbund-kit --bin verbund-bench-exclusion
	@VERBUND_BIN=$(CARGO_TARGET_DIR)/release/verbund $(CARGO_TARGET_DIR)/release/verbund-bench-exclusion \
	  --out $(CARGO_TARGET_DIR)/bench/verbund-bench-exclusion.json

install: build
	install -D -m 0755 $(CARGO_TARGET_DIR)/release/verbund $(DESTDIR)$(or $(PREFIX),/usr/local)/bin/verbund
