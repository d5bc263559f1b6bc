#!/usr/bin/env python3
"""Build networks with random arguments in MONAI and in Martlet, and compare their outputs.

Usage: fuzz_networks.py MARTLET [--count N] [--seed S] [--odd] [--only CLASS,...] [--keep DIR]
(needs torch, monai, torchvision, einops, numpy, and onnxruntime to tell a wrong graph from a wrong engine)

Every class of `GENERATORS` draws arguments: numbers of channels and blocks, kernels, strides, every norm and activation
of MONAI's factories, every upsampling. MONAI builds the network, all its parameters and statistics are drawn at random,
and its outputs in eval mode are the reference for `martlet infer` on the state dict and the network_def, at batch 2.
A case passes when the largest difference is at most 1e-4 of the largest reference value. It is set aside as
ill-conditioned when PyTorch's own float32 differs that much from its float64. Each class gets N cases (5); the case of a
seed and number is always the same. Cases that fail stay in DIR (./fuzz) with network_def, weights, inputs, outputs.
"""
import argparse
import copy
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import warnings
import zlib

warnings.filterwarnings("ignore")
import numpy as np  # noqa: E402
import torch  # noqa: E402
import monai.networks.nets  # noqa: E402,F401
from monai.bundle import ConfigParser  # noqa: E402

TOLERANCE = 1e-4


class Draw(random.Random):
    """Random arguments; odd ones have None and one-element lists among the layers."""

    is_odd = False

    def maybe(self, arguments, name, value, chance=0.5):
        if self.random() < chance:
            arguments[name] = value() if callable(value) else value

    def flag(self):
        return self.random() < 0.5

    def dims(self, low=1, high=3):
        return self.randint(low, high)

    def kernel(self, dims, choices=(1, 3, 5)):
        if self.random() < 0.6:
            return self.choice(choices)
        return [self.choice(choices) for _ in range(dims)]

    def stride(self, dims, choices=(1, 2)):
        if self.random() < 0.6:
            return self.choice(choices)
        return [self.choice(choices) for _ in range(dims)]

    def shape(self, dims, multiple, low=1, high=3):
        return [multiple * self.randint(low, high) for _ in range(dims)]

    def spell(self, name):
        return self.choice([name, name.upper(), name.capitalize()])

    def norm(self, groups=2):
        """A norm for numbers of channels that `groups` divides."""
        if self.is_odd and self.random() < 0.3:
            return self.choice([None, "", ["batch", {}], "syncbatch", ["INSTANCE", {"affine": False}]])
        kinds = [
            lambda: self.spell("batch"),
            lambda: self.spell("instance"),
            lambda: [self.spell("batch"), {"eps": 1e-3, "momentum": 0.05}],
            lambda: ["batch", {"affine": False}],
            lambda: ["instance", {"affine": True, "eps": 1e-4}],
            lambda: ["instance", {"affine": True, "track_running_stats": True}],
            lambda: ["group", {"num_groups": self.choice([1, groups])}],
            lambda: [self.spell("group"), {"num_groups": groups, "affine": False, "eps": 1e-3}],
            lambda: ["localresponse", {"size": self.choice([2, 3, 5]), "alpha": 0.01, "beta": 0.5, "k": 2.0}],
        ]
        return self.choice(kinds)()

    def act(self):
        if self.is_odd and self.random() < 0.3:
            return self.choice([None, "", ["relu", {}], ["PReLU", {"num_parameters": 1, "init": 0.1}], ["leakyrelu", {"inplace": False}]])
        kinds = [
            lambda: self.spell("relu"), lambda: self.spell("prelu"), lambda: ["prelu", {"init": 0.3}],
            lambda: ["leakyrelu", {"negative_slope": 0.2, "inplace": True}], lambda: "leakyrelu",
            lambda: ["elu", {"alpha": 0.5}], lambda: self.spell("elu"), lambda: self.spell("swish"),
            lambda: ["swish", {"alpha": 1.5}], lambda: "memswish", lambda: "mish", lambda: self.spell("gelu"),
            lambda: ["gelu", {"approximate": "tanh"}], lambda: "sigmoid", lambda: "tanh", lambda: "relu6",
            lambda: "selu", lambda: ["celu", {"alpha": 0.8}], lambda: ["softmax", {"dim": 1}],
            lambda: ["logsoftmax", {"dim": 1}],
        ]
        return self.choice(kinds)()

    def upsample(self):
        return self.choice(["deconv", "nontrainable", "pixelshuffle", "deconvgroup"])


def product(strides, dims):
    total = [1] * dims
    for s in strides:
        total = [t * (s if isinstance(s, int) else s[i]) for i, t in enumerate(total)]
    return total


def unet_like(d, a, dims):
    levels = d.randint(2, 4)
    a["channels"] = [2 * d.randint(1, 4) for _ in range(levels)]
    a["strides"] = [d.stride(dims, (1, 2, 3) if dims < 3 else (1, 2)) for _ in range(levels - 1)]
    return product(a["strides"], dims)


def image(d, dims, divisors, low=2, high=4):
    return [k * d.randint(low, high) for k in divisors]


def UNet(d):
    dims = d.dims()
    a = {"spatial_dims": dims, "in_channels": d.randint(1, 3), "out_channels": 2 * d.randint(1, 2)}
    steps = unet_like(d, a, dims)
    d.maybe(a, "kernel_size", lambda: d.kernel(dims))
    d.maybe(a, "up_kernel_size", lambda: d.kernel(dims, (3, 5)))
    d.maybe(a, "num_res_units", lambda: d.randint(0, 3), 0.8)
    d.maybe(a, "act", d.act)
    d.maybe(a, "norm", d.norm)
    d.maybe(a, "bias", d.flag)
    d.maybe(a, "dropout", 0.3)
    d.maybe(a, "adn_ordering", lambda: d.choice(["NDA", "ADN", "AND", "A", "N", "DN", "ND"]), 0.3)
    return a, [a["in_channels"], *image(d, dims, steps)]


def BasicUNet(d):
    dims = d.dims()
    a = {"spatial_dims": dims, "in_channels": d.randint(1, 3), "out_channels": d.randint(1, 4)}
    a["features"] = [4 * d.randint(1, 2) for _ in range(6)]
    d.maybe(a, "act", d.act)
    d.maybe(a, "norm", d.norm)
    d.maybe(a, "bias", d.flag)
    d.maybe(a, "dropout", 0.1)
    d.maybe(a, "upsample", d.upsample)
    shape = [16 * 2 + d.choice([0, 0, 1, 5]) for _ in range(dims)]
    return a, [a["in_channels"], *shape]


