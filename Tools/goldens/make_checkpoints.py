"""Writes the checkpoint and array goldens under Tests/Corpus/checkpoints.

    python Tools/goldens/make_checkpoints.py

Needs torch 2.15 and numpy. `expected.json` holds, for each checkpoint, what PyTorch reads from it: names, dtypes,
shapes, strides, sums and first values; for each array what NumPy reads.
"""

import json
import os
import pathlib
import pickle
import shutil
import struct
import zipfile
from collections import Counter, OrderedDict, defaultdict

import numpy as np
import torch

ROOT = pathlib.Path(__file__).resolve().parents[2]
OUT = ROOT / "Tests/Corpus/checkpoints"
torch.manual_seed(0)

if OUT.exists():
    shutil.rmtree(OUT)
OUT.mkdir(parents=True)
expected = {"checkpoints": {}, "arrays": {}}


def flat(tensor):
    """All elements as float64 (64-bit integers here stay below 2**53)."""
    return tensor.detach().to(torch.float64).reshape(-1)


def describe(tensors):
    rows = []
    for name, tensor in tensors.items():
        values = flat(tensor)
        rows.append(
            {
                "name": name,
                "dtype": str(tensor.dtype).removeprefix("torch."),
                "shape": list(tensor.shape),
                "strides": list(tensor.stride()),
                "sum": float(values.sum()),
                "values": [float(v) for v in values[:8]],
            }
        )
    return rows


def golden(file, key=None, strip=False, path=None):
    """Notes what PyTorch reads from the file."""
    root = torch.load(path or OUT / file, map_location="cpu", weights_only=False)
    for part in key.split("#") if key else []:
        root = root[part]
    tensors = OrderedDict((k, v) for k, v in root.items() if isinstance(v, torch.Tensor))
    if strip:
        tensors = OrderedDict((k.removeprefix("module."), v) for k, v in tensors.items())
    expected["checkpoints"][file] = describe(tensors)


def save(file, content, key=None, strip=False, **arguments):
    torch.save(content, OUT / file, **arguments)
    golden(file, key, strip)


# Every dtype.
base = torch.tensor([[0.0, 1.0, 2.5], [-3.0, 4.25, 100.0]])
dtypes = "float16 bfloat16 float32 float64 int8 int16 int32 int64".split()
unsigned = "uint8 uint16 uint32 uint64".split()
every = OrderedDict((d, base.to(getattr(torch, d))) for d in dtypes)
every.update((d, base.abs().to(torch.int64).to(getattr(torch, d))) for d in unsigned)
every["bool"] = base > 0
every["scalar"] = torch.tensor(7.5)
every["empty"] = torch.zeros(0, 3)
every["int64_wide"] = torch.tensor([2**40 + 1, -(2**40)])
save("dtypes.pt", every)

# Views: strides, offsets, expansion, one storage behind several tensors.
buffer = torch.arange(60, dtype=torch.float32)
weight = torch.randn(4, 3, 5)
views = {
    "transposed": weight.permute(2, 0, 1),
    "whole": weight,
    "part": weight[1:3, :, 2],
    "step": buffer[3::4],
    "offset": buffer[10:22].reshape(3, 4),
    "expanded": torch.tensor([[1.0], [2.0]]).expand(2, 6),
    "overlapping": buffer.as_strided((5, 4), (2, 1), 7),
    "channels_last": torch.randn(1, 3, 4, 5).contiguous(memory_format=torch.channels_last),
    "tied": buffer,
    "parameter": torch.nn.Parameter(torch.randn(3)),
}
save("views.pt", views)

# Training checkpoints.
network = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3), torch.nn.BatchNorm2d(2))
optimizer = torch.optim.Adam(network.parameters())
network(torch.randn(1, 1, 6, 6)).sum().backward()
optimizer.step()
scheduler = torch.optim.lr_scheduler.MultiStepLR(optimizer, [3, 6])
training = {
    "epoch": 12,
    "state_dict": network.state_dict(),
    "optimizer": optimizer.state_dict(),
    "scheduler": scheduler.state_dict(),
    "best_metric": np.float64(0.875),
    "losses": [0.5, 0.25],
    "history": np.arange(3.0),
    "args": __import__("argparse").Namespace(lr=0.1, name="net"),
    "labels": {1, 2, 3},
    "device": torch.device("cuda:0"),
    "size": torch.Size([2, 3]),
    "dtype": torch.bfloat16,
    "seed": 2**100,
    "bytes": b"\x00\xff",
    "counts": Counter("abca"),
    "default": defaultdict(list, a=[1]),
    "none": None,
}
save("training.pt", training, key="state_dict")
save("training_protocol4.pt", training, key="state_dict", pickle_protocol=4)
save("training_protocol5.pt", training, key="state_dict", pickle_protocol=5)
save("two_levels.pt", {"trainer": {"net": network.state_dict(), "step": 3}}, key="trainer#net")
save("several.pt", {"model": network.state_dict(), "ema": network.state_dict()}, key="ema")
save("data_parallel.pt", {"module." + k: v for k, v in network.state_dict().items()}, strip=True)
save("root_with_epoch.pt", {**network.state_dict(), "epoch": 3, "name": "net"})
attributed = torch.nn.Parameter(torch.randn(2, 2))
attributed.note = "kept"
save("attributed.pt", {"weight": attributed})
torch.save([1, 2], OUT / "list.pt")
torch.save({"epoch": 3}, OUT / "no_tensors.pt")

