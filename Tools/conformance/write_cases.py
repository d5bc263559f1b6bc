#!/usr/bin/env python3
"""Write the node tests of the ONNX standard to files.

Usage: write_cases.py OUTDIR [NAME...]      (needs onnx, pinned in requirements.txt)
Those of the repository: write_cases.py Tests/Corpus/conformance $(cut -f1 Tests/Corpus/conformance/cases.tsv)

Each case becomes OUTDIR/NAME with the layout of the standard's own test data: model.onnx, and
test_data_set_<n>/{input,output}_<i>.pb, each a TensorProto. OUTDIR/cases.tsv has a line for each case: its name, its
relative and absolute tolerance, its operators, and the element types of its inputs and outputs. Data that is no tensor
(sequences, optional values) isn't written; the type says so. With names, only those cases are written.
"""
import os
import sys
import warnings

warnings.filterwarnings("ignore")
import onnx
from onnx import numpy_helper
from onnx.backend.test.loader import load_model_tests

VERSION = "1.23.2"


def operators(graph):
    for node in graph.node:
        yield f"{node.domain}.{node.op_type}" if node.domain not in ("", "ai.onnx") else node.op_type
        for attribute in node.attribute:
            if attribute.type == onnx.AttributeProto.GRAPH:
                yield from operators(attribute.g)


def element_type(value):
    if not value.type.HasField("tensor_type"):
        return value.type.WhichOneof("value").removesuffix("_type")
    return onnx.TensorProto.DataType.Name(value.type.tensor_type.elem_type).lower()


def write(message, path):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(message.SerializeToString(deterministic=True))


def write_tensors(values, declared, prefix):
    for index, (value, info) in enumerate(zip(values, declared)):
        if isinstance(value, onnx.TensorProto):
            tensor = value
        elif element_type(info) in ("sequence", "optional", "map") or value is None or isinstance(value, (list, dict)):
            continue
        else:
            tensor = numpy_helper.from_array(value, info.name)
        tensor.name = info.name
        write(tensor, f"{prefix}_{index}.pb")


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    if onnx.__version__ != VERSION:
        sys.exit(f"onnx is {onnx.__version__}, expected {VERSION}")
    folder, chosen = sys.argv[1], set(sys.argv[2:])
    lines = []
    for case in sorted(load_model_tests(kind="node"), key=lambda case: case.name):
        if chosen and case.name not in chosen:
            continue
        graph = case.model.graph
        write(case.model, f"{folder}/{case.name}/model.onnx")
        for number, (inputs, outputs) in enumerate(case.data_sets):
            prefix = f"{folder}/{case.name}/test_data_set_{number}"
            write_tensors(inputs, graph.input, f"{prefix}/input")
            write_tensors(outputs, graph.output, f"{prefix}/output")
        names = sorted(set(operators(graph)))
        types = sorted({element_type(value) for value in list(graph.input) + list(graph.output)})
        lines.append("\t".join([case.name, repr(case.rtol), repr(case.atol), ",".join(names), ",".join(types)]))
    with open(f"{folder}/cases.tsv", "w") as file:
        file.write("\n".join(lines) + "\n")
    print(f"{len(lines)} cases in {folder}")


if __name__ == "__main__":
    main()
