# The two commands a newcomer needs: `make run` and `make test`.
# CARGO_TARGET_DIR, ARGS ("make run ARGS='--source demo'") and FEATURES ("cuda") may be set.

ARGS ?=
FEATURES ?=
CARGO_FLAGS := $(if $(FEATURES),--features $(FEATURES))

.PHONY: dist test-install fuzz soak help run test test-camera setup lint bench sanitize

help: ## show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/'

setup: ## install the system packages that are missing (Debian, Ubuntu)
	@scripts/setup.sh

run: ## build in release mode and open the window
	@scripts/setup.sh build run
	cargo run --release $(CARGO_FLAGS) -- $(ARGS)

test: ## everything that CI checks: format, lints, documentation, tests
	@scripts/setup.sh build run test
	@scripts/check.sh

test-camera: ## the program with real V4L2 devices, in an emulated machine (Debian on amd64; see tests/camera/README.md)
	@scripts/setup.sh build run test camera
	@tests/camera/lab.sh test

fuzz: ## ten minutes of random input for each reader of files (installs cargo-fuzz)
	@scripts/setup.sh build
	@scripts/fuzz.sh

dist: ## what people install, into dist/: .deb, tar.gz, debug information, bill of materials, checksums
	@scripts/setup.sh build
	@scripts/dist.sh

test-install: ## installs dist/*.deb on a bare Debian, runs it, removes it (needs root and a mirror; SUITE=trixie)
	@scripts/test-install.sh $(SUITE)

soak: ## whether the window's memory stays flat over ten minutes
	@scripts/setup.sh build run test
	cargo build --release
	@scripts/soak.sh

lint: ## format, lints and documentation only
	@scripts/check.sh lint

bench: ## measure this machine's speed
	cargo run --release $(CARGO_FLAGS) -- bench $(ARGS)

sanitize: ## the kernels' tests under AddressSanitizer and Miri, and on an emulated ARM (slow)
	@scripts/sanitize.sh
