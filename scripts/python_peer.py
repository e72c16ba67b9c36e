#!/usr/bin/env python3
"""What people write in Python for the same job, to compare docs/speed.md with: an OpenCV window, YuNet on every frame, and the same network in
ONNX Runtime. Prints the time from the start to the first face that is read, and the share of one core used over 20 seconds.

Usage: python_peer.py YUNET.onnx [WEIGHTS.safetensors]     (on a display; under Xvfb: xvfb-run -a scripts/python_peer.py ...)
Needs pip's opencv-python, onnxruntime and onnx; YuNet's file is in OpenCV's model zoo (face_detection_yunet). The source is a
portrait of the demo, swaying at 30 pictures a second and 640x480, as `moue --source demo` shows it.
"""

import time

BEGAN = time.monotonic()

import json
import os
import struct
import sys
from pathlib import Path

import cv2
import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

ROOT = Path(__file__).resolve().parent.parent
CLASSES = ("angry", "disgust", "fear", "happy", "neutral", "sad", "surprise")
MEAN, STD = np.float32([0.485, 0.456, 0.406]), np.float32([0.229, 0.224, 0.225])
SECONDS = 20
FROM_START = "--from-start"


def tensors(path):
    data = Path(path).read_bytes()
    length = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8:8 + length])
    size = int(header.pop("__metadata__", {}).get("input_size", 144))
    kinds = {"F32": np.float32, "F16": np.float16}
    read = {}
    for name, facts in header.items():
        if facts["dtype"] in kinds:
            start, end = (8 + length + offset for offset in facts["data_offsets"])
            read[name] = np.frombuffer(data[start:end], kinds[facts["dtype"]]).reshape(facts["shape"]).astype(np.float32)
    return read, size


def network(weights, size, path):
    """AttentionEmotionNet as ONNX."""
    nodes, count = [], iter(range(10_000))

    def node(kind, *inputs, **attributes):
        out = f"t{next(count)}"
        nodes.append(helper.make_node(kind, list(inputs), [out], **attributes))
        return out

    def conv(x, conv_name, bn_name, stride, pad):
        kernel = list(weights[f"{conv_name}.weight"].shape[2:])
        x = node("Conv", x, f"{conv_name}.weight", kernel_shape=kernel, strides=[stride] * 2, pads=[pad] * 4)
        return node("BatchNormalization", x, *(f"{bn_name}.{n}" for n in ("weight", "bias", "running_mean", "running_var")))

    x = node("Relu", conv("input", "conv1", "bn1", 2, 3))
    x = node("MaxPool", x, kernel_shape=[3, 3], strides=[2, 2], pads=[1] * 4)
    for layer in range(1, 5):
        for block in range(2):
            name = f"layer{layer}.{block}"
            if f"{name}.conv1.weight" not in weights:
                continue
            stride = 2 if layer > 1 and block == 0 else 1
            y = node("Relu", conv(x, f"{name}.conv1", f"{name}.bn1", stride, 1))
            y = conv(y, f"{name}.conv2", f"{name}.bn2", 1, 1)
            short = f"{name}.shortcut"
            x = conv(x, f"{short}.0", f"{short}.1", stride, 0) if f"{short}.0.weight" in weights else x
            x = node("Relu", node("Add", y, x))
    attention = node("Sigmoid", node("Conv", x, "attention.0.weight", "attention.0.bias", kernel_shape=[1, 1]))
    pooled = node("Flatten", node("GlobalAveragePool", node("Mul", x, attention)))
    nodes.append(helper.make_node("Gemm", [pooled, "fc.weight", "fc.bias"], ["logits"], transB=1))
    tensor = lambda name, shape: helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
    graph = helper.make_graph(
        nodes, "moue", [tensor("input", [1, 3, size, size])], [tensor("logits", [1, 7])],
        [numpy_helper.from_array(value, name) for name, value in weights.items()])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]), path)


def used_s():
    fields = Path("/proc/self/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main():
    exported = f"/tmp/moue-peer-{os.getuid()}.onnx"
    if FROM_START not in sys.argv:
        # Made beforehand, as people have it.
        weights, size = tensors(sys.argv[2] if len(sys.argv) > 2 else ROOT / "models/moue-fer2013.safetensors")
        network(weights, size, exported)
        os.execv(sys.executable, [sys.executable, __file__, sys.argv[1], str(size), FROM_START])
    size = int(sys.argv[2])
    portrait = cv2.resize(cv2.imread(str(ROOT / "assets/demo/obama.jpg")), (720, 540))
    session = onnxruntime.InferenceSession(exported, providers=["CPUExecutionProvider"])
    detector = cv2.FaceDetectorYN.create(sys.argv[1], "", (640, 480), 0.6)
    start, frames, read, since, before = time.monotonic(), 0, 0, None, 0.0
    while True:
        now = time.monotonic()
        x, y = (int(20 + 19 * np.sin(now * speed)) for speed in (0.9, 1.3))
        frame = portrait[y:y + 480, x:x + 640].copy()
        _, faces = detector.detect(frame)
        if faces is not None:
            left, top, width, height = max(faces, key=lambda f: f[2] * f[3])[:4]
            side = max(width, height) * 1.1
            centre = (left + width / 2, top + height / 2)
            crop = cv2.getRectSubPix(frame, (int(side), int(side)), centre)
            grey = cv2.resize(cv2.cvtColor(crop, cv2.COLOR_BGR2GRAY), (size, size), interpolation=cv2.INTER_AREA)
            value = ((np.repeat(grey[:, :, None], 3, 2) / np.float32(255) - MEAN) / STD).transpose(2, 0, 1)[None]
            logits = session.run(None, {"input": value.astype(np.float32)})[0][0]
            p = np.exp(logits - logits.max())
            p /= p.sum()
            if read == 0:
                print(f"the first face is read after {time.monotonic() - BEGAN:.2f} s", flush=True)
            read += 1
            cv2.rectangle(frame, (int(left), int(top)), (int(left + width), int(top + height)), (80, 190, 255), 2)
            for i, (name, share) in enumerate(zip(CLASSES, p)):
                cv2.rectangle(frame, (90, 12 + 20 * i), (90 + int(100 * share), 24 + 20 * i), (80, 190, 255), -1)
                cv2.putText(frame, f"{name} {share:.0%}", (8, 23 + 20 * i), cv2.FONT_HERSHEY_SIMPLEX, 0.4, (255, 255, 255))
        cv2.imshow("peer", frame)
        cv2.waitKey(1)
        frames += 1
        if since is None and now - start > 5:
            since, before, first, first_read = now, used_s(), frames, read
        if since is not None and now - since > SECONDS:
            share = 100 * (used_s() - before) / (now - since)
            rate, read_rate = (frames - first) / (now - since), (read - first_read) / (now - since)
            print(f"running: {share:.1f} % of a core, {rate:.1f} pictures and {read_rate:.1f} readings a second")
            return
        time.sleep(max(0.0, start + frames / 30 - time.monotonic()))


if __name__ == "__main__":
    main()
