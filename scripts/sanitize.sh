#!/usr/bin/env bash
# The kernels' tests where mistakes in `unsafe` code show: under AddressSanitizer with every instruction set of this
# machine, under Miri with the plain one, and with NEON on an emulated ARM. Only the crate
# moue-kernels has any. Usage: sanitize.sh [asan] [miri] [arm]   (none: all three)
#
# Needs, and says so where it is missing: miri: rustup component add --toolchain nightly miri rust-src
# arm: rustup target add aarch64-unknown-linux-gnu, and the Debian packages qemu-user gcc-aarch64-linux-gnu
# libc6-dev-arm64-cross. SANITIZE_TARGET names the folder to build in (default: target/sanitize).
set -euo pipefail
cd "$(dirname "$0")/.."
export CARGO_TARGET_DIR="${SANITIZE_TARGET:-$PWD/target/sanitize}"
host="$(rustc -vV | sed -n 's/^host: //p')"

need() { # what, command to try, how to get it
  if ! eval "$2" >/dev/null 2>&1; then
    echo "sanitize.sh: $1 is missing; get it with: $3" >&2
    exit 1
  fi
}

asan() {
  echo "== AddressSanitizer: kernels forward and backward, all instruction sets of this machine"
  # RUSTC_BOOTSTRAP lets the stable compiler take the flag. Tests panic on purpose, which keeps stacks: no leak check.
  RUSTC_BOOTSTRAP=1 RUSTFLAGS=-Zsanitizer=address ASAN_OPTIONS=detect_leaks=0 \
    cargo test --locked --release -p moue-kernels --target "$host" --lib -- --nocapture --test-threads 2
}

miri() {
  need "Miri" "cargo +nightly miri --version" "rustup component add --toolchain nightly miri rust-src"
  echo "== Miri: the plain path, small shapes"
  # Isolation off: the tests read the clock and the environment. Miri has no vector instructions.
  MIRIFLAGS="-Zmiri-disable-isolation" PROPTEST_CASES=3 \
    cargo +nightly miri test --locked -p moue-kernels --lib
}

arm() {
  local target=aarch64-unknown-linux-gnu
  need "Rust's target $target" "rustup target list --installed | grep -x $target" "rustup target add $target"
  need "qemu-aarch64" "command -v qemu-aarch64" "apt-get install qemu-user"
  need "a linker for ARM" "command -v aarch64-linux-gnu-gcc" \
    "apt-get install gcc-aarch64-linux-gnu libc6-dev-arm64-cross"
  echo "== NEON on an emulated ARM"
  CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=aarch64-linux-gnu-gcc \
    CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER="qemu-aarch64 -L /usr/aarch64-linux-gnu" PROPTEST_CASES=40 \
    cargo test --locked --release -p moue-kernels --target "$target" --lib -- ${ARM_TESTS:-}
}

for part in "${@:-all}"; do
  case $part in
    asan | miri | arm) "$part" ;;
    all) asan; miri; arm ;;
    *) echo "sanitize.sh: unknown part '$part' (asan, miri, arm)" >&2; exit 2 ;;
  esac
done