# Tensors that are refused by kind.
torch.save({"a": torch.zeros(2, dtype=torch.complex64)}, OUT / "complex.pt")
torch.save({"a": torch.quantize_per_tensor(torch.ones(2), 0.1, 0, torch.qint8)}, OUT / "quantized.pt")
torch.save({"a": torch.eye(2).to_sparse()}, OUT / "sparse.pt")
torch.save({"a": torch.zeros(2).to(torch.float8_e4m3fn)}, OUT / "float8.pt")
torch.save({"a": torch.ones(2, dtype=torch.complex64).conj().imag}, OUT / "negated.pt")

# Other formats.
torch.save(network.state_dict(), OUT / "legacy.pt", _use_new_zipfile_serialization=False)
torch.jit.trace(network.eval(), torch.randn(1, 1, 6, 6)).save(str(OUT / "program.ts"))
# Without the debug files, which hold the paths of the machine that made them.
with zipfile.ZipFile(OUT / "program.ts") as source:
    program = [(info.filename, source.read(info)) for info in source.infolist() if "debug_pkl" not in info.filename]
with zipfile.ZipFile(OUT / "program.ts", "w") as target:
    for name, content in program:
        target.writestr(zipfile.ZipInfo(name), content)


class Attack:
    def __reduce__(self):
        return os.system, ("touch martlet-was-here",)


torch.save({"weight": torch.zeros(2), "attack": Attack()}, OUT / "attack.pt")
with open(OUT / "bare.pkl", "wb") as file:
    pickle.dump({"a": 1}, file)
(OUT / "text.pt").write_text("this is no checkpoint\n")
(OUT / "empty.pt").write_bytes(b"")

# Rewritten by Python's zipfile: deflated, with 64-bit sizes, big-endian, misaligned, with an unsafe name.
with zipfile.ZipFile(OUT / "training.pt") as source:
    entries = [(info.filename, source.read(info)) for info in source.infolist()]


def rezip(file, method=zipfile.ZIP_STORED, change=lambda name, content: (name, content)):
    with zipfile.ZipFile(OUT / file, "w", method) as target:
        for name, content in entries:
            name, content = change(name, content)
            info = zipfile.ZipInfo(name)
            info.compress_type = method
            target.writestr(info, content)


rezip("deflated.pt", zipfile.ZIP_DEFLATED)
golden("deflated.pt", "state_dict")
rezip("misaligned.pt", change=lambda n, c: (n.replace("training/", "x/"), c))
golden("misaligned.pt", "state_dict")
rezip("bzip2.pt", zipfile.ZIP_BZIP2)
rezip("big_endian.pt", change=lambda n, c: (n, b"big" if n.endswith("byteorder") else c))
rezip("unsafe.pt", change=lambda n, c: (n.replace("training/data/1", "../../escaped"), c))
# Every size and offset in 64 bits, which zipfile itself writes only where it must.
data = b""
directory = b""
for name, content in entries:
    raw = name.encode()
    crc = zipfile.crc32(content)
    extra = struct.pack("<HHQQ", 1, 16, len(content), len(content))
    offset = len(data)
    data += struct.pack("<IHHHHHIIIHH", 0x04034B50, 45, 0, 0, 0, 0, crc, 2**32 - 1, 2**32 - 1, len(raw), len(extra))
    data += raw + extra + content
    extra = struct.pack("<HHQQQ", 1, 24, len(content), len(content), offset)
    directory += struct.pack(
        "<IHHHHHHIIIHHHHHII", 0x02014B50, 45, 45, 0, 0, 0, 0, crc, 2**32 - 1, 2**32 - 1, len(raw), len(extra), 0, 0, 0, 0, 2**32 - 1
    )
    directory += raw + extra
