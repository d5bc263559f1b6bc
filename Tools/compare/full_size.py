#!/usr/bin/env python3
"""Full-size networks with random weights: Martlet's import beside PyTorch's ONNX exports of the same network.

Usage: full_size.py MARTLET WORKDIR [NAME ...] [--rounds N]      (needs torch, monai, openvino, numpy, onnx, onnxscript)

Prints, for each network, the time and the peak memory of `martlet export --target onnx` over the size of the checkpoint, and the
latency of one window of 96³ through OpenVINO (float32, 2 threads, Martlet's own settings of it): the graph that Martlet gives
OpenVINO and those of PyTorch's two exporters in turn, the ratio of the medians to the better of the two, and the largest difference of the outputs.
"""
import argparse
import json
import os
import shutil
import subprocess
import time
import warnings

warnings.filterwarnings("ignore")
import monai.networks.nets as nets
import numpy as np
import openvino
import torch

KERNELS, STRIDES = [[3, 3, 3]] * 5, [[1, 1, 1]] + [[2, 2, 2]] * 4
NETWORKS = {
    "unet": {"_target_": "UNet", "spatial_dims": 3, "in_channels": 1, "out_channels": 2, "channels": [16, 32, 64, 128, 256],
             "strides": [2, 2, 2, 2], "num_res_units": 2, "norm": "batch"},
    "segresnet": {"_target_": "SegResNet", "spatial_dims": 3, "in_channels": 1, "out_channels": 2, "init_filters": 16,
                  "blocks_down": [1, 2, 2, 4], "blocks_up": [1, 1, 1]},
    "dynunet": {"_target_": "DynUNet", "spatial_dims": 3, "in_channels": 1, "out_channels": 2, "kernel_size": KERNELS,
                "strides": STRIDES, "upsample_kernel_size": STRIDES[1:], "norm_name": "instance", "res_block": True},
    "unetr": {"_target_": "UNETR", "in_channels": 1, "out_channels": 14, "img_size": [96, 96, 96], "feature_size": 16},
    "swin_unetr48": {"_target_": "SwinUNETR", "in_channels": 1, "out_channels": 14, "feature_size": 48, "spatial_dims": 3},
    "segresnet_wholebody": {"_target_": "SegResNet", "spatial_dims": 3, "in_channels": 1, "out_channels": 105, "init_filters": 32,
                            "blocks_down": [1, 2, 2, 4], "blocks_up": [1, 1, 1], "dropout_prob": 0.2},
}
SHAPE = [1, 1, 96, 96, 96]
# What Martlet tells OpenVINO; its snippets compute attention wrongly with AVX-512.
SETTINGS = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": 2, "NUM_STREAMS": 1,
            "ENABLE_CPU_PINNING": False}


def make(name, folder):
    """The checkpoint, the config and PyTorch's exports, unless they are there."""
    files = {kind: f"{folder}/{name}-{kind}.onnx" for kind in ("script", "dynamo")}
    if all(map(os.path.exists, files.values())):
        return
    definition = NETWORKS[name]
    torch.manual_seed(0)
    network = getattr(nets, definition["_target_"])(**{k: v for k, v in definition.items() if k != "_target_"}).eval()
    # Statistics and scales that a trained network could have; the initial ones would hide mistakes.
    with torch.no_grad():
        for key, value in network.state_dict().items():
            if key.endswith("running_var") or key.endswith("weight") and value.ndim == 1:
                value.copy_(torch.rand_like(value) + 0.5)
            elif key.endswith("running_mean") or key.endswith("bias"):
                value.copy_(torch.randn_like(value) * 0.1)
    torch.save(network.state_dict(), f"{folder}/{name}.pt")
    with open(f"{folder}/{name}.json", "w") as file:
        json.dump({"network_def": definition}, file)
    x = torch.randn(*SHAPE)
    torch.onnx.export(network, (x,), files["script"], input_names=["input_0"], dynamo=False, opset_version=17)
    torch.onnx.export(network, (x,), files["dynamo"], input_names=["input_0"], dynamo=True, external_data=False)


