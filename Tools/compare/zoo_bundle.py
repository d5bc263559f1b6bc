#!/usr/bin/env python3
"""Make bundles of MONAI's model zoo with random weights, seed 0.

Usage: ZOO=CLONE zoo_bundle.py OUTDIR NAME...      (needs torch, monai, git)
CLONE is a clone, bare or not, of the public Project-MONAI/model-zoo. Each bundle becomes OUTDIR/NAME with the zoo's
inference configs and models/model.pt, the state dict of the network that MONAI builds from `network_def`.
Normalisations get random statistics, so that they do something.
"""
import os
import subprocess
import sys

import torch
from monai.bundle import ConfigParser

CONFIGS = ["metadata.json", "inference.json", "inference.yaml", "logging.conf"]


def show(zoo, path):
    """The bytes of a file at the clone's HEAD, or None."""
    result = subprocess.run(["git", "-C", zoo, "show", "HEAD:" + path], capture_output=True)
    return result.stdout if result.returncode == 0 else None


def make(zoo, name, root):
    folder = f"{root}/{name}"
    os.makedirs(f"{folder}/configs", exist_ok=True)
    os.makedirs(f"{folder}/models", exist_ok=True)
    configs = []
    for file in CONFIGS:
        content = show(zoo, f"models/{name}/configs/{file}")
        if content is None:
            continue
        with open(f"{folder}/configs/{file}", "wb") as target:
            target.write(content)
        if file.startswith("inference."):
            configs.append(f"{folder}/configs/{file}")
    if not configs:
        sys.exit(f"error: {zoo} has no models/{name}/configs/inference.json or .yaml")
    parser = ConfigParser()
    parser.read_config(configs[0])
    parser["bundle_root"] = folder
    torch.manual_seed(0)
    network = parser.get_parsed_content("network_def").eval()
    for module in network.modules():
        if isinstance(module, (torch.nn.BatchNorm3d, torch.nn.BatchNorm2d)):
            module.running_mean.normal_(0, 0.2)
            module.running_var.uniform_(0.5, 1.5)
    torch.save(network.state_dict(), f"{folder}/models/model.pt")
    parameters = sum(p.numel() for p in network.parameters())
    print(f"{folder}: {type(network).__name__}, {parameters / 1e6:.1f} M parameters")


if __name__ == "__main__":
    if len(sys.argv) < 3 or not os.environ.get("ZOO"):
        sys.exit(__doc__)
    for bundle in sys.argv[2:]:
        make(os.environ["ZOO"], bundle, sys.argv[1])
