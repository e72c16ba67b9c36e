#!/usr/bin/env bash
# Measures whether the window's memory stays flat: the demo at full speed on a virtual display.
# Usage: soak.sh [MINUTES] [OUT.csv]     (default: 10)
# Prints the resident memory after a minute's warming up and at the end, and fails where it grew by more than 5 %.
set -euo pipefail
cd "$(dirname "$0")/.."
minutes=${1:-10} out=${2:-}
binary=${MOUE_BINARY:-${CARGO_TARGET_DIR:-target}/release/moue}

display_file=$(mktemp)
Xvfb -displayfd 3 -screen 0 1280x800x24 3>"$display_file" >/dev/null 2>&1 &
server=$!
trap 'kill "${program:-}" 2>/dev/null || true; kill "$server" 2>/dev/null || true; rm -f "$display_file"' EXIT
for _ in $(seq 50); do [ -s "$display_file" ] && break; sleep 0.1; done
DISPLAY=:$(cat "$display_file")
export DISPLAY
unset WAYLAND_DISPLAY

"$binary" --no-settings --source demo &
program=$!
resident() { awk '/^VmRSS/ { print $2 }' "/proc/$program/status"; }
[ -z "$out" ] || echo "second,resident_kib" >"$out"
start=$SECONDS first='' largest=0
while [ $((SECONDS - start)) -lt $((minutes * 60)) ]; do
  sleep 5
  now=$(resident)
  [ -z "$out" ] || echo "$((SECONDS - start)),$now" >>"$out"
  # The first minute fills caches, loads the network and shows each of the demo's scenes.
  [ $((SECONDS - start)) -lt 60 ] && continue
  first=${first:-$now}
  [ "$now" -gt "$largest" ] && largest=$now
done
last=$(resident)
kill -TERM "$program"
wait "$program"
program=
printf 'resident memory: %d MiB after a minute, %d MiB after %d minutes, at most %d MiB\n' \
  $((first / 1024)) $((last / 1024)) "$minutes" $((largest / 1024))
[ "$last" -le $((first + first / 20)) ] || { echo "soak.sh: it grew by more than 5 %" >&2; exit 1; }
