#!/usr/bin/env python3
"""Apply transforms with random arguments to random scans with MONAI and with Martlet, and compare voxels and affines.

Usage: fuzz_transforms.py MARTLET WORKDIR [--count N] [--seed S] [--only NAME,...] [--invert] [--keep]   (needs monai, nibabel, einops, scikit-image)
Each case is a config of LoadImaged, EnsureChannelFirstd and one to three random transforms, run by `martlet transform` and by
MONAI. With --invert the case goes on with Invertd of a random prediction on the transformed grid. Refusals of Martlet by name
count apart and are listed by reason; a case that MONAI refuses and Martlet doesn't is listed too. The exit code is 1 when
results differ. A case's number and the seed make it again: --seed S --first NUMBER --count 1.
"""
import argparse
import collections
import json
import os
import random
import subprocess
import sys
import warnings

import nibabel
import numpy

warnings.filterwarnings("ignore")
import torch  # noqa: E402
from monai.bundle import ConfigParser  # noqa: E402
from monai.data import MetaTensor  # noqa: E402

TOLERANCE = 2e-5  # of the largest value
FEW = 2e-3  # the part of voxels that may fall on the other side of a rounding or a threshold


def scan(r, path, planar):
    rank = 2 if planar else 3
    shape = [r.randint(5, 24) for _ in range(rank)]
    channels = r.choice([0, 0, 0, 2, 3]) if not planar else 0
    spacing = [r.choice([0.7, 1.0, 1.5, 2.3]) for _ in range(3)]
    axes = r.sample(range(3), 3) if not planar else r.sample(range(2), 2) + [2]
    affine = numpy.eye(4)
    affine[:3, :3] = 0
    for column, axis in enumerate(axes):
        affine[axis, column] = r.choice([-1, 1]) * spacing[column] if (not planar or column < 2) else spacing[column]
    if not planar and r.random() < 0.4:
        angle = r.uniform(-0.2, 0.2)
        turn = numpy.eye(3)
        turn[:2, :2] = [[numpy.cos(angle), -numpy.sin(angle)], [numpy.sin(angle), numpy.cos(angle)]]
        affine[:3, :3] = turn @ affine[:3, :3]
    affine[:3, 3] = [r.uniform(-50, 50) for _ in range(3)]
    random_state = numpy.random.RandomState(r.randrange(1 << 30))
    kind = r.choice(["noise", "labels", "blobs"])
    full = shape + ([channels] if channels else [])
    if kind == "noise":
        voxels = random_state.normal(20, 200, full)
    elif kind == "labels":
        voxels = random_state.randint(0, 4, full)
    else:
        voxels = random_state.normal(0, 1, full)
        voxels = numpy.where(voxels > 0.8, 1 + numpy.rint(voxels * 3), 0)
    dtype = r.choice([numpy.int16, numpy.float32, numpy.uint8, numpy.float64])
    if numpy.issubdtype(dtype, numpy.integer):
        voxels = numpy.clip(numpy.rint(voxels), 0 if dtype == numpy.uint8 else -3000, 255 if dtype == numpy.uint8 else 3000)
    image = nibabel.Nifti1Image(voxels.astype(dtype), affine)
    nibabel.save(image, path)
    return rank


def maybe(r, probability, value):
    return {} if r.random() > probability else value


def ints(r, rank, low, high):
    return r.randint(low, high) if r.random() < 0.3 else [r.randint(low, high) for _ in range(rank)]


PAD = ["constant", "edge", "reflect", "symmetric", "wrap", "minimum", "maximum", "mean", "median", "linear_ramp", "replicate",
       "circular"]


def pad(r):
    return {**maybe(r, 0.7, {"mode": r.choice(PAD)}), **maybe(r, 0.3, {"method": r.choice(["symmetric", "end"])})}


def value(r, mode):
    return {"value": r.choice([-1, 0.5, 7])} if mode in (None, "constant") and r.random() < 0.3 else {}


