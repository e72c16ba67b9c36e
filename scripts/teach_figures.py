#!/usr/bin/env python3
"""What docs/teaching.md says of how well profiles read: teaches from parts of a clip and from pictures, reads other parts and changed
pictures, by `moue teach` and `moue analyze --profile`.

Usage: teach_figures.py MEDIA [PROGRAM]     MEDIA: folder with images/ and video/; PROGRAM: target/release/moue
Needs ffmpeg. Prints one table a question, with the network alone beside it where it knows the expressions.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

# The clip's expressions, in seconds. It is one woman: she cries, thinks with a hand before her mouth, and laughs.
CLIP = "pyfeat_WolfgangLanger_Pexels.mp4"
PARTS = {"sad": (0.5, 5.5), "thoughtful": (6.0, 9.2), "happy": (9.8, 18.2)}
# One woman's pictures: what she does in them.
PICTURES = {
    "neutral": "human_stock-emotions-a-1.jpg", "bared teeth": "human_stock-emotions-a-4.jpg",
    "pout": "human_stock-emotions-a-5.jpg", "tongue out": "human_stock-emotions-a-6.jpg",
    "slight smile": "human_stock-emotions-a-7.jpg", "puzzled": "human_stock-emotions-a-8.jpg",
}
# ffmpeg's filters, by what they make of the picture; mild and strong.
DARK = "scale=iw/2:-1,lutyuv=y=val*{},noise=alls={}:all_seed=7"
CHANGES = {
    "half as large": "scale=iw/2:-1", "an eighth": "scale=iw/8:-1", "a twelfth": "scale=iw/12:-1",
    "gain 0.5, noise 4": DARK.format(0.5, 4), "gain 0.25, noise 8": DARK.format(0.25, 8),
    "gain 0.12, noise 12": DARK.format(0.12, 12), "gain 1.6": "scale=iw/2:-1,lutyuv=y=val*1.6",
    "light from one side": "scale=iw/2:-1,geq=lum='lum(X,Y)*(1.2-X/W)':cb='cb(X,Y)':cr='cr(X,Y)'",
    "blur of 3 px": "scale=iw/2:-1,gblur=sigma=3", "blur of 10 px": "scale=iw/2:-1,gblur=sigma=10",
    "mirrored": "scale=iw/2:-1,hflip", "leaning by 15 degrees": "scale=iw/2:-1,rotate=15*PI/180",
    "leaning by 35 degrees": "scale=iw/2:-1,rotate=35*PI/180",
    "turned away by 30 degrees": "scale=iw/2:-1,perspective=x0=0:y0=0:x1=W*0.86:y1=H*0.08:x2=0:y2=H:x3=W*0.86:y3=H*0.92:sense=1",
    "contrast of a half": "scale=iw/2:-1,lutyuv=y=(val-128)*0.5+128",
}


def run(*command):
    return subprocess.run([str(c) for c in command], check=True, capture_output=True, text=True).stdout


def teach(program, folder, out):
    run(program, "teach", "--from", folder, "--out", out)


def faces(program, profile, *inputs):
    """The largest face of each frame: the frame's line, and the face."""
    lines = run(program, "analyze", "--json", "--profile", profile, *inputs).splitlines()
    frames = [json.loads(line) for line in lines]
    return [(f, max(f["faces"], key=lambda face: face["box"][2])) for f in frames if f.get("faces")]


def cut(clip, start_s, length_s, out):
    run("ffmpeg", "-v", "error", "-y", "-ss", f"{start_s:.3f}", "-i", clip, "-t", f"{length_s:.3f}", "-an",
        "-c:v", "libx264", "-crf", "12", out)


def share(right):
    return f"{sum(right)} of {len(right)} ({100 * sum(right) / max(1, len(right)):.1f} %)"


def clip_halves(program, clip, work):
    """Each expression's first half is taught, in two takes; its second half is read."""
    print("Taught on the first half of each expression, read in the second (frames):")
    taught, late = work / "halves", {}
    for name, (start, end) in PARTS.items():
        (taught / name).mkdir(parents=True)
        quarter = (end - start) / 4
        for take in range(2):
            cut(clip, start + take * quarter, quarter, taught / name / f"{take}.mp4")
        late[name] = work / f"late-{name}.mp4"
        cut(clip, start + 2 * quarter, 2 * quarter, late[name])
    profile = work / "halves.moueprofile"
    teach(program, taught, profile)
    for name, file in late.items():
        read = [face for _, face in faces(program, profile, file)]
        own = share([face["personal_label"] == name for face in read])
        network = share([face["label"] == name for face in read]) if name != "thoughtful" else "not one of its seven"
        print(f"  {name}: profile {own}; network alone {network}")


def clip_seconds(program, clip, work):
    """How much of each expression is needed."""
    print("Taught on so many seconds from the beginning of each expression (one take), read in its second half:")
    for seconds in (0.1, 0.25, 0.5, 1.0, 1.5):
        taught = work / f"seconds-{seconds}"
        for name, (start, _) in PARTS.items():
            (taught / name).mkdir(parents=True)
            cut(clip, start, seconds, taught / name / "0.mp4")
        profile = work / f"{seconds}.moueprofile"
        teach(program, taught, profile)
        right = []
        for name in PARTS:
            read = faces(program, profile, work / f"late-{name}.mp4")
            right += [face["personal_label"] == name for _, face in read]
        print(f"  {seconds} s: {share(right)}")


def pictures(program, images, work):
    """One picture an expression is taught, the changed ones are read."""
    print(f"Taught on one picture of each of {len(PICTURES)} expressions, read in changed ones:")
    taught = work / "pictures"
    for name, file in PICTURES.items():
        (taught / name).mkdir(parents=True)
        (taught / name / "0.jpg").write_bytes((images / file).read_bytes())
    profile = work / "pictures.moueprofile"
    teach(program, taught, profile)
    for change, filters in CHANGES.items():
        right, lost = [], 0
        for name, file in PICTURES.items():
            out = work / "changed.png"
            run("ffmpeg", "-v", "error", "-y", "-i", images / file, "-vf", filters, out)
            read = faces(program, profile, out)
            if read:
                right.append(read[0][1]["personal_label"] == name)
            else:
                lost += 1
        print(f"  {change}: {share(right)}" + (f", no face found in {lost}" if lost else ""))


def main():
    media = Path(sys.argv[1])
    program = Path(sys.argv[2] if len(sys.argv) > 2 else "target/release/moue").resolve()
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        clip_halves(program, media / "video" / CLIP, work)
        clip_seconds(program, media / "video" / CLIP, work)
        pictures(program, media / "images", work)


if __name__ == "__main__":
    main()
