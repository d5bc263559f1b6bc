#!/usr/bin/env python3
"""ONNX files at the limits of the format: weights of 3 GB beside the model, and models of 100,000 nodes.

Usage: large_files.py MARTLET WORKDIR      (needs onnx, onnxruntime, numpy; 3.3 GB of free disk)

The 3 GB file is sparse (a few numbers in zeros). Martlet reads it and writes it again, with weights beside the model because
they pass protobuf's 2 GiB; ONNX Runtime runs both files. Then chains of 10,000 and 100,000 nodes are inspected and
exported. Prints times and peak memory, and removes what it made.
"""
import json
import os
import subprocess
import sys
import time

import numpy
import onnx
import onnxruntime
from onnx import TensorProto, helper

SIDE, COUNT = 16384, 3  # 3 matrices of 1 GiB


def timed(command):
    """Processor seconds, wall seconds, and for an export its own peak of memory in bytes."""
    begin = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    output, errors = process.stdout.read(), process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"{' '.join(command)}: {errors.decode()}")
    # What wait4 tells of memory begins with this process's own peak.
    peak = f", peak {json.loads(output)['peakMemory'] / 1e6:.0f} MB" if "--json" in command else ""
    return f"{usage.ru_utime + usage.ru_stime:.2f} s of processor time, {time.perf_counter() - begin:.2f} s{peak}"


def write_large(folder):
    path = f"{folder}/large.onnx"
    weights = []
    for index in range(COUNT):
        weight = TensorProto(name=f"w{index}", data_type=TensorProto.FLOAT, dims=[SIDE, SIDE])
        weight.data_location = TensorProto.EXTERNAL
        for key, value in (("location", "large.bin"), ("offset", index << 30), ("length", 1 << 30)):
            weight.external_data.add(key=key, value=str(value))
        weights.append(weight)
    nodes = [helper.make_node("Gather", [f"w{index}", "rows"], [f"g{index}"], axis=0) for index in range(COUNT)]
    nodes += [helper.make_node("Add", ["g0", "g1"], ["s"]), helper.make_node("Add", ["s", "g2"], ["y"])]
    graph = helper.make_graph(
        nodes, "large", [helper.make_tensor_value_info("rows", TensorProto.INT64, [2])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [2, SIDE])], weights)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    with open(f"{folder}/large.bin", "wb") as file:
        file.truncate(COUNT << 30)
        for index in range(COUNT):
            for row in (5, SIDE - 1):
                file.seek((index << 30) + (row * SIDE + 7) * 4)
                file.write(numpy.arange(1, 4, dtype=numpy.float32) * (index + 1) + row)
    return path


def rows(path):
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return session.run(None, {"rows": numpy.array([5, SIDE - 1], dtype=numpy.int64)})[0]


def large_weights(martlet, folder):
    source, written = write_large(folder), f"{folder}/written.onnx"
    on_disk = os.stat(f"{folder}/large.bin").st_blocks * 512
    print(f"weights of {COUNT << 30:,} bytes beside the model, {on_disk:,} on the disk")
    print("inspect:", timed([martlet, "inspect", source]))
    print("export:", timed([martlet, "export", source, "--target", "onnx", "--output", written, "--quiet", "--json"]),
          f"; {os.path.getsize(written + '.data'):,} bytes beside the model")
    begin = rows(source)
    assert begin.any() and numpy.array_equal(begin, rows(written)), "the written file gives other numbers"
    print("ONNX Runtime gives the same numbers on both files")
    for name in ("large.onnx", "large.bin", "written.onnx", "written.onnx.data"):
        os.remove(f"{folder}/{name}")


def many_nodes(martlet, folder):
    for count in (10_000, 100_000):
        path = f"{folder}/nodes.onnx"
        names = ["x"] + [f"v{index}" for index in range(1, count)] + ["y"]
        kinds = ("Relu", "Sigmoid", "Tanh")
        nodes = [helper.make_node(kinds[index % 3], [names[index]], [names[index + 1]]) for index in range(count)]
        graph = helper.make_graph(
            nodes, "nodes", [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 2, 8, 8, 8])],
            [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 2, 8, 8, 8])])
        onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
        for title, command in (
            ("inspect", [martlet, "inspect", path]),
            ("export", [martlet, "export", path, "--target", "onnx", "--output", f"{folder}/out.onnx", "--force", "--quiet", "--json"]),
        ):
            print(f"{count:,} nodes, {title}:", timed(command))
    for name in ("nodes.onnx", "out.onnx"):
        os.remove(f"{folder}/{name}")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    os.makedirs(sys.argv[2], exist_ok=True)
    large_weights(sys.argv[1], sys.argv[2])
    many_nodes(sys.argv[1], sys.argv[2])