def padded(r, arguments):
    options = pad(r)
    return {**arguments, **options, **value(r, options.get("mode"))}


def without_method(arguments):
    return {key: item for key, item in arguments.items() if key != "method"}


def spacing(r, rank):
    return {"pixdim": r.choice([1.2, [r.choice([0.9, 1.5, 2.0, -1]) for _ in range(rank)], [1.5]]),
            **maybe(r, 0.6, {"mode": r.choice(["bilinear", "nearest", 0, 1, 2, 3, 4, 5])}),
            **maybe(r, 0.3, {"padding_mode": r.choice(["border", "zeros", "reflection", "nearest", "constant", "grid-constant",
                                                       "reflect", "grid-mirror", "mirror", "wrap", "grid-wrap"])}),
            **maybe(r, 0.3, {"diagonal": True}), **maybe(r, 0.3, {"align_corners": r.choice([True, False])}),
            **maybe(r, 0.2, {"scale_extent": True}), **maybe(r, 0.15, {"recompute_affine": True}),
            **maybe(r, 0.15, {"min_pixdim": 0.8}), **maybe(r, 0.15, {"max_pixdim": 2.5}),
            **maybe(r, 0.2, {"dtype": "$np.float32"})}


def orientation(r, rank):
    if rank == 2:
        return {"axcodes": r.choice(["RA", "LA", "RP", "PL", "AR", "RAS"])}
    order = r.sample(["LR", "PA", "IS"], 3)
    return r.choice([{"axcodes": "".join(r.choice(pair) for pair in order)}, {"as_closest_canonical": True},
                     {"axcodes": "".join(r.choice(pair) for pair in order), "labels": [["L", "R"], ["P", "A"], ["I", "S"]]}])


def resize(r, rank):
    mode = r.choice(["area", "nearest", "nearest-exact", "trilinear" if rank == 3 else "bilinear", "linear", "bicubic"])
    if r.random() < 0.2:
        return {"spatial_size": r.randint(4, 30), "size_mode": "longest", "mode": mode}
    size = [r.randint(3, 30) for _ in range(rank)]
    if r.random() < 0.2:
        size[0] = -1
    return {"spatial_size": size, "mode": mode, **maybe(r, 0.2, {"align_corners": True}),
            **maybe(r, 0.2, {"anti_aliasing": True}), **maybe(r, 0.2, {"dtype": "$torch.float32"})}


def zoom(r, rank):
    return {"zoom": r.choice([0.8, 1.3, [r.choice([0.7, 1.0, 1.6]) for _ in range(rank)]]),
            **maybe(r, 0.5, {"mode": r.choice(["area", "nearest", "trilinear" if rank == 3 else "bilinear"])}),
            **maybe(r, 0.4, {"keep_size": False}), **maybe(r, 0.4, {"padding_mode": r.choice(["edge", "constant", "reflect"])}),
            **maybe(r, 0.2, {"align_corners": True})}


def crop(r, rank):
    options = r.randrange(3)
    if options == 0:
        return {"roi_center": [r.randint(0, 9) for _ in range(rank)], "roi_size": [r.randint(1, 12) for _ in range(rank)]}
    if options == 1:
        starts = [r.randint(-2, 3) for _ in range(rank)]
        return {"roi_start": starts, "roi_end": [s + r.randint(3, 30) for s in starts]}
    return {"roi_slices": "$[" + ", ".join(f"slice({r.choice(['None', 1, -4])}, {r.choice(['None', 5, -1])})"
                                           for _ in range(rank)) + "]"}


