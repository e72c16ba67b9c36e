#!/bin/sh
# run.sh N CLIPS RESULTS ALL.csv [-- FLAGS...]: N parts with GNU parallel, then one file.
set -eu
parts=$1 clips=$2 results=$3 all=$4
shift 4
[ "${1:-}" = -- ] && shift
moue=${MOUE:-moue}
seq "$parts" | parallel --halt soon,fail=1 --will-cite \
  "$moue" analyze "$clips" --shard "{}/$parts" --out "$results" --threads 1 "$@"
"$moue" table --merge "$results" --out "$all"
