"""run.py N CLIPS RESULTS ALL.csv [--scheduler HOST:PORT]: N parts with Dask, then one file."""
import argparse
import os
import subprocess

from dask.distributed import Client, as_completed

MOUE = os.environ.get("MOUE", "moue")


def part(number, of, clips, results):
    command = [MOUE, "analyze", clips, "--shard", f"{number}/{of}", "--out", results, "--threads", "1"]
    done = subprocess.run(command, capture_output=True, text=True)
    # 1: some files could not be read; each is named, and the manifest says so.
    if done.returncode not in (0, 1):
        raise RuntimeError(done.stderr)
    return number, done.stderr.strip()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", type=int)
    parser.add_argument("clips")
    parser.add_argument("results")
    parser.add_argument("all")
    parser.add_argument("--scheduler", help="HOST:PORT of a Dask cluster; without it this machine's cores are used")
    args = parser.parse_args()
    with Client(args.scheduler) if args.scheduler else Client(threads_per_worker=1) as client:
        numbers = range(1, args.parts + 1)
        tasks = [client.submit(part, n, args.parts, args.clips, args.results, retries=2, pure=False) for n in numbers]
        for task in as_completed(tasks):
            print("part %d: %s" % task.result(), flush=True)
    subprocess.run([MOUE, "table", "--merge", args.results, "--out", args.all], check=True)