def foreground(r, rank):
    return {"source_key": "image", **maybe(r, 0.4, {"select_fn": r.choice(["$lambda x: x > 0", "$lambda x: x >= 1", "$lambda x: x != 0",
                                                                           "$lambda x: x > x.mean()",
                                                                           "$lambda x: (x == 1) | (x > 3)"])}),
            **maybe(r, 0.4, {"margin": ints(r, rank, 0, 4)}), **maybe(r, 0.3, {"k_divisible": ints(r, rank, 1, 5)}),
            **maybe(r, 0.3, {"allow_smaller": r.choice([True, False])}), **maybe(r, 0.2, {"channel_indices": 0}),
            **maybe(r, 0.3, {"mode": r.choice(["constant", "edge", "reflect"])})}


def scaling(r):
    return r.choice([{}, {"minv": -1.0, "maxv": 1.0}, {"minv": None, "maxv": None, "factor": 0.5}, {"channel_wise": True},
                     {"minv": 0.0, "maxv": 5.0, "channel_wise": True}, {"factor": 0.1}, {"minv": None, "maxv": None},
                     {"dtype": "$np.float64"}, {"minv": 2, "maxv": None}])


def ranged(r):
    low = r.choice([-175, 0, -57.5])
    return {"a_min": low, "a_max": low + r.choice([0, 250, 100.5]), **r.choice([{"b_min": 0, "b_max": 1}, {}, {"b_min": -1.0, "b_max": 1},
                                                                                {"b_min": 0}, {"b_max": 1}]),
            **maybe(r, 0.6, {"clip": True}), **maybe(r, 0.1, {"dtype": "$np.float64"})}


def percentiles(r):
    return {"lower": r.choice([0, 1, 5.5]), "upper": r.choice([90, 99.5, 100]), "b_min": r.choice([0, -1.0]), "b_max": r.choice([1, 2.5]),
            **maybe(r, 0.4, {"clip": True}), **maybe(r, 0.3, {"relative": True}), **maybe(r, 0.3, {"channel_wise": True})}


def normalize(r):
    return {**maybe(r, 0.5, {"nonzero": True}), **maybe(r, 0.4, {"channel_wise": True}),
            **r.choice([{}, {}, {"subtrahend": 3.5, "divisor": 2.0}, {"subtrahend": 1}, {"divisor": 4}, {"subtrahend": [1.0], "divisor": [2.0]}]),
            **maybe(r, 0.1, {"dtype": "$np.float64"})}


def discrete(r):
    return r.choice([{"argmax": True}, {"threshold": r.choice([0.5, 0, 100.1])}, {"rounding": "torchrounding"}, {"to_onehot": 300},
                     {"argmax": True, "to_onehot": 4}, {"argmax": True, "dtype": "$torch.uint8"}, {"argmax": True, "keepdim": True},
                     {"threshold": 0.5, "dtype": "$np.int16"}])


def components(r):
    return {"applied_labels": r.choice([None, 1, [1], [1, 2]]), **maybe(r, 0.4, {"independent": r.choice([True, False])}),
            **maybe(r, 0.5, {"connectivity": r.choice([1, 2, 3, None])}), **maybe(r, 0.3, {"num_components": r.choice([1, 2, 3])}),
            **maybe(r, 0.3, {"is_onehot": r.choice([True, False, None])})}


LAMBDAS = ["x[1:]", "x > 0", "x[0:1] * 2 + 1", "torch.where(x > 3, x, torch.zeros_like(x))", "(x == 1) | (x == 2)", "x - x.mean()",
           "torch.clamp(x, -10, 50)", "x.float() / 255", "x.sum(dim=0, keepdim=True)", "x.max(0, keepdim=True)[0]", "1 - x", "-x",
           "torch.cat([x, x], dim=0)", "x.squeeze()", "(x > 1).float()", "x ** 2", "torch.where((x == 1) + (x == 3) > 0, 1, 0)",
           "x.long()", "x[:, ::2]", "x[..., :3]", "torch.abs(x)", "x.unsqueeze(0)[0]", "x * (x > 0)", "~(x > 0)", "x.clone()"]

