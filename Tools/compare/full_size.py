#!/usr/bin/env python3
"""Full-size networks with random weights: Martlet's import beside PyTorch's ONNX export of the same network.

Usage: full_size.py MARTLET WORKDIR [NAME ...] [--rounds N]      (needs torch, monai, openvino, numpy, onnx)

Prints, for each network, the time and the peak memory of `martlet export --target onnx` over the size of the checkpoint,
and the latency of one window through OpenVINO (float32, 2 threads): both graphs in turn, the ratio of the medians and of
the fastest runs, and the largest difference of their outputs.
"""
import argparse
import json
import os
import re
import subprocess
import time
import warnings

warnings.filterwarnings("ignore")
import monai.networks.nets as nets
import numpy as np
import openvino
import torch

NETWORKS = {
    "swin_unetr48": {"_target_": "SwinUNETR", "in_channels": 1, "out_channels": 14, "feature_size": 48, "spatial_dims": 3},
    "segresnet_wholebody": {"_target_": "SegResNet", "spatial_dims": 3, "in_channels": 1, "out_channels": 105, "init_filters": 32,
                            "blocks_down": [1, 2, 2, 4], "blocks_up": [1, 1, 1], "dropout_prob": 0.2},
}
SHAPE = [1, 1, 96, 96, 96]


def make(name, folder):
    """The checkpoint, the config and PyTorch's export, unless they are there."""
    if os.path.exists(f"{folder}/{name}-torch.onnx"):
        return
    definition = NETWORKS[name]
    torch.manual_seed(0)
    network = getattr(nets, definition["_target_"])(**{k: v for k, v in definition.items() if k != "_target_"}).eval()
    torch.save(network.state_dict(), f"{folder}/{name}.pt")
    with open(f"{folder}/{name}.json", "w") as file:
        json.dump({"network_def": definition}, file)
    torch.onnx.export(network, (torch.randn(*SHAPE),), f"{folder}/{name}-torch.onnx", input_names=["input_0"], dynamo=False,
                      opset_version=17)


def convert(martlet, name, folder):
    begin = time.perf_counter()
    run = subprocess.run([martlet, "export", f"{folder}/{name}.pt", "--config-file", f"{folder}/{name}.json", "--target", "onnx", "--force",
                          "--input-shape", ",".join(map(str, SHAPE)), "--output", f"{folder}/{name}.onnx"], capture_output=True, text=True, check=True)
    seconds = time.perf_counter() - begin
    megabytes = os.path.getsize(f"{folder}/{name}.pt") / 1e6
    peak = float(re.search(r"peak memory (\d+) MB", run.stdout + run.stderr).group(1))
    print(f"{name}: {megabytes:.0f} MB of weights imported in {seconds:.2f} s, {seconds / megabytes * 100:.2f} s per 100 MB; "
          f"peak memory {peak:.0f} MB, {peak / megabytes:.2f} × the checkpoint")


def latency(name, folder, rounds):
    core = openvino.Core()
    options = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": 2}
    requests = []
    for file in [f"{folder}/{name}.onnx", f"{folder}/{name}-torch.onnx"]:
        model = core.read_model(file)
        model.reshape(SHAPE)
        requests.append(core.compile_model(model, "CPU", options).create_infer_request())
    x = np.random.default_rng(0).standard_normal(SHAPE, dtype=np.float32)
    times, outputs = [[], []], [None, None]
    for turn in range(rounds + 1):
        for which in (0, 1) if turn % 2 else (1, 0):
            begin = time.perf_counter()
            result = requests[which].infer({0: x})
            if turn:  # the first one warms up
                times[which].append(time.perf_counter() - begin)
            outputs[which] = list(result.values())[0]
    ours, theirs = times
    difference = np.abs(outputs[0] - outputs[1]).max() / np.abs(outputs[1]).max()
    print(f"{name}: {np.median(ours):.2f} s, PyTorch's export {np.median(theirs):.2f} s; ratio {np.median(ours) / np.median(theirs):.3f}, "
          f"of the fastest {min(ours) / min(theirs):.3f}; relative difference {difference:.1e}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("martlet")
    parser.add_argument("folder")
    parser.add_argument("names", nargs="*")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    os.makedirs(options.folder, exist_ok=True)
    for network in options.names or NETWORKS:
        make(network, options.folder)
        convert(options.martlet, network, options.folder)
        latency(network, options.folder, options.rounds)
