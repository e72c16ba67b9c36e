#!/usr/bin/env bash
# Draws assets/icon/*.png anew from moue.svg; needs rsvg-convert (Debian: librsvg2-bin).
set -euo pipefail
cd "$(dirname "$0")/../assets/icon"
for px in 16 24 32 48 64 128 256 512; do
  rsvg-convert -w "$px" -h "$px" moue.svg -o "$px.png"
done
