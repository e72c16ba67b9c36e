#!/usr/bin/env bash
# Everything that CI checks, in one place. `check.sh lint` stops before the tests.
set -euo pipefail
cd "$(dirname "$0")/.."

step() { printf '\n== %s\n' "$*"; "$@"; }

step cargo fmt --check
# In release mode as the tests are: build scripts and macros of the dependencies are compiled once for both.
step cargo clippy --locked --release --workspace --all-targets -- -D warnings
# Without the window, and with the features that have code of their own and need neither a graphics card nor a vendor's
# library. The dependencies are checked by then.
step cargo clippy --locked --release --all-targets --no-default-features -- -D warnings
step cargo clippy --locked --release --all-targets --features osc,parquet -- -D warnings
RUSTDOCFLAGS="-D warnings" step cargo doc --locked --release --workspace --no-deps --lib
[ "${1:-}" = lint ] && exit 0

# Which crates may enter the program (deny.toml). Where cargo-deny is missing it is built once, without optimisation:
# 92 s of one core (measured), and it has seconds of work.
tools=${CARGO_TARGET_DIR:-target}/tools
PATH=$PATH:$(realpath -m "$tools")/bin
command -v cargo-deny >/dev/null || CARGO_INCREMENTAL=0 CARGO_PROFILE_RELEASE_OPT_LEVEL=0 CARGO_PROFILE_RELEASE_LTO=off \
  CARGO_PROFILE_RELEASE_DEBUG=0 CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 \
  cargo install --locked --version 0.20.2 --root "$tools" cargo-deny
step cargo deny --locked check bans licenses sources

# Release mode: the tests run the real network and detector. No test opens a window on the
# user's own display: windows go to a virtual one. With the features that have code of their own and need no graphics
# card: what the ordinary program may not do, a program with them may not do unasked either.
step cargo test --locked --release --workspace --features osc,parquet
