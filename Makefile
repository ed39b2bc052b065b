# giouring, which the io_uring engine is set up with, reaches into the runtime by
# go:linkname; Go's linker allows that only with this flag. See "Building without
# make" in README.md.
export GOFLAGS := $(shell go env GOFLAGS) -ldflags=-checklinkname=0

# $(call counted,COMMAND) is the recipe of a target that runs suites of tests: what
# they have tried is left in reliability-results/TARGET and printed as a table. The
# suites test a program that they build themselves, of which go test knows nothing:
# COMMAND must have -count=1, or it would report an earlier result of another program.
define counted
@rm -rf reliability-results/$@
FIGURES=$(CURDIR)/reliability-results/$@ $(1)
@echo "== make $@ tried:"
@go run ./tools/reliability reliability-results/$@
endef

.PHONY: build install uninstall packages test soak torture systemd arm64 kernels kernels-docs parity metrics-docs reliability manual lint demo fuzz clean

# What CGO_ENABLED=0 and -E=_preflight are for is in "Building without make" in README.md.
build: ## build bin/uring-socket-proxyd
	CGO_ENABLED=0 go build -ldflags=-checklinkname=0 \
		-ldflags='uring-socket-proxyd/cmd/uring-socket-proxyd=-checklinkname=0 -E=_preflight' -o bin/ ./cmd/...

PREFIX ?= /usr/local
install: ## install what make has built, and its manual, completions and units (DESTDIR=, PREFIX=/usr/local)
	@test -x bin/uring-socket-proxyd || { echo "run make first, as yourself; then make install, as root" >&2; exit 1; }
	DESTDIR="$(DESTDIR)" PREFIX="$(PREFIX)" dist/install install

uninstall: ## remove exactly that
	DESTDIR="$(DESTDIR)" PREFIX="$(PREFIX)" dist/install uninstall

packages: ## make .deb and .rpm for amd64 and arm64 in bin/packages
	dist/packages/build

test: build ## install what the tests need (as root, on Debian) and run them all
	tools/install-packages
	TEST_SYSCTL=yes go test -count=1 -run TestSysctl ./test/refused
	$(call counted,tools/test-all -count=1 -timeout=40m $$(tools/race-flag))

systemd: build ## run the proxy under a real systemd, which systemd-nspawn boots (as root, on Debian)
	tools/install-packages
	$(call counted,env TEST_SYSTEMD=yes go test -count=1 -timeout=30m -v ./test/systemd)

arm64: ## compile and vet for arm64, and run the core tests there by qemu
	tools/install-packages
	tools/test-arm64

KERNELS ?= all
kernels: build ## run the suites on Debian's kernels in qemu (KERNELS="5.10 6.1" for some)
	tools/install-packages
	$(call counted,env KERNELS="$(KERNELS)" go test -v -timeout=180m -count=1 -run TestKernels ./test/kernels)

kernels-docs: export KERNELS_DOC := $(CURDIR)/docs/kernels.md
kernels-docs: kernels ## the same, and renew docs/kernels.md

DURATION ?= 10m
soak: ## play a random mix of clients, targets and troubles with each engine for DURATION
	$(call counted,env SOAK_DURATION=$(DURATION) go test -v -count=1 -timeout=0 ./test/soak)

torture: ## hold whatever peers may do against each setting of the program, each for DURATION
	$(call counted,env SOAK_DURATION=$(DURATION) go test -v -count=1 -timeout=0 ./test/soak/torture)

parity: ## renew docs/parity.md: what each program does, case by case
	tools/install-packages
	PARITY=$(CURDIR)/docs/parity.md go test -timeout=40m -count=1 ./test/conformance

metrics-docs: ## renew the table of metrics and the live view in docs/metrics.md
	METRICS_DOC=yes go test -count=1 -run TestDocument ./test/metrics

reliability: ## put what the last runs have tried into docs/reliability.md, target by target
	go run ./tools/reliability reliability-results docs/reliability.md

manual: export RENEW_GENERATED := yes
manual: ## renew the manual pages and completions in dist, which are made from the options
	go test -count=1 -run TestManual ./cmd/...

lint: ## gofmt, go vet, staticcheck, and known vulnerabilities by govulncheck
	@unformatted=$$(gofmt -l $$(git ls-files '*.go')); \
	if [ -n "$$unformatted" ]; then echo "gofmt would change:"; echo "$$unformatted"; exit 1; fi
	go vet ./...
	go tool staticcheck ./...
	go run ./tools/vulncheck

demo: build ## fetch a file through the proxy and say how it went
	go run ./tools/demo

FUZZTIME ?= 20s
fuzz: ## run each fuzz target for FUZZTIME
	tools/fuzz $(FUZZTIME)

clean: ## remove what was built
	rm -rf bin reliability-results

.PHONY: bench bench-quick bench-build bench-docs

bench-build: build ## build the benchmark, and as root on Debian install what it compares
	go build -o bin/ ./bench/peer/gocopy
	bench/install-peers

bench: bench-build ## measure all scenarios and write bench-results/ (under 15 minutes)
	bin/proxy-bench run

bench-quick: bench-build ## the same in under 2 minutes, less exact
	bin/proxy-bench run --quick

bench-docs: bench-build ## put bench-results/ into docs/benchmarks.md
	bin/proxy-bench docs bench-results/result.json docs/benchmarks.md
