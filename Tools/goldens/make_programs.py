#!/usr/bin/env python3
"""Write the programs of Tests/Corpus/programs: damaged, refused and older archives.

    make_programs.py OUT            small archives, written here, the example bundle's network among them
    make_programs.py OUT CORPUS     also copies the programs of the cases below from what make_corpus.py wrote

PyTorch 2.15.0, MONAI 1.6.1. The tests compare the cases with the inputs and outputs of Tests/Corpus/networks.
"""
import io, json, os, shutil, struct, sys, zipfile

import torch
from monai.networks.nets import UNet
from torch import nn

from archives import slim

CASES = ["autoencoder", "basicunet2d_odd", "classifier", "densenet", "dynunet_res_aniso", "efficientnet_tiny",
         "generator", "highresnet", "mednext", "reg_unet", "resnet3d", "unet2d_instance", "unet3d_batch_prelu",
         "vit_classify"]


class DataDependent(nn.Module):
    def forward(self, x):
        if bool(x.sum() > 0):
            return x + 1
        return x - 1


class FixedBatch(nn.Module):
    """Its batch isn't written anywhere, but as many rows are joined as the batch had."""

    def forward(self, x):
        row = torch.arange(8, dtype=torch.float32).expand(1, 8, 8)
        return x + torch.stack([row, row])


class Picked(nn.Module):
    def forward(self, x):
        return x[x > 0].sum() + x


class BatchDependent(nn.Module):
    def forward(self, x):
        if x.size(0) == 1:
            return x + 1
        return x - 1


