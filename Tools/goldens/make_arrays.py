#!/usr/bin/env python3
"""Write checkpoints with NumPy arrays and plain data beside tensors, as searches for architectures save them.

Usage: make_arrays.py OUTDIR      (needs torch, numpy)

OUTDIR/protocol<n>.pt hold the same content in the pickle protocols 2 (torch.save's own), 4 and 5; expected.json the same
as nested lists.
"""
import json
import sys

import numpy as np
import torch

content = {
    "integers": np.array([[1, 0, 1], [0, 1, 1]]),
    "floats": np.asfortranarray(np.array([[0.5, 1.5, -2.0], [4.0, 8.0, 16.0]])),
    "big_endian": np.array([1, 2, 258], dtype=">i4"),
    "bytes": np.arange(250, 256, dtype=np.uint8),
    "flags": np.array([True, False]),
    "halves": np.array([0.5, -1.0], dtype=np.float16),
    "scalar": np.float64(0.25),
    "tensor": torch.arange(6).reshape(2, 3).t(),
    "empty": np.zeros((2, 0)),
    "nested": {"epoch": 3, "names": ["a", "ä"], "pair": (1, None), "loss": 0.125, "done": True},
}


def plain(value):
    if isinstance(value, (np.ndarray, np.generic)):
        return value.tolist()
    if isinstance(value, torch.Tensor):
        return value.tolist()
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items()}
    return [plain(v) for v in value] if isinstance(value, (list, tuple)) else value


for protocol in [2, 4, 5]:
    torch.save({**content, "object": np.array([{}], dtype=object)}, f"{sys.argv[1]}/protocol{protocol}.pt", pickle_protocol=protocol)
with open(f"{sys.argv[1]}/expected.json", "w") as file:
    json.dump(plain(content), file, indent=1, ensure_ascii=False)
    file.write("\n")
