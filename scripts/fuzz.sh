#!/usr/bin/env bash
# Fuzzes what reads files from anywhere, one kind after the other (ten minutes each unless SECONDS_EACH says
# otherwise). Usage: fuzz.sh [TARGET...]. New inputs go to fuzz/target/corpus, findings to fuzz/artifacts; a finding is
# mended and its file moved to fuzz/corpus/TARGET, which `make test` replays.
# The readers are safe code, so that no sanitizer is needed: SANITIZER=address takes one (and a nightly toolchain).
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${SECONDS_EACH:-600}
sanitizer=${SANITIZER:-none}
command -v cargo-fuzz >/dev/null || cargo install --locked cargo-fuzz
# cargo-fuzz asks for a nightly compiler's flags; without a sanitizer the stable one has them too.
[ "$sanitizer" = none ] && export RUSTC_BOOTSTRAP=1
toolchain=()
[ "$sanitizer" = none ] || toolchain=(+nightly)

targets=("$@")
[ ${#targets[@]} -gt 0 ] || mapfile -t targets < <(cd fuzz/fuzz_targets && ls -- *.rs | sed 's/\.rs$//')
for target in "${targets[@]}"; do
  new=fuzz/target/corpus/$target
  mkdir -p "$new"
  printf '\n== fuzzing %s for %s s\n' "$target" "$seconds"
  # A gigabyte and ten seconds are the promise; the fuzzer's own table of what it saw is part of the gigabyte.
  cargo ${toolchain[@]+"${toolchain[@]}"} fuzz run --sanitizer "$sanitizer" --codegen-units 16 "$target" "$new" "fuzz/corpus/$target" -- \
    -rss_limit_mb=1024 -malloc_limit_mb=1024 -timeout=10 -max_total_time="$seconds" -print_final_stats=1
done
