#!/usr/bin/env bash
# Takes a picture of the real window on a virtual display.
# Usage: screenshot.sh OUT.png [SIZE] [SECONDS] [KEYS] [-- moue's arguments]     (defaults: 1280x800 6 "" -- --source demo)
# KEYS are xdotool key names, pressed once the window is up, for example "a" or "space".
set -euo pipefail
cd "$(dirname "$0")/.."
out=$(realpath "${1:?usage: screenshot.sh OUT.png [SIZE] [SECONDS] [KEYS] [-- ARGS]}"); shift
size=1280x800 seconds=6 keys=''
[ $# -gt 0 ] && [ "$1" != -- ] && { size=$1; shift; }
[ $# -gt 0 ] && [ "$1" != -- ] && { seconds=$1; shift; }
[ $# -gt 0 ] && [ "$1" != -- ] && { keys=$1; shift; }
[ $# -gt 0 ] && shift
[ $# -gt 0 ] || set -- --source demo
binary=${MOUE_BINARY:-${CARGO_TARGET_DIR:-target}/release/moue}

display_file=$(mktemp)
Xvfb -displayfd 3 -screen 0 "${size}x24" 3>"$display_file" >/dev/null 2>&1 &
server=$!
trap 'kill "${program:-}" 2>/dev/null || true; kill "$server" 2>/dev/null || true; rm -f "$display_file"' EXIT
for _ in $(seq 50); do [ -s "$display_file" ] && break; sleep 0.1; done
DISPLAY=:$(cat "$display_file")
export DISPLAY
unset WAYLAND_DISPLAY

"$binary" --no-settings "$@" &
program=$!
window=$(timeout 30 xdotool search --sync --onlyvisible --name moue | head -n 1)
xdotool windowmove "$window" 0 0 windowsize "$window" "${size%x*}" "${size#*x}"
sleep "$seconds"
# Keys go to the window that has the focus, which no window manager gives here.
[ -z "$keys" ] || xdotool windowfocus --sync "$window" 2>/dev/null
for key in $keys; do xdotool key "$key"; sleep 0.5; done
[ -z "$keys" ] || sleep 1
import -window root "$out"
kill -TERM "$program"
wait "$program"