def BasicUNetPlusPlus(d):
    a, shape = BasicUNet(d)
    d.maybe(a, "deep_supervision", d.flag)
    return a, [shape[0]] + [32] * (len(shape) - 1)


def AttentionUnet(d):
    dims = d.dims(2, 3)
    a = {"spatial_dims": dims, "in_channels": d.randint(1, 3), "out_channels": d.randint(1, 3)}
    steps = unet_like(d, a, dims)
    d.maybe(a, "kernel_size", lambda: d.kernel(dims))
    d.maybe(a, "up_kernel_size", lambda: d.kernel(dims, (3, 5)))
    d.maybe(a, "dropout", 0.2)
    return a, [a["in_channels"], *image(d, dims, steps)]


def DynUNet(d):
    dims = d.dims(2, 3)
    levels = d.randint(3, 5)
    strides = [1 if d.random() < 0.7 else d.stride(dims)] + [d.stride(dims, (1, 2)) for _ in range(levels - 1)]
    a = {"spatial_dims": dims, "in_channels": d.randint(1, 3), "out_channels": d.randint(1, 3)}
    a["kernel_size"] = [d.kernel(dims, (1, 3, 5)) for _ in range(levels)]
    a["strides"] = strides
    a["upsample_kernel_size"] = strides[1:]
    d.maybe(a, "filters", lambda: [4 * d.randint(1, 3) for _ in range(levels + d.randint(0, 1))], 0.9)
    d.maybe(a, "norm_name", d.norm)
    d.maybe(a, "act_name", d.act)
    d.maybe(a, "dropout", lambda: d.choice([0.2, ["alphadropout", {"p": 0.25}]]))
    d.maybe(a, "res_block", d.flag)
    d.maybe(a, "trans_bias", d.flag)
    if d.random() < 0.4:
        a["deep_supervision"] = True
        a["deep_supr_num"] = d.randint(1, levels - 2)
    return a, [a["in_channels"], *image(d, dims, product(strides, dims), 2, 3)]


def segresnet_common(d, a, blocks_up=True):
    dims = d.dims(2, 3)
    a.update(spatial_dims=dims, init_filters=4 * d.randint(1, 2), in_channels=d.randint(1, 3), out_channels=d.randint(1, 3))
    levels = d.randint(2, 4)
    a["blocks_down"] = [d.randint(1, 2) for _ in range(levels)]
    if blocks_up:
        a["blocks_up"] = [d.randint(1, 2) for _ in range(levels - 1)]
    d.maybe(a, "act", d.act)
    return dims, levels


def SegResNet(d):
    a = {}
    dims, levels = segresnet_common(d, a)
    a["norm"] = d.norm(4)
    if d.random() < 0.2:
        del a["norm"]
        a["norm_name"] = "GROUP"
        a["num_groups"] = 4
    d.maybe(a, "use_conv_final", d.flag)
    d.maybe(a, "dropout_prob", 0.2)
    a["upsample_mode"] = d.choice(["nontrainable", "deconv", "pixelshuffle", "deconvgroup"])
    return a, [a["in_channels"], *image(d, dims, [2 ** (levels - 1)] * dims, 2, 4)]


def SegResNetVAE(d):
    a, shape = SegResNet(d)
    a.pop("norm_name", None)
    a.pop("num_groups", None)
    a.setdefault("norm", ["group", {"num_groups": 4}])
    a["upsample_mode"] = d.choice(["nontrainable", "deconv"])
    shape[1:] = [16] * (len(shape) - 1)
    a["input_image_size"] = shape[1:]
    d.maybe(a, "vae_estimate_std", d.flag)
    d.maybe(a, "vae_nz", 16)
    return a, shape


def SegResNetDS(d):
    a = {}
    dims, levels = segresnet_common(d, a, False)
    d.maybe(a, "blocks_up", lambda: [d.randint(1, 2) for _ in range(levels - 1)])
    a["norm"] = d.choice(["batch", "instance", "instance_nvfuser", ["group", {"num_groups": 4}], ["instance", {"affine": True}]])
    if a["norm"] == "instance_nvfuser":
        a["norm"] = "instance"
    d.maybe(a, "dsdepth", lambda: d.randint(1, levels - 1))
    d.maybe(a, "upsample_mode", lambda: d.choice(["deconv", "nontrainable", "pixelshuffle"]))
    if dims == 3 and d.random() < 0.4:
        a["resolution"] = d.choice([[1, 1, 5], [1, 2, 4], [0.5, 0.5, 1.5], [3, 1, 1]])
    return a, [a["in_channels"], *image(d, dims, [2 ** (levels - 1)] * dims, 2, 3)]


SegResNetDS2 = SegResNetDS


def VNet(d):
    dims = d.dims(2, 3)
    a = {"spatial_dims": dims, "in_channels": d.choice([1, 2, 4]), "out_channels": d.randint(1, 3)}
    d.maybe(a, "act", lambda: d.choice(["relu", "prelu", ["elu", {"alpha": 0.7, "inplace": True}], "elu", ["leakyrelu", {"negative_slope": 0.2}], "swish"]))
    d.maybe(a, "bias", d.flag)
    d.maybe(a, "dropout_dim", lambda: d.randint(1, 3))
    d.maybe(a, "dropout_prob_up", lambda: [None, 0.3])
    d.maybe(a, "dropout_prob_down", lambda: d.choice([None, 0.2]))
    return a, [a["in_channels"], *[16 * d.randint(1, 2) for _ in range(dims)]]


def UNETR(d):
    dims = d.dims(2, 3)
    size = [16 * d.randint(1, 2) for _ in range(dims)]
    heads = d.choice([2, 3, 4])
    a = {"in_channels": d.randint(1, 2), "out_channels": d.randint(1, 3), "img_size": size if d.flag() or len(set(size)) > 1 else size[0],
         "feature_size": d.choice([4, 6]), "hidden_size": heads * d.choice([6, 12]), "mlp_dim": 20, "num_heads": heads}
    if dims == 2 or d.flag():
        a["spatial_dims"] = dims
    d.maybe(a, "proj_type", lambda: d.choice(["conv", "perceptron"]))
    d.maybe(a, "norm_name", d.norm)
    d.maybe(a, "conv_block", d.flag)
    d.maybe(a, "res_block", d.flag)
    d.maybe(a, "qkv_bias", d.flag)
    d.maybe(a, "save_attn", d.flag, 0.2)
    d.maybe(a, "dropout_rate", 0.1)
    return a, [a["in_channels"], *size]


