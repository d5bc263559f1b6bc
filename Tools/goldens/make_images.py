"""Goldens of the image reader and of orientations, made by nibabel and MONAI.

    python Tools/goldens/make_images.py Tests/Corpus/images

Needs nibabel 5.4, numpy and monai 1.6.1. Everything is seeded; a second run gives the same voxels and headers.
"""

import gzip
import json
import os
import struct
import sys
import warnings

import nibabel as nib
import numpy as np
from monai.data import NibabelWriter
from monai.transforms import EnsureChannelFirst, LoadImage

warnings.simplefilter("ignore")
OUT = sys.argv[1]
os.makedirs(OUT, exist_ok=True)
RNG = np.random.RandomState(7)
TYPES = ["uint8", "int8", "int16", "uint16", "int32", "uint32", "int64", "uint64", "float32", "float64"]
OBLIQUE = np.array([[-1.5, 0.25, 0.1, 31.5], [0.2, 1.75, -0.3, -12.25], [0.05, 0.4, 2.5, -40.0], [0, 0, 0, 1]])
cases = {}


def values(shape, dtype):
    if np.dtype(dtype).kind == "f":
        return (RNG.standard_normal(shape) * 100).astype(dtype)
    info = np.iinfo(dtype)
    low, high = max(info.min, -(2**40)), min(info.max, 2**40)
    data = RNG.randint(low, high, shape, dtype=np.int64).astype(dtype)
    data.flat[0], data.flat[1] = info.min, info.max
    return data


def record(name):
    """What nibabel and MONAI read from the file."""
    path = os.path.join(OUT, name)
    image = nib.load(path)
    stem = name.replace(".", "_")
    np.save(os.path.join(OUT, stem + ".npy"), np.asarray(image.dataobj).astype(np.float64))
    loaded = EnsureChannelFirst()(LoadImage(reader="NibabelReader", image_only=True, dtype=np.float32)(path))
    np.save(os.path.join(OUT, stem + ".monai.npy"), loaded.numpy())
    header = image.header
    cases[name] = {
        "stem": stem,
        "shape": list(map(int, image.shape)),
        "type": header.get_data_dtype().newbyteorder("=").name,
        "affine": image.affine.tolist(),
        "monaiAffine": np.asarray(loaded.affine, dtype=np.float64).tolist(),
        "sformCode": int(header["sform_code"]),
        "qformCode": int(header["qform_code"]),
        "description": header["descrip"].item().decode("latin1"),
    }


def save(name, data, affine=OBLIQUE, two=False, big=False, edit=None, extensions=()):
    klass, header_class = (nib.Nifti2Image, nib.Nifti2Header) if two else (nib.Nifti1Image, nib.Nifti1Header)
    if name.endswith((".hdr", ".hdr.gz")):
        klass, header_class = nib.Nifti1Pair, nib.nifti1.Nifti1PairHeader
    header = header_class(endianness=">" if big else "<")
    header.set_data_dtype(data.dtype)
    header["descrip"] = b"golden"
    image = klass(data, affine, header)
    for extension in extensions:
        image.header.extensions.append(extension)
    path = os.path.join(OUT, name)
    nib.save(image, path.replace(".hdr", ".img"))
    if edit:
        raw = gzip.open(path).read() if name.endswith(".gz") else open(path, "rb").read()
        raw = edit(bytearray(raw))
        with open(path, "wb") as file:
            file.write(gzip.compress(bytes(raw), mtime=0) if name.endswith(".gz") else bytes(raw))
    record(name)


def fields(**changes):
    """Sets fields of a little-endian NIfTI-1 header."""
    places = {"slope": (112, "<f"), "inter": (116, "<f"), "qform_code": (252, "<h"), "sform_code": (254, "<h"),
              "qfac": (76, "<f"), "dx": (80, "<f"), "dy": (84, "<f"), "dz": (88, "<f"), "qb": (256, "<f"),
              "qc": (260, "<f"), "qd": (264, "<f"), "sx": (280, "<f")}

    def edit(raw):
        for key, value in changes.items():
            place, form = places[key]
            struct.pack_into(form, raw, place, value)
        return raw

    return edit


for dtype in TYPES:
    for two in (False, True):
        for big in (False, True):
            gz = dtype in ("int16", "float32", "uint8")
            for ending in (".nii", ".nii.gz") if gz else (".nii",):
                save(f"{dtype}_{'n2' if two else 'n1'}_{'be' if big else 'le'}{ending}", values((5, 4, 3), dtype), two=two, big=big)
    save(f"scaled_{dtype}.nii", values((4, 3, 2), dtype), edit=fields(slope=0.37, inter=-11.3))