TRANSFORMS = {
    "Orientationd": lambda r, n: orientation(r, n),
    "Spacingd": lambda r, n: spacing(r, n),
    "Resized": lambda r, n: resize(r, n),
    "Zoomd": lambda r, n: zoom(r, n),
    "Flipd": lambda r, n: maybe(r, 0.8, {"spatial_axis": r.choice([0, 1, -1, [0, 1], list(range(n)), None])}),
    "Rotate90d": lambda r, n: {**maybe(r, 0.8, {"k": r.choice([0, 1, 2, 3, 5, -1])}), **maybe(r, 0.5, {"spatial_axes": r.choice([[0, 1], [1, 0], [-1, 0]] + [[1, 2], [0, 2]] * (n == 3))})},
    "SpatialPadd": lambda r, n: padded(r, {"spatial_size": ints(r, n, -1, 30)}),
    "DivisiblePadd": lambda r, n: padded(r, {"k": ints(r, n, 1, 9)}),
    "BorderPadd": lambda r, n: without_method(padded(r, {"spatial_border": r.choice([r.randint(0, 4), [r.randint(0, 4) for _ in range(n)], [r.randint(0, 4) for _ in range(2 * n)]])})),
    "ResizeWithPadOrCropd": lambda r, n: padded(r, {"spatial_size": ints(r, n, -1, 26)}),
    "CenterSpatialCropd": lambda r, n: {"roi_size": ints(r, n, -1, 26)},
    "SpatialCropd": lambda r, n: crop(r, n),
    "CropForegroundd": lambda r, n: foreground(r, n),
    "ScaleIntensityd": lambda r, n: scaling(r),
    "ScaleIntensityRanged": lambda r, n: ranged(r),
    "ScaleIntensityRangePercentilesd": lambda r, n: percentiles(r),
    "NormalizeIntensityd": lambda r, n: normalize(r),
    "ThresholdIntensityd": lambda r, n: {"threshold": r.choice([0, 0.5, 10]), **maybe(r, 0.5, {"above": False}), **maybe(r, 0.5, {"cval": r.choice([-1, 3.5])})},
    "ShiftIntensityd": lambda r, n: {"offset": r.choice([1, -2.5, 200, -150.5]), **maybe(r, 0.3, {"safe": True})},
    "AdjustContrastd": lambda r, n: {"gamma": r.choice([0.5, 1, 1.7]), **maybe(r, 0.3, {"invert_image": True}), **maybe(r, 0.3, {"retain_stats": True})},
    "GaussianSmoothd": lambda r, n: {"sigma": r.choice([0.5, 1.0, [r.choice([0.3, 1.5]) for _ in range(n)]]), **maybe(r, 0.4, {"approx": r.choice(["erf", "sampled", "scalespace"])})},
    "CastToTyped": lambda r, n: {"dtype": r.choice(["$np.float32", "$torch.float64", "$np.uint8", "$torch.int16", "$np.int32", "$bool", "$float", "$int", "$np.float16", "$torch.bool"])},
    "EnsureTyped": lambda r, n: {**maybe(r, 0.5, {"data_type": "tensor"}), **maybe(r, 0.5, {"dtype": r.choice(["$torch.float32", "$np.float32", "$float"])})},
    "ToTensord": lambda r, n: maybe(r, 0.5, {"dtype": r.choice(["$torch.float32", "$torch.float64"])}),
    "Transposed": lambda r, n: {"indices": r.choice([[0] + r.sample(range(1, n + 1), n), None])},
    "SqueezeDimd": lambda r, n: maybe(r, 0.7, {"dim": r.choice([0, None, -1])}),
    "Lambdad": lambda r, n: {"func": "$lambda x: " + r.choice(LAMBDAS)},
    "AsDiscreted": lambda r, n: discrete(r),
    "Activationsd": lambda r, n: r.choice([{"sigmoid": True}, {"softmax": True}, {}, {"other": "$lambda x: torch.clamp(x, -1, 1)"},
                                           {"sigmoid": True, "other": "$lambda x: x > 0.5"}]),
    "KeepLargestConnectedComponentd": lambda r, n: components(r),
    "FillHolesd": lambda r, n: {"applied_labels": r.choice([None, 1, [1, 2]]), **maybe(r, 0.5, {"connectivity": r.choice([1, 2, None])})},
    "RemoveSmallObjectsd": lambda r, n: {"min_size": r.choice([1, 2, 3, 5, 30]), **maybe(r, 0.5, {"connectivity": r.choice([1, 2])}), **maybe(r, 0.4, {"independent_channels": r.choice([True, False])}), **maybe(r, 0.3, {"by_measure": True})},
    "LabelToMaskd": lambda r, n: {"select_labels": r.choice([1, [1, 2], [0]]), **maybe(r, 0.4, {"merge_channels": True})},
    "MeanEnsembled": lambda r, n: {"keys": ["image", "copy"], "output_key": "image", **maybe(r, 0.5, {"weights": r.choice([[0.3, 0.7], [1, 3], [[0.2, 0.8]]])})},
    "VoteEnsembled": lambda r, n: {"keys": ["image", "copy"], "output_key": "image", **maybe(r, 0.5, {"num_classes": 256})},
    "ConcatItemsd": lambda r, n: {"keys": ["image", "copy"], "name": "image", **maybe(r, 0.3, {"dim": r.choice([0, 1, 2, -1])})},
    "Identityd": lambda r, n: {},
    "AsChannelLastd": lambda r, n: {},
}
# Arguments that may be a list of one value for each key, with what an absent one means.
PER_KEY = {
    "Spacingd": {"mode": "bilinear", "padding_mode": "border", "align_corners": False, "scale_extent": False, "dtype": "$np.float64"},
    "Resized": {"mode": "area", "align_corners": None, "anti_aliasing": False, "dtype": "$torch.float32"},
    "Zoomd": {"mode": "area", "padding_mode": "edge", "align_corners": None},
    **{name: {"mode": "constant"} for name in ("SpatialPadd", "DivisiblePadd", "BorderPadd", "ResizeWithPadOrCropd", "CropForegroundd")},
    "AsDiscreted": {"argmax": False, "threshold": None, "rounding": None, "to_onehot": None},
    "Activationsd": {"sigmoid": False, "softmax": False, "other": None},
}
NEEDS_COPY = ("MeanEnsembled", "VoteEnsembled", "ConcatItemsd")
INVERTIBLE = ("Orientationd", "Spacingd", "Resized", "Zoomd", "Flipd", "Rotate90d", "SpatialPadd", "DivisiblePadd", "BorderPadd",
              "ResizeWithPadOrCropd", "CenterSpatialCropd", "SpatialCropd", "CropForegroundd", "ScaleIntensityd", "NormalizeIntensityd",
              "Transposed", "EnsureTyped", "ToTensord", "Identityd")


