#!/usr/bin/env python3
"""Write goldens of transform arguments that the transform corpus doesn't reach.

Usage: make_transform_options.py OUTDIR      (needs torch, monai, nibabel, numpy, scipy, scikit-image 0.26)
The layout of OUTDIR is that of the transform corpus: cases.json, <case>.npy,
<case>.affine.npy, <case>.pred_in.npy, and images/ with what is added here (small, and a plane).
"""
import json, os, sys, warnings
warnings.filterwarnings("ignore")
import nibabel as nib, numpy as np, torch
from monai.bundle import ConfigParser
from skimage.measure import label

out = sys.argv[1]
os.makedirs(out + "/images", exist_ok=True)
rng = np.random.RandomState(7)

def add(name, shape, affine, dtype=np.float32):
    g = np.meshgrid(*[np.linspace(-1, 1, s) for s in shape], indexing="ij")
    v = 300 * np.exp(-2 * sum(a ** 2 for a in g)) + 40 * np.sin(6 * g[0]) + rng.normal(0, 5, shape)
    v[np.abs(g[0]) > 0.8] = 0
    nib.save(nib.Nifti1Image(v.astype(dtype), affine), f"{out}/images/{name}.nii.gz")

c, s = np.cos(0.3), np.sin(0.3)
add("small", (10, 12, 9), np.array([[-1.5, 0, 0, 20], [0, -1.25, 0, 8], [0, 0, 2.5, -30], [0, 0, 0, 1]]))
add("turned", (9, 11, 10), np.array([[1.2 * c, -0.8 * s, 0, 3], [1.2 * s, 0.8 * c, 0, -4], [0, 0, 2, 5], [0, 0, 0, 1]]))
add("axes", (9, 10, 8), np.array([[0, 0, 1.5, -3], [-1, 0, 0, 7], [0, -2, 0, 9], [0, 0, 0, 1]]))
add("plane", (14, 11), np.array([[-1.5, 0, 0, 20], [0, 1.25, 0, 8], [0, 0, 1, 0], [0, 0, 0, 1]]))

K, P = {"keys": "image"}, {"keys": "pred"}
def T(name, **kw): return {"_target_": name, **K, **kw}
L = [T("LoadImaged"), T("EnsureChannelFirstd")]
O = T("Orientationd", axcodes="RAS")
def S(pixdim, **kw): return T("Spacingd", pixdim=pixdim, **kw)
def I(nearest): return {"_target_": "Invertd", **P, "transform": "@preprocessing", "orig_keys": "image", "nearest_interp": nearest}
def applied(transforms):
    config = ConfigParser({"c": {"_target_": "Compose", "transforms": transforms}})
    return config.get_parsed_content("c")({"image": f"{out}/images/small.nii.gz"})["image"].as_tensor().numpy()
cases = {}
for im in ("small", "turned", "axes"):
    cases[f"reflection_{im}"] = (im, L + [S([1.0, 1.0, 1.0], padding_mode="reflection")], None)
    cases[f"diagonal_{im}"] = (im, L + [S([1.3, 1.1, 1.7], diagonal=True)], None)
    cases[f"diagonal_nearest_{im}"] = (im, L + [S([1.3, 1.1, 1.7], diagonal=True, mode="nearest")], None)
    cases[f"diagonal_reflection_{im}"] = (im, L + [S([1.3, 1.1, 1.7], diagonal=True, padding_mode="reflection")], None)
    cases[f"scale_extent_{im}"] = (im, L + [S([1.0, 2.0, 1.5], scale_extent=True, align_corners=True)], None)
    cases[f"recompute_{im}"] = (im, L + [S([1.0, 2.0, 1.5], recompute_affine=True)], None)
    cases[f"limits_{im}"] = (im, L + [S([1.0, 1.0, 1.0], min_pixdim=[1.4, 0.5, None], max_pixdim=[1.6, 1.0, 4.0])], None)
    cases[f"halves_nearest_{im}"] = (im, L + [O, S([3.0, 2.5, 5.0], mode="nearest")], None)
    cases[f"align_nearest_{im}"] = (im, L + [O, S([1.0, 1.0, 1.0], mode="nearest", align_corners=True)], None)
    cases[f"one_number_{im}"] = (im, L + [S(2.0)], None)
    for nearest in (False, True):
        n = "nearest" if nearest else "linear"
        cases[f"invert_diagonal_{n}_{im}"] = (im, L + [S([1.3, 1.1, 1.7], diagonal=True)], [I(nearest)])
        cases[f"invert_halves_{n}_{im}"] = (im, L + [O, S([0.75, 0.625, 1.25])], [I(nearest)])
