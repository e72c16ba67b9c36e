#!/usr/bin/env bash
# Puts a built program into moue.app: bundle.sh PROGRAM DIR. Not signed.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
[ $# -eq 2 ] || { echo "usage: bundle.sh PROGRAM DIR" >&2; exit 2; }
contents=$2/moue.app/Contents
mkdir -p "$contents/MacOS"
cp "$here/Info.plist" "$contents/Info.plist"
cp "$1" "$contents/MacOS/moue"
chmod 755 "$contents/MacOS/moue"