def for_two(r, target, name, rank):
    """The transform on the image and a copy of it, with arguments of their own; one of the two goes on."""
    first, second = TRANSFORMS[name](r, rank), TRANSFORMS[name](r, rank)
    lists = {argument: [each.get(argument, default) for each in (first, second)] for argument, default in PER_KEY[name].items()
             if argument in first or argument in second}
    keys = ["image", "twin"] if r.random() < 0.8 else ["image", "twin", "missing"]
    extra = {"allow_missing_keys": True} if len(keys) > 2 else {}
    if extra:
        lists = {argument: values + values[:1] for argument, values in lists.items()}
    steps = [{"_target_": "CopyItemsd", "keys": "image", "names": "twin"}, {"_target_": target, **first, **lists, **extra, "keys": keys}]
    if r.random() < 0.5:
        steps += [{"_target_": "DeleteItemsd", "keys": "image"}, {"_target_": "CopyItemsd", "keys": "twin", "names": "image"}]
    return steps + [{"_target_": "SelectItemsd", "keys": "image"}]


def case(r, names, rank):
    steps = []
    for name in r.choices(names, k=r.choice([1, 1, 2, 3])):
        if name in NEEDS_COPY:
            steps.append({"_target_": "CopyItemsd", "keys": "image", "names": "copy"})
            steps.append({"_target_": "DeleteItemsd", "keys": "nothing"})
        target = name if r.random() < 0.9 else name[:-1] + r.choice(["D", "Dict"])
        if name in PER_KEY and r.random() < 0.25:
            steps += for_two(r, target, name, rank)
            continue
        steps.append({"_target_": target, **{"keys": "image"}, **TRANSFORMS[name](r, rank)})
        if name in NEEDS_COPY:
            steps.append({"_target_": "SelectItemsd", "keys": "image"})
    return steps