end = struct.pack("<IQHHIIQQQQ", 0x06064B50, 44, 45, 45, 0, 0, len(entries), len(entries), len(directory), len(data))
end += struct.pack("<IIQI", 0x07064B50, 0, len(data) + len(directory), 1)
end += struct.pack("<IHHHHIIH", 0x06054B50, 0, 0, 0xFFFF, 0xFFFF, 2**32 - 1, 2**32 - 1, 0)
(OUT / "zip64.pt").write_bytes(data + directory + end)
with zipfile.ZipFile(OUT / "zip64.pt") as check:
    assert check.testzip() is None
golden("zip64.pt", "state_dict")

# A tensor of 10 GB in a file of about a kilobyte: the pickle's numbers are changed.
torch.save({"a": torch.zeros(300)}, OUT / "huge.pt")
with zipfile.ZipFile(OUT / "huge.pt") as source:
    huge = [(info.filename, source.read(info)) for info in source.infolist()]
count = 10 * 2**30 // 4
with zipfile.ZipFile(OUT / "huge.pt", "w") as target:
    for name, content in huge:
        if name.endswith("data.pkl"):
            # BININT2 300 becomes LONG1 of eight bytes.
            content = content.replace(b"M" + struct.pack("<H", 300), b"\x8a\x08" + struct.pack("<q", count))
        if "/data/" in name:
            content = content[:64]
        target.writestr(zipfile.ZipInfo(name), content)
# An expanded tensor of 4 TB over one element.
torch.save({"a": torch.zeros(1).expand(2**40)}, OUT / "expanded_huge.pt")

# safetensors, written by hand after the format's description.
header = {"__metadata__": {"format": "pt"}}
blob = b""
names = {"float32": "F32", "float16": "F16", "bfloat16": "BF16", "float64": "F64", "int64": "I64", "int32": "I32", "uint8": "U8", "bool": "BOOL"}
tensors = OrderedDict()
for dtype, name in names.items():
    tensor = every[dtype].contiguous()
    content = tensor.reshape(-1).view(torch.uint8).numpy().tobytes()
    header[dtype] = {"dtype": name, "shape": list(tensor.shape), "data_offsets": [len(blob), len(blob) + len(content)]}
    blob += content
    tensors[dtype] = tensor
text = json.dumps(header).encode()
(OUT / "weights.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + blob)
expected["checkpoints"]["weights.safetensors"] = describe(tensors)

# The networks' checkpoints, which lie elsewhere.
for path in sorted((ROOT / "Tests/Corpus/networks").glob("*/state_dict.pt")) + [ROOT / "Examples/brain-tissue/models/model.pt"]:
    golden(str(path.relative_to(ROOT)), path=path)


# Arrays.
def array(file, value, **arguments):
    with open(OUT / file, "wb") as target:
        np.lib.format.write_array(target, value, **arguments)
    values = value.astype(np.float64).reshape(-1)
    expected["arrays"][file] = {
        "dtype": value.dtype.newbyteorder("=").name,
        "shape": list(value.shape),
        "values": [float(v) for v in values],
    }


grid = np.arange(24).reshape(2, 3, 4)
for name in "f2 f4 f8 i1 i2 i4 i8 u1 u2 u4 u8".split():
    array(f"{name}.npy", grid.astype("<" + name))
for name in "f2 f4 f8 i2 i4 i8 u2 u4 u8".split():
    array(f"{name}_big.npy", grid.astype(">" + name))
array("bool.npy", grid % 3 == 0)
array("fortran.npy", np.asfortranarray(grid.astype("<f4")))
array("fortran_big.npy", np.asfortranarray(grid.astype(">i4")))
array("scalar.npy", np.array(2.5))
array("vector.npy", np.arange(5.0))
array("empty.npy", np.zeros((0, 3), np.float32))
array("version2.npy", grid.astype("<f4"), version=(2, 0))
array("version3.npy", grid.astype("<f4"), version=(3, 0))
np.save(OUT / "refused_complex.npy", np.zeros(2, np.complex64))
np.save(OUT / "refused_record.npy", np.zeros(2, [("a", "<f4"), ("b", "<i4")]))
np.save(OUT / "refused_object.npy", np.array([{}], object), allow_pickle=True)
np.save(OUT / "refused_text.npy", np.array(["a"]))

(OUT / "expected.json").write_text(json.dumps(expected) + "\n")
