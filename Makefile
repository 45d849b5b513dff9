# The chores of this repository. A bare "make" lists them.

GO       ?= go
FUZZTIME ?= 10s

# Rooms where goroutines meet, among those that are there: the race detector
# costs too much for all. -short leaves out tests that prove by sheer number.
RACE := $(addprefix ./,$(addsuffix /...,$(wildcard $(addprefix internal/,\
	queue engine trigger preview connection sandbox api server gitwire identity policy sts))))

# Where make test has put Python packages that the machine lacks, if it has.
export PATH := $(CURDIR)/.cache/python/bin:$(PATH)

.DEFAULT_GOAL := help
.PHONY: help test check build bench fuzz fmt lint vuln deps setup

help: ## list these targets
	@awk -F':.*## ' '/^[a-z]+:.*## / { printf "make %-7s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

test: setup lint vuln ## set up what the tests need, then run every check and test
	CGO_ENABLED=0 $(GO) test ./...
	@if scripts/deps.sh has compiler; then \
		echo "$(GO) test -race -short -timeout 30m $(RACE)"; CGO_ENABLED=1 $(GO) test -race -short -timeout 30m $(RACE); \
	else echo "skipped: the race detector, which needs a C compiler (make deps)"; fi

check: ## format, vet and the tests that need no server: under a minute
	@scripts/lint.sh format
	$(GO) vet ./...
	@$(GO) test -short $$(scripts/rooms.sh serverless)

# The go command stamps version and commit from git (lockstep version).
build: ## build ./lockstep for this machine, static, with its version
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '-s -w' -o lockstep ./cmd/lockstep

bench: ## measure against peers and print ratios to the budgets
	CGO_ENABLED=0 $(GO) test -run '^$$' -bench . -benchtime 1x -count 1 ./bench

fuzz: ## run every fuzz target for FUZZTIME (10s)
	@scripts/rooms.sh fuzz | while read -r room target; do \
		echo "$$room $$target"; \
		$(GO) test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) "$$room" </dev/null || exit 1; \
	done

fmt: ## format all Go files
	gofmt -w .

lint: ## gofmt, go vet and staticcheck
	@scripts/lint.sh format
	$(GO) vet ./...
	$(GO) tool staticcheck ./...

vuln: ## look for known vulnerabilities; skipped without a network
	@scripts/lint.sh vulnerabilities

deps: ## print the commands that install what is missing here
	@scripts/deps.sh print

setup: ## install what is missing as root on Debian; elsewhere say what is skipped
	@scripts/deps.sh setup
