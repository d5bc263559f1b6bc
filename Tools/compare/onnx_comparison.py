"""Runs an ONNX file through Martlet and compares it with ONNX Runtime. Used by exporters.py and tensorflow_models.py."""
import os
import shutil
import subprocess

import numpy
import onnx
import onnxruntime


def onnxruntime_outputs(path, inputs):
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return session.run(None, dict(zip([value.name for value in session.get_inputs()], inputs)))


def run(command):
    result = subprocess.run(command, capture_output=True, text=True)
    if result.returncode:
        raise RuntimeError(" ".join(result.stderr.split())[:400] or f"exit {result.returncode}")


def infer(martlet, model, inputs, folder, runtime):
    """Martlet's outputs for the model, as arrays in their order."""
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder, exist_ok=True)
    names = []
    for index, array in enumerate(inputs):
        names.append(f"{folder}/input_{index}.npy")
        numpy.save(names[-1], array)
    run([martlet, "infer", model, "--inputs", ",".join(names), "--output", f"{folder}/results", "--runtime", runtime, "--quiet"])
    names = [value.name for value in onnx.load(model, load_external_data=False).graph.output]
    # Names that are no plain file names become output_<index>.
    files = [f"output_{index}" if "/" in name or name.startswith(".") else name for index, name in enumerate(names)]
    return [numpy.load(f"{folder}/results/{file}.npy") for file in files]


def difference(results, references):
    if len(results) != len(references):
        raise RuntimeError(f"{len(results)} outputs instead of {len(references)}")
    worst = 0.0
    for result, reference in zip(results, references):
        if result.shape != reference.shape:
            raise RuntimeError(f"an output of {result.shape} instead of {reference.shape}")
        scale = max(float(numpy.abs(reference).max(initial=0)), 1e-30)
        worst = max(worst, float(numpy.abs(result.astype(float) - reference.astype(float)).max(initial=0)) / scale)
    return worst


def compare(martlet, source, inputs, folder, runtime):
    """The differences of the file itself, and of what Martlet writes of it, from ONNX Runtime."""
    references = onnxruntime_outputs(source, inputs)
    direct = difference(infer(martlet, source, inputs, f"{folder}/direct", runtime), references)
    written = f"{folder}/written.onnx"
    shapes = ";".join(",".join(map(str, array.shape)) for array in inputs)
    command = [martlet, "export", source, "--target", "onnx", "--output", written, "--force", "--quiet"]
    if len(inputs) == 1:
        command += ["--input-shape", shapes]
    run(command)
    exported = difference(onnxruntime_outputs(written, inputs), references)
    return direct, exported
