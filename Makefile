# `make demo` and `make test` do all their set-up themselves.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
CARGO := cargo
export PATH := $(CURDIR)/target/tools/bin:$(PATH)

.PHONY: help packages nginx edge tools cluster-up cluster-down footage evm oidc solana s3 tus tusd databases contracts programs scene parts helm3 ffmpeg9 players schemathesis crds fmt lint deny unit test go-test fuzz demo down claims claim clean

help: ## This list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

packages: ## Install the Debian packages the build needs
	@e2e/packages.sh

tools: packages ## Build the Kubernetes programs the tests run against
	@e2e/cluster/tools.sh k8s cluster

cluster-up: ## Start a Kubernetes cluster of one node on this machine
	@if [ "$${CLUSTER-}" != current ]; then e2e/packages.sh cluster; fi
	@e2e/cluster/tools.sh k8s coredns pause cluster
	@target/tools/bin/cluster up

cluster-down: ## End that cluster and remove all of it but its logs
	@e2e/cluster/tools.sh cluster
	@target/tools/bin/cluster down

footage: packages ## Fetch the real clips the tests encode
	@tests/footage.sh

evm: ## Fetch the EVM node the chain adapter is tested on
	@test -d target/tools/anvil/node_modules/@foundry-rs || npm install --silent --no-save --prefix target/tools/anvil @foundry-rs/anvil@1.7.1

oidc: ## Fetch the OpenID provider that sign-in is tested on
	@test -d target/tools/oidc/node_modules/oidc-provider || npm install --silent --no-save --prefix target/tools/oidc oidc-provider@9.13.3

solana: ## Fetch the node of Solana, with its real programs, that rules are tested on
	@e2e/solana/setup.sh

databases: ## Install the PostgreSQL and Redis that catalog and limits are tested on
	@e2e/packages.sh databases

s3: packages ## Build the S3 server the object store is tested on
	@tests/s3-server.sh

tus: ## Fetch the client of tus that uploads are tested with
	@e2e/tus/setup.sh

tusd: ## Build the server of tus that uploads are compared with
	@tests/tusd.sh

crds: ## Write crds/yaml, the reference and the chart's CRDs from the types
	$(CARGO) build -q --release --workspace
	target/release/crdgen crds/yaml docs/src/reference charts/streamgate/templates

fmt: ## Format everything
	$(CARGO) fmt --all
	gofmt -w e2e/cluster

lint: packages ## Formatting and lints
	$(CARGO) fmt --all --check
	$(CARGO) clippy --release --workspace --all-targets -- -D warnings
	test -z "$$(gofmt -l e2e/cluster)"

deny: ## Licences, sources, advisories (needs cargo-deny)
	$(CARGO) deny check bans licenses sources

test: ## Everything, from nothing
	@e2e/timed.sh packages   $(MAKE) -s packages
	@e2e/timed.sh footage    $(MAKE) -s footage
	@e2e/timed.sh evm        $(MAKE) -s evm contracts oidc solana
	@e2e/timed.sh s3         $(MAKE) -s s3 tus
	@e2e/timed.sh databases  $(MAKE) -s databases
	@e2e/timed.sh tools      $(MAKE) -s tools
	@e2e/timed.sh build      $(CARGO) test --release --workspace --no-run
	@e2e/timed.sh lint       $(MAKE) -s lint
	@e2e/timed.sh go-test    $(MAKE) -s go-test
	@e2e/timed.sh cargo-test $(CARGO) test --release --workspace
	@e2e/timed.sh --table

fuzz: packages ## Every parser that meets the network under a fuzzer: make fuzz SECONDS_EACH=60
	@dataplane/fuzz/run.sh

go-test:
	cd e2e/cluster && go vet ./cmd/cluster ./cmd/pause ./cmd/probe ./internal/... && go test ./cmd/cluster/... ./internal/...

programs: packages
	$(CARGO) build --release --workspace

contracts: ## Compile the contracts the gate is tested on
	@e2e/contracts/compile.sh

scene: ## What demo and claims stand on: programs, footage, EVM node, cluster, Helm
	@e2e/timed.sh packages  $(MAKE) -s packages
	@e2e/timed.sh footage   $(MAKE) -s footage
	@e2e/timed.sh evm       $(MAKE) -s evm contracts
	@e2e/timed.sh programs  $(MAKE) -s programs
	@e2e/timed.sh cluster   $(MAKE) -s cluster-up
	@e2e/timed.sh helm      e2e/cluster/tools.sh helm

demo: scene ## The main job on a real Kubernetes: upload, encode, sign in, play
	@e2e/timed.sh demo      e2e/demo.py up
	@e2e/timed.sh --table

nginx: ## Install the web server that claims on speed compare with
	@e2e/packages.sh nginx

edge: nginx ## Show that the edge of docs/src/how-to/playback.md caches segments and serves nobody the gate refuses
	@cd e2e && python3 -u -m bench.edge

schemathesis:
	@test -x target/tools/schemathesis/bin/schemathesis || (python3 -m venv target/tools/schemathesis && target/tools/schemathesis/bin/pip install -q schemathesis==4.32.5)

ffmpeg9:
	@e2e/ffmpeg9.sh

players:
	@e2e/players/setup.sh

helm3:
	@e2e/cluster/tools.sh helm3

parts: footage evm contracts oidc solana s3 tus databases tools ## What the tests run against, besides what they build

down: ## Remove what demo made, the cluster included
	@e2e/demo.py down
	@$(MAKE) -s cluster-down

claims: ## Every claim with its bar and the figure last recorded
	@e2e/claim.py --list

claim: packages ## Measure one claim anew: make claim NAME=spine-8
	@e2e/claim.py $(NAME)

clean: ## Remove everything built
	rm -rf target