class Fourier(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = nn.Sequential(nn.Conv2d(1, 1, 1), nn.ReLU())

    def forward(self, x):
        return torch.fft.fftn(self.inner(x)).real + torch.special.erfcx(x)


@torch.jit.script
class Counter:
    def __init__(self, start: int):
        self.start = start

    def add(self, x: torch.Tensor):
        return x + self.start


class CustomClass(nn.Module):
    def forward(self, x):
        counter = Counter(3)
        return counter.add(x)


class InPlace(nn.Module):
    """Changes of views, of a tensor that is read again afterwards."""

    def forward(self, x):
        y = x.clone()
        y[:, 0] = 0
        y[:, 1:, 2:4].mul_(2)
        z = y.view(y.shape[0], -1)
        z += 1
        y.relu_()
        return y + x, z


def repack(source, target, change):
    """Copies a zip archive; `change(name, data)` gives the new content, or None to leave the entry out."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            data = change(name, old.read(name))
            if data is not None:
                new.writestr(zipfile.ZipInfo(name, (2020, 1, 1, 0, 0, 0)), data)


def save_state(tensors):
    file = io.BytesIO()
    torch.save(tensors, file)
    return file.getvalue()


def main(out, corpus=None):
    os.makedirs(out, exist_ok=True)
    torch.manual_seed(0)
    x = torch.ones(2, 1, 8, 8)
    for name, module in [("data_dependent", DataDependent()), ("batch_dependent", BatchDependent()),
                         ("custom_class", CustomClass())]:
        torch.jit.script(module.eval()).save(f"{out}/{name}.ts")
    torch.jit.trace(Fourier().eval(), x).save(f"{out}/unsupported.ts")
    torch.jit.trace(FixedBatch(), x).save(f"{out}/fixed_batch.ts")
    torch.jit.trace(Picked(), x).save(f"{out}/picked.ts")
    fused = torch.jit.optimize_for_inference(torch.jit.trace(nn.Conv2d(1, 2, 3).eval(), x))
    fused.save(f"{out}/fused.ts")
    for name in ["fixed_batch", "picked", "fused"]:
        slim(f"{out}/{name}.ts")
    torch.export.save(torch.export.export(Fourier().eval(), (x,)), f"{out}/unsupported.pt2")

    image = torch.arange(2 * 3 * 6 * 5, dtype=torch.float32).reshape(2, 3, 6, 5) / 20 - 4
    batch = torch.export.Dim("batch", min=1, max=64)
    torch.jit.trace(InPlace(), image).save(f"{out}/in_place.ts")
    torch.export.save(torch.export.export(InPlace(), (image,), dynamic_shapes=({0: batch},)), f"{out}/in_place.pt2")
    import numpy
    numpy.save(f"{out}/in_place_input.npy", image.numpy())
    for index, output in enumerate(InPlace()(image)):
        numpy.save(f"{out}/in_place_output_{index}.npy", output.numpy())

    # The same small network in the three layouts.
    net = nn.Sequential(nn.Conv2d(1, 2, 3, padding=1), nn.BatchNorm2d(2), nn.ReLU()).eval()
    program = torch.export.export(net, (x,), dynamic_shapes=({0: batch},))
    torch.export.save(program, f"{out}/layout_files.pt2")
    state = save_state({k: v.detach() for k, v in net.state_dict().items()})
    constants = save_state({})
    with zipfile.ZipFile(f"{out}/layout_files.pt2") as archive:
        names = archive.namelist()
        model = archive.read(next(n for n in names if n.endswith("models/model.json")))
    stamp = (2020, 1, 1, 0, 0, 0)
    with zipfile.ZipFile(f"{out}/layout_archive.pt2", "w") as archive:
        for name, data in [("archive_format", b"pt2"), ("models/model.json", model), ("data/weights/model.pt", state),
                           ("data/constants/model.pt", constants)]:
            archive.writestr(zipfile.ZipInfo("layout/" + name, stamp), data)
    with zipfile.ZipFile(f"{out}/layout_flat.pt2", "w") as archive:
        for name, data in [("serialized_exported_program.json", model), ("serialized_state_dict.pt", state),
                           ("serialized_constants.pt", constants), ("version", b"8.1")]:
            archive.writestr(zipfile.ZipInfo(name, stamp), data)
    numpy.save(f"{out}/layout_output.npy", net(x).detach().numpy())

    # 10 GB that a file of a few kB declares.
    def enlarge(name, data):
        if not name.endswith("model_weights_config.json"):
            return data
        index = json.loads(data)
        meta = index["config"]["0.weight"]["tensor_meta"]
        meta["sizes"][0]["as_int"] = 10 ** 10 // 36
        return json.dumps(index)

    repack(f"{out}/layout_files.pt2", f"{out}/huge.pt2", enlarge)
    with zipfile.ZipFile(f"{out}/leaving.pt2", "w") as archive:
        archive.writestr(zipfile.ZipInfo("archive_format", stamp), b"pt2")
        archive.writestr(zipfile.ZipInfo("../models/model.json", stamp), model)
    # The same of a TorchScript archive: a weight's shape [2, 1, 3, 3], and a folder above.
    torch.jit.trace(net, x).save(f"{out}/layout.ts")
    slim(f"{out}/layout.ts")
    large = b"(J" + struct.pack("<i", 10 ** 10 // 36) + b"K\x01K\x03K\x03t"
    repack(f"{out}/layout.ts", f"{out}/huge.ts", lambda name, data: data.replace(b"(K\x02K\x01K\x03K\x03t", large))
    with zipfile.ZipFile(f"{out}/layout.ts") as old, zipfile.ZipFile(f"{out}/leaving.ts", "w") as new:
        for name in old.namelist():
            new.writestr(zipfile.ZipInfo("../" + name, stamp), old.read(name))
    bundle = os.path.join(os.path.dirname(__file__), "../../Examples/brain-tissue")
    with open(f"{bundle}/configs/inference.json") as file:
        config = json.load(file)
    arguments = {key: value for key, value in config["network_def"].items() if key != "_target_"}
    network = UNet(**arguments).eval()
    network.load_state_dict(torch.load(f"{bundle}/models/model.pt"))
    window = torch.zeros(2, 1, *config["inferer"]["roi_size"])
    program = torch.export.export(network, (window,), dynamic_shapes=({0: batch},))
    torch.export.save(program, f"{out}/brain_tissue.pt2")
    slim(f"{out}/brain_tissue.pt2")
    if corpus:
        for case in CASES:
            os.makedirs(f"{out}/{case}", exist_ok=True)
            for name in ["traced.ts", "scripted.ts", "exported.pt2"]:
                if os.path.exists(f"{corpus}/{case}/{name}"):
                    shutil.copy(f"{corpus}/{case}/{name}", f"{out}/{case}/{name}")
                    os.chmod(f"{out}/{case}/{name}", 0o644)
        # AutoencoderKL draws random numbers, so that not all of its outputs can be compared.
        os.makedirs(f"{out}/random", exist_ok=True)
        for name in ["traced.ts", "exported.pt2"]:
            shutil.copy(f"{corpus}/autoencoderkl/{name}", f"{out}/random/{name}")
            os.chmod(f"{out}/random/{name}", 0o644)


if __name__ == "__main__":
    main(*sys.argv[1:])
