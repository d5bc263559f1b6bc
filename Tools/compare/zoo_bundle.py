#!/usr/bin/env python3
"""Make bundles of MONAI's model zoo with random weights, seed 0.

Usage: ZOO=CLONE zoo_bundle.py OUTDIR NAME...      (needs torch, monai, git)
CLONE is a clone, bare or not, of the public Project-MONAI/model-zoo. Each bundle becomes OUTDIR/NAME with the zoo's
inference configs and, where its CheckpointLoader looks for it, the state dict of the network that MONAI builds from
`network_def`. Normalisations get random statistics, so that they do something. The two DiNTS bundles get the result of
an architecture search that was never trained.
"""
import os
import subprocess
import sys

import torch
from monai.bundle import ConfigParser

CONFIGS = ["metadata.json", "inference.json", "inference.yaml", "logging.conf"]
# What this version of MONAI can't read of the zoo's configs as they are: on a machine without a GPU, and in SwinUNETR,
# which has no img_size any more.
CHANGES = {
    "arch_ckpt": "$torch.load(@arch_ckpt_path, map_location=torch.device('cpu'), weights_only=False)",
    "dints_space#device": "$torch.device('cpu')",
    "network_def#img_size": None,
}


def show(zoo, path):
    """The bytes of a file at the clone's HEAD, or None."""
    result = subprocess.run(["git", "-C", zoo, "show", "HEAD:" + path], capture_output=True)
    return result.stdout if result.returncode == 0 else None


def adapt(parser):
    """Changes the entries of CHANGES that the config has; those whose value is None are removed."""
    changed = {}
    for entry, value in CHANGES.items():
        if entry not in parser:
            continue
        if value is None:
            parent, key = entry.rsplit("#", 1)
            changed[parent] = {name: item for name, item in parser[parent].items() if name != key}
        else:
            changed[entry] = value
    for entry, value in changed.items():
        parser[entry] = value
    return changed


def architecture():
    """What the two DiNTS bundles keep of their search, of one that has just begun."""
    from monai.networks.nets import TopologySearch

    search = TopologySearch(channel_mul=1, num_blocks=12, num_depths=4, use_downsample=True, device="cpu")
    nodes, connections, operations, _ = search.decode()
    return {"node_a": nodes, "arch_code_a": connections, "arch_code_c": operations}


def checkpoint(parser):
    """The file that the config's CheckpointLoader reads."""
    loaders = [entry for entry in parser["handlers"] if entry["_target_"] == "CheckpointLoader"]
    path = "checkpointloader#load_path"
    if loaders:
        path = f"handlers#{parser['handlers'].index(loaders[0])}#load_path"
    return parser.get_parsed_content(path)


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
    adapt(parser)
    torch.manual_seed(0)
    if "arch_ckpt_path" in parser:
        torch.save(architecture(), parser.get_parsed_content("arch_ckpt_path"))
    network = parser.get_parsed_content("network_def").eval()
    for module in network.modules():
        if isinstance(module, (torch.nn.BatchNorm3d, torch.nn.BatchNorm2d)):
            module.running_mean.normal_(0, 0.2)
            module.running_var.uniform_(0.5, 1.5)
    torch.save(network.state_dict(), checkpoint(parser))
    parameters = sum(p.numel() for p in network.parameters())
    print(f"{folder}: {type(network).__name__}, {parameters / 1e6:.1f} M parameters")


if __name__ == "__main__":
    if len(sys.argv) < 3 or not os.environ.get("ZOO"):
        sys.exit(__doc__)
    for bundle in sys.argv[2:]:
        make(os.environ["ZOO"], bundle, sys.argv[1])
