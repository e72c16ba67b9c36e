#!/usr/bin/env bash
# Takes the pictures in docs/ anew: the real window on a virtual display, with the demo's portraits. `screens.sh NAME..`
# takes only these; `screens.sh sizes FOLDER` takes the window at four sizes in both themes into a folder, to be looked at.
# Needs `cargo build --release --bin moue --example showcase`, Xvfb, xdotool and ImageMagick.
set -euo pipefail
cd "$(dirname "$0")/.."
target=${CARGO_TARGET_DIR:-target}/release
export COLOURS=220
mkdir -p docs/screens
wanted=("$@")

take() { # NAME THEME SIZE SECONDS KEYS PROGRAM ARGUMENTS
  local name=$1 theme=$2 size=$3 seconds=$4 keys=$5 program=$6
  shift 6
  [ ${#wanted[@]} -eq 0 ] || [[ " ${wanted[*]} " == *" $name "* ]] || return 0
  SETTINGS="{\"introduced\": ${INTRODUCED:-true}, \"theme\": \"$theme\"}" MOUE_BINARY=$target/$program \
    scripts/screenshot.sh "docs/screens/$name.png" "$size" "$seconds" "$keys" -- "$@"
}

if [ "${1:-}" = sizes ]; then
  mkdir -p "${2:?a folder}"
  for theme in dark light; do
    for size in 800x600 1180x740 1920x1080 3840x2160; do
      for source in one five; do
        SETTINGS="{\"introduced\": true, \"theme\": \"$theme\"}" MOUE_BINARY=$target/examples/showcase \
          scripts/screenshot.sh "$2/$source-$size-$theme.png" "$size" 12 "" -- "$source" settings
      done
    done
  done
  exit
fi

INTRODUCED=false take first-start dark 1024x640 8 "" moue --source demo
take one-face-light light 1024x640 5 "" moue --source demo
take five-faces-dark dark 1024x640 14 "" examples/showcase five settings
take five-faces-light light 1024x640 14 "" examples/showcase five settings
# Kept at half its size: two megabytes less.
WINIT_X11_SCALE_FACTOR=2 HALVED=1 take five-faces-4k dark 3840x2160 25 "" examples/showcase five settings
take timeline-dark dark 1024x640 66 "" examples/showcase one settings
take no-signal-dark dark 1024x640 18 "" examples/showcase unplugged settings
take no-signal-light light 1024x640 18 "" examples/showcase unplugged settings
take failed-light light 1024x640 5 "" examples/showcase missing settings
take model-dark dark 1024x640 8 "F10 Right Right Right Right Return Down Return" moue --source demo
take shortcuts-light light 1024x640 6 "F1" moue --source demo
cp docs/screens/five-faces-dark.png docs/screenshot.png