def convert(martlet, name, folder, options):
    command = [martlet, "export", f"{folder}/{name}.pt", "--config-file", f"{folder}/{name}.json", "--force", "--json",
               "--input-shape", ",".join(map(str, SHAPE)), *options]
    begin = time.perf_counter()
    # The shell's own child: a process that Python makes itself begins with Python's peak memory.
    run = subprocess.run(["sh", "-c", '"$@"; exit $?', "sh", *command, "--target", "onnx", "--output", f"{folder}/{name}.onnx"],
                         capture_output=True, text=True, check=True)
    seconds = time.perf_counter() - begin
    megabytes = os.path.getsize(f"{folder}/{name}.pt") / 1e6
    peak = json.loads(run.stdout)["peakMemory"] / 1e6
    print(f"{name}: {megabytes:.0f} MB of weights imported in {seconds:.2f} s, {seconds / megabytes * 100:.2f} s per 100 MB; "
          f"peak memory {peak:.0f} MB, {peak / megabytes:.2f} × the checkpoint", flush=True)
    subprocess.run([*command, "--target", "openvino", "--keep-onnx", "--no-verify", "--output", f"{folder}/{name}.engine"],
                   capture_output=True, check=True)
    os.replace(f"{folder}/{name}.engine/models/model.onnx", f"{folder}/{name}-openvino.onnx")
    shutil.rmtree(f"{folder}/{name}.engine")


def latency(files, rounds, settings=SETTINGS):
    """Median seconds, and the output, of each file; they take turns."""
    core = openvino.Core()
    requests = []
    for file in files:
        model = core.read_model(file)
        model.reshape(SHAPE)
        settings = dict(settings)
        try:
            compiled = core.compile_model(model, "CPU", settings | {"SNIPPETS_MODE": "DISABLE"})
        except RuntimeError:
            compiled = core.compile_model(model, "CPU", settings)
        requests.append(compiled.create_infer_request())
    x = np.random.default_rng(0).standard_normal(SHAPE, dtype=np.float32)
    times, outputs = [[] for _ in files], [None for _ in files]
    for turn in range(rounds + 1):
        for which in range(len(files)) if turn % 2 else reversed(range(len(files))):
            begin = time.perf_counter()
            result = requests[which].infer({0: x})
            if turn:  # the first one warms up
                times[which].append(time.perf_counter() - begin)
            outputs[which] = list(result.values())[0].copy()
    return [float(np.median(t)) for t in times], [min(t) for t in times], outputs


def compare(name, folder, rounds):
    (ours, script, dynamo), fastest, outputs = latency([f"{folder}/{name}{kind}.onnx" for kind in ("-openvino", "-script", "-dynamo")], rounds)
    theirs = min(script, dynamo)
    difference = np.abs(outputs[0] - outputs[1]).max() / np.abs(outputs[1]).max()
    print(f"{name}: {ours * 1e3:.1f} ms, PyTorch's exports {script * 1e3:.1f} (script) and {dynamo * 1e3:.1f} (dynamo); "
          f"ratio to the better {ours / theirs:.3f}, of the fastest {fastest[0] / min(fastest[1:]):.3f}; "
          f"relative difference {difference:.1e}", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("martlet")
    parser.add_argument("folder")
    parser.add_argument("names", nargs="*")
    parser.add_argument("--rounds", type=int, default=5, help="0 makes the files only")
    parser.add_argument("--option", action="append", default=[], help="for martlet export, for example --option=--no-optimize")
    options = parser.parse_args()
    os.makedirs(options.folder, exist_ok=True)
    for network in options.names or NETWORKS:
        make(network, options.folder)
        convert(options.martlet, network, options.folder, options.option)
        if options.rounds:
            compare(network, options.folder, options.rounds)
