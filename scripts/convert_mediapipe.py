#!/usr/bin/env python3
"""Converts MediaPipe's face networks (tflite) to safetensors with names of this project.

    pip install ai-edge-litert==2.3.0 tflite==2.18.0 numpy
    scripts/convert_mediapipe.py FOLDER [--out assets] [--goldens tests/data/mediapipe.json]

FOLDER holds `face_detection_short_range.tflite` and `face_landmark.tflite` of the PyPI wheel mediapipe 0.10.21
(Apache-2.0). Their weights are float16; they are copied bit by bit, so nothing is lost. Written are
`blazeface_short.safetensors` and `face_mesh.safetensors`, and with `--goldens FILE` what ai-edge-litert computes for
an input that any language recomputes from a formula. The results are the same byte by byte at every run.

Before anything is written, each tensor is compared value by value with what ai-edge-litert computes from the
file, and the whole network, computed here in float64 from the new tensors alone, with ai-edge-litert's outputs.

Layout of the tensors: convolutions `[c_out, height, width, c_in]`, depthwise ones `[height, width, channels]`,
biases and PReLU slopes `[channels]`.
"""

import argparse
import hashlib
import json
import pathlib
import sys

import numpy as np
import tflite
from ai_edge_litert.interpreter import Interpreter, OpResolverType

ORIGIN = "MediaPipe 0.10.21 (PyPI), Apache-2.0, converted by scripts/convert_mediapipe.py"


def block(depthwise, pointwise, slope=None):
    """Original names of a separable block: depthwise 3x3, then pointwise, residual, activation."""
    number = lambda base, i: base if i == 0 else f"{base}_{i}"
    names = {
        "depthwise.weight": f"{number('depthwise_conv2d', depthwise)}/Kernel",
        "depthwise.bias": f"{number('depthwise_conv2d', depthwise)}/Bias",
        "pointwise.weight": f"{number('conv2d', pointwise)}/Kernel",
        "pointwise.bias": f"{number('conv2d', pointwise)}/Bias",
    }
    if slope is not None:
        names["slope"] = f"p_re_lu_{slope}/Alpha"
    return names


def convolution(name, slope=None):
    names = {"weight": f"{name}/Kernel", "bias": f"{name}/Bias"}
    if slope is not None:
        names["slope"] = f"p_re_lu_{slope}/Alpha"
    return names


def flat(parts):
    return {f"{part}.{key}": old for part, names in parts.items() for key, old in names.items()}


BLAZEFACE = flat(
    {"stem": convolution("conv2d")}
    | {f"blocks.{i}": block(i, i + 1) for i in range(16)}
    | {
        "scores.16": convolution("classificator_8"),
        "boxes.16": convolution("regressor_8"),
        "scores.8": convolution("classificator_16"),
        "boxes.8": convolution("regressor_16"),
    }
)

MESH = flat(
    {"stem": convolution("conv2d_1", 1)}
    | {f"trunk.{i}": block(i + 1, i + 2, i + 2) for i in range(14)}
    | {f"points.blocks.{i}": block(i + 15, i + 16, i + 16) for i in range(3)}
    | {
        "points.reduce": convolution("conv2d_19", 19),
        "points.last": block(18, 20, 20),
        "points.out": convolution("conv2d_21"),
        "score.blocks.0": block(23, 28, 26),
        "score.reduce": convolution("conv2d_29", 27),
        "score.last": block(24, 30, 28),
        "score.out": convolution("conv2d_31"),
    }
)


def stored_tensors(data):
    """Name and float16 values of every weight of a tflite file."""
    graph = tflite.Model.GetRootAs(data, 0)
    sub = graph.Subgraphs(0)
    out = {}
    for i in range(sub.TensorsLength()):
        tensor = sub.Tensors(i)
        raw = graph.Buffers(tensor.Buffer()).DataAsNumpy()
        if tensor.Type() == tflite.TensorType.FLOAT16 and not isinstance(raw, int):
            assert tensor.Sparsity() is None, "sparse weights are not expected here"
            values = raw.view(np.float16).reshape(tensor.ShapeAsNumpy())
            out[tensor.Name().decode()] = values
    return out


