# teu: build, test and show. As root on Debian 12, with Go and a C compiler, `make demo` and `make test` install what
# else they need.
SHELL := /bin/bash
PREFIX ?= /usr/local
DESTDIR ?=
MANDIR ?= $(PREFIX)/share/man
VERSION ?= $(shell git describe --tags --always 2>/dev/null || echo unknown)
COMMIT ?= $(shell git rev-parse HEAD 2>/dev/null)$(shell git diff --quiet HEAD 2>/dev/null || echo -dirty)

# The CLI library without its generator of man pages, whose Markdown library takes 0.8 ms at every start, and without
# its guesses at misspelt verbs.
TAGS := netgo osusergo urfave_cli_no_docs urfave_cli_no_suggest
LDFLAGS := -s -w -linkmode external -extldflags "-static" \
	-X teu/internal/cli.version=$(VERSION) -X teu/internal/cli.commit=$(COMMIT) \
	-X teu/internal/cli.libseccomp=$(shell pkg-config --modversion libseccomp 2>/dev/null)
# The suites that `make clients` runs, and the packages that each needs.
CLIENTS ?= docker podman
DEPS_docker := docker.io docker-compose debootstrap
DEPS_podman := podman conmon netavark aardvark-dns catatonit fuse-overlayfs iproute2 procps

GO := go
GOTEST := $(GO) test -tags '$(TAGS)'
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.7.0

.PHONY: build demo test unit rooted rooted-v2 test-vm churn conformance lint bench bench-clients golden fuzz man install uninstall clients cri clean deps deps-test help

help: ## this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' Makefile

deps:
	@tests/deps libseccomp-dev pkg-config busybox-static

deps-test: deps
	@tests/deps runc containerd containernetworking-plugins iptables clang libclang-rt-14-dev iproute2 procps

build: deps teu ## the static binary ./teu

# Everything the binary is made of; `go build` itself decides what is to be done.
.PHONY: teu
teu:
	@CGO_ENABLED=1 $(GO) build -trimpath -tags '$(TAGS)' -ldflags '$(LDFLAGS)' -o teu .

demo: build ## run a container and show it from inside and outside (root)
	@tests/demo/demo.sh ./teu

test: build deps-test lint unit rooted rooted-v2 conformance fuzz-short cri clients test-vm ## all of the tests (root)

unit: ## tests beside the code
	$(GOTEST) ./nsenter/... ./rootfs/... ./cgroups/... ./libcontainer/... ./internal/... .

rooted: build ## tests that drive the binary (root)
	$(GOTEST) -count=1 -p 1 -timeout 30m $$($(GO) list ./tests/... | grep -vE '/(clients/(docker|podman)|fault)$$')
	@$(MAKE) --no-print-directory -j 2 fault-fail fault-kill

# The two halves of the fault loop see nothing of each other, and wait for the kernel half of their time.
.PHONY: fault-fail fault-kill
fault-fail:
	$(GOTEST) -count=1 -timeout 30m -skip '^TestKill$$' ./tests/fault
fault-kill:
	$(GOTEST) -count=1 -timeout 30m -run '^TestKill$$' ./tests/fault

rooted-v2: build ## lifecycle and cgroups where only cgroup v2 is to be seen (root)
	TEU_TEST_CGROUP=v2 $(GOTEST) -count=1 -p 1 -timeout 30m ./tests/lifecycle ./tests/cgroups

test-vm: build ## rooted suites in virtual machines with cgroup v2 only, bare and with systemd (root); VMFLAGS='-only RE -run RE'
	$(GO) run ./tests/vm -tags '$(TAGS)' $(VMFLAGS)

churn: build ## containers at random from many workers, teu killed among them, for CHURNTIME (root)
	$(GOTEST) -count=1 -v -timeout 30m ./tests/churn -churn.for $(or $(CHURNTIME),2m) -churn.seed $(or $(CHURNSEED),0)

clients: build ## programs that call a runtime, with teu, and with runc beside it (root); CLIENTS='docker podman' or one of them
	@tests/deps runc busybox-static iptables $(foreach c,$(CLIENTS),$(DEPS_$(c)))
	$(GOTEST) -count=1 -p 1 -timeout 40m -v $(addprefix ./tests/clients/,$(CLIENTS))

cri: build ## the Container Runtime Interface of containerd with teu, and with runc beside it (root)
	@tests/deps containerd containernetworking-plugins iptables iproute2 runc busybox-static
	@test -z "$$(gofmt -l tests/clients/cri)" || { gofmt -l tests/clients/cri; exit 1; }
	cd tests/clients/cri && $(GO) vet ./... && $(GO) run $(STATICCHECK) ./...
	cd tests/clients/cri && $(GO) test -count=1 -timeout 20m -v ./...

conformance: build ## runtime-tools validation, beside runc (root)
	tests/conformance/run

lint: ## vet, format, staticcheck, import rules
	@test -z "$$(gofmt -l $$(git ls-files '*.go'))" || { gofmt -l $$(git ls-files '*.go'); exit 1; }
	$(GO) vet -tags '$(TAGS)' ./...
	$(GO) run $(STATICCHECK) -tags '$(shell echo $(TAGS) | tr ' ' ',')' ./...
	$(GOTEST) ./tests/lint

bench: build ## times beside runc, crun and a bare C program (root)
	@tests/deps runc crun busybox-static
	$(GO) run ./tests/bench --teu ./teu $(BENCHFLAGS)

bench-clients: build ## times of ctr run and docker run with teu, runc and crun (root)
	@tests/deps runc crun containerd containernetworking-plugins $(DEPS_docker) iptables busybox-static
	$(GOTEST) -count=1 -run '^$$' -bench . -benchtime $(or $(RUNS),40)x ./tests/clients/containerd ./tests/clients/docker

golden: ## write the golden files anew; look at the diff
	$(GOTEST) ./rootfs ./libcontainer ./libcontainer/process -run 'Golden|EveryField' -update

man: ## write the man pages and completions anew from the flags
	$(GOTEST) ./internal/cli -run Pages -update

fuzz: deps-test ## fuzz the interpreter and the decoders for FUZZTIME seconds each
	nsenter/fuzz/run $(or $(FUZZTIME),60)

.PHONY: fuzz-short
fuzz-short: deps-test
	nsenter/fuzz/run 20

install: build ## binary, man pages and completions into PREFIX, below DESTDIR
	install -D -m 0755 teu $(DESTDIR)$(PREFIX)/sbin/teu
	install -d $(DESTDIR)$(MANDIR)/man8
	install -m 0644 docs/man/*.8 $(DESTDIR)$(MANDIR)/man8
	install -D -m 0644 docs/man/teu.bash $(DESTDIR)$(PREFIX)/share/bash-completion/completions/teu
	install -D -m 0644 docs/man/teu.zsh $(DESTDIR)$(PREFIX)/share/zsh/site-functions/_teu
	install -D -m 0644 docs/man/teu.fish $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/teu.fish

uninstall: ## what install has put there
	rm -f $(DESTDIR)$(PREFIX)/sbin/teu $(DESTDIR)$(MANDIR)/man8/teu.8 $(DESTDIR)$(MANDIR)/man8/teu-*.8 \
		$(DESTDIR)$(PREFIX)/share/bash-completion/completions/teu $(DESTDIR)$(PREFIX)/share/zsh/site-functions/_teu \
		$(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/teu.fish

clean:
	rm -rf teu build