def config(r, names, rank, invert):
    before = [{"_target_": "LoadImaged", "keys": "image", **maybe(r, 0.1, {"dtype": "$np.float64"})},
              {"_target_": "EnsureChannelFirstd", "keys": "image"}]
    result = {"imports": ["$import numpy as np"], "preprocessing": {"_target_": "Compose", "transforms": before + case(r, names, rank)}}
    if invert:
        before = r.choice([[], [], [{"_target_": "Activationsd", "keys": "pred", "softmax": True}],
                           [{"_target_": "AsDiscreted", "keys": "pred", "argmax": True}]])
        after = r.choice([[], [], [{"_target_": "AsDiscreted", "keys": "pred", "threshold": 0.5}],
                          [{"_target_": "AsDiscreted", "keys": "pred", "argmax": True}]])
        nearest = r.choice([True, False])
        result["postprocessing"] = {"_target_": "Compose", "transforms": before + [
            {"_target_": "Invertd", "keys": "pred", "transform": "@preprocessing", "orig_keys": "image",
             "nearest_interp": nearest if r.random() < 0.8 else [nearest], "to_tensor": True,
             **maybe(r, 0.15, {"post_func": "$lambda x: x * 2 - 1"})}] + after}
    return result


def monai(file, path, invert, prediction):
    parser = ConfigParser()
    parser.read_config(file)
    data = parser.get_parsed_content("preprocessing")({"image": path})
    image = data["image"]
    if not invert:
        return image
    if isinstance(image, MetaTensor):
        spatial = tuple(image.shape[1:])
        state = numpy.random.RandomState(0)
        values = state.normal(0, 1, (2,) + spatial).astype(numpy.float32)
        numpy.save(prediction, values)
        data["pred"] = MetaTensor(torch.from_numpy(values), meta=dict(image.meta))
        return parser.get_parsed_content("postprocessing")(data)["pred"]
    raise TypeError("no image to invert to")


def martlet(program, file, path, output, invert, prediction):
    command = [program, "transform", file, "--id", "postprocessing" if invert else "preprocessing", "-i", path, "-o", output, "-q"]
    if invert:
        command += ["--pred", prediction]
    run = subprocess.run(command, capture_output=True, text=True)
    return run.returncode, run.stderr.strip()


