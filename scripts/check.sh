#!/usr/bin/env bash
# Everything that CI checks, in one place. `check.sh lint` stops before the tests.
set -euo pipefail
cd "$(dirname "$0")/.."

step() { printf '\n== %s\n' "$*"; "$@"; }

step cargo fmt --check
step cargo clippy --locked --all-targets -- -D warnings
RUSTDOCFLAGS="-D warnings" step cargo doc --locked --no-deps --lib
[ "${1:-}" = lint ] && exit 0

# Release mode: the tests run the real network and detector. No test opens a window on the
# user's own display: windows go to a virtual one.
step cargo test --locked --release
# The only feature with code of its own that needs no graphics card.
step cargo test --locked --release --features osc --test osc