for name, t in {
    "flip": T("Flipd"), "flip_last": T("Flipd", spatial_axis=[-1]),
    "pad_end": T("SpatialPadd", spatial_size=[12, -1, 15], method="end", mode="edge"),
    "pad_value": T("SpatialPadd", spatial_size=[12, 14, 9], value=3.5),
    "pad_reflect": T("DivisiblePadd", k=[4, 5, 1], mode="reflect"),
    "center_crop": T("CenterSpatialCropd", roi_size=[5, 40, 4]),
    "pad_minimum": T("SpatialPadd", spatial_size=[12, 14, 11], mode="minimum"),
    "pad_maximum": T("SpatialPadd", spatial_size=[12, 14, 11], mode="maximum"),
    "pad_mean": T("SpatialPadd", spatial_size=[12, 14, 11], mode="mean"),
    "pad_symmetric": T("SpatialPadd", spatial_size=[12, 40, 11], mode="symmetric"),
    "foreground_minimum": T("CropForegroundd", source_key="image", margin=[2, 1, 0], mode=["minimum"]),
    "foreground": T("CropForegroundd", source_key="image", margin=[2, 1, 0], k_divisible=4),
    "foreground_smaller": T("CropForegroundd", source_key="image", margin=3, allow_smaller=True),
    "resize": T("Resized", spatial_size=[13, 7, 11], mode="trilinear", align_corners=True),
    "resize_longest": T("Resized", spatial_size=16, size_mode="longest", mode="nearest-exact"),
    "zoom_in": T("Zoomd", zoom=[1.4, 1.2, 1.3]), "zoom_out": T("Zoomd", zoom=0.6, mode="trilinear"),
}.items():
    cases[f"{name}_small"] = ("small", L + [t], None)
    cases[f"invert_{name}_small"] = ("small", L + [t], [I(False)])
cases["normalize_given"] = ("small", L + [T("NormalizeIntensityd", subtrahend=12.5, divisor=3.0)], None)
cases["normalize_given_channels"] = ("small", L + [T("NormalizeIntensityd", subtrahend=[12.5], divisor=[3.0], channel_wise=True, nonzero=True)], None)
cases["scale_no_target"] = ("small", L + [T("ScaleIntensityRanged", a_min=10, a_max=200)], None)
cases["scale_flat"] = ("small", L + [T("ScaleIntensityRanged", a_min=10, a_max=10, b_min=2, b_max=3)], None)
cases["scale_only_max"] = ("small", L + [T("ScaleIntensityd", minv=None, maxv=2.0)], None)
cases["percentiles_relative"] = ("small", L + [T("ScaleIntensityRangePercentilesd", lower=5, upper=90, b_min=-1, b_max=2, relative=True, channel_wise=True)], None)
cases["smooth_sampled"] = ("small", L + [T("GaussianSmoothd", sigma=[0.5, 1.5, 2.0], approx="sampled")], None)
cases["rounding"] = ("small", L + [T("AsDiscreted", rounding="torchrounding")], None)
for im, extra in {"plane": [], "plane_ra": [T("Orientationd", axcodes="RA")]}.items():
    cases[f"{im}_spacing"] = ("plane", L + extra + [S([1.0, 1.0])], None)
    cases[f"{im}_nearest"] = ("plane", L + extra + [S([0.7, 0.9], mode="nearest")], None)
    cases[f"{im}_invert"] = ("plane", L + extra + [S([1.0, 0.9])], [I(False)])
