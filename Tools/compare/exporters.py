#!/usr/bin/env python3
"""ONNX written by PyTorch's two exporters and MONAI's, read by Martlet.

Usage: exporters.py MARTLET WORKDIR [--corpus DIR] [--only NAME,…] [--exporters script,dynamo,monai] [--runtime reference]

For each network of the corpus (DIR/<name>/network.json with its state_dict.pt; Tests/Corpus/networks by default) and
each exporter: `martlet infer` on the file, and on the ONNX that `martlet export` makes of it, beside ONNX Runtime on
the file. Prints a line for each, the largest difference over the largest reference, and what failed.
Needs torch, monai, onnx, onnxscript, onnxruntime, numpy.
"""
import argparse
import importlib
import json
import os
import pathlib
import sys
import warnings

warnings.filterwarnings("ignore")
import numpy
import onnx
import torch

from onnx_comparison import compare

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]


def network_of(folder):
    """The corpus network with its weights; those that the corpus generates get PyTorch's own, always the same."""
    import monai.networks.nets as nets

    definition = json.loads((folder / "network.json").read_text())["network_def"]
    target = definition.pop("_target_")
    module, _, name = target.rpartition(".")
    build = getattr(importlib.import_module(module) if module else nets, name)
    torch.manual_seed(0)
    network = build(**definition).eval()
    if (folder / "state_dict.pt").exists():
        network.load_state_dict(torch.load(folder / "state_dict.pt", weights_only=True), strict=False)
    if hasattr(network, "sampling"):
        # A random latent can't be compared: the mean takes its place.
        network.sampling = lambda mean, sigma: mean
    return network


def inputs_of(folder):
    shapes = json.loads((folder / "network.json").read_text())["inputs"]
    generator = numpy.random.default_rng(0)
    return [
        numpy.load(folder / f"input_{index}.npy") if (folder / f"input_{index}.npy").exists()
        else generator.standard_normal(shape, dtype=numpy.float32)
        for index, shape in enumerate(shapes)
    ]


def write_script(network, inputs, path):
    torch.onnx.export(network, inputs, path, dynamo=False, opset_version=17)


def write_dynamo(network, inputs, path):
    torch.onnx.export(network, inputs, path, dynamo=True, external_data=False, verbose=False)


def write_monai(network, inputs, path):
    from monai.networks import convert_to_onnx

    onnx.save(convert_to_onnx(network, inputs, use_trace=True, opset_version=17), path)


EXPORTERS = {"script": write_script, "dynamo": write_dynamo, "monai": write_monai}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("martlet")
    parser.add_argument("work")
    parser.add_argument("--corpus", default=str(REPOSITORY / "Tests/Corpus/networks"))
    parser.add_argument("--only", default="")
    parser.add_argument("--exporters", default="script,dynamo")
    parser.add_argument("--runtime", default="auto")
    options = parser.parse_args()
    failures = 0
    chosen = [name for name in options.only.split(",") if name]
    for folder in sorted(pathlib.Path(options.corpus).iterdir()):
        if chosen and folder.name not in chosen or not (folder / "network.json").exists():
            continue
        try:
            network, inputs = network_of(folder), inputs_of(folder)
        except Exception as error:
            print(f"{folder.name}\tnot built: {type(error).__name__} {str(error)[:90]!r}", flush=True)
            continue
        for exporter in options.exporters.split(","):
            work = pathlib.Path(options.work) / folder.name / exporter
            source = str(work / "source.onnx")
            os.makedirs(work, exist_ok=True)
            if not os.path.exists(source):
                try:
                    EXPORTERS[exporter](network, tuple(map(torch.from_numpy, inputs)), source)
                except Exception as error:
                    print(f"{folder.name}\t{exporter}\tthe exporter refuses: {type(error).__name__} {str(error)[:90]!r}", flush=True)
                    continue
            try:
                direct, exported = compare(options.martlet, source, inputs, str(work), options.runtime)
                verdict = "ok" if max(direct, exported) <= 1e-4 else "FAILED"
                print(f"{folder.name}\t{exporter}\t{verdict}\tread {direct:.1e}\twritten {exported:.1e}", flush=True)
            except Exception as error:
                verdict = "FAILED"
                print(f"{folder.name}\t{exporter}\tFAILED\t{error}", flush=True)
            failures += verdict == "FAILED"
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
