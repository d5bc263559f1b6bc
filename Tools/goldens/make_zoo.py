#!/usr/bin/env python3
"""Take the network definitions out of MONAI's model zoo, and note what MONAI makes of them.

Usage: make_zoo.py CLONE OUTDIR      (needs torch, torchvision, monai, einops, pyyaml, git)

CLONE is a clone, bare or not, of the public Project-MONAI/model-zoo (Apache-2.0). Each bundle becomes OUTDIR/<name>/ with
  configs/inference.json   of its inference config: the entries that define networks, the inferer, the imports, and
                           every entry that these refer to
  configs/metadata.json    the shape of its inputs
  models/*.pt              stand-ins for the checkpoints that expressions load: random architectures for DiNTS
  <id>.keys                for each network: the keys and shapes of MONAI's state dict
and OUTDIR/source.json with the zoo's address and commit.
"""
import json
import os
import re
import subprocess
import sys
import warnings

warnings.filterwarnings("ignore")
import numpy as np
import torch
import yaml
from monai.bundle import ConfigParser

TEMPLATES = {"classification_template", "segmentation_template"}


def git(zoo, *arguments):
    return subprocess.run(["git", "-C", zoo, *arguments], capture_output=True, text=True, check=True).stdout


def references(value):
    """The top-level entries that a value refers to."""
    if isinstance(value, str):
        return set(re.findall(r"@([A-Za-z_]\w*)", value)) if value[:1] in "@$" else set()
    children = value.values() if isinstance(value, dict) else value if isinstance(value, list) else []
    return set().union(*map(references, children)) if children else set()


def reduced(config):
    """The entries that the networks and the inferer need, in their order."""
    wanted = [k for k in config if k.endswith("_def") or k in ("inferer", "imports", "bundle_root")]
    kept = set()
    while wanted:
        key = wanted.pop()
        # The network itself, and detectors around it, are no part of a definition.
        if key in kept or key not in config or key in ("network", "detector", "model"):
            continue
        kept.add(key)
        wanted += references(config[key])
    if references(config.get("inferer")) - kept:
        kept.discard("inferer")
    return {k: v for k, v in config.items() if k in kept}


def stand_in(folder, config):
    """A random architecture of the size that the config's TopologyInstance asks for."""
    space = config.get("dints_space")
    if not space:
        return
    path = config["arch_ckpt_path"].split("'")[1].lstrip("/")
    blocks, depths = space["num_blocks"], space["num_depths"]
    count = 3 * depths - 2
    draw = np.random.default_rng(0)
    code = (draw.random((blocks, count)) < 0.4).astype(np.int64)
    code[:, ::3] = 1  # every depth goes on, so that none runs dry
    os.makedirs(f"{folder}/{os.path.dirname(path)}", exist_ok=True)
    torch.save({"node_a": np.ones((blocks + 1, depths)), "arch_code_a": code, "arch_code_c": draw.integers(0, 5, (blocks, count)),
                "iter_num": 18590, "best_dsc": 0.5}, f"{folder}/{path}")


def keys(folder, config, key):
    """Writes the keys of MONAI's state dict, unless MONAI can't make the network from the config alone."""
    parser = ConfigParser()
    parser.read_config(f"{folder}/configs/inference.json")
    parser["bundle_root"] = folder
    if "arch_ckpt" in config:
        parser["arch_ckpt"] = f"$torch.load('{folder}/{config['arch_ckpt_path'].split(chr(39))[1].lstrip('/')}', weights_only=False)"
        parser["dints_space"]["device"] = "cpu"
    if isinstance(config[key], dict):
        if config[key].get("pretrained"):
            parser[f"{key}#pretrained"] = False
        # The zoo's configs still name it; MONAI has dropped it since.
        if config[key]["_target_"] == "SwinUNETR":
            parser[key] = {k: v for k, v in config[key].items() if k != "img_size"}
    try:
        state = parser.get_parsed_content(key).state_dict()
    except Exception as error:
        cause = error.__cause__ or error
        print(f"  {key}: MONAI: {type(cause).__name__}: {str(cause)[:120]}")
        return
    with open(f"{folder}/{key}.keys", "w") as target:
        for name, tensor in state.items():
            if not name.endswith("num_batches_tracked"):
                target.write(f"{name} {','.join(map(str, tensor.shape))}\n")


def main(zoo, out):
    commit = git(zoo, "rev-parse", "HEAD").strip()
    source = {"source": "https://github.com/Project-MONAI/model-zoo", "commit": commit, "licence": "Apache-2.0"}
    for name in git(zoo, "ls-tree", "--name-only", "HEAD:models").split():
        if name in TEMPLATES or "." in name:
            continue
        files = git(zoo, "ls-tree", "--name-only", f"HEAD:models/{name}/configs").split()
        file = next(f for f in ["inference.json", "inference.yaml"] if f in files)
        read = json.loads if file.endswith(".json") else yaml.safe_load
        config = read(git(zoo, "show", f"HEAD:models/{name}/configs/{file}"))
        metadata = json.loads(git(zoo, "show", f"HEAD:models/{name}/configs/metadata.json"))
        folder = f"{out}/{name}"
        os.makedirs(f"{folder}/configs", exist_ok=True)
        small = reduced(config)
        with open(f"{folder}/configs/inference.json", "w") as target:
            json.dump(small, target, indent=1)
            target.write("\n")
        kept = {k: metadata[k] for k in ("name", "version", "network_data_format") if k in metadata}
        kept["network_data_format"] = {"inputs": kept.get("network_data_format", {}).get("inputs", {})}
        with open(f"{folder}/configs/metadata.json", "w") as target:
            json.dump(kept, target, indent=1)
            target.write("\n")
        stand_in(folder, small)
        print(name, sorted(small))
        for key in small:
            if key.endswith("_def"):
                keys(folder, small, key)
    with open(f"{out}/source.json", "w") as target:
        json.dump(source, target, indent=1)
        target.write("\n")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