def SwinUNETR(d):
    dims = d.dims(2, 3)
    a = {"in_channels": d.randint(1, 2), "out_channels": d.randint(1, 3), "feature_size": 12, "spatial_dims": dims}
    a["depths"] = [d.randint(1, 2) for _ in range(4)] if d.flag() else [2, 2, 1, 1]
    a["num_heads"] = d.choice([[2, 2, 4, 4], [3, 6, 12, 24], [1, 2, 3, 4], [3, 3, 3, 3]])
    d.maybe(a, "window_size", lambda: d.choice([2, 3, 4, 5, 7, [d.randint(2, 5) for _ in range(dims)]]), 0.7)
    d.maybe(a, "qkv_bias", d.flag)
    d.maybe(a, "mlp_ratio", lambda: d.choice([1.0, 2.5, 3]))
    d.maybe(a, "norm_name", d.norm)
    d.maybe(a, "normalize", d.flag)
    d.maybe(a, "patch_norm", d.flag)
    d.maybe(a, "use_v2", d.flag)
    d.maybe(a, "downsample", lambda: d.choice(["merging", "mergingv2"]))
    d.maybe(a, "use_checkpoint", d.flag)
    d.maybe(a, "drop_rate", 0.1)
    d.maybe(a, "dropout_path_rate", 0.1)
    d.maybe(a, "patch_size", 2, 0.3)
    return a, [a["in_channels"], *[32 * d.randint(1, 2 if dims == 3 else 3) for _ in range(dims)]]


def vit_common(d, dims):
    patch = [d.choice([4, 8]) for _ in range(dims)]
    if d.flag():
        patch = [patch[0]] * dims
    size = [p * d.randint(2, 3) for p in patch]
    heads = d.choice([1, 2, 3])
    a = {"in_channels": d.randint(1, 2), "img_size": size, "patch_size": patch[0] if len(set(patch)) == 1 and d.flag() else patch,
         "hidden_size": heads * 12, "mlp_dim": d.choice([16, 40]), "num_layers": d.randint(1, 3), "num_heads": heads, "spatial_dims": dims}
    d.maybe(a, "proj_type", lambda: d.choice(["conv", "perceptron"]))
    d.maybe(a, "qkv_bias", d.flag)
    d.maybe(a, "dropout_rate", 0.2)
    d.maybe(a, "save_attn", d.flag, 0.2)
    return a, [a["in_channels"], *size]


def ViT(d):
    a, shape = vit_common(d, d.dims(2, 3))
    a["pos_embed_type"] = d.choice(["learnable", "sincos", "none"])
    if d.flag():
        a["classification"] = True
        a["num_classes"] = d.randint(2, 5)
        d.maybe(a, "post_activation", lambda: d.choice(["Tanh", None, "other"]))
    return a, shape


def ViTAutoEnc(d):
    dims = d.dims(2, 3)
    a, shape = vit_common(d, dims)
    patch = d.choice([4, 9, 16] if dims == 2 else [4])
    a["patch_size"] = [patch] * dims
    shape[1:] = [patch * d.randint(2, 3) for _ in range(dims)]
    a["img_size"] = shape[1:]
    d.maybe(a, "out_channels", lambda: d.randint(1, 3))
    d.maybe(a, "deconv_chns", lambda: d.choice([4, 8]))
    return a, shape


def DenseNet(d):
    dims = d.dims()
    a = {"spatial_dims": dims, "in_channels": d.randint(1, 3), "out_channels": d.randint(1, 4), "init_features": 8,
         "growth_rate": 4, "block_config": [d.randint(1, 3) for _ in range(d.randint(1, 4))]}
    d.maybe(a, "bn_size", lambda: d.choice([2, 4]))
    d.maybe(a, "act", d.act)
    d.maybe(a, "norm", d.norm)
    d.maybe(a, "dropout_prob", 0.2)
    return a, [a["in_channels"], *[32 + d.choice([0, 16, 5]) for _ in range(dims)]]


def densenet_named(d):
    a = {"spatial_dims": 2, "in_channels": d.randint(1, 3), "out_channels": d.randint(1, 4), "init_features": 8, "growth_rate": 4}
    if d.flag():
        a["block_config"] = [2, 2, 1, 1]
    d.maybe(a, "norm", d.norm)
    d.maybe(a, "act", d.act)
    d.maybe(a, "pretrained", False)
    return d.choice(["DenseNet121", "DenseNet169", "densenet201", "Densenet264"]), a, [a["in_channels"], 64, 64]


def resnet_options(d, a, dims):
    d.maybe(a, "conv1_t_size", lambda: d.kernel(dims, (3, 5, 7)))
    d.maybe(a, "conv1_t_stride", lambda: d.stride(dims))
    d.maybe(a, "no_max_pool", d.flag)
    d.maybe(a, "shortcut_type", lambda: d.choice("AB"))
    d.maybe(a, "feed_forward", d.flag)
    d.maybe(a, "bias_downsample", d.flag)
    d.maybe(a, "act", d.act)
    d.maybe(a, "norm", d.norm)
    d.maybe(a, "num_classes", lambda: d.randint(1, 5), 0.8)


def ResNet(d):
    dims = d.dims()
    a = {"block": d.choice(["basic", "bottleneck"]), "layers": [d.randint(1, 2) for _ in range(4)],
         "block_inplanes": [4, 8, 8, 16], "spatial_dims": dims, "n_input_channels": d.randint(1, 3)}
    d.maybe(a, "widen_factor", lambda: d.choice([0.5, 1.5, 2.0]), 0.3)
    resnet_options(d, a, dims)
    return a, [a["n_input_channels"], *[32 + d.choice([0, 3, 8]) for _ in range(dims)]]


def resnet_named(d):
    a = {"spatial_dims": 2, "n_input_channels": d.randint(1, 3)}
    d.maybe(a, "widen_factor", 0.25, 0.8)
    d.maybe(a, "pretrained", False)
    resnet_options(d, a, 2)
    return d.choice(["resnet10", "resnet18", "resnet34", "resnet50"]), a, [a["n_input_channels"], 48, 40]


