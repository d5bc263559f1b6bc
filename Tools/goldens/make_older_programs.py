#!/usr/bin/env python3
"""Write Tests/Corpus/programs_older/<version of PyTorch>: small networks as the PyTorch that runs this exports them.

    make_older_programs.py OUT        with PyTorch 1.13.1, 2.0.1, 2.2.2, 2.4.1, 2.6.0 and 2.8.0 in turn

Each network stands for something that programs of other people have: control flow, optional values, dictionaries and
lists in scripted code; attention as one fused operator; windows that are shifted, with masks made in the program; a
detection head.
"""
import os, sys, warnings
from typing import Dict, List, Optional, Tuple

import numpy
import torch
from torch import nn, Tensor
from torch.nn import functional as F

from archives import slim

warnings.filterwarnings("ignore")


class Control(nn.Module):
    def __init__(self):
        super().__init__()
        self.count = 3
        self.conv = nn.Conv2d(3, 3, 3, padding=1)

    def scaled(self, x: Tensor, factor: Optional[Tensor] = None) -> Tensor:
        if factor is not None:
            x = x * factor
        else:
            x = x + 1
        return x

    def forward(self, x: Tensor, mask: Optional[Tensor] = None) -> Dict[str, Tensor]:
        result: Dict[str, Tensor] = {}
        for index in range(self.count):
            if index % 2 == 0:
                x = self.conv(x)
            else:
                x = F.relu(x)
        step = 0
        while step < 2:
            x = self.scaled(x, x if step == 1 else None)
            step += 1
        height, width = x.shape[-2:]
        if height > 4 and width > 4:
            x = F.interpolate(x, size=(height // 2, width // 2), mode="bilinear", align_corners=False)
        if mask is None:
            mask = torch.ones_like(x)
        assert x.dim() == 4, "four axes"
        pad = [1, 1]
        pad.extend([0, 1])
        x = F.pad(x * mask, pad)
        parts = torch.jit.annotate(List[Tensor], [])
        for part in torch.split(x, 1, dim=1):
            parts.append(part * 2)
        y = torch.cat(parts, 1)
        size: Tuple[int, int] = (height, width)
        result["out"] = y
        result["pooled"] = y.mean(dim=[2, 3])
        result["scaled"] = y * float(size[0]) / size[1]
        return result


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        layer = nn.TransformerEncoderLayer(16, 4, 32, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.attention = nn.MultiheadAttention(16, 2, batch_first=True)

    def forward(self, x):
        x = self.encoder(x.flatten(2).transpose(1, 2))
        return self.attention(x, x, x, need_weights=False)[0]


class ShiftedWindows(nn.Module):
    def __init__(self):
        super().__init__()
        self.projection = nn.Linear(16, 48)
        grid = torch.stack(torch.meshgrid([torch.arange(4), torch.arange(4)])).flatten(1)
        relative = (grid[:, :, None] - grid[:, None]).permute(1, 2, 0) + 3
        self.register_buffer("places", relative[..., 0] * 7 + relative[..., 1])
        self.table = nn.Parameter(torch.randn(49, 1))

    def forward(self, x):
        batch, channels, height, width = x.shape
        x = torch.roll(x.permute(0, 2, 3, 1), (-2, -2), (1, 2))
        regions = torch.zeros((1, height, width, 1))
        number = 0
        for rows in (slice(0, -4), slice(-4, -2), slice(-2, None)):
            for columns in (slice(0, -4), slice(-4, -2), slice(-2, None)):
                regions[:, rows, columns, :] = number
                number += 1
        regions = regions.view(1, height // 4, 4, width // 4, 4, 1).permute(0, 1, 3, 2, 4, 5).reshape(-1, 16)
        mask = regions.unsqueeze(1) - regions.unsqueeze(2)
        mask = mask.masked_fill(mask != 0, -100.0).masked_fill(mask == 0, 0.0)
        x = x.view(batch, height // 4, 4, width // 4, 4, channels).permute(0, 1, 3, 2, 4, 5).reshape(-1, 16, channels)
        query, key, value = self.projection(x).chunk(3, -1)
        scores = query @ key.transpose(-2, -1) / 4 + self.table[self.places.view(-1)].view(16, 16)
        scores = scores.view(batch, -1, 16, 16) + mask.unsqueeze(0)
        x = scores.view(-1, 16, 16).softmax(-1) @ value
        x = x.view(batch, height // 4, width // 4, 4, 4, channels).permute(0, 1, 3, 2, 4, 5)
        return torch.roll(x.reshape(batch, height, width, channels), (2, 2), (1, 2)).permute(0, 3, 1, 2)


class Head(nn.Module):
    def __init__(self):
        super().__init__()
        self.stages = nn.ModuleList([nn.Conv2d(3 if i == 0 else 8, 8, 3, 2, 1) for i in range(3)])
        self.laterals = nn.ModuleList([nn.Conv2d(8, 8, 1) for _ in range(3)])
        self.norm = nn.GroupNorm(4, 8)
        self.scales = nn.ParameterList([nn.Parameter(torch.tensor(float(i + 1))) for i in range(3)])
        self.classes = nn.Conv2d(8, 4, 3, padding=1)

    def forward(self, x):
        features = []
        for stage in self.stages:
            x = F.relu(stage(x), inplace=True)
            features.append(x)
        levels = [lateral(feature) for lateral, feature in zip(self.laterals, features)]
        for i in (2, 1):
            levels[i - 1] = levels[i - 1] + F.interpolate(levels[i], size=levels[i - 1].shape[2:], mode="nearest")
        scores = []
        for level, scale in zip(levels, self.scales):
            score = self.classes(F.relu(self.norm(level))) * scale
            scores.append(score.permute(0, 2, 3, 1).reshape(score.shape[0], -1, 4).sigmoid())
        scores = torch.cat(scores, 1)
        best, _ = scores.max(-1)
        top, places = best.topk(5, dim=1)
        return top, torch.gather(best, 1, places), scores


NETWORKS = {"control": (Control, (2, 3, 12, 10)), "encoder": (Encoder, (2, 16, 4, 4)),
            "windows": (ShiftedWindows, (2, 16, 8, 12)), "head": (Head, (2, 3, 32, 32))}


def main(out):
    version = torch.__version__.split("+")[0]
    for name, (make, shape) in NETWORKS.items():
        torch.manual_seed(0)
        network, x = make().eval(), torch.randn(shape)
        folder = f"{out}/{version}/{name}"
        os.makedirs(folder, exist_ok=True)
        with torch.no_grad():
            y = network(x)
            results = list(y.values()) if isinstance(y, dict) else list(y) if isinstance(y, tuple) else [y]
            numpy.save(f"{folder}/input_0.npy", x.numpy())
            for index, result in enumerate(results):
                numpy.save(f"{folder}/output_{index}.npy", result.numpy())
            traced = torch.jit.trace(network, x, strict=False, check_trace=False)
            traced.save(f"{folder}/traced.ts")
            if name in ["control", "encoder"]:
                torch.jit.freeze(traced).save(f"{folder}/frozen.ts")
            if name == "control":
                torch.jit.script(network).save(f"{folder}/scripted.ts")
            try:
                try:
                    dynamic = {"dynamic_shapes": ({0: torch.export.Dim("batch", min=2, max=64)},)}
                    program = torch.export.export(network, (x,), **dynamic)
                except Exception:
                    program = torch.export.export(network, (x,))
                torch.export.save(program, f"{folder}/exported.pt2")
            except Exception as error:
                print(version, name, "isn't exported:", type(error).__name__, str(error)[:100])
        for file in os.listdir(folder):
            if file.endswith((".ts", ".pt2")):
                slim(f"{folder}/{file}")


if __name__ == "__main__":
    main(*sys.argv[1:])