def difference(ours, theirs, has_affine=True):
    """A reason why they differ, or None."""
    values = theirs.detach().cpu().numpy() if isinstance(theirs, torch.Tensor) else numpy.asarray(theirs)
    voxels = numpy.load(ours)
    if voxels.shape != values.shape:
        return f"shape {voxels.shape} instead of {values.shape}"
    left, right = voxels.astype(numpy.float64), values.astype(numpy.float64)
    if not right.size:
        return None
    finite = numpy.isfinite(right)
    scale = max(1e-6, float(numpy.abs(right[finite]).max()) if finite.any() else 0)
    wrong = ~(numpy.abs(left - right) <= TOLERANCE * scale) & ~((left == right) | (numpy.isnan(left) & numpy.isnan(right)))
    if numpy.count_nonzero(wrong) > FEW * right.size:
        worst = numpy.nanmax(numpy.abs(left - right)) / scale
        return f"{numpy.count_nonzero(wrong)} of {right.size} voxels, by up to {worst:.1e} of the largest"
    affine = theirs.affine.numpy() if has_affine and isinstance(theirs, MetaTensor) else None
    if affine is not None:
        found = numpy.load(ours[: -len(".npy")] + ".affine.npy")
        if affine.shape == found.shape and numpy.abs(found - affine).max() > 1e-4 * max(1, numpy.abs(affine).max()):
            return f"affine {found.round(4).tolist()} instead of {affine.round(4).tolist()}"
    if str(voxels.dtype) != str(values.dtype):
        return f"type {voxels.dtype} instead of {values.dtype}"
    return None


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("martlet")
    parser.add_argument("work")
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="")
    parser.add_argument("--invert", action="store_true")
    parser.add_argument("--keep", action="store_true", help="keep the files of the cases that differ")
    options = parser.parse_args()
    os.makedirs(options.work, exist_ok=True)
    torch.set_num_threads(1)
    names = [name for name in options.only.split(",") if name] or list(INVERTIBLE if options.invert else TRANSFORMS)
    counts, refusals, lenient, examples = collections.Counter(), collections.Counter(), collections.Counter(), {}
    for number in range(options.first, options.first + options.count):
        r = random.Random(f"{options.seed} {number}")
        base = f"{options.work}/{number}"
        path, file, output, prediction = base + ".nii.gz", base + ".json", base + ".npy", base + ".pred.npy"
        rank = scan(r, path, planar=r.random() < 0.15)
        content = config(r, names, rank, options.invert)
        with open(file, "w") as target:
            json.dump(content, target)
        try:
            expected, failure = monai(file, path, options.invert, prediction), None
        except Exception as error:
            cause = error
            while cause.__cause__ is not None:
                cause = cause.__cause__
            expected, failure = None, f"{type(cause).__name__}: {cause}"[:160]
        if options.invert and not os.path.exists(prediction):
            counts["MONAI can't go on"] += 1
            continue
        code, text = martlet(options.martlet, file, path, output, options.invert, prediction)
        steps = [step for step in content["preprocessing"]["transforms"][2:]]
        if code not in (0, 64, 65, 66):
            counts["TRAPPED"] += 1
            print(f"{number}: exit {code}: {text[:300]}\n   {json.dumps(steps)}", flush=True)
        elif failure and code:
            counts["refused by both"] += 1
        elif failure:
            counts["refused by MONAI alone"] += 1
            lenient[f"{failure}   e.g. {number} {json.dumps(steps)}"] += 1
        elif code:
            counts["refused by Martlet alone"] += 1
            reason = text.split("\n")[0][:150]
            refusals[reason] += 1
            examples.setdefault(reason, number)
            if code != 65:
                print(f"{number}: exit {code}: {text}", flush=True)
        else:
            # The inverse of MONAI's ToTensord makes an array of the prediction, which has no affine; Martlet's keeps it.
            is_array = options.invert and any(step["_target_"].startswith("ToTensor") for step in steps)
            reason = difference(output, expected, has_affine=not is_array)
            counts["different" if reason else "the same"] += 1
            if reason:
                print(f"{number}: {reason}\n   {json.dumps(steps)}   {json.dumps(content['postprocessing']['transforms']) if options.invert else ''}", flush=True)
                if options.keep:
                    continue
        for leftover in (path, file, output, prediction, base + ".affine.npy"):
            if os.path.exists(leftover):
                os.remove(leftover)
    print(dict(counts))
    for title, found in (("refused by Martlet alone", refusals), ("refused by MONAI alone", lenient)):
        for reason, count in found.most_common(40):
            print(f"{title}: {count} × {reason}" + (f"   e.g. {examples[reason]}" if reason in examples else ""))
    return 1 if counts["different"] or counts["TRAPPED"] else 0


if __name__ == "__main__":
    sys.exit(main())
