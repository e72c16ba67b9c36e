#!/usr/bin/env bash
# Watches the memory of `moue analyze` over many frames: of the demo, or of the given inputs (a video, a folder).
# Prints resident megabytes by frame, and fails where the second half holds more than the first by 5 % or more.
# Usage: memory.sh [input..]   FRAMES (default 1000) and MOUE (the program) may be set. Linux only.
set -euo pipefail
cd "$(dirname "$0")/.."
moue="${MOUE:-${CARGO_TARGET_DIR:-target}/release/moue}"
frames="${FRAMES:-1000}"
inputs=("$@")
[ $# -gt 0 ] || inputs=(--source demo)
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT

"$moue" analyze "${inputs[@]}" --json --frames "$frames" >"$folder/lines" &
pid=$!
while kill -0 "$pid" 2>/dev/null; do
  read -r _ resident _ < <(grep VmRSS "/proc/$pid/status" 2>/dev/null) || break
  echo "$(wc -l <"$folder/lines") $((resident / 1000))"
  sleep 0.5
done | tee "$folder/log" | awk '$1 >= next_line { print "frame", $1 ":", $2, "MB"; next_line = $1 + 100 }'
wait "$pid"
# The first frames load and warm up.
awk -v frames="$(wc -l <"$folder/lines")" '
  $1 > frames / 10 && $1 <= frames / 2 && $2 > early { early = $2 }
  $1 > frames / 2 && $2 > late { late = $2 }
  END {
    print frames, "frames: at most", early, "MB in the first half,", late, "MB in the second"
    exit !(early > 0 && late > 0 && late < 1.05 * early)
  }' "$folder/log"
