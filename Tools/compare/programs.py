#!/usr/bin/env python3
"""Convert programs of full-size networks with Martlet, and compare them with PyTorch.

    programs.py MARTLET WORKDIR [NETWORK...]

torchvision's classification and segmentation networks and a network like nnU-Net's, with random weights, traced and
exported for an open batch. Each is written as ONNX by `martlet export` and run by ONNX Runtime for batches of 1, 2
and 3. Prints the largest error over the largest reference, and the export's wall time and peak memory. Needs torch,
torchvision and onnxruntime.
"""
import os, subprocess, sys, warnings

import numpy
import onnxruntime
import torch
import torchvision.models as models
from torch import nn

warnings.filterwarnings("ignore")


class Block(nn.Sequential):
    def __init__(self, inputs, outputs, stride=1):
        super().__init__(*[layer for i in range(2) for layer in (
            nn.Conv3d(outputs if i else inputs, outputs, 3, 1 if i else stride, 1),
            nn.InstanceNorm3d(outputs, affine=True), nn.LeakyReLU(0.01, inplace=True))])


class PlainUNet(nn.Module):
    """As nnU-Net's 3d_fullres: strided convolutions down, transposed ones up, a head at each level."""

    def __init__(self, features=(32, 64, 128, 256, 320, 320)):
        super().__init__()
        self.down = nn.ModuleList([Block(a, b, 2 if i else 1) for i, (a, b) in enumerate(zip((1,) + features, features))])
        pairs = list(zip(features[::-1], features[-2::-1]))
        self.up = nn.ModuleList([nn.ConvTranspose3d(a, b, 2, 2) for a, b in pairs])
        self.merge = nn.ModuleList([Block(2 * b, b) for _, b in pairs])
        self.heads = nn.ModuleList([nn.Conv3d(b, 3, 1) for _, b in pairs])

    def forward(self, x):
        skips = []
        for block in self.down:
            x = block(x)
            skips.append(x)
        outputs = []
        for i, (up, merge, head) in enumerate(zip(self.up, self.merge, self.heads)):
            x = merge(torch.cat((up(x), skips[-2 - i]), 1))
            outputs.append(head(x))
        return outputs[-1]


def segmentation(make):
    return lambda: make(weights=None, weights_backbone=None)


IMAGE = (3, 3, 224, 224)
NETWORKS = {
    "resnet50": (models.resnet50, IMAGE), "densenet121": (models.densenet121, IMAGE),
    "efficientnet_b0": (models.efficientnet_b0, IMAGE), "mobilenet_v3_small": (models.mobilenet_v3_small, IMAGE),
    "convnext_tiny": (models.convnext_tiny, IMAGE), "swin_t": (models.swin_t, IMAGE), "vit_b_16": (models.vit_b_16, IMAGE),
    "deeplabv3_resnet50": (segmentation(models.segmentation.deeplabv3_resnet50), IMAGE),
    "fcn_resnet50": (segmentation(models.segmentation.fcn_resnet50), IMAGE), "nnunet": (PlainUNet, (3, 1, 64, 64, 64)),
}


def make(name):
    torch.manual_seed(0)
    build, shape = NETWORKS[name]
    network = build().eval()
    for parameter in network.parameters():
        if parameter.abs().max() == 0:
            parameter.data.normal_(0, 0.3)
    for module in network.modules():
        if isinstance(module, (nn.BatchNorm2d, nn.BatchNorm3d)):
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 1.5)
    return network, torch.randn(shape)


def write(network, x, kind, path):
    if kind == "traced":
        torch.jit.trace(network, x, strict=False, check_trace=False).save(path)
    else:
        batch = torch.export.Dim("batch", min=1, max=64)
        torch.export.save(torch.export.export(network, (x,), dynamic_shapes=({0: batch},)), path)


def main(martlet, work, *names):
    os.makedirs(work, exist_ok=True)
    print("| network | form | error, batches 1, 2, 3 | s | MB | file, MB |\n|---|---|---|---|---|---|")
    for name in names or NETWORKS:
        network, x = make(name)
        with torch.no_grad():
            reference = network(x)
        reference = reference["out"] if isinstance(reference, dict) else reference
        for kind, file in [("traced", "traced.ts"), ("exported", "exported.pt2")]:
            path, onnx = f"{work}/{file}", f"{work}/network.onnx"
            with torch.no_grad():
                write(network, x, kind, path)
            run = subprocess.run(
                ["/usr/bin/time", "-f", "%e %M", martlet, "export", path, "--target", "onnx", "-o", onnx, "--force",
                 "--quiet", "--input-shape", ",".join(map(str, x.shape))], capture_output=True, text=True)
            if run.returncode:
                print(f"| {name} | {kind} | {run.stderr.strip()} | | | |")
                continue
            seconds, kilobytes = run.stderr.strip().splitlines()[-1].split()
            session = onnxruntime.InferenceSession(onnx, providers=["CPUExecutionProvider"])
            errors = []
            for batch in 1, 2, 3:
                feed = {session.get_inputs()[0].name: x[:batch].numpy()}
                error = numpy.abs(session.run(None, feed)[0] - reference[:batch].numpy()).max()
                errors.append(f"{error / numpy.abs(reference.numpy()).max():.1e}")
            size = os.path.getsize(path) / 1e6
            print(f"| {name} | {kind} | {', '.join(errors)} | {seconds} | {int(kilobytes) / 1e3:.0f} | {size:.0f} |",
                  flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
