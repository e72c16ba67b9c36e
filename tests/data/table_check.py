"""Computes the wide table of `moue table` anew with pandas and scipy, and compares: table_check.py FACES EVENTS WIDE"""
import sys

import numpy as np
import pandas as pd
from scipy import stats

EXPRESSIONS = ["angry", "disgust", "fear", "happy", "neutral", "sad", "surprise"]
LABELS = EXPRESSIONS + ["unsure"]
faces, events, wide = (pd.read_csv(path, keep_default_na=True) for path in sys.argv[1:4])
faces = faces.dropna(subset=["surprise"])  # the last row broke off
end = faces.time_s.max()
starts = [0.0] + list(events.time_s)
intervals = list(zip(starts, starts[1:] + [np.inf]))

faces = faces.sort_values(["id", "time_s"], kind="stable")
stands = faces.groupby("id").time_s.diff().groupby(faces.id).shift(-1)
faces["until"] = faces.time_s + stands.where((stands > 0) & (stands <= 1.0), 0.0)
faces["trusted"] = faces.reasons.isna()
faces["first_reason"] = faces.reasons.fillna("").str.split(" ").str[0]


def overlap(rows, from_s, to_s):
    return (np.minimum(rows.until, to_s) - np.maximum(rows.time_s, from_s)).clip(lower=0.0)


def near(found, expected, what, tolerance=2e-6):
    if np.isnan(expected):
        assert np.isnan(found), f"{what}: found {found}, expected nothing"
    else:
        assert abs(found - expected) <= tolerance, f"{what}: found {found}, expected {expected}"


compared = bands = 0
baseline = {}
for row in wide.itertuples():
    from_s, to_s = intervals[row.interval]
    rows = faces[faces.id == row.face]
    rows = rows.assign(seconds=overlap(rows, from_s, to_s))
    good = rows[rows.trusted]
    length = min(to_s, end) - from_s
    inside = good[(good.time_s >= from_s) & (good.time_s < to_s)]
    near(row.seconds, good.seconds.sum(), "seconds", 1e-5)
    near(row.coverage, good.seconds.sum() / length, "coverage", 1e-5)
    near(row.absent, (length - rows.seconds.sum()) / length, "absent", 1e-5)
    for reason, seconds in rows[~rows.trusted].groupby("first_reason").seconds.sum().items():
        near(getattr(row, f"untrusted_{reason}"), seconds / length, reason, 1e-5)
    assert row.rows == ((rows.time_s >= from_s) & (rows.time_s < to_s)).sum()
    edges = np.arange(from_s, min(to_s, end) + 2.0, 2.0)
    blocks = [good.assign(seconds=overlap(good, a, min(b, to_s))) for a, b in zip(edges, edges[1:])]
    blocks = [b for b in blocks if b.seconds.sum() > 0]
    weights = np.array([b.seconds.sum() for b in blocks])
    columns = {f"mean_{e}": (lambda r, e=e: r[e]) for e in EXPRESSIONS}
    columns |= {f"share_{n}": (lambda r, n=n: (r.smoothed_label == n).astype(float)) for n in LABELS}
    for name, value in columns.items():
        total = good.seconds.sum()
        expected = (value(good) * good.seconds).sum() / total if total > 0 else np.nan
        near(getattr(row, name), expected, f"{name} of face {row.face}, interval {row.interval}")
        compared += 1
        if len(blocks) < 5:
            near(getattr(row, f"{name}_low"), np.nan, f"{name}_low")
            continue
        sums = np.array([(value(b) * b.seconds).sum() for b in blocks])
        if name in ("mean_happy", "share_happy"):
            # Other random numbers: the ends agree up to the error of 2000 draws.
            ratio = lambda s, w, axis=-1: s.sum(axis=axis) / w.sum(axis=axis)
            how = dict(paired=True, vectorized=True, n_resamples=4000, method="percentile")
            try:
                found = stats.bootstrap((sums, weights), ratio, rng=np.random.default_rng(3), **how)
            except TypeError:  # SciPy before 1.15
                found = stats.bootstrap((sums, weights), ratio, random_state=np.random.default_rng(3), **how)
            found = found.confidence_interval
            width = found.high - found.low
            near(getattr(row, f"{name}_low"), found.low, f"{name}_low", 0.15 * width + 1e-6)
            near(getattr(row, f"{name}_high"), found.high, f"{name}_high", 0.15 * width + 1e-6)
            bands += 1
    for e in EXPRESSIONS:
        if len(inside):
            at = inside[e].idxmax()
            near(getattr(row, f"peak_{e}"), inside[e][at], f"peak_{e}")
            near(getattr(row, f"time_to_peak_{e}"), inside.time_s[at] - from_s, f"time_to_peak_{e}")
        else:
            near(getattr(row, f"peak_{e}"), np.nan, f"peak_{e}")
    if row.interval == 1:
        baseline[row.face] = row
for row in wide.itertuples():
    for e in EXPRESSIONS:
        expected = getattr(row, f"mean_{e}") - getattr(baseline[row.face], f"mean_{e}")
        near(getattr(row, f"change_{e}"), expected, f"change_{e}", 3e-6)
print(f"{len(wide)} rows, {compared} means and shares, {bands} confidence intervals agree")