save("slope_only.nii", values((4, 3, 2), "int16"), edit=fields(slope=2.5, inter=0))
save("inter_only.nii", values((4, 3, 2), "int16"), edit=fields(slope=1, inter=-1024))
save("slope_zero.nii", values((4, 3, 2), "int16"), edit=fields(slope=0, inter=5))
save("slope_nan.nii", values((4, 3, 2), "int16"), edit=fields(slope=float("nan"), inter=float("nan")))
small = values((4, 3, 2), "uint8")
save("form_sform.nii", small, edit=fields(sform_code=4, qform_code=0))
save("form_qform.nii", small, edit=fields(sform_code=0, qform_code=1))
save("form_both.nii", small, edit=fields(sform_code=2, qform_code=1))
save("form_none.nii", small, edit=fields(sform_code=0, qform_code=0))
save("form_invalid_code.nii", small, edit=fields(sform_code=77, qform_code=1))
save("form_bad_qfac.nii", small, edit=fields(sform_code=0, qform_code=1, qfac=0))
save("form_half_turn.nii", small, edit=fields(sform_code=0, qform_code=1, qb=0, qc=0, qd=1.0000001))
save("form_negative_pixdim.nii", small, edit=fields(sform_code=0, qform_code=0, dx=-2, dy=0))
save("form_sform_wrong.nii", small, affine=np.diag([-2.0, 2, 3, 1]), edit=fields(sform_code=1, qform_code=1, sx=-9))
save("form_qform_wrong.nii", small, affine=np.diag([-2.0, 2, 3, 1]), edit=fields(sform_code=0, qform_code=1, dx=2))
save("axes_1.nii", values((7,), "int16"))
save("axes_2.nii", values((5, 4), "int16"))
save("axes_3_flat.nii", values((5, 4, 1), "int16"))
save("axes_4.nii.gz", values((5, 4, 3, 2), "float32"))
save("axes_4_single.nii", values((5, 4, 3, 1), "int16"))
save("axes_5.nii", values((3, 2, 4, 1, 3), "float32"))
save("axes_tile.nii.gz", values((67, 3, 66), "int16"))
save("extension.nii.gz", values((4, 3, 2), "int16"),
     extensions=[nib.nifti1.Nifti1Extension("comment", b"a comment"), nib.nifti1.Nifti1Extension("afni", b"<x/>" * 30)])
save("pair.hdr", values((4, 3, 2), "int16"))
save("pair_gz.hdr.gz", values((4, 3, 2), "int16"))
members = open(os.path.join(OUT, "int16_n1_le.nii"), "rb").read()
with open(os.path.join(OUT, "members.nii.gz"), "wb") as file:
    for start in range(0, len(members), 150):
        file.write(gzip.compress(members[start : start + 150], mtime=0))
record("members.nii.gz")

written = {}
for name, shape, dtype, affine in (
    ("labels", (1, 6, 5, 4), "uint8", OBLIQUE), ("probabilities", (3, 6, 5, 4), "float32", np.diag([-1.0, -1, 2.5, 1])),
    ("flat", (1, 6, 5, 1), "int16", np.array([[-2, 0, 0, 1.5], [0, 1.5, 0, 2], [0, 0, 3, 3], [0, 0, 0, 1.0]])),
    ("left_handed", (1, 3, 4, 5), "float64", np.array([[2, 0, 0, 1.0], [0, 2, 0, 2], [0, 0, 2, 3], [0, 0, 0, 1]]) @ np.diag([-1, 1, 1, 1.0])),
    ("sheared", (1, 3, 4, 5), "int32", OBLIQUE @ np.array([[1, 0.3, 0, 0], [0, 1, 0.2, 0], [0, 0, 1, 0], [0, 0, 0, 1]])),
):
    data = values(shape, dtype)
    writer = NibabelWriter(output_dtype=np.dtype(dtype))
    writer.set_data_array(data, channel_dim=0)
    writer.set_metadata({"affine": affine, "original_affine": affine, "spatial_shape": shape[1:]})
    writer.write(os.path.join(OUT, f"written_{name}.nii"))
    stored = np.asarray(nib.load(os.path.join(OUT, f"written_{name}.nii")).dataobj)
    stored = stored.reshape(shape[1:] + (-1,)).transpose(3, 0, 1, 2)
    np.save(os.path.join(OUT, f"written_{name}.npy"), np.ascontiguousarray(stored))
    written[name] = {"type": dtype, "affine": affine.tolist()}

orientations = []
for index in range(240):
    kind = index % 6
    rotation = np.linalg.qr(RNG.standard_normal((3, 3)))[0]
    if kind == 0:
        matrix = rotation
    elif kind == 1:
        matrix = rotation @ (np.eye(3) + 0.3 * RNG.standard_normal((3, 3)))
    elif kind == 2:
        matrix = np.eye(3)[RNG.permutation(3)] * RNG.choice([-1, 1], 3)
    elif kind == 3:
        angle = np.pi / 4 + RNG.choice([-1, 1]) * 10.0 ** RNG.uniform(-9, -2)
        c, s = np.cos(angle), np.sin(angle)
        turn = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])
        order = RNG.permutation(3)
        matrix = turn[order][:, RNG.permutation(3)] * RNG.choice([-1, 1], 3)
    elif kind == 4:
        matrix = np.eye(3)[RNG.permutation(3)] * RNG.choice([-1, 1], 3) + 0.2 * RNG.standard_normal((3, 3))
    else:
        matrix = RNG.standard_normal((3, 3))
    affine = np.eye(4)
    affine[:3, :3] = matrix * 10.0 ** RNG.uniform(-1, 1, 3)
    affine[:3, 3] = RNG.uniform(-200, 200, 3)
    source = nib.io_orientation(affine)
    codes = "".join(nib.aff2axcodes(affine))
    order = RNG.permutation(3)
    target = "".join(np.array([["L", "R"], ["P", "A"], ["I", "S"]])[order, RNG.randint(0, 2, 3)])
    change = nib.orientations.ornt_transform(source, nib.orientations.axcodes2ornt(tuple(target)))
    shape = RNG.randint(2, 9, 3)
    orientations.append({
        "affine": affine.tolist(), "codes": codes, "target": target, "change": change.astype(int).tolist(),
        "shape": shape.tolist(), "inverse": nib.orientations.inv_ornt_aff(change, shape).tolist()})

with open(os.path.join(OUT, "cases.json"), "w") as file:
    json.dump({"read": cases, "written": written, "orientations": orientations}, file)
