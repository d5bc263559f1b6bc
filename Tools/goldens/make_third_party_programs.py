#!/usr/bin/env python3
"""Write Tests/Corpus/programs_older/<version of PyTorch>: MONAI's networks, and statements of TorchScript that other
people's programs have, as the PyTorch and the MONAI that run this write them.

    make_third_party_programs.py OUT        with PyTorch 1.8.1 and MONAI 0.8.1, 1.13.1 and 1.0.1, 2.1.2 and 1.3.0 in turn
"""
import enum, os, sys, warnings
from typing import Dict, NamedTuple, Optional

import numpy
import torch
from monai.networks import layers, nets
from torch import nn, Tensor

from archives import slim

warnings.filterwarnings("ignore")


class Mode(enum.Enum):
    PLAIN = "plain"
    DOUBLED = "doubled"


class Result(NamedTuple):
    logits: Tensor
    features: Tensor


class Statements(nn.Module):
    """`with`, `fork`, members of an enumeration, named tuples, modules that are there or not, dictionaries of modules."""

    mode: Mode

    def __init__(self):
        super().__init__()
        self.mode = Mode.DOUBLED
        self.left, self.right = nn.Conv2d(1, 2, 3, padding=1), nn.Conv2d(1, 2, 1)
        self.shortcut: Optional[nn.Module] = None
        self.steps = nn.ModuleDict({"first": nn.Conv2d(2, 2, 1), "second": nn.Tanh()})

    def joined(self, x: Tensor) -> Result:
        future = torch.jit.fork(self.left, x)
        right = self.right(x)
        return Result(logits=torch.jit.wait(future) + right, features=right)

    def forward(self, x: Tensor) -> Dict[str, Tensor]:
        with torch.no_grad():
            result = self.joined(x)
            y = result.logits
        if self.shortcut is not None:
            y = self.shortcut(y)
        for name, step in self.steps.items():
            y = step(y) if name == "first" else step(y) * 2
        if self.mode == Mode.DOUBLED:
            y = y * 2
        if self.mode.value == "plain" or self.mode.name == "PLAIN":
            y = y - 1
        count = 0
        while True:
            count += 1
            if count > 4:
                break
            if count % 2 == 0:
                continue
            y = y + count
        flags = (x.shape[2] & 3) + (1 << 2)
        return {"y": y + flags, "features": result[1]}


class Moved(nn.Module):
    """A sampling grid made of sizes, and an affine transformation that the network computes."""

    def __init__(self):
        super().__init__()
        self.transform = layers.AffineTransform(normalized=True, padding_mode="border")
        self.theta = nn.Linear(16, 6)

    def forward(self, x):
        theta = self.theta(x.mean((1, 2))).view(-1, 2, 3) * 0.2 + torch.eye(2, 3)
        return self.transform(x, theta)


NETWORKS = {
    "statements": (Statements, ["scripted"]),
    "monai_segresnet": (lambda: nets.SegResNet(2, 8, 1, 2, blocks_down=(1, 1), blocks_up=(1,)), ["traced", "scripted"]),
    "monai_unet": (lambda: nets.UNet(2, 1, 2, (4, 8, 8), (2, 2), num_res_units=1), ["traced", "scripted"]),
    "monai_dynunet": (lambda: nets.DynUNet(2, 1, 2, [3, 3, 3], [1, 2, 2], [2, 2], filters=[4, 8, 8]), ["traced"]),
    "monai_unetr": (lambda: nets.UNETR(1, 2, (16, 16), 2, 12, 24, 3, spatial_dims=2), ["traced"]),
    "monai_affine": (Moved, ["traced"]),
}


def main(out):
    version = torch.__version__.split("+")[0]
    for name, (make, forms) in NETWORKS.items():
        torch.manual_seed(0)
        network, x = make().eval(), torch.randn(2, 1, 16, 16)
        folder = f"{out}/{version}/{name}"
        os.makedirs(folder, exist_ok=True)
        with torch.no_grad():
            y = network(x)
            numpy.save(f"{folder}/input_0.npy", x.numpy())
            for index, result in enumerate(y.values() if isinstance(y, dict) else [y]):
                numpy.save(f"{folder}/output_{index}.npy", result.numpy())
            for form in forms:
                make_program = torch.jit.script if form == "scripted" else lambda m: torch.jit.trace(m, x, check_trace=False)
                path = f"{folder}/{form}.ts"
                make_program(network).save(path)
                slim(path)


if __name__ == "__main__":
    main(*sys.argv[1:])