cases["plane_resize"] = ("plane", L + [T("Resized", spatial_size=[9, 16], mode="bilinear")], None)
cases["plane_pad"] = ("plane", L + [T("SpatialPadd", spatial_size=[20, 20])], None)

# Two channels: the image, and a copy of it scaled to 0...100.
L2 = L + [T("CopyItemsd", names=["b"]), {"_target_": "ScaleIntensityd", "keys": "b", "minv": 0, "maxv": 100},
          {"_target_": "ConcatItemsd", "keys": ["image", "b"], "name": "image"}, {"_target_": "DeleteItemsd", "keys": ["b", "c"]}]
for name, function in {
    "slice": "x[1:]", "pick": "x[[1, 0], ..., 1:]", "index": "x[:, 2:-1, :, 3]", "new_axis": "x[0][None]",
    "labels": "torch.where(x[[1]] > 50, 4, torch.where(x[[0]] > 100, 1, torch.where(x[[1]] > 20, 2, 0)))",
    "mask": "(x > 20) & ~(x >= 80) | (x == 0)", "xor": "(x > 20) ^ (x[1] <= 40.5)", "arithmetic": "x * 2 - 1.5 / (x + 400)",
    "clamp": "torch.clamp(x, min=0, max=50.5)", "maximum": "torch.maximum(x[:1], x[1:])", "clip": "x.clip(10, 20)",
    "methods": "x.abs().sqrt().round()", "sigmoid": "torch.sigmoid(-x / 30)", "float": "(x > 50).float() - 3",
    "nan": "torch.nan_to_num(x / 0, nan=255, posinf=7)", "integers": "x.long() * 2 + True", "halves": "x.int() / 2",
    "logical": "torch.logical_and(x > 3, x[1] < 9)", "where_float": "torch.where(x > 30, x, 0.5)",
    "threshold": "x >= 31.7", "cast": "(x.abs() / 4).to(torch.uint8)", "folded": "x * (2 + 3 * 4 - 0.5)",
    "mean": "(x - x.mean()) / x.std()", "channel_mean": "x - x.mean(dim=(1, 2, 3), keepdim=True)", "biased": "x / x.std(unbiased=False)", "std_axis": "x - x.std(1, False, True) + x.std(-1, correction=0, keepdim=True)",
    "sum": "x[:1] + x.sum(0, keepdim=True)", "extremes": "(x - x.min()) / (x.max() - x.min())",
    "amax": "x - x.amax((1, 2, 3), keepdim=True) + torch.amin(x, dim=0)", "argmax": "torch.argmax(x, dim=0, keepdim=True)",
    "any": "torch.any(x > 80, dim=0, keepdim=True) & (x > 5).all(0, keepdim=True)", "count": "(x > 50).sum(0, keepdim=True)",
    "conditional": "x / x.max() if x.max() > 0 else x", "larger": "torch.max(x[:1], x[1:])",
    "instance": "x * 2 if isinstance(x, torch.Tensor) and not isinstance(x, (np.ndarray, float)) else x",
    "steps": "x[:, ::2, 1::3]", "flip": "x.flip(1, -1)", "axes": "x[0].unsqueeze(0).squeeze(0)[None]",
    "rounded": "torch.floor(x) + x.ceil().tanh()", "log": "torch.log(x.abs() + 1)",
}.items():
    cases[f"lambda_{name}_small"] = ("small", L2 + [T("Lambdad", func=f"$lambda x: {function}")], None)
