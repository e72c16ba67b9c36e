#!/usr/bin/env bash
# Takes a picture of the real window on a virtual display.
# Usage: screenshot.sh OUT.png [SIZE] [SECONDS] [KEYS] [-- moue's arguments]     (defaults: 1280x800 6 "" -- --source demo)
# KEYS are xdotool key names, pressed once the window is up, for example "h" or "space"; @X,Y clicks there.
# SETTINGS='{"theme": "light"}' starts with these settings (the user's own are never touched); COLOURS=250 makes the
# picture small, HALVED=1 half as wide; MOUE_BINARY names another program, for example target/release/examples/showcase.
set -euo pipefail
cd "$(dirname "$0")/.."
out=$(realpath -m "${1:?usage: screenshot.sh OUT.png [SIZE] [SECONDS] [KEYS] [-- ARGS]}"); shift
size=1280x800 seconds=6 keys=''
[ $# -gt 0 ] && [ "$1" != -- ] && { size=$1; shift; }
[ $# -gt 0 ] && [ "$1" != -- ] && { seconds=$1; shift; }
[ $# -gt 0 ] && [ "$1" != -- ] && { keys=$1; shift; }
[ $# -gt 0 ] && shift
[ $# -gt 0 ] || set -- --source demo
binary=${MOUE_BINARY:-${CARGO_TARGET_DIR:-target}/release/moue}

folder=$(mktemp -d)
Xvfb -displayfd 3 -screen 0 "${size}x24" 3>"$folder/display" >/dev/null 2>&1 &
server=$!
trap 'kill "${program:-}" 2>/dev/null || true; kill "$server" 2>/dev/null || true; rm -rf "$folder"' EXIT
for _ in $(seq 50); do [ -s "$folder/display" ] && break; sleep 0.1; done
DISPLAY=:$(cat "$folder/display")
export DISPLAY XDG_CONFIG_HOME=$folder
unset WAYLAND_DISPLAY
mkdir "$folder/moue"
echo "${SETTINGS:-"{\"introduced\": true}"}" >"$folder/moue/settings.json"

"$binary" "$@" &
program=$!
window=$(timeout 60 xdotool search --sync --onlyvisible --name moue | head -n 1)
xdotool windowmove "$window" 0 0 windowsize "$window" "${size%x*}" "${size#*x}"
sleep "$seconds"
# Keys go to the window that has the focus, which no window manager gives here.
[ -z "$keys" ] || xdotool windowfocus --sync "$window" 2>/dev/null
for key in $keys; do
  case $key in
    @*) xdotool mousemove "$(cut -d, -f1 <<<"${key#@}")" "${key#*,}" click 1 ;;
    *) xdotool key "$key" ;;
  esac
  sleep 0.5
done
[ -z "$keys" ] || sleep 1
import -window root "$out"
[ -z "${HALVED:-}" ] || convert "$out" -resize 50% "$out"
[ -z "${COLOURS:-}" ] || convert "$out" -dither FloydSteinberg -colors "$COLOURS" -strip -define png:compression-level=9 PNG8:"$out"
kill -TERM "$program"
wait "$program"