def SENet(d):
    dims = d.dims(2, 3)
    a = {"spatial_dims": dims, "in_channels": d.randint(1, 3), "block": d.choice(["se_bottleneck", "se_resnet_bottleneck", "se_resnetxt_bottleneck"]),
         "layers": [1, d.randint(1, 2), 1, 1], "groups": d.choice([1, 4, 8]), "reduction": d.choice([8, 16])}
    d.maybe(a, "inplanes", lambda: d.choice([16, 64]))
    d.maybe(a, "downsample_kernel_size", lambda: d.choice([1, 3]))
    d.maybe(a, "input_3x3", d.flag)
    d.maybe(a, "num_classes", 4, 0.9)
    d.maybe(a, "dropout_prob", lambda: d.choice([None, 0.3]))
    return a, [a["in_channels"], *[32 + d.choice([0, 1, 7]) for _ in range(dims)]]


def senet_named(d):
    a = {"spatial_dims": 2, "in_channels": d.randint(1, 3), "layers": [1, 1, 1, 1]}
    d.maybe(a, "num_classes", 3)
    d.maybe(a, "reduction", 8)
    d.maybe(a, "input_3x3", d.flag)
    return d.choice(["SENet154", "SEResNet50", "SEResNet101", "SEResNext50", "SEResNeXt101", "senet154"]), a, [a["in_channels"], 64, 48]


def EfficientNet(d):
    dims = d.dims(2, 3)
    blocks = ["r1_k3_s11_e1_i32_o4_se0.25"]
    width = 4
    for _ in range(d.randint(1, 3)):
        out = d.choice([4, 8, 12])
        blocks.append(f"r{d.randint(1, 2)}_k{d.choice([3, 5])}_s{d.choice(['11', '22'])}_e{d.choice([1, 4, 6])}_i{width}_o{out}"
                      + d.choice(["_se0.25", "", "_se0.5"]) + d.choice(["", "_noskip"]))
        width = out
    a = {"blocks_args_str": blocks, "spatial_dims": dims, "in_channels": d.randint(1, 3), "num_classes": 3,
         "width_coefficient": d.choice([0.25, 0.5, 1.0]), "depth_coefficient": d.choice([1.0, 1.4]), "image_size": d.choice([32, 33, 40])}
    d.maybe(a, "norm", lambda: d.norm(4))
    d.maybe(a, "depth_divisor", lambda: d.choice([4, 8]))
    d.maybe(a, "dropout_rate", 0.1)
    return a, [a["in_channels"], *[32 + d.choice([0, 1, 8]) for _ in range(dims)]]


def EfficientNetBN(d):
    a = {"model_name": "efficientnet-" + d.choice(["b0", "b1", "b2"]), "pretrained": False, "in_channels": d.randint(1, 3), "num_classes": 3}
    d.maybe(a, "norm", lambda: d.norm(2))
    d.maybe(a, "adv_prop", d.flag)
    d.maybe(a, "spatial_dims", lambda: d.choice([2, 3]))
    return a, [a["in_channels"], *[40] * a.get("spatial_dims", 2)]


def EfficientNetBNFeatures(d):
    return EfficientNetBN(d)


def FlexibleUNet(d):
    dims = d.dims(2, 3)
    a = {"in_channels": d.randint(1, 3), "out_channels": d.randint(1, 3), "spatial_dims": dims,
         "backbone": d.choice(["efficientnet-b0", "resnet10", "resnet18", "resnet34"])}
    a["decoder_channels"] = [16, 12, 8, 8, 4]
    d.maybe(a, "norm", d.norm)
    d.maybe(a, "act", d.act)
    d.maybe(a, "decoder_bias", d.flag)
    d.maybe(a, "upsample", lambda: d.choice(["nontrainable", "deconv", "pixelshuffle"]))
    d.maybe(a, "pre_conv", lambda: d.choice(["default", None]))
    d.maybe(a, "interp_mode", lambda: d.choice(["nearest", "linear", "bilinear" if dims == 2 else "trilinear"]))
    d.maybe(a, "is_pad", d.flag)
    return a, [a["in_channels"], *[32] * dims]


