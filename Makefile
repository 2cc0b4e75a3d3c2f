# For a newcomer: `make demo` and `make test`. The rest is for those who work here.

CARGO ?= cargo

.PHONY: demo test fmt lint check deps unit it e2e prove bench doc

## Calls forty people on this machine through a real Asterisk. ASTERISK=simulated does it
## without one, and without a download; KEEP=1 leaves everything running until Ctrl-C.
## SHAPE=rabbitmq runs each role as a process of its own over a RabbitMQ.
ASTERISK ?= real
SHAPE ?= embedded
demo: $(if $(filter real,$(ASTERISK)),asterisk) $(if $(filter rabbitmq,$(SHAPE)),servers)
	$(CARGO) build --package trunkline-server $(if $(filter simulated,$(ASTERISK)),--package trunkline-asterisk-sim)
	./target/debug/trunkline demo --asterisk $(ASTERISK) --shape $(SHAPE) $(if $(filter-out 0,$(KEEP)),--keep)

## Everything CI runs, in its order.
test:
	./tests/run.sh

## A real Asterisk, SIPp and espeak-ng in .asterisk/, without root.
.PHONY: asterisk
asterisk:
	./asterisk/get.sh

## RabbitMQ in .servers/, without root; nothing is started.
.PHONY: servers
servers:
	./servers/get.sh

fmt:
	$(CARGO) fmt --all

lint:
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets --all-features -- -D warnings

check:
	$(CARGO) check --workspace --all-targets

## The direction of dependencies, and the tests that the documents name.
deps:
	$(CARGO) xtask check-deps
	$(CARGO) xtask check-docs

unit: servers
	$(CARGO) test --workspace --all-features --exclude trunkline-it --exclude trunkline-e2e

## Roles together, on both carriers. TESTS=… runs only those with such names.
it: servers
	$(CARGO) test --package trunkline-it $(TESTS)
	TRUNKLINE_IT_CARRIER=rabbitmq $(CARGO) test --package trunkline-it $(TESTS)

e2e: asterisk servers
	$(CARGO) build --package trunkline-server --package trunkline-asterisk-sim
	$(CARGO) test --package trunkline-e2e

## The long versions of the tests that break things: kills, faults, real load.
prove: asterisk servers
	./tests/prove.sh

## Figures with their goals, release build; NAMES=… measures only those.
bench: asterisk servers
	$(CARGO) build --release --package trunkline-server --package trunkline-asterisk-sim --package trunkline-bench
	./target/release/bench $(NAMES)

doc:
	$(CARGO) doc --workspace --no-deps