cases["lambda_inverse_small"] = ("small", L + [T("Lambdad", func="$lambda x: x / 3", inv_func="$lambda x: x * 3 + 1")], [I(False)])
cases["lambda_overwrite_small"] = ("small", L + [T("Lambdad", func="$lambda x: x * 2", overwrite="c"), {"_target_": "ConcatItemsd", "keys": ["image", "c"], "name": "image"}], None)
for im in ("small", "turned"):
    for name, arguments in {"": {}, "_back": {"k": 3, "spatial_axes": [0, 2]}, "_half": {"k": 2, "spatial_axes": [1, 2]},
                            "_last": {"k": -3, "spatial_axes": [-1, 0]}}.items():
        cases[f"rotate90{name}_{im}"] = (im, L + [T("Rotate90d", **arguments)], None)
        cases[f"invert_rotate90{name}_{im}"] = (im, L + [T("Rotate90d", **arguments)], [I(False)])
for name, t in {
    "resize_crop": T("ResizeWithPadOrCropd", spatial_size=[12, 7, -1]),
    "resize_crop_edge": T("ResizeWithPadOrCropd", spatial_size=11, method="end", mode="edge"),
    "spatial_crop": T("SpatialCropd", roi_center=[4, 5, 6], roi_size=[5, 4, 20]),
    "spatial_crop_start": T("SpatialCropd", roi_start=[-2, 3], roi_end=[6, 9]),
    "spatial_crop_one": T("SpatialCropd", roi_start=2, roi_end=5),
    "border": T("BorderPadd", spatial_border=[1, 2, 3]), "border_sides": T("BorderPadd", spatial_border=[0, 1, 2, 3, 0, 4], mode="reflect"),
    "transpose": T("Transposed", indices=[0, 2, 1, 3]),
}.items():
    cases[f"{name}_small"] = ("small", L + [t], None)
    cases[f"invert_{name}_small"] = ("small", L + [t], [I(False)])
for name, t in {
    "transpose_reversed": T("Transposed", indices=None), "channel_last": T("AsChannelLastd"),
    "above": T("ThresholdIntensityd", threshold=30.5, cval=-2), "below": T("ThresholdIntensityd", threshold=30.5, above=False),
    "shift": T("ShiftIntensityd", offset=-12.25), "contrast": T("AdjustContrastd", gamma=0.7),
    "contrast_inverted": T("AdjustContrastd", gamma=2.2, invert_image=True, retain_stats=True), "identity": T("Identityd"),
    "select": T("SelectItemsd"), "mask_channels": T("LabelToMaskd", select_labels=[1], merge_channels=True),
}.items():
    cases[f"{name}_small"] = ("small", L2 + [t], None)
# Three label maps that differ.
V = L + [T("ScaleIntensityd", minv=0, maxv=3), T("CopyItemsd", times=2, names=["b", "c"])]
B = [{"_target_": "Flipd", "keys": "b"}, {"_target_": "ScaleIntensityd", "keys": "c", "minv": 0, "maxv": 1.4}]
R = [{"_target_": "AsDiscreted", "keys": ["image", "b", "c"], "rounding": "torchrounding"}]
M = {"keys": ["image", "b", "c"], "output_key": "image"}
cases["label_mask"] = ("small", V[:-1] + [T("AsDiscreted", rounding="torchrounding"), T("LabelToMaskd", select_labels=[1, 3])], None)
cases["mean"] = ("small", V + B + [{"_target_": "MeanEnsembled", **M}], None)
cases["mean_weighted"] = ("small", V + B + [{"_target_": "MeanEnsembled", **M, "weights": [1, 2.5, 0.5]}], None)
cases["vote"] = ("small", V + B + R + [{"_target_": "VoteEnsembled", **M, "num_classes": 4}], None)
T2 = [{"_target_": "ThresholdIntensityd", "keys": ["image", "b", "c"], "threshold": 0.6}, {"_target_": "AsDiscreted", "keys": ["image", "b", "c"], "threshold": 0.5}]
cases["vote_masks"] = ("small", V + B + T2 + [{"_target_": "VoteEnsembled", **M}], None)
# What random arguments found (Tools/compare/fuzz_transforms.py).
for name, t in {
    "pad_median": T("SpatialPadd", spatial_size=[13, 14, 12], mode="median"),
    "pad_ramp": T("SpatialPadd", spatial_size=[13, 40, 10], mode="linear_ramp"),
    "border_ramp": T("BorderPadd", spatial_border=[2, 0, 1], mode="linear_ramp"),
    "resize_smoothed": T("Resized", spatial_size=[4, 20, 5], mode="trilinear", anti_aliasing=True),
    "resize_smoothed_area": T("Resized", spatial_size=[4, 5, 9], anti_aliasing=True, anti_aliasing_sigma=0.8),
}.items():
    cases[f"{name}_small"] = ("small", L + [t], None)
    cases[f"invert_{name}_small"] = ("small", L + [t], [I(False)])
