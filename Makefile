# teu: build, test and show. As root on Debian 12, with Go and a C compiler, `make demo` and `make test` install what
# else they need.
SHELL := /bin/bash
PREFIX ?= /usr/local
DESTDIR ?=
MANDIR ?= $(PREFIX)/share/man
# A clone may belong to another user.
GIT := git -c safe.directory='*'
VERSION ?= $(shell $(GIT) describe --tags --always 2>/dev/null || echo unknown)
COMMIT ?= $(shell $(GIT) rev-parse HEAD 2>/dev/null)$(shell $(GIT) diff --quiet HEAD 2>/dev/null; [ $$? != 1 ] || echo -dirty)

# The CLI library without its generator of man pages, whose Markdown library takes 0.8 ms at every start, and without
# its guesses at misspelt verbs.
TAGS := netgo osusergo urfave_cli_no_docs urfave_cli_no_suggest
LDFLAGS := -s -w -linkmode external -extldflags "-static" \
	-X teu/internal/cli.version=$(VERSION) -X teu/internal/cli.commit=$(COMMIT) \
	-X teu/internal/cli.libseccomp=$(shell pkg-config --modversion libseccomp 2>/dev/null)
# What the binary needs. The suites name their packages in tests/runner.
DEPS := libseccomp-dev pkg-config
comma := ,
space := $(subst ,, )

GO := go
# One set of flags for the binary and all tests: what is compiled for one serves the others. A clone may belong to another
# user, of whose repository git says nothing.
export GOFLAGS := $(strip $(GOFLAGS) -trimpath -buildvcs=false -tags=$(subst $(space),$(comma),$(TAGS)))
GOTEST := $(GO) test
# The suites of a tier, side by side, and one table of them all. SEED picks the sample of the fault loop.
SUITES = $(GO) run ./tests/runner $(if $(SEED),-seed $(SEED))

.PHONY: build demo check test test-rest test-all suite test-vm churn lint bench bench-clients budget golden fuzz man install uninstall clean deps help

help: ## this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## /{printf "  make %-14s %s\n", $$1, $$2}' Makefile

deps:
	@tests/deps $(DEPS)

build: deps ## the static binary ./teu
	@$(MAKE) --no-print-directory teu

# Everything the binary is made of; `go build` itself decides what is to be done.
.PHONY: teu
teu:
	@CGO_ENABLED=1 $(GO) build -ldflags '$(LDFLAGS)' -o teu .

demo: ## run a container and show it from inside and outside (root)
	@tests/host rooted
	@tests/deps $(DEPS) busybox-static procps
	@$(MAKE) --no-print-directory teu
	@tests/demo/demo.sh ./teu

# Says what the machine lacks before anything is compiled.
define rooted
@tests/host rooted
@$(MAKE) --no-print-directory build
endef

check: ## lint, unit tests, goldens: no root, at most 3 minutes
	@tests/host check $(DEPS)
	@$(MAKE) --no-print-directory teu
	@$(SUITES) -tier check

test: ## check, and the rooted core: at most 10 minutes (root)
	$(rooted)
	@$(SUITES) -tier test

test-rest: ## what test leaves out: whole fault loop, callers, conformance, virtual machines, fuzzing (root)
	$(rooted)
	@$(SUITES) -tier rest

test-all: ## all of the tests: at most 35 minutes (root)
	$(rooted)
	@$(SUITES) -tier all

suite: ## one suite: ONLY=NAME, or several: ONLY='REGEXP'; ARGS='-run TestX -v' for one
	@[ -n '$(value ONLY)' ] || { echo "usage: make suite ONLY='NAME' [ARGS='-run TestX -v']" >&2; exit 2; }
	@$(MAKE) --no-print-directory build
	@$(SUITES) -only '$(value ONLY)' -- $(value ARGS)

test-vm: ## rooted suites in virtual machines (root); VMFLAGS='-guest NAME -only RE -run RE -whole'
	$(rooted)
	$(GO) run ./tests/vm $(VMFLAGS)

churn: ## containers at random from many workers, teu killed among them, for CHURNTIME (root)
	$(rooted)
	$(GOTEST) -count=1 -v -timeout 0 ./tests/churn -churn.for $(or $(CHURNTIME),2m) -churn.seed $(or $(CHURNSEED),0)

lint: build ## vet, format, static analysis, rules of the code
	@$(SUITES) -only '^lint: '

budget: ## write the list of linked packages anew; look at the diff
	$(GOTEST) ./tests/lint -run Dependencies -update

bench: build ## times beside runc, crun and a bare C program (root)
	@tests/deps runc crun busybox-static
	$(GO) run ./tests/bench --teu ./teu $(BENCHFLAGS)

bench-clients: build ## times of ctr run and docker run with teu, runc and crun (root)
	@tests/deps runc crun containerd containernetworking-plugins docker.io docker-compose debootstrap iptables busybox-static
	$(GOTEST) -count=1 -run '^$$' -bench . -benchtime $(or $(RUNS),40)x ./tests/clients/containerd ./tests/clients/docker

golden: ## write the golden files anew; look at the diff
	$(GOTEST) ./rootfs ./libcontainer ./libcontainer/process -run 'Golden|EveryField' -update

man: ## write the man pages and completions anew from the flags
	$(GOTEST) ./internal/cli -run Pages -update

fuzz: ## fuzz the interpreter and the decoders for FUZZTIME seconds each
	@tests/deps $(DEPS) clang libclang-rt-14-dev
	nsenter/fuzz/run $(or $(FUZZTIME),60)

install: ## binary, man pages and completions into PREFIX, below DESTDIR
	@[ -x teu ] || { echo "there is no ./teu: run 'make build' first" >&2; exit 1; }
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