def interpreter(path):
    # Without the XNNPACK delegate: every tensor of the graph stays readable, and sums are plain.
    made = Interpreter(
        model_path=str(path),
        experimental_preserve_all_tensors=True,
        experimental_op_resolver_type=OpResolverType.BUILTIN_REF,
        num_threads=1,
    )
    made.allocate_tensors()
    return made


def run(made, picture):
    """Outputs by shape; `picture` is [1, h, w, 3]."""
    made.set_tensor(made.get_input_details()[0]["index"], picture)
    made.invoke()
    return [made.get_tensor(d["index"]) for d in made.get_output_details()]


def compare_tensors(made, names, tensors):
    """The interpreter's dequantised values are the converted ones, each of them."""
    details = {d["name"]: d["index"] for d in made.get_tensor_details()}
    for new, old in names.items():
        theirs = made.get_tensor(details[f"{old}_dequantize"])
        assert np.array_equal(theirs.ravel(), tensors[new].astype(np.float32).ravel()), new


# The networks in numpy, for the check.


def same(x, kernel, stride):
    """TFLite's SAME padding: what is odd goes below and to the right."""
    pad = [max((-(-side // stride) - 1) * stride + kernel - side, 0) for side in x.shape[:2]]
    return np.pad(x, [(p // 2, p - p // 2) for p in pad] + [(0, 0)])


def windows(x, kernel, stride):
    view = np.lib.stride_tricks.sliding_window_view(x, (kernel, kernel), (0, 1))[::stride, ::stride]
    return view.transpose(0, 1, 3, 4, 2)  # [h, w, kernel, kernel, channels]


def act(x, slope):
    return np.maximum(x, 0) if slope is None else np.where(x > 0, x, x * slope)


def plain(t, name, x, stride=1, padded=True):
    weight = t[f"{name}.weight"]
    kernel = weight.shape[1]
    x = same(x, kernel, stride) if padded else x
    return np.einsum("yxijc,oijc->yxo", windows(x, kernel, stride), weight, optimize=True) + t[f"{name}.bias"]


def separable(t, name, x, stride):
    spread = np.einsum("yxijc,ijc->yxc", windows(same(x, 3, stride), 3, stride), t[f"{name}.depthwise.weight"])
    mixed = plain(t, f"{name}.pointwise", spread + t[f"{name}.depthwise.bias"])
    shortcut = windows(x, 2, 2).max((2, 3)) if stride == 2 else x
    mixed[..., : shortcut.shape[2]] += shortcut
    return act(mixed, t.get(f"{name}.slope"))


def blazeface(t, picture):
    x = act(plain(t, "stem", picture, 2), None)
    maps = {}
    for i in range(16):
        x = separable(t, f"blocks.{i}", x, 2 if i in (2, 5, 11) else 1)
        maps[i] = x
    heads = [("16", maps[10]), ("8", maps[15])]
    boxes = np.concatenate([plain(t, f"boxes.{side}", m).reshape(-1, 16) for side, m in heads])
    scores = np.concatenate([plain(t, f"scores.{side}", m).reshape(-1) for side, m in heads])
    return boxes, scores


def face_mesh(t, picture):
    x = act(plain(t, "stem", picture, 2), t["stem.slope"])
    for i in range(14):
        x = separable(t, f"trunk.{i}", x, 2 if i in (2, 5, 8, 11) else 1)
    outputs = []
    for branch, blocks in [("points", 3), ("score", 1)]:
        y = x
        for i in range(blocks):
            y = separable(t, f"{branch}.blocks.{i}", y, 2 if i == 0 else 1)
        y = act(plain(t, f"{branch}.reduce", y), t[f"{branch}.reduce.slope"])
        y = separable(t, f"{branch}.last", y, 1)
        outputs.append(plain(t, f"{branch}.out", y, padded=False).reshape(-1))
    return outputs


NETWORKS = [
    ("face_detection_short_range.tflite", "blazeface_short", BLAZEFACE, blazeface, 128, (-1.0, 1.0)),
    ("face_landmark.tflite", "face_mesh", MESH, face_mesh, 192, (0.0, 1.0)),
]


def safetensors(tensors, metadata):
    """The file's bytes. The library `safetensors` writes its metadata in an order that differs from run to run."""
    header, offset = {"__metadata__": metadata}, 0
    for name, values in tensors.items():
        header[name] = {"dtype": "F16", "shape": list(values.shape), "data_offsets": [offset, offset + values.nbytes]}
        offset += values.nbytes
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text + b"".join(v.tobytes() for v in tensors.values())


def hashed_uniform(count, tensor_index):
    """Numbers in [-0.5, 0.5) by the formula of `formula.rs`."""
    j = np.arange(count, dtype=np.uint64)
    h = (j * np.uint64(2654435761) + np.uint64(tensor_index * 40503 + 12345)).astype(np.uint32)
    h ^= h >> np.uint32(16)
    h *= np.uint32(0x85EBCA6B)
    h ^= h >> np.uint32(13)
    h *= np.uint32(0xC2B2AE35)
    h ^= h >> np.uint32(16)
    return h.astype(np.float64) / 2**32 - 0.5


def golden(made, side, low, high):
    """Every `step`th value of each output for the formula's input, and its sum of absolute values."""
    values = (hashed_uniform(side * side * 3, 1000) + 0.5) * (high - low) + low
    outputs = run(made, values.astype(np.float32).reshape(1, side, side, 3))
    result = []
    for output in outputs:
        flat_output = output.ravel().astype(np.float64)
        step = max(flat_output.size // 150, 1) | 1
        chosen = [float(f"{v:.7g}") for v in flat_output[::step]]
        total = float(f"{np.abs(flat_output).sum():.9g}")
        result.append({"count": flat_output.size, "step": step, "values": chosen, "sum_of_absolutes": total})
    return {"side": side, "low": low, "high": high, "outputs": result}


def convert(folder, out, goldens):
    known = {"made_with": "ai-edge-litert 2.3.0, reference kernels, by scripts/convert_mediapipe.py"}
    for file, name, names, network, side, (low, high) in NETWORKS:
        data = (folder / file).read_bytes()
        stored = stored_tensors(data)
        tensors = {}
        for new, old in names.items():
            values = stored.pop(old)
            if values.ndim > 1 and values.shape[0] == 1 and (".depthwise." in new or new.endswith("slope")):
                values = values[0]
            tensors[new] = np.ascontiguousarray(values.reshape(-1) if new.endswith("slope") else values)
        assert not stored, f"tensors without a new name: {sorted(stored)}"
        made = interpreter(folder / file)
        wide = {key: value.astype(np.float64) for key, value in tensors.items()}
        worst = 0.0
        for seed in range(3):
            picture = np.random.default_rng(seed).uniform(low, high, (1, side, side, 3)).astype(np.float32)
            theirs = run(made, picture)
            for ours, them in zip(network(wide, picture[0].astype(np.float64)), theirs, strict=True):
                difference = np.abs(ours.ravel() - them.ravel()).max() / max(1.0, np.abs(them).max())
                worst = max(worst, difference)
        compare_tensors(made, names, tensors)
        assert worst < 2e-5, f"{file}: outputs differ by {worst}"
        metadata = {"origin": ORIGIN, "source": file, "source_sha256": hashlib.sha256(data).hexdigest()}
        target = out / f"{name}.safetensors"
        target.write_bytes(safetensors(tensors, metadata))
        known[name] = golden(made, side, low, high)
        print(f"{target}: {len(tensors)} tensors equal, outputs differ by at most {worst:.1e} of their range")
    if goldens:
        goldens.write_text(json.dumps(known, indent=1) + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path(__file__).parent.parent / "assets")
    parser.add_argument("--goldens", type=pathlib.Path)
    arguments = parser.parse_args()
    convert(arguments.folder, arguments.out, arguments.goldens)
    return 0


if __name__ == "__main__":
    sys.exit(main())
