#!/usr/bin/env python3
"""Write PyTorch's own ONNX exports of the corpus networks, by both of its exporters.

Usage: export_onnx.py CORPUS OUTDIR [NAME...]      (needs torch, monai, onnx, onnxscript, numpy)

CORPUS holds NAME/{network.json,state_dict.pt,input_<i>.npy} as make_corpus.py writes them. Each case becomes
OUTDIR/NAME.{script,script_dynamic,dynamo,dynamo_dynamic}.onnx: dynamo=False at opset 17 and dynamo=True at its own
opset, with a fixed and with an open batch. What PyTorch refuses is printed with its reason.
"""
import json, os, sys, warnings
warnings.filterwarnings("ignore")
import logging
logging.disable(logging.CRITICAL)
import numpy as np
import onnx
import torch
import monai.networks.nets as nets


def network(folder):
    definition = json.load(open(f"{folder}/network.json"))["network_def"]
    target = definition.pop("_target_")
    module, _, name = target.rpartition(".")
    cls = getattr(__import__(module, fromlist=[name]), name) if module else getattr(nets, name)
    net = cls(**definition).eval()
    net.load_state_dict(torch.load(f"{folder}/state_dict.pt", map_location="cpu", weights_only=True))
    return net


def export(net, inputs, path, dynamo, is_open):
    names = [f"input_{i}" for i in range(len(inputs))]
    options = dict(input_names=names, dynamo=dynamo)
    if not dynamo:
        options["opset_version"] = 17
        if is_open:
            options["dynamic_axes"] = {name: {0: "batch"} for name in names}
    elif is_open:
        batch = torch.export.Dim("batch", min=1, max=64)
        options["dynamic_shapes"] = tuple({0: batch} for _ in inputs)
    if dynamo:
        options["external_data"] = False
        options["verbose"] = False
    with torch.no_grad():
        torch.onnx.export(net, inputs, path, **options)
    return sorted({node.op_type for node in onnx.load(path, load_external_data=False).graph.node})


def main():
    corpus, out = sys.argv[1:3]
    os.makedirs(out, exist_ok=True)
    for name in sys.argv[3:] or sorted(os.listdir(corpus)):
        folder = f"{corpus}/{name}"
        inputs = []
        while os.path.exists(f"{folder}/input_{len(inputs)}.npy"):
            inputs.append(torch.from_numpy(np.load(f"{folder}/input_{len(inputs)}.npy")))
        for kind in ["script", "script_dynamic", "dynamo", "dynamo_dynamic"]:
            path = f"{out}/{name}.{kind}.onnx"
            if os.path.exists(path):
                continue
            try:
                operators = export(network(folder), tuple(inputs), path, kind.startswith("dynamo"), "dynamic" in kind)
                print(name, kind, " ".join(operators), flush=True)
            except Exception as error:
                if os.path.exists(path):
                    os.remove(path)
                print(name, kind, "REFUSED", type(error).__name__, str(error).splitlines()[0][:120], flush=True)


main()