def HighResNet(d):
    dims = d.dims()
    a = {"spatial_dims": dims, "in_channels": d.randint(1, 3), "out_channels": 2 * d.randint(1, 2)}
    residuals = [{"name": f"res_{i}", "n_features": 8 * (1 + i // 2), "kernels": [d.choice([1, 3]) for _ in range(d.randint(1, 3))], "repeat": d.randint(1, 2)}
                 for i in range(d.randint(1, 3))]
    a["layer_params"] = [{"name": "conv_0", "n_features": 8, "kernel_size": d.choice([1, 3])}, *residuals,
                         {"name": "conv_1", "n_features": 12, "kernel_size": d.choice([1, 3])}, {"name": "conv_2", "kernel_size": 1}]
    d.maybe(a, "norm_type", d.norm)
    d.maybe(a, "acti_type", d.act)
    d.maybe(a, "bias", d.flag)
    d.maybe(a, "channel_matching", lambda: d.choice(["pad", "project"]))
    d.maybe(a, "dropout_prob", 0.2)
    return a, [a["in_channels"], *[d.randint(8, 14) for _ in range(dims)]]


def autoencoder_options(d, a, dims):
    d.maybe(a, "kernel_size", lambda: d.kernel(dims, (3, 5)))
    d.maybe(a, "up_kernel_size", lambda: d.kernel(dims, (3, 5)))
    d.maybe(a, "num_res_units", lambda: d.randint(0, 2))
    d.maybe(a, "num_inter_units", lambda: d.randint(0, 3))
    if d.flag():
        a["inter_channels"] = [8] * d.randint(1, 2)
        d.maybe(a, "inter_dilations", lambda: [d.randint(1, 2) for _ in a["inter_channels"]])
    d.maybe(a, "act", d.act)
    d.maybe(a, "norm", d.norm)
    d.maybe(a, "bias", d.flag)
    d.maybe(a, "dropout", 0.2)


def AutoEncoder(d):
    dims = d.dims()
    a = {"spatial_dims": dims, "in_channels": d.randint(1, 3), "out_channels": 2 * d.randint(1, 2)}
    levels = d.randint(2, 3)
    a["channels"] = [4 * d.randint(1, 2) for _ in range(levels)]
    a["strides"] = [d.choice([1, 2]) for _ in range(levels)]
    autoencoder_options(d, a, dims)
    d.maybe(a, "padding", lambda: d.choice([None, 1]), 0.2)
    return a, [a["in_channels"], *image(d, dims, product(a["strides"], dims), 3, 5)]


def VarAutoEncoder(d):
    dims = d.dims(2, 3)
    a = {"spatial_dims": dims, "out_channels": 2 * d.randint(1, 2), "latent_size": d.randint(2, 5)}
    levels = d.randint(2, 3)
    a["channels"] = [4 * d.randint(1, 2) for _ in range(levels)]
    a["strides"] = [d.choice([1, 2]) for _ in range(levels)]
    a["in_shape"] = [d.randint(1, 2), *image(d, dims, product(a["strides"], dims), 3, 4)]
    autoencoder_options(d, a, dims)
    d.maybe(a, "use_sigmoid", d.flag)
    a["use_mean_at_inference"] = True
    return a, a["in_shape"]


def Generator(d):
    dims = d.dims(2, 3)
    levels = d.randint(2, 4)
    a = {"latent_shape": d.choice([[5], [2, 3]]), "start_shape": [4, *[d.randint(3, 5) for _ in range(dims)]],
         "channels": [2 * d.randint(1, 4) for _ in range(levels)], "strides": [d.choice([1, 2]) for _ in range(levels)]}
    d.maybe(a, "kernel_size", lambda: d.kernel(dims, (3, 5)))
    d.maybe(a, "num_res_units", lambda: d.randint(0, 3))
    d.maybe(a, "act", d.act)
    d.maybe(a, "norm", d.norm)
    d.maybe(a, "bias", d.flag)
    return a, a["latent_shape"]


def regressor_common(d, a):
    dims = d.dims(1, 3)
    levels = d.randint(2, 4)
    a["in_shape"] = [d.randint(1, 2), *[d.choice([16, 24, 17]) for _ in range(dims)]]
    a["channels"] = [2 * d.randint(1, 4) for _ in range(levels)]
    a["strides"] = [d.choice([1, 2]) for _ in range(levels)]
    d.maybe(a, "kernel_size", lambda: d.kernel(dims, (3, 5)))
    d.maybe(a, "num_res_units", lambda: d.randint(0, 3))
    d.maybe(a, "act", d.act)
    d.maybe(a, "norm", d.norm)
    d.maybe(a, "bias", d.flag)
    d.maybe(a, "dropout", 0.3)
    return a, a["in_shape"]


def Regressor(d):
    return regressor_common(d, {"out_shape": d.choice([[1], [2, 3], [4]])})


def Classifier(d):
    a, shape = regressor_common(d, {"classes": d.randint(2, 4)})
    d.maybe(a, "last_act", lambda: d.choice([None, "sigmoid", ["softmax", {"dim": 1}], "tanh"]))
    return a, shape


def Discriminator(d):
    a, shape = regressor_common(d, {})
    d.maybe(a, "last_act", lambda: d.choice([None, "SIGMOID", "tanh"]))
    return a, shape


def Critic(d):
    return regressor_common(d, {})


def regunet_common(d, a, dims, depth):
    d.maybe(a, "out_kernel_initializer", lambda: d.choice(["kaiming_uniform", "zeros", None]))
    d.maybe(a, "out_activation", lambda: d.choice([None, "sigmoid", "tanh", "relu"]))
    d.maybe(a, "out_channels", lambda: d.randint(1, 3))
    d.maybe(a, "pooling", d.flag)
    d.maybe(a, "concat_skip", d.flag)


def RegUNet(d):
    dims = d.dims(2, 3)
    depth = d.randint(1, 3)
    a = {"spatial_dims": dims, "in_channels": d.randint(1, 3), "num_channel_initial": 4, "depth": depth}
    regunet_common(d, a, dims, depth)
    d.maybe(a, "extract_levels", lambda: sorted(d.sample(range(depth + 1), d.randint(1, depth + 1))))
    d.maybe(a, "encode_kernel_sizes", lambda: d.choice([3, 5, [d.choice([3, 5]) for _ in range(depth + 1)]]))
    return a, [a["in_channels"], *image(d, dims, [2 ** depth] * dims, 2, 4)]


def LocalNet(d):
    dims = d.dims(2, 3)
    levels = sorted(d.sample(range(4), d.randint(1, 3)))
    a = {"spatial_dims": dims, "in_channels": d.randint(1, 3), "num_channel_initial": 4, "extract_levels": levels}
    depth = max(max(levels), 1)
    regunet_common(d, a, dims, depth)
    d.maybe(a, "use_additive_sampling", d.flag)
    if d.flag():
        a["mode"] = d.choice(["nearest", "bilinear" if dims == 2 else "trilinear"])
        if a["mode"] != "nearest":
            a["align_corners"] = d.flag()
    return a, [a["in_channels"], *image(d, dims, [2 ** depth] * dims, 2, 3)]


def GlobalNet(d):
    dims = d.dims(2, 3)
    depth = d.randint(1, 3)
    size = image(d, dims, [2 ** depth] * dims, 2, 3)
    a = {"image_size": size, "spatial_dims": dims, "in_channels": d.randint(1, 3), "num_channel_initial": 4, "depth": depth}
    regunet_common(d, a, dims, depth)
    a.pop("out_channels", None)
    return a, [a["in_channels"], *size]


def MedNeXt(d):
    dims = d.dims(2, 3)
    a = {"spatial_dims": dims, "init_filters": 4, "in_channels": d.randint(1, 2), "out_channels": d.randint(1, 3)}
    levels = d.randint(2, 4)
    a["blocks_down"] = [d.randint(1, 2) for _ in range(levels)]
    a["blocks_up"] = [d.randint(1, 2) for _ in range(levels)]
    d.maybe(a, "encoder_expansion_ratio", lambda: d.choice([2, 3, [d.randint(1, 3) for _ in range(levels)]]))
    d.maybe(a, "decoder_expansion_ratio", lambda: d.choice([2, 3, [d.randint(1, 3) for _ in range(levels)]]))
    d.maybe(a, "bottleneck_expansion_ratio", lambda: d.randint(1, 3))
    a["kernel_size"] = d.choice([3, 5])
    d.maybe(a, "deep_supervision", d.flag)
    d.maybe(a, "use_residual_connection", d.flag)
    d.maybe(a, "blocks_bottleneck", lambda: d.randint(1, 2))
    d.maybe(a, "norm_type", lambda: d.choice(["group", "layer"]))
    d.maybe(a, "global_resp_norm", d.flag)
    return a, [a["in_channels"], *[2 ** levels * d.randint(1, 2) for _ in range(dims)]]


def mednext_named(d):
    a = {"spatial_dims": 2, "in_channels": d.randint(1, 2), "out_channels": d.randint(1, 3), "kernel_size": 3}
    d.maybe(a, "deep_supervision", d.flag)
    return d.choice(["MedNeXtSmall", "MedNeXtS", "MedNextB"]), a, [a["in_channels"], 32, 16]


def HoVerNet(d):
    mode = d.choice(["fast", "original"])
    a = {"mode": mode, "in_channels": d.choice([1, 3]), "out_classes": d.choice([0, 3])}
    d.maybe(a, "np_out_channels", lambda: d.randint(2, 3))
    d.maybe(a, "act", lambda: d.choice(["relu", "leakyrelu", "prelu"]))
    d.maybe(a, "decoder_padding", d.flag)
    d.maybe(a, "adapt_standard_resnet", d.flag)
    d.maybe(a, "norm", lambda: d.choice(["batch", "instance", ["group", {"num_groups": 8}]]))
    if a.get("decoder_padding") and mode == "original":
        del a["decoder_padding"]
    size = 256 if mode == "fast" else 270
    return a, [a["in_channels"], size, size]


def DiNTS(d):
    dims = d.dims(2, 3)
    depths, blocks = d.randint(2, 4), d.randint(2, 4)
    count = 3 * depths - 2
    space = {"_target_": "TopologyInstance", "channel_mul": d.choice([0.25, 0.5]), "num_blocks": blocks, "num_depths": depths, "use_downsample": d.flag()}
    if dims == 2 or d.flag():
        space["spatial_dims"] = dims
    if d.random() < 0.7:
        # Every depth's own connection is there, so that no depth runs dry.
        codes = [[1 if i % 3 == 0 or d.random() < 0.4 else 0 for i in range(count)] for _ in range(blocks)]
        space["arch_code"] = [codes, [[d.randint(0, 1 if dims == 2 else 4) for _ in range(count)] for _ in range(blocks)]]
    d.maybe(space, "act_name", lambda: d.choice(["relu", "leakyrelu", "prelu", "elu"]))
    d.maybe(space, "norm_name", d.norm)
    a = {"dints_space": space, "in_channels": d.randint(1, 2), "num_classes": d.randint(1, 3), "use_downsample": space["use_downsample"]}
    if dims == 2 or d.flag():
        a["spatial_dims"] = dims
    d.maybe(a, "act_name", lambda: d.choice(["relu", "leakyrelu", "prelu", "elu"]))
    d.maybe(a, "norm_name", d.norm)
    if d.flag():
        a["node_a"] = [[1 if d.random() < 0.8 else 0 for _ in range(depths)] for _ in range(blocks + 1)]
    return a, [a["in_channels"], *[2 ** depths * 2] * dims]


def autoencoderkl_common(d):
    dims = d.dims(2, 3)
    levels = d.randint(1, 3)
    a = {"spatial_dims": dims, "channels": [8 * d.randint(1, 2) for _ in range(levels)], "attention_levels": [d.random() < 0.4 for _ in range(levels)],
         "norm_num_groups": d.choice([2, 4])}
    a["num_res_blocks"] = d.choice([1, 2, [d.randint(1, 2) for _ in range(levels)]])
    d.maybe(a, "norm_eps", 1e-4)
    d.maybe(a, "include_fc", d.flag)
    d.maybe(a, "use_combined_linear", d.flag)
    d.maybe(a, "use_flash_attention", d.flag, 0.3)
    return a, dims, levels


def AutoencoderKL(d):
    a, dims, levels = autoencoderkl_common(d)
    a.update(in_channels=d.randint(1, 2), out_channels=d.randint(1, 2))
    d.maybe(a, "latent_channels", lambda: d.randint(2, 4))
    d.maybe(a, "with_encoder_nonlocal_attn", d.flag)
    d.maybe(a, "with_decoder_nonlocal_attn", d.flag)
    d.maybe(a, "use_convtranspose", d.flag)
    d.maybe(a, "use_checkpoint", d.flag)
    return a, [a["in_channels"], *[2 ** (levels - 1) * d.choice([4, 5]) for _ in range(dims)]]


def DiffusionModelUNet(d):
    a, dims, levels = autoencoderkl_common(d)
    a.update(in_channels=d.randint(1, 2), out_channels=d.randint(1, 2))
    d.maybe(a, "resblock_updown", d.flag)
    a["num_head_channels"] = d.choice([4, 8, [d.choice([4, 8]) for _ in range(levels)]])
    d.maybe(a, "upcast_attention", d.flag)
    # PyTorch's fused attention drops at random in evaluation too, so that MONAI's results with both aren't repeatable.
    if not a.get("use_flash_attention"):
        d.maybe(a, "dropout_cattn", 0.1)
    shapes = [[a["in_channels"], *[2 ** (levels - 1) * d.choice([4, 6]) for _ in range(dims)]], "timesteps"]
    if d.flag():
        a["with_conditioning"] = True
        a["cross_attention_dim"] = d.choice([3, 6])
        d.maybe(a, "transformer_num_layers", lambda: d.randint(1, 2))
        shapes.append([d.randint(1, 4), a["cross_attention_dim"]])
    elif d.random() < 0.3:
        a["num_class_embeds"] = 5
        shapes.append("classes")
    return a, shapes


def TorchVisionFCModel(d):
    name = d.choice(["resnet18", "resnet34", "resnet50", "densenet121", "inception_v3"])
    a = {"model_name": name, "num_classes": d.randint(1, 4), "pretrained": False}
    d.maybe(a, "bias", d.flag)
    if name == "inception_v3":
        a.update(pool=None, init_weights=False)
        return a, [3, 299, 299]
    if name == "densenet121":
        a.update(pool=None, fc_name="classifier")
        return a, [3, 64, 64]
    if d.flag():
        a["pool"] = None
        return a, [3, 64, 64]
    d.maybe(a, "use_conv", d.flag)
    if d.flag():
        a["pool"] = d.choice([["avg", {"kernel_size": 3, "stride": 1}], ["max", {"kernel_size": 2, "stride": 2}]])
        if not a.get("use_conv"):
            a["pool"] = ["avg", {"kernel_size": 3, "stride": 1}]
            return a, [3, 96, 96]
    return a, [3, 224, 224]


def RetinaNet(d):
    dims = d.dims(2, 3)
    backbone = {"_target_": "monai.networks.nets." + d.choice(["resnet10", "resnet18", "resnet50"]), "spatial_dims": dims, "n_input_channels": d.randint(1, 2), "widen_factor": 0.25}
    d.maybe(backbone, "conv1_t_stride", lambda: d.choice([1, 2, [2] * dims]))
    d.maybe(backbone, "shortcut_type", lambda: d.choice("AB"))
    extractor = {"_target_": "monai.apps.detection.networks.retinanet_network.resnet_fpn_feature_extractor", "backbone": backbone, "spatial_dims": dims}
    d.maybe(extractor, "returned_layers", lambda: sorted(d.sample([1, 2, 3, 4], d.randint(1, 3))))
    d.maybe(extractor, "pretrained_backbone", False)
    a = {"spatial_dims": dims, "num_classes": d.randint(1, 3), "num_anchors": d.randint(1, 3), "feature_extractor": extractor}
    d.maybe(a, "size_divisible", lambda: d.choice([16, 32]))
    d.maybe(a, "use_list_output", d.flag)
    return "monai.apps.detection.networks.retinanet_network.RetinaNet", a, [backbone["n_input_channels"], *[d.choice([32, 64]) for _ in range(dims)]]


def PatchDiscriminator(d):
    dims = d.dims(2, 3)
    a = {"spatial_dims": dims, "channels": 4, "in_channels": d.randint(1, 2)}
    d.maybe(a, "out_channels", lambda: d.randint(1, 2))
    d.maybe(a, "num_layers_d", lambda: d.randint(1, 3))
    d.maybe(a, "kernel_size", lambda: d.choice([3, 4]))
    d.maybe(a, "activation", d.act)
    d.maybe(a, "norm", d.norm)
    d.maybe(a, "bias", d.flag)
    d.maybe(a, "padding", lambda: d.choice([0, 1]), 0.3)
    d.maybe(a, "last_conv_kernel_size", lambda: d.choice([1, 3]))
    return a, [a["in_channels"], *[d.choice([48, 40]) for _ in range(dims)]]


def MultiScalePatchDiscriminator(d):
    a, shape = PatchDiscriminator(d)
    for name in ["padding"]:
        a.pop(name, None)
    a.update(num_d=d.randint(1, 2), num_layers_d=d.randint(1, 2), minimum_size_im=32)
    return a, shape


def FullyConnectedNet(d):
    a = {"in_channels": d.randint(2, 6), "out_channels": d.randint(1, 4), "hidden_channels": [d.randint(2, 6) for _ in range(d.randint(1, 3))]}
    d.maybe(a, "act", d.act)
    d.maybe(a, "bias", d.flag)
    d.maybe(a, "dropout", 0.2)
    d.maybe(a, "adn_ordering", lambda: d.choice(["A", "DA", "AD"]))
    return a, [a["in_channels"]]


GENERATORS = {
    "UNet": UNet, "BasicUNet": BasicUNet, "BasicUNetPlusPlus": BasicUNetPlusPlus, "AttentionUnet": AttentionUnet, "DynUNet": DynUNet,
    "SegResNet": SegResNet, "SegResNetVAE": SegResNetVAE, "SegResNetDS": SegResNetDS, "VNet": VNet, "UNETR": UNETR,
    "SwinUNETR": SwinUNETR, "ViT": ViT, "ViTAutoEnc": ViTAutoEnc, "DenseNet": DenseNet, "densenet_named": densenet_named, "ResNet": ResNet,
    "resnet_named": resnet_named, "SENet": SENet, "senet_named": senet_named, "EfficientNet": EfficientNet, "EfficientNetBN": EfficientNetBN,
    "FlexibleUNet": FlexibleUNet, "HighResNet": HighResNet, "AutoEncoder": AutoEncoder, "VarAutoEncoder": VarAutoEncoder, "Generator": Generator,
    "Discriminator": Discriminator, "Critic": Critic, "Classifier": Classifier, "Regressor": Regressor, "RegUNet": RegUNet, "LocalNet": LocalNet,
    "MedNeXt": MedNeXt, "mednext_named": mednext_named, "HoVerNet": HoVerNet, "DiNTS": DiNTS, "AutoencoderKL": AutoencoderKL,
    "DiffusionModelUNet": DiffusionModelUNet, "TorchVisionFCModel": TorchVisionFCModel, "RetinaNet": RetinaNet,
    "PatchDiscriminator": PatchDiscriminator, "FullyConnectedNet": FullyConnectedNet,
}


def randomise(net):
    """Draws every parameter and statistic that doesn't start at random, so that mistakes in them show."""
    for module in net.modules():
        if getattr(module, "running_mean", None) is not None:
            module.running_mean.normal_(0, 0.2)
            module.running_var.uniform_(0.5, 1.5)
        kinds = (torch.nn.modules.batchnorm._NormBase, torch.nn.GroupNorm, torch.nn.LayerNorm)
        if isinstance(module, kinds) and getattr(module, "weight", None) is not None:
            torch.nn.init.uniform_(module.weight, 0.5, 1.5)
            torch.nn.init.normal_(module.bias, 0, 0.2)
    for parameter in net.parameters():
        if not parameter.any():
            parameter.normal_(0, 0.2)


def flatten(y):
    if isinstance(y, torch.Tensor):
        return [y]
    if isinstance(y, dict):
        y = y.values()
    return [t for e in y if e is not None for t in flatten(e)] if isinstance(y, (list, tuple, type({}.values()))) else []


def build(definition):
    """MONAI's network of a network_def, with the arrays that DiNTS wants in the place of lists."""
    definition = copy.deepcopy(definition)
    if definition["_target_"] == "DiNTS":
        space = definition["dints_space"]
        if "arch_code" in space:
            space["arch_code"] = "$[__import__('numpy').array(a) for a in %r]" % (space["arch_code"],)
        if "node_a" in definition:
            definition["node_a"] = "$__import__('torch').tensor(%r)" % (definition["node_a"],)
    parser = ConfigParser({"network_def": definition})
    return parser.get_parsed_content("network_def")


def draw_inputs(shapes):
    if not isinstance(shapes[0], list):
        shapes = [shapes]
    makers = {"timesteps": lambda: torch.tensor([3, 250]), "classes": lambda: torch.tensor([1, 4])}
    return [makers[s]() if isinstance(s, str) else torch.randn(2, *s) for s in shapes]


def forward(name, net, inputs):
    if name == "DiffusionModelUNet" and len(inputs) == 3:
        key = "class_labels" if not inputs[2].is_floating_point() else "context"
        return net(inputs[0], inputs[1], **{key: inputs[2]})
    return net(*inputs)


def worst(results, references):
    errors = []
    for result, reference in zip(results, references):
        if tuple(result.shape) != tuple(reference.shape):
            return float("inf"), f"the shape {tuple(result.shape)} instead of {tuple(reference.shape)}"
        scale = float(np.abs(reference).max()) or 1.0
        errors.append(float(np.abs(result.astype(np.float64) - reference).max()) / scale)
    return max(errors), ""


def odd(d, shapes, arguments):
    """Extents that aren't multiples of anything, unless the arguments fix them."""
    fixed = {"img_size", "in_shape", "input_image_size", "image_size", "latent_shape", "hidden_channels"}
    if fixed & set(arguments) and "blocks_args_str" not in arguments:
        return shapes
    image = shapes[0] if isinstance(shapes[0], list) else shapes
    image[1:] = [extent + d.randint(0, 3) for extent in image[1:]]
    return shapes


def case(martlet, name, number, seed, folder, is_odd=False):
    """What became of one case: a word and an explanation."""
    d = Draw(zlib.crc32(f"{name} {number} {seed}".encode()))
    d.is_odd = is_odd
    drawn = GENERATORS[name](d)
    target, arguments, shapes = drawn if len(drawn) == 3 else (name, *drawn)
    if is_odd:
        shapes = odd(d, shapes, arguments)
    definition = {"_target_": target, **arguments}
    with open(f"{folder}/config.json", "w") as file:
        json.dump({"network_def": definition}, file)
    torch.manual_seed(d.randint(0, 1 << 30))
    try:
        net = build(definition).eval()
        if name == "AutoencoderKL":
            net.sampling = lambda mean, sigma: mean
        inputs = draw_inputs(shapes)
        with torch.no_grad():
            randomise(net)
            outputs = flatten(forward(name, net, inputs))
    except Exception as error:  # what MONAI refuses is no case
        error = error.__cause__ or error
        return "monai refuses", f"{type(error).__name__}: {str(error)[:150]}"
    references = [y.float().numpy() for y in outputs]
    if not all(np.isfinite(r).all() for r in references):
        return "not finite", ""
    torch.save(net.state_dict(), f"{folder}/state_dict.pt")
    for i, x in enumerate(inputs):
        np.save(f"{folder}/input_{i}.npy", x.numpy())
    for i, y in enumerate(references):
        np.save(f"{folder}/output_{i}.npy", y)
    command = [martlet, "infer", f"{folder}/state_dict.pt", "--config-file", f"{folder}/config.json", "--json", "--quiet",
               "--inputs", ",".join(f"{folder}/input_{i}.npy" for i in range(len(inputs))), "--output", f"{folder}/results"]
    run = subprocess.run(command, capture_output=True, text=True, timeout=600)
    if run.returncode != 0:
        return ("crash" if run.returncode < 0 else "martlet refuses"), run.stderr.strip()[:1500]
    files = [o["file"] for o in json.loads(run.stdout)["outputs"]]
    if len(files) != len(references):
        return "differs", f"{len(files)} outputs instead of {len(references)}"
    results = [np.load(f) for f in files]
    error, reason = worst(results, references)
    if error <= TOLERANCE:
        return "same", f"{error:.1e}"
    exact = net.double()
    try:
        with torch.no_grad():
            doubles = [y.numpy() for y in flatten(forward(name, exact, [x.double() if x.is_floating_point() else x for x in inputs]))]
        own, _ = worst(references, doubles)
        ours, _ = worst(results, doubles)
        if not reason and own > TOLERANCE / 10 and ours < 10 * own:
            return "ill-conditioned", f"{error:.1e}; PyTorch's float32 {own:.1e}, ours {ours:.1e} from float64"
        reason = reason or f"{error:.1e}; PyTorch's float32 {own:.1e}, ours {ours:.1e} from float64"
    except Exception:
        reason = reason or f"{error:.1e}"
    return "differs", reason + "; " + with_onnxruntime(martlet, folder, inputs, references)


def with_onnxruntime(martlet, folder, inputs, references):
    """The error of the same graph in another engine."""
    try:
        import onnxruntime
        shape = ",".join(map(str, inputs[0].shape))
        subprocess.run([martlet, "export", f"{folder}/state_dict.pt", "--config-file", f"{folder}/config.json", "--target", "onnx", "--quiet",
                        "--input-shape", shape, "--output", f"{folder}/network.onnx"], check=True, capture_output=True)
        session = onnxruntime.InferenceSession(f"{folder}/network.onnx", providers=["CPUExecutionProvider"])
        error, _ = worst(session.run(None, {f"input_{i}": x.numpy() for i, x in enumerate(inputs)}), references)
        return f"{error:.1e} in ONNX Runtime"
    except Exception as error:
        return f"ONNX Runtime: {type(error).__name__}: {str(error)[:200]}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("martlet")
    parser.add_argument("--count", type=int, default=5)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--odd", action="store_true", help="odd sizes of the images, None for layers")
    parser.add_argument("--only", default="")
    parser.add_argument("--keep", default="fuzz")
    options = parser.parse_args()
    torch.set_num_threads(2)
    names = options.only.split(",") if options.only else list(GENERATORS)
    totals = {}
    for name in names:
        counts = {}
        for number in range(options.first, options.first + options.count):
            folder = tempfile.mkdtemp()
            try:
                verdict, reason = case(options.martlet, name, number, options.seed, folder, options.odd)
                counts[verdict] = counts.get(verdict, 0) + 1
                if verdict not in ("same", "monai refuses", "not finite"):
                    print(f"  {name} {number}: {verdict}: {reason}\n    {open(folder + '/config.json').read()}", flush=True)
                elif verdict == "monai refuses" and os.environ.get("FUZZ_REFUSALS"):
                    print(f"  {name} {number}: {verdict}: {reason}", flush=True)
                if verdict in ("differs", "martlet refuses", "crash"):
                    shutil.copytree(folder, f"{options.keep}/{name}-{options.seed}-{number}", dirs_exist_ok=True)
            finally:
                shutil.rmtree(folder)
        print(f"{name}: " + ", ".join(f"{v} {k}" for k, v in sorted(counts.items())), flush=True)
        for key, value in counts.items():
            totals[key] = totals.get(key, 0) + value
    print("all: " + ", ".join(f"{v} {k}" for k, v in sorted(totals.items())))
    sys.exit(1 if set(totals) & {"differs", "martlet refuses", "crash"} else 0)


if __name__ == "__main__":
    main()
