#!/bin/sh
#SBATCH --job-name=moue
#SBATCH --ntasks=1
#SBATCH --cpus-per-task=1
#SBATCH --mem=2G
#SBATCH --time=04:00:00
# job.sh CLIPS RESULTS [FLAGS...]: one part of a job array that counts from 1.
set -eu
clips=$1
results=$2
shift 2
exec "${MOUE:-moue}" analyze "$clips" --shard "$SLURM_ARRAY_TASK_ID/$SLURM_ARRAY_TASK_COUNT" --out "$results" --threads 1 "$@"