for name, t in {
    "cubic": T("Resized", spatial_size=[9, 19], mode="bicubic"),
    "cubic_corners": T("Resized", spatial_size=[20, 6], mode="bicubic", align_corners=True),
}.items():
    cases[f"{name}_plane"] = ("plane", L + [t], None)
    cases[f"invert_{name}_plane"] = ("plane", L + [t], [I(False)])

# Splines, and what lies outside, by SciPy's and PyTorch's names.
for im in ("small", "turned", "axes"):
    for order in range(6):
        cases[f"spline_{order}_{im}"] = (im, L + [S([1.0, 1.3, 1.7], mode=order)], None)
for padding in ("nearest", "constant", "grid-constant", "reflect", "grid-mirror", "mirror", "wrap", "grid-wrap", "zeros", "reflection"):
    cases[f"spline_outside_{padding}"] = ("turned", L + [S([1.3, 1.1, 1.7], diagonal=True, mode=3, padding_mode=padding)], None)
    if padding != "mirror":
        cases[f"linear_outside_{padding}"] = ("turned", L + [S([1.3, 1.1, 1.7], diagonal=True, padding_mode=padding)], None)
for order, padding in ((2, "grid-constant"), (4, "wrap"), (5, "reflect"), (0, "constant"), (1, "mirror")):
    cases[f"spline_{order}_{padding}"] = ("turned", L + [S([1.3, 1.1, 1.7], diagonal=True, mode=order, padding_mode=padding)], None)
for order in (1, 3):
    cases[f"spline_corners_{order}"] = ("turned", L + [S([1.0, 1.3, 1.7], mode=order, align_corners=True)], None)
    cases[f"spline_plane_{order}"] = ("plane", L + [S([1.0, 0.9], mode=order)], None)
cases["spline_float"] = ("small", L + [S([1.0, 1.3, 1.7], mode=3, dtype=None)], None)
for nearest in (False, True):
    n = "nearest" if nearest else "spline"
    cases[f"invert_spline_{n}_small"] = ("small", L + [O, S([1.0, 1.3, 1.7], mode=3)], [I(nearest)])
    cases[f"invert_spline_{n}_turned"] = ("turned", L + [S([1.3, 1.1, 1.7], diagonal=True, mode=2, padding_mode="grid-wrap")], [I(nearest)])
# The classes of an inverted spline, whose labels are found afterwards.
cases["invert_spline_labels"] = ("small", L + [T("ScaleIntensityd", minv=1, maxv=150), S([1.0, 1.3, 1.7], mode=3)], [I(False), {"_target_": "AsDiscreted", **P, "argmax": True}])
for name, t in {"0": {"spatial_size": [13, 7, 11], "mode": 0}, "1": {"spatial_size": [13, 7, 11], "mode": 1}}.items():
    cases[f"resize_order_{name}"] = ("small", L + [T("Resized", **t)], None)
    cases[f"invert_resize_order_{name}"] = ("small", L + [T("Resized", **t)], [I(False)])
cases["resize_order_3"] = ("plane", L + [T("Resized", spatial_size=[9, 19], mode=3)], None)
C2 = L + [T("CopyItemsd", names=["b"]), {"_target_": "ScaleIntensityd", "keys": "b", "minv": 0, "maxv": 100}]
for axis in (1, -1, 2):
    cases[f"concat_{axis}"] = ("small", C2 + [{"_target_": "ConcatItemsd", "keys": ["image", "b"], "name": "image", "dim": axis}, {"_target_": "DeleteItemsd", "keys": ["b"]}], None)
