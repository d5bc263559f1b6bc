#!/usr/bin/env python3
"""Write network cases whose weights are too large to keep: they are computed from their names, here and in the tests.

Usage: make_generated.py OUTDIR SPEC.json [CASE ...]     (needs torch, torchvision, monai, numpy, einops)

SPEC.json maps a case name to {"network_def": a network_def with nested "_target_" entries, "inputs": [[N, C, ...]]}.
Each case becomes OUTDIR/<name>/ with
  network.json    the network_def, the input shapes, and the shape of every float tensor of the state_dict
  output_<j>.npy  float32, network in eval mode on CPU; of a large output every "step"-th element, flattened

The element i of the tensor `key` is a float in [0, 1) made of the upper 24 bits of mix(i * 2654435761 + fnv1a(key)),
stretched to the range that its kind of tensor has (see `tensor`). Inputs are tensors named input_<i>, stretched to
[-1.75, 1.75).
"""
import json, math, os, sys, warnings
warnings.filterwarnings("ignore")
import numpy as np
import torch
import monai  # noqa: F401

U32 = np.uint64(0xFFFFFFFF)
LIMIT = 24_000


def mix(x):
    """Wellons' lowbias32 (https://nullprogram.com/blog/2018/07/31/) on uint64 lanes."""
    x = (x ^ (x >> np.uint64(16))) * np.uint64(0x7FEB352D) & U32
    x = (x ^ (x >> np.uint64(15))) * np.uint64(0x846CA68B) & U32
    return x ^ (x >> np.uint64(16))


def fnv1a(text):
    h = 0x811C9DC5
    for byte in text.encode():
        h = (h ^ byte) * 0x01000193 & 0xFFFFFFFF
    return h


def unit(key, count):
    index = np.arange(count, dtype=np.uint64)
    x = mix((index * np.uint64(2654435761) + np.uint64(fnv1a(key))) & U32)
    return (x >> np.uint64(8)).astype(np.float32) * np.float32(2.0 ** -24)


def tensor(key, shape):
    u = unit(key, math.prod(shape))
    name = key.rsplit(".", 1)[-1]
    if key.startswith("input_"):
        value = (2 * u - 1) * np.float32(1.75)
    elif name == "running_var" or (name == "weight" and len(shape) == 1):
        value = u + np.float32(0.5)
    elif len(shape) < 2:
        value = (2 * u - 1) * np.float32(0.2)
    else:
        value = (2 * u - 1) * np.float32(math.sqrt(4.0 / math.prod(shape[1:])))
    return value.reshape(shape)


def resolve(value, name=None):
    if isinstance(value, dict) and "_target_" in value:
        target = value["_target_"]
        module, attribute = target.rsplit(".", 1) if "." in target else ("monai.networks.nets", target)
        arguments = {k: resolve(v, k) for k, v in value.items() if k != "_target_"}
        return getattr(__import__(module, fromlist=[attribute]), attribute)(**arguments)
    if name == "arch_code":
        return [np.array(part) for part in value]
    if name == "node_a":
        return torch.tensor(value)
    return value


def flatten(y):
    if isinstance(y, torch.Tensor):
        return [y]
    if isinstance(y, dict):
        return [t for k in y for t in flatten(y[k])]
    return [t for e in y if e is not None for t in flatten(e)] if isinstance(y, (list, tuple)) else []


def make(name, spec, out):
    folder = os.path.join(out, name)
    os.makedirs(folder, exist_ok=True)
    net = resolve(spec["network_def"]).eval()
    state = net.state_dict()
    shapes = {k: list(v.shape) for k, v in state.items() if v.is_floating_point()}
    net.load_state_dict({**state, **{k: torch.from_numpy(tensor(k, s)) for k, s in shapes.items()}})
    xs = [torch.from_numpy(tensor(f"input_{i}", shape)) for i, shape in enumerate(spec["inputs"])]
    with torch.no_grad():
        ys = flatten(net(*xs))
    steps = []
    for i, y in enumerate(ys):
        step = max(1, -(-y.numel() // LIMIT))
        steps.append(step)
        y = y.float().numpy()
        np.save(f"{folder}/output_{i}.npy", y if step == 1 else y.reshape(-1)[::step])
    meta = {"network_def": spec["network_def"], "inputs": spec["inputs"], "outputs": [list(y.shape) for y in ys],
            "steps": steps, "torch": torch.__version__, "monai": monai.__version__, "generated": shapes}
    json.dump(meta, open(f"{folder}/network.json", "w"), separators=(",", ":"))
    largest = [float(y.abs().max()) for y in ys]
    print(f"{name:28s} {sum(map(math.prod, shapes.values())) / 1e6:7.2f}M numbers, outputs up to {largest}", flush=True)


if __name__ == "__main__":
    specs = json.load(open(sys.argv[2]))
    for name, spec in specs.items():
        if not sys.argv[3:] or name in sys.argv[3:]:
            make(name, spec, sys.argv[1])
