# The tasks of this repository. A bare "make" lists them.

GO       ?= go
FUZZTIME ?= 10s

# Packages with concurrency, for the race detector: it is too slow for all. -short skips the tests that
# repeat what others run.
RACE := $(addprefix ./,$(addsuffix /...,$(wildcard $(addprefix internal/,\
	queue worker repository commitstatus engine trigger preview connection sandbox api apiserver \
	server httpserver local gitwire identity policy sts))))

# Where make setup installs Python packages that the machine lacks.
export PATH := $(CURDIR)/.cache/python/bin:$(PATH)

# SQLite, translated from C, is not instrumented: that made these tests four times as slow, and
# what it shares between goroutines it guards itself.
RACEFLAGS := -race -short -timeout 60m -gcflags=modernc.org/sqlite/lib=-race=false -gcflags=modernc.org/libc=-race=false

.DEFAULT_GOAL := help
.PHONY: help test check build bench fuzz fmt lint vuln deps setup

help: ## list these targets
	@awk -F':.*## ' '/^[a-z]+:.*## / { printf "make %-7s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

test: setup lint vuln ## install what the tests need, then run every check and test
	CGO_ENABLED=0 $(GO) test ./...
	@if scripts/deps.sh has compiler; then \
		echo "$(GO) test $(RACEFLAGS) $(RACE)"; CGO_ENABLED=1 $(GO) test $(RACEFLAGS) $(RACE); \
	else echo "skipped: the race detector, which needs a C compiler; run make deps"; fi

check: ## check the format, vet, and run the quick tests: under a minute
	@scripts/lint.sh format
	$(GO) vet ./...
	@$(GO) test -short $$(scripts/packages.sh quick)

# The go command stamps the version and the commit from git; lockstep version prints them.
build: ## build a static ./lockstep for this machine
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '-s -w' -o lockstep ./cmd/lockstep

bench: ## run the benchmarks and compare them with their budgets
	CGO_ENABLED=0 $(GO) test -run '^$$' -bench . -benchtime 1x -count 1 ./bench

fuzz: ## run every fuzz target for FUZZTIME (10s)
	@scripts/packages.sh fuzz | while read -r package target; do \
		echo "$$package $$target"; \
		$(GO) test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) "$$package" </dev/null || exit 1; \
	done

fmt: ## format all Go files
	gofmt -w .

lint: ## gofmt, go vet and staticcheck
	@scripts/lint.sh format
	$(GO) vet ./...
	$(GO) tool staticcheck ./...

vuln: ## check for known vulnerabilities; skipped without a network
	@scripts/lint.sh vulnerabilities

deps: ## print the commands that install what is missing
	@scripts/deps.sh print

setup: ## install what is missing, as root on Debian; otherwise print what is skipped
	@scripts/deps.sh setup
