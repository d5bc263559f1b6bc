#!/usr/bin/env python3
"""Write the engine corpus: tiny ONNX models with reference outputs.

Usage: make_engines.py OUTDIR      (needs onnx 1.x, onnxruntime, numpy)

conv_relu.onnx     x float32 [batch, 3, height, width] -> y float32 [batch, 8, height, width]: Conv 3x3, padding 1, Relu
conv_relu.x.bin    batch 3 of 16x16, raw little-endian float32;  conv_relu.y.bin: ONNX Runtime's output for it
routing.onnx       a float32 [batch, 2, 3], b int64 [2], c uint8 [batch, 4] -> c, a, b, each unchanged
nonzero.onnx       x float32 [4] -> int64 [1, ?]: an output whose shape depends on the values
"""
import os, sys
import numpy as np, onnx, onnxruntime
from onnx import TensorProto as T, helper as h

out = sys.argv[1]
os.makedirs(out, exist_ok=True)

def save(name, nodes, inputs, outputs, initializers=()):
    graph = h.make_graph(nodes, name, inputs, outputs, list(initializers))
    model = h.make_model(graph, opset_imports=[h.make_opsetid("", 20)], ir_version=9)
    onnx.checker.check_model(model, full_check=True)
    path = os.path.join(out, name + ".onnx")
    onnx.save(model, path)
    return path

value = h.make_tensor_value_info
random = np.random.RandomState(7)
weight = random.normal(0, 0.3, (8, 3, 3, 3)).astype(np.float32)
bias = random.normal(0, 0.3, 8).astype(np.float32)
path = save(
    "conv_relu",
    [h.make_node("Conv", ["x", "weight", "bias"], ["z"], "conv", pads=[1, 1, 1, 1]), h.make_node("Relu", ["z"], ["y"], "relu")],
    [value("x", T.FLOAT, ["batch", 3, "height", "width"])], [value("y", T.FLOAT, ["batch", 8, "height", "width"])],
    [onnx.numpy_helper.from_array(weight, "weight"), onnx.numpy_helper.from_array(bias, "bias")])
x = random.normal(0, 1, (3, 3, 16, 16)).astype(np.float32)
y = onnxruntime.InferenceSession(path).run(None, {"x": x})[0]
x.tofile(os.path.join(out, "conv_relu.x.bin"))
y.tofile(os.path.join(out, "conv_relu.y.bin"))

save(
    "routing", [h.make_node("Identity", [i], [o]) for i, o in (("c", "c_out"), ("a", "a_out"), ("b", "b_out"))],
    [value("a", T.FLOAT, ["batch", 2, 3]), value("b", T.INT64, [2]), value("c", T.UINT8, ["batch", 4])],
    [value("c_out", T.UINT8, ["batch", 4]), value("a_out", T.FLOAT, ["batch", 2, 3]), value("b_out", T.INT64, [2])])
save("nonzero", [h.make_node("NonZero", ["x"], ["places"])], [value("x", T.FLOAT, [4])],
     [value("places", T.INT64, [1, "count"])])
