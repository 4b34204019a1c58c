# chanter: every target installs what it lacks by itself. `make` lists them.
SHELL := /bin/sh
export PATH := $(CURDIR)/.toolchain/node_modules/.bin:$(CURDIR)/node_modules/.bin:$(PATH)

DEMO_PACKAGES := iproute2 iputils-ping
PEER_PACKAGES := gobgpd frr bird2 openbgpd exabgp
# Of these machines alone is there a guest to boot; the compiler is for CPUs with AMX (scripts/guest-xstate.c).
GUEST_PACKAGES := $(if $(filter x86_64,$(shell uname -m)),user-mode-linux kmod gcc libc6-dev)
TEST_PACKAGES := $(DEMO_PACKAGES) $(PEER_PACKAGES) $(GUEST_PACKAGES) tshark python3-networking-bagpipe bridge-utils systemd logrotate

.PHONY: help demo test interop interop-containers bounds sim chaos fuzz mutate build check setup docs format clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "make %-18s %s\n", $$1, $$2}' Makefile

demo: build ## Two nodes, a reflector and a ping through VXLAN (root; RR=gobgp; KEEP=1 leaves it running)
	@scripts/setup.sh debian $(DEMO_PACKAGES) $(if $(filter gobgp,$(RR)),gobgpd)
	@bin/chanter demo $(if $(RR),--rr $(RR)) $(if $(KEEP),--keep)

test: build check ## All tests: pure, kernel, interop, containers, guest (root for the last four), and a minute of fuzzing
	@scripts/test.sh $(TEST_PACKAGES)

interop: setup ## A table of what GoBGP, FRR, BIRD, OpenBGPD and ExaBGP and we do with each other (root; PEERS=FRR,BIRD; VERBOSE=1)
	@scripts/setup.sh debian $(DEMO_PACKAGES) $(PEER_PACKAGES)
	@tsx scripts/interop.ts $(if $(PEERS),--peers $(PEERS)) $(if $(VERBOSE),--verbose)

interop-containers: build ## Scenarios with GoBGP and FRR in containers: a table (ENGINE=docker|podman, ONLY=words of a name, VERBOSE=1); without an engine, in namespaces
	@ENGINE='$(ENGINE)' PEERS_BASE='$(PEERS_BASE)' tsx scripts/interop-containers.ts $(if $(ONLY),--only '$(ONLY)') $(if $(VERBOSE),--verbose)

bounds: setup ## What a peer makes of messages at and past the bounds that RFCs state, where that differs (root; PEER=frr|gobgp; TOPIC=OPEN)
	@scripts/setup.sh debian $(DEMO_PACKAGES) $(PEER_PACKAGES)
	@tsx scripts/bounds.ts --peer $(or $(PEER),frr) $(if $(TOPIC),--topic '$(TOPIC)')

sim: setup ## Whole networks on virtual time with faults (SEEDS=200, or SEED=n to replay one, SHRINK=1 for its fewest events)
	@tsx scripts/sim.ts $(if $(SEED),--seed $(SEED),--seeds $(or $(SEEDS),200)) $(if $(SHRINK),--shrink) $(if $(INGREDIENTS),--ingredients $(INGREDIENTS))

chaos: build ## Faults of the machine on two nodes with a real kernel, for TIME=600 seconds (root; SEED=n to replay, STEPS=n, FAULTS=names, KEEP=1)
	@scripts/setup.sh debian $(DEMO_PACKAGES) gobgpd
	@tsx scripts/chaos.ts --seconds $(or $(TIME),600) $(if $(SEED),--seed $(SEED)) $(if $(STEPS),--steps $(STEPS)) $(if $(FAULTS),--faults $(FAULTS)) $(if $(KEEP),--keep)

fuzz: setup ## Hostile input for TIME=60 seconds (SEED=n to replay, TARGET=name for one, KEEP=1 to keep what reaches new code)
	@tsx scripts/fuzz.ts --seconds $(or $(TIME),60) $(if $(SEED),--seed $(SEED)) $(if $(TARGET),--target $(TARGET)) $(if $(KEEP),--keep)

mutate: setup ## Small changes of the protocol code that a test has to notice (FILES=src/bgp/rib/*.ts, SAMPLE=200, SEED=1)
	@tsx scripts/mutate.ts $(if $(FILES),--files '$(FILES)') --sample $(or $(SAMPLE),200) --seed $(or $(SEED),1)

build: setup ## Bundle src/ into dist/
	@tsx scripts/build.ts

check: setup ## Types and lint
	@tsc && biome check --error-on-warnings .

setup: ## Install Node (where too old) and the npm packages
	@scripts/setup.sh node

docs: setup ## Rewrite the pages that are made from the sources
	@tsx scripts/config-docs.ts

format: setup ## Rewrite the sources in the house format
	@biome check --write .

clean: ## Remove everything that was built or installed here
	rm -rf dist node_modules .toolchain