for name, sigma in {"": [0.5, 1.5, 2.0], "_wide": 2.5, "_none": [0.0, 1.0, 0.3]}.items():
    cases[f"smooth_scalespace{name}"] = ("small", L + [T("GaussianSmoothd", sigma=sigma, approx="scalespace")], None)
for dtype in ("uint8", "int16"):
    top = 255 if dtype == "uint8" else 32000
    U = L + [T("ScaleIntensityd", minv=0, maxv=top), T("CastToTyped", dtype=f"$torch.{dtype}")]
    for offset in (100, 100.5, -60, -60.25, 1000):
        for safe in (False, True):
            # A float that doesn't fit an integer becomes what the machine's conversion makes of it.
            if safe or dtype == "uint8" or isinstance(offset, int):
                cases[f"shift_{dtype}_{offset}{'_safe' if safe else ''}"] = ("small", U + [T("ShiftIntensityd", offset=offset, safe=safe)], None)
# Regions of exactly min_size.
M2 = L + [T("Lambdad", func="$lambda x: ((x > 60) & (x < 90)).float()")]
sizes = sorted(set(np.bincount(label(applied(M2)[0], connectivity=1).ravel())[1:]))
for size in (sizes[0], sizes[len(sizes) // 2]):
    for independent in (True, False):
        cases[f"remove_exactly_{size}_{'each' if independent else 'all'}"] = ("small", M2 + [T("RemoveSmallObjectsd", min_size=int(size), independent_channels=independent)], None)
cases["remove_one_less"] = ("small", M2 + [T("RemoveSmallObjectsd", min_size=int(sizes[len(sizes) // 2]) - 1)], None)
L3 = V[:-1] + [T("AsDiscreted", rounding="torchrounding")]
counts = np.bincount(applied(L3).ravel().astype(int))
cases["remove_exactly_label"] = ("small", L3 + [T("RemoveSmallObjectsd", min_size=int(counts[1:].min()))], None)

# Positions in single precision, whose last bit decides between the nearest voxels; splines' scale, which always has it.
F = {"dtype": "$torch.float32"}
for name, im, pixdim, kw in (
    ("", "small", 0.75, {}), ("_reflection", "axes", [1.5, 1.3, 2.0], {"padding_mode": "reflection"}),
    ("", "turned", [3.0, 2.5, 5.0], {}), ("", "plane", 0.75, {})):
    cases[f"single_nearest{name}_{im}"] = (im, L + [S(pixdim, mode="nearest", **kw, **F)], None)
for im, pixdim, kw in (("small", [1.5, 1.3, 2.0], {}), ("small", 1.2, {"diagonal": True}), ("turned", [1.5, 1.3, 2.0], {}),
                       ("turned", [3.0, 2.5, 5.0], {"diagonal": True}), ("plane", 1.2, {"diagonal": True}), ("plane", [3.0, 2.5], {})):
    cases[f"invert_single{'_diagonal' if kw else ''}_{im}"] = (im, L + [S(pixdim, **kw, **F)], [I(True)])
cases["single_spline_small"] = ("small", L + [S([1.0, 1.3, 1.7], mode=3, padding_mode="constant", align_corners=True, **F)], None)
for im in ("small", "axes"):
    cases[f"spline_corners_constant_{im}"] = (im, L + [S(1.5, mode=2, padding_mode="constant", align_corners=True)], None)
# An extent of 8.5 voxels but for the last bit of a solved affine.
tied = np.array([[0.28084689378738403, -0.9925168752670288, 0, -42.50593948364258], [2.2827887535095215, 0.12210734933614731, 0, 34.281349182128906], [0, 0, -1, -41.61613845825195], [0, 0, 0, 1]])
nib.save(nib.Nifti1Image(np.add.outer(np.add.outer(np.arange(15), np.arange(16)), np.arange(10)).astype(np.float32), tied), f"{out}/images/tied.nii.gz")
cases["extent_tied"] = ("tied", L + [S([1.5], scale_extent=True), S([-1, 2.0, 2.0], mode=3, padding_mode="mirror", align_corners=True)], None)
# Lambdas beside Lambdad's.
cases["post_func_small"] = ("small", L + [T("Flipd", spatial_axis=0)], [{**I(False), "post_func": "$lambda x: x * 2 - 1"}, {"_target_": "ThresholdIntensityd", **P, "threshold": -1.5}])
cases["activations_other_small"] = ("small", L + [T("Activationsd", sigmoid=True, other="$lambda x: torch.clamp(x - 0.25, 0, 0.5)")], None)
cases["foreground_function_small"] = ("small", L2 + [T("CropForegroundd", source_key="image", select_fn="$lambda x: (x > 270) | (x < -40)", channel_indices=[0, 1])], None)
cases["foreground_function_one_small"] = ("small", L2 + [T("CropForegroundd", source_key="image", select_fn="$lambda x: (x > 270) & (x != 3)", channel_indices=0, margin=1)], None)
# A list of arguments, one for each of two keys.
TWO = {"keys": ["image", "twin"]}
for name, steps in {
    "threshold": [{"_target_": "AsDiscreted", **TWO, "threshold": [50.5, None]}],
    "one_hot": [{"_target_": "ScaleIntensityd", **TWO, "minv": 0, "maxv": 3}, {"_target_": "AsDiscreted", **TWO, "rounding": ["torchrounding", None]}, {"_target_": "AsDiscreted", **TWO, "to_onehot": [4, None]}],
    "rounding": [{"_target_": "AsDiscreted", **TWO, "rounding": [None, "torchrounding"]}],
    "corners": [{"_target_": "Resized", **TWO, "spatial_size": [13, 7, 11], "mode": "trilinear", "align_corners": [True, None]}],
    "padding": [{"_target_": "Spacingd", **TWO, "pixdim": [1.0, 1.3, 1.7], "diagonal": True, "mode": ["bilinear", "nearest"], "padding_mode": ["zeros", "reflection"]}],
    "pad": [{"_target_": "SpatialPadd", **TWO, "spatial_size": 14, "mode": ["edge", "constant"]}],
    "other": [{"_target_": "Activationsd", **TWO, "sigmoid": [True, False], "other": [None, "$lambda x: x - 3"]}],
}.items():
    twin = L + [T("CopyItemsd", names="twin")] + steps
    cases[f"lists_{name}_first"] = ("small", twin, None)
    cases[f"lists_{name}_second"] = ("small", twin + [{"_target_": "DeleteItemsd", "keys": "image"}, {"_target_": "CopyItemsd", "keys": "twin", "names": "image"}], None)
cases["largest_first_channel"] = ("small", L2 + [T("Lambdad", func="$lambda x: (x > 60).float()"), T("KeepLargestConnectedComponentd", applied_labels=[1], is_onehot=False)], None)

index = {}
for name, (im, pre, post) in cases.items():
    config = {"preprocessing": {"_target_": "Compose", "transforms": pre}}
    if post: config["postprocessing"] = {"_target_": "Compose", "transforms": post}
    config = ConfigParser(config)
    data = config.get_parsed_content("preprocessing")({"image": f"{out}/images/{im}.nii.gz"})
    result = data["image"]
    if post:
        data["pred"] = torch.cat([torch.sin(result / 20), result / 100], 0)
        np.save(f"{out}/{name}.pred_in.npy", data["pred"].as_tensor().numpy().astype(np.float32))
        result = config.get_parsed_content("postprocessing")(data)["pred"]
    np.save(f"{out}/{name}.npy", result.as_tensor().numpy().astype(np.float32))
    np.save(f"{out}/{name}.affine.npy", np.asarray(result.affine, dtype=np.float64))
    index[name] = {"image": im, "transforms": pre, "post": post, "shape": list(result.shape)}
json.dump(index, open(f"{out}/cases.json", "w"), indent=1)
print(len(index), "cases")
