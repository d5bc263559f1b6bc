"""Writes the ONNX models of Tests/Corpus/tensorrt. Needs onnx 1.23.2 and numpy.

    python Tools/goldens/make_tensorrt_models.py
"""
from pathlib import Path

import numpy as np
from onnx import TensorProto, checker, helper, numpy_helper, save

TARGET = Path(__file__).resolve().parents[2] / "Tests" / "Corpus" / "tensorrt"


def convolution(name, rank, batch, element_type=np.float32, channels=4):
    """input_0 [batch, 1, 8, 8, (8)] through a 3-wide convolution and a relu to output_0."""
    random = np.random.default_rng(7)
    weight = random.standard_normal((channels, 1) + (3,) * rank).astype(element_type)
    bias = random.standard_normal(channels).astype(element_type)
    onnx_type = helper.np_dtype_to_tensor_dtype(np.dtype(element_type))
    graph = helper.make_graph(
        [
            helper.make_node("Conv", ["input_0", "weight", "bias"], ["features"], name="first/conv",
                             kernel_shape=[3] * rank, pads=[1] * 2 * rank),
            helper.make_node("Relu", ["features"], ["output_0"], name="first/relu"),
        ],
        name,
        [helper.make_tensor_value_info("input_0", onnx_type, [batch, 1] + [8] * rank)],
        [helper.make_tensor_value_info("output_0", onnx_type, [batch, channels] + [8] * rank)],
        [numpy_helper.from_array(weight, "weight"), numpy_helper.from_array(bias, "bias")],
    )
    return model(graph)


def model(graph, opset=20, extra_domains=()):
    imports = [helper.make_opsetid("", opset)] + [helper.make_opsetid(domain, 1) for domain in extra_domains]
    return helper.make_model(graph, opset_imports=imports, ir_version=9, producer_name="make_tensorrt_models")


def unknown_operators():
    value = lambda name: helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 1, 4, 4])
    graph = helper.make_graph(
        [
            helper.make_node("Sharpen", ["input_0"], ["a"], name="decoder/sharpen"),
            helper.make_node("Relu", ["a"], ["b"], name="decoder/relu"),
            helper.make_node("Swirl", ["b"], ["output_0"], name="decoder/swirl", domain="example"),
        ],
        "unknown_operators", [value("input_0")], [value("output_0")],
    )
    return model(graph, extra_domains=("example",))


def main():
    TARGET.mkdir(parents=True, exist_ok=True)
    models = {
        "conv3d_fixed": convolution("conv3d_fixed", 3, 1),
        "conv3d_batch": convolution("conv3d_batch", 3, "batch"),
        "conv3d_half": convolution("conv3d_half", 3, "batch", np.float16),
        "conv2d_batch": convolution("conv2d_batch", 2, "batch"),
    }
    for made in models.values():
        checker.check_model(made)
    models["unknown_operators"] = unknown_operators()
    for name, made in models.items():
        save(made, TARGET / f"{name}.onnx")


if __name__ == "__main__":
    main()
