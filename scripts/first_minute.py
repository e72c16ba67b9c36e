#!/usr/bin/env python3
"""How long it takes from starting the program to a face that is read, and what the window costs while it runs and in a pause.

Usage: first_minute.py [PROGRAM [ARGUMENTS...]]     (default: target/release/moue --source demo)
Needs Xvfb and xdotool. Prints the median of five starts, and the share of one core that the process used: in the middle of each of the
demo's five scenes (the third shows two faces), and over 20 seconds of a pause. The window is drawn in software there, which a graphics card does elsewhere: the share of the
drawing is told apart by its threads' names (llvmpipe).
"""

import os
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

# The demo's scenes follow each other every six seconds.
SCENES = ["one face", "one face", "two faces", "one face", "one face"]
SCENE_S = 6.0
TICKS = os.sysconf("SC_CLK_TCK")


def display(folder):
    """A virtual display; its process and number."""
    read, write = os.pipe()
    server = subprocess.Popen(
        ["Xvfb", "-displayfd", str(write), "-screen", "0", "1280x800x24"],
        pass_fds=[write], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    number = os.read(read, 16).decode().strip()
    return server, f":{number}"


def start(command, env, folder):
    """Starts the program; its process, when it was started, and the moments of its start's steps."""
    os.makedirs(f"{folder}/moue", exist_ok=True)
    Path(f"{folder}/moue/settings.json").write_text('{"introduced": true}')
    began = time.monotonic()
    process = subprocess.Popen(command + ["-v"], env=env, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
    steps = {}

    def follow():
        for line in process.stderr:
            step = re.search(r"start: (.*)", line)
            if step:
                steps[step.group(1).strip()] = time.monotonic() - began

    threading.Thread(target=follow, daemon=True).start()
    return process, steps


def used_s(pid):
    """Seconds of a core that the process has used, and of them those of the drawing's threads."""
    every = drawing = 0
    for thread in Path(f"/proc/{pid}/task").iterdir():
        try:
            stat = (thread / "stat").read_text()
        except FileNotFoundError:
            continue
        name, fields = stat[stat.index("(") + 1:stat.rindex(")")], stat[stat.rindex(")") + 2:].split()
        ticks = int(fields[11]) + int(fields[12])
        every += ticks
        if name.startswith("llvmpipe"):
            drawing += ticks
    return every / TICKS, drawing / TICKS


def share(pid, what, seconds):
    before, since = used_s(pid), time.monotonic()
    time.sleep(seconds)
    after, seconds = used_s(pid), time.monotonic() - since
    every, drawing = (100 * (b - a) / seconds for a, b in zip(before, after))
    print(f"{what}: {every:.1f} % of a core, of that {drawing:.1f} % in threads that draw in software")


def main():
    command = sys.argv[1:] or [f"{os.environ.get('CARGO_TARGET_DIR', 'target')}/release/moue", "--source", "demo"]
    with tempfile.TemporaryDirectory() as folder:
        server, number = display(folder)
        env = {**os.environ, "DISPLAY": number, "XDG_CONFIG_HOME": folder}
        env.pop("WAYLAND_DISPLAY", None)
        try:
            runs = []
            for _ in range(5):
                process, steps = start(command, env, folder)
                deadline = time.monotonic() + 60
                while "the first face is read" not in steps and time.monotonic() < deadline:
                    time.sleep(0.005)
                runs.append(dict(steps))
                process.terminate()
                process.wait()
            for step in runs[0]:
                times = [run[step] for run in runs if step in run]
                print(f"{step}: {statistics.median(times):.2f} s ({', '.join(f'{t:.2f}' for t in times)})")
            process, _ = start(command, env, folder)
            began = time.monotonic()
            window = subprocess.check_output(
                ["timeout", "60", "xdotool", "search", "--sync", "--onlyvisible", "--name", "moue"], env=env, text=True)
            window = window.split()[0]
            for scene, faces in enumerate(SCENES):
                time.sleep(max(0.0, began + scene * SCENE_S + 1.3 - time.monotonic()))
                share(process.pid, f"running, {faces}", 4.5)
            subprocess.run(["xdotool", "windowfocus", "--sync", window, "key", "space"], env=env, check=True)
            time.sleep(3)
            share(process.pid, "paused", 20)
            process.terminate()
            process.wait()
        finally:
            server.terminate()


if __name__ == "__main__":
    main()
