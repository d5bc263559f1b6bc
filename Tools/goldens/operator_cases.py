"""Small programs, one for each way to call an operator of PyTorch, by family.

`FAMILIES[family]` is `(inputs, {case: module})`; every module takes all inputs of its family.
make_operators.py writes them as programs with their results.
"""
import torch
from torch import nn
from torch.nn import functional as F


class Fn(nn.Module):
    """A function as a module; tensors that it uses are its buffers."""

    def __init__(self, function, **buffers):
        super().__init__()
        self.function = function
        self.names = list(buffers)
        for name, value in buffers.items():
            self.register_buffer(name, value)

    def forward(self, *inputs):
        return self.function(*inputs, **{name: getattr(self, name) for name in self.names})


class First(nn.Module):
    """A module that takes the family's input number `index` alone."""

    def __init__(self, module, index=0):
        super().__init__()
        self.module = module
        self.index = index

    def forward(self, *inputs):
        return self.module(inputs[self.index])


class Same(nn.Module):
    """A module that takes one input several times, as attention does."""

    def __init__(self, module, index=0, **keywords):
        super().__init__()
        self.module = module
        self.index = index
        self.keywords = keywords

    def forward(self, *inputs):
        x = inputs[self.index]
        return self.module(x, x, x, **self.keywords)


def seeded(*shape, scale=1.0):
    return torch.randn(*shape) * scale


def randomized(module):
    """Norms of 1 and 0 would hide mistakes."""
    for name, value in list(module.named_parameters()) + list(module.named_buffers()):
        if not value.is_floating_point():
            continue
        if "running_var" in name:
            value.data.uniform_(0.5, 2)
        elif value.dim() <= 1:
            value.data.normal_(0.3, 0.7)
    return module.eval()


def activations():
    x = seeded(2, 4, 6, 5, scale=3)
    functions = {
        "relu": F.relu, "relu6": F.relu6, "elu": F.elu, "elu_alpha": lambda x: F.elu(x, 0.7), "celu": lambda x: F.celu(x, 1.3),
        "selu": F.selu, "gelu": F.gelu, "gelu_tanh": lambda x: F.gelu(x, approximate="tanh"), "silu": F.silu,
        "mish": F.mish, "hardswish": F.hardswish, "hardsigmoid": F.hardsigmoid, "hardtanh": F.hardtanh,
        "hardtanh_bounds": lambda x: F.hardtanh(x, -0.5, 0.7), "leaky_relu": lambda x: F.leaky_relu(x, 0.2),
        "logsigmoid": F.logsigmoid, "softplus": F.softplus, "softplus_beta": lambda x: F.softplus(x, 2.5, 5),
        "softshrink": lambda x: F.softshrink(x, 0.3), "hardshrink": lambda x: F.hardshrink(x, 0.4),
        "tanhshrink": F.tanhshrink, "softsign": F.softsign, "sigmoid": torch.sigmoid, "tanh": torch.tanh,
        "threshold": lambda x: F.threshold(x, 0.1, 20.0), "glu": lambda x: F.glu(x, 1), "softmax": lambda x: x.softmax(1),
        "softmax_float": lambda x: F.softmax(x.long(), -1, dtype=torch.float32), "softmin": lambda x: F.softmin(x, 1),
        "log_softmax": lambda x: F.log_softmax(x, -1), "rrelu": lambda x: F.rrelu(x, 0.1, 0.3),
        "dropout": lambda x: F.dropout(x, 0.5, False), "normalize": lambda x: F.normalize(x, dim=1),
        "normalize_l1": lambda x: F.normalize(x, p=1.0, dim=2),
    }
    cases = {name: Fn(function) for name, function in functions.items()}
    for name, module in {
        "prelu": nn.PReLU(), "prelu_channels": nn.PReLU(4), "softmax2d": nn.Softmax2d(), "dropout_module": nn.Dropout(0.3),
        "dropout2d": nn.Dropout2d(0.3), "alpha_dropout": nn.AlphaDropout(0.3), "identity": nn.Identity(),
    }.items():
        cases[name] = First(randomized(module))
    return [x], cases


def arithmetic():
    x, y, z = seeded(2, 3, 4, 5), seeded(2, 3, 4, 5), seeded(3, 1, 5)
    functions = {
        "add": lambda x, y, z: x + z, "add_alpha": lambda x, y, z: torch.add(x, y, alpha=0.5), "add_number": lambda x, y, z: x + 2,
        "sub": lambda x, y, z: x - z, "rsub": lambda x, y, z: 1.5 - x, "mul": lambda x, y, z: x * z, "div": lambda x, y, z: x / z,
        "div_floor": lambda x, y, z: torch.div(x, z, rounding_mode="floor"),
        "div_trunc": lambda x, y, z: torch.div(x, z, rounding_mode="trunc"),
        "floordiv_int": lambda x, y, z: (x * 10).long() // 3, "div_trunc_int": lambda x, y, z: torch.div((x * 10).long(), 3, rounding_mode="trunc"),
        "remainder": lambda x, y, z: x % 0.7, "remainder_int": lambda x, y, z: (x * 10).long() % 4, "fmod": lambda x, y, z: torch.fmod(x, 0.7),
        "fmod_tensor": lambda x, y, z: torch.fmod(x, z),
        "true_divide": lambda x, y, z: torch.true_divide(x, 3), "reciprocal_number": lambda x, y, z: 2 / (x.abs() + 1),
        "pow": lambda x, y, z: x.abs() ** 1.7, "pow_2": lambda x, y, z: x ** 2, "pow_3": lambda x, y, z: x ** 3, "pow_tensor": lambda x, y, z: x.abs() ** z,
        "pow_base": lambda x, y, z: 2 ** x, "pow_minus": lambda x, y, z: x ** -1, "maximum": lambda x, y, z: torch.maximum(x, z),
        "minimum": lambda x, y, z: torch.minimum(x, z), "max_other": lambda x, y, z: torch.max(x, y), "fmax": lambda x, y, z: torch.fmax(x, y),
        "fmin": lambda x, y, z: torch.fmin(x, y),
        "clamp": lambda x, y, z: x.clamp(-0.5, 0.7), "clamp_min": lambda x, y, z: x.clamp(min=0.1), "clamp_max": lambda x, y, z: x.clamp(max=0.1),
        "clamp_tensor": lambda x, y, z: torch.clamp(x, y.abs() * -1, y.abs()), "clip": lambda x, y, z: torch.clip(x, -1, 1),
        "clamp_min_tensor": lambda x, y, z: torch.clamp(x, min=z),
        "rsqrt": lambda x, y, z: (x.abs() + 0.1).rsqrt(), "square": lambda x, y, z: x.square(), "sqrt": lambda x, y, z: x.abs().sqrt(),
        "exp": lambda x, y, z: x.exp(), "expm1": lambda x, y, z: x.expm1(), "exp2": lambda x, y, z: torch.exp2(x), "log": lambda x, y, z: (x.abs() + 0.1).log(),
        "log1p": lambda x, y, z: x.abs().log1p(), "log2": lambda x, y, z: (x.abs() + 0.1).log2(), "log10": lambda x, y, z: (x.abs() + 0.1).log10(),
        "sin": lambda x, y, z: x.sin(), "cos": lambda x, y, z: x.cos(), "tan": lambda x, y, z: x.tan(), "asin": lambda x, y, z: x.tanh().asin(),
        "acos": lambda x, y, z: x.tanh().acos(), "atan": lambda x, y, z: x.atan(), "sinh": lambda x, y, z: x.sinh(), "cosh": lambda x, y, z: x.cosh(),
        "asinh": lambda x, y, z: x.asinh(), "acosh": lambda x, y, z: (x.abs() + 1.1).acosh(), "atanh": lambda x, y, z: (x.tanh() * 0.9).atanh(),
        "atan2": lambda x, y, z: torch.atan2(x, y), "erf": lambda x, y, z: x.erf(), "erfc": lambda x, y, z: x.erfc(), "reciprocal": lambda x, y, z: (x.abs() + 1).reciprocal(),
        "neg": lambda x, y, z: -x, "abs": lambda x, y, z: x.abs(), "sign": lambda x, y, z: x.sign(), "floor": lambda x, y, z: (3 * x).floor(), "ceil": lambda x, y, z: (3 * x).ceil(),
        "round": lambda x, y, z: (3 * x).round(), "round_decimals": lambda x, y, z: torch.round(x, decimals=1), "trunc": lambda x, y, z: (3 * x).trunc(), "frac": lambda x, y, z: (3 * x).frac(),
        "lerp": lambda x, y, z: torch.lerp(x, y, 0.3), "lerp_tensor": lambda x, y, z: torch.lerp(x, y, y.sigmoid()),
        "addcmul": lambda x, y, z: torch.addcmul(x, y, z, value=0.5), "addcdiv": lambda x, y, z: torch.addcdiv(x, y, z.abs() + 1, value=0.5),
        "logaddexp": lambda x, y, z: torch.logaddexp(x, y), "hypot": lambda x, y, z: torch.hypot(x, y), "logit": lambda x, y, z: torch.logit(x.sigmoid()),
        "logit_eps": lambda x, y, z: torch.logit(x.sigmoid(), 0.3), "xlogy": lambda x, y, z: torch.xlogy(x, y.abs() + 0.1),
        "nan_to_num": lambda x, y, z: torch.nan_to_num((x - 0.5).log(), nan=7.0, posinf=1.0, neginf=-1.0),
        "deg2rad": lambda x, y, z: torch.deg2rad(x), "copysign": lambda x, y, z: torch.copysign(x, y), "copysign_zero": lambda x, y, z: torch.copysign(x, torch.tensor(-0.0)), "fake_quantize": lambda x, y, z: torch.fake_quantize_per_tensor_affine(x, 0.05, 3, -20, 60), "fake_quantize_channels": lambda x, y, z: torch.fake_quantize_per_channel_affine(x, torch.linspace(0.02, 0.1, x.shape[1]), torch.zeros(x.shape[1], dtype=torch.int32), 1, -128, 127), "int_plus_float": lambda x, y, z: (x * 9).long() + 0.5,
        "bool_plus": lambda x, y, z: (x > 0) + (y > 0), "bool_mul": lambda x, y, z: (x > 0) * y, "int_times": lambda x, y, z: (x * 9).int() * 3, "sum_of_bools": lambda x, y, z: (x > 0).sum(1),
        "mean_int_tensor": lambda x, y, z: (x * 9).long().float().mean(1), "half_chain": lambda x, y, z: (x.half() + 1).float(),
        "double_chain": lambda x, y, z: (x.double() * 3).float(), "sgn": lambda x, y, z: torch.sgn(x), "positive": lambda x, y, z: +x,
        "outer_add": lambda x, y, z: x[0, 0, 0].unsqueeze(1) + x[0, 0, 1], "float_power": lambda x, y, z: torch.float_power(x.abs(), 1.5).float(), "diff": lambda x, y, z: torch.diff(x, dim=2),
        "trunc_number": lambda x, y, z: x * int(x.shape[3] / 2), "heaviside": lambda x, y, z: torch.heaviside(x, y), "special_expit": lambda x, y, z: torch.special.expit(x),
        "ldexp": lambda x, y, z: torch.ldexp(x, torch.tensor(2)), "rad2deg": lambda x, y, z: torch.rad2deg(x), "softplus_threshold": lambda x, y, z: F.softplus(x * 9, 1, 5),
        "sinc": lambda x, y, z: torch.sinc(x + 3), "broadcast_tensors": lambda x, y, z: torch.broadcast_tensors(x, z)[1] * 2,
    }
    return [x, y, z], {name: Fn(function) for name, function in functions.items()}


def comparisons():
    x, y = (seeded(2, 3, 4, 5) * 2).round(), (seeded(2, 3, 4, 5) * 2).round()
    functions = {
        "eq": lambda x, y: x == y, "ne": lambda x, y: x != y, "gt": lambda x, y: x > y, "lt": lambda x, y: x < y, "ge": lambda x, y: x >= y, "le": lambda x, y: x <= y,
        "eq_number": lambda x, y: x == 1, "ne_number": lambda x, y: x != 1, "gt_number": lambda x, y: x > 0.5, "lt_number": lambda x, y: x < 1, "ge_number": lambda x, y: x >= 1,
        "le_number": lambda x, y: x <= 1, "not": lambda x, y: torch.logical_not(x > 0), "bitwise_not": lambda x, y: ~(x > 0),
        "and": lambda x, y: torch.logical_and(x > 0, y > 0), "or": lambda x, y: torch.logical_or(x, y), "xor": lambda x, y: torch.logical_xor(x > 0, y > 0),
        "bit_and": lambda x, y: (x > 0) & (y > 0), "bit_or": lambda x, y: (x > 0) | (y > 0), "bit_xor": lambda x, y: (x > 0) ^ (y > 0),
        "where": lambda x, y: torch.where(x > 0, x, y), "where_number": lambda x, y: torch.where(x > 0, x, 0.5), "where_numbers": lambda x, y: torch.where(x > 0, 2.0, 0.5),
        "where_first": lambda x, y: torch.where(x > 0, 0.5, x), "where_zero_dim": lambda x, y: torch.where(x > 0, x, torch.tensor(3.0)),
        "masked_fill": lambda x, y: x.masked_fill(y > 0, -5), "masked_fill_inf": lambda x, y: x.masked_fill(y > 0, float("-inf")).clamp(min=-9), "masked_fill_tensor": lambda x, y: x.masked_fill(y > 0, torch.tensor(4.0)),
        "masked_fill_broadcast": lambda x, y: x.masked_fill(y[:, :, :1] > 0, 3), "isnan": lambda x, y: torch.isnan((x - 1).sqrt()), "isinf": lambda x, y: torch.isinf(1 / x), "isfinite": lambda x, y: torch.isfinite(1 / x),
        "bit_xor_int": lambda x, y: x.long() ^ y.long(), "bit_not_int": lambda x, y: ~x.int(), "bit_and_bool_int": lambda x, y: (x > 0) & 3, "shift_right": lambda x, y: (x * 9).long() >> 1, "shift_computed": lambda x, y: x.long() << y.abs().long(), "int_floor": lambda x, y: (7 * x).long() // 3, "int_floor_large": lambda x, y: ((7 * x).long() + 2**40) // (y.long().abs() + 1), "int_mod": lambda x, y: (7 * x).long() % 5, "int_trunc": lambda x, y: torch.div((7 * x).long(), 3, rounding_mode="trunc"),
        "bit_and_int": lambda x, y: x.long() & 3, "bit_or_int": lambda x, y: x.long() | 1, "shift": lambda x, y: x.long().abs() << 2, "isclose": lambda x, y: torch.isclose(x, y),
        "signbit": lambda x, y: torch.signbit(x - 0.5), "where_in_place": lambda x, y: x.clone().masked_fill_(y > 0, 0) + 1,
    }
    return [x, y], {name: Fn(function) for name, function in functions.items()}


def convolutions():
    x, y, z = seeded(2, 4, 9), seeded(2, 4, 8, 7), seeded(2, 4, 6, 5, 7)
    cases = {}
    for rank, (conv, transposed) in enumerate([(nn.Conv1d, nn.ConvTranspose1d), (nn.Conv2d, nn.ConvTranspose2d), (nn.Conv3d, nn.ConvTranspose3d)]):
        forms = {
            "plain": conv(4, 3, 3), "no_bias": conv(4, 3, 3, bias=False), "stride": conv(4, 3, 3, stride=2, padding=1), "dilation": conv(4, 3, 3, padding=2, dilation=2),
            "groups": conv(4, 6, 3, groups=2), "depthwise": conv(4, 8, 3, padding=1, groups=4), "pointwise": conv(4, 5, 1), "same": conv(4, 3, 4, padding="same"),
            "same_dilated": conv(4, 3, 3, padding="same", dilation=2), "valid": conv(4, 3, 3, padding="valid"), "reflect": conv(4, 3, 3, padding=1, padding_mode="reflect"),
            "circular": conv(4, 3, 3, padding=1, padding_mode="circular"), "replicate": conv(4, 3, 3, padding=1, padding_mode="replicate"),
            "transposed": transposed(4, 3, 2, stride=2), "transposed_padding": transposed(4, 3, 3, stride=2, padding=1, output_padding=1), "transposed_groups": transposed(4, 6, 3, groups=2),
            "transposed_dilation": transposed(4, 3, 3, dilation=2, bias=False), "transposed_plain": transposed(4, 3, 3, padding=1),
        }
        for name, module in forms.items():
            cases[f"{name}_{rank + 1}d"] = First(randomized(module), rank)
    cases["asymmetric"] = First(nn.Conv3d(4, 2, (3, 1, 5), stride=(1, 2, 1), padding=(1, 0, 2)), 2)
    cases["transposed_asymmetric"] = First(nn.ConvTranspose3d(4, 2, (2, 1, 3), stride=(2, 1, 2), padding=(0, 0, 1), output_padding=(0, 0, 1)), 2)
    cases["unbatched"] = Fn(lambda x, y, z, w: F.conv2d(y[0], w, padding=1), w=seeded(2, 4, 3, 3))
    cases["unfold"] = Fn(lambda x, y, z: F.unfold(y, 3, padding=1, stride=2))
    cases["unfold_dilated"] = Fn(lambda x, y, z: F.unfold(y, (2, 3), dilation=2))
    cases["fold"] = Fn(lambda x, y, z: F.fold(F.unfold(y, 2, stride=2), (8, 6), 2, stride=2))
    cases["fold_overlapping"] = Fn(lambda x, y, z: F.fold(F.unfold(y, 3, padding=1), (8, 7), 3, padding=1))
    cases["computed_weight"] = Fn(lambda x, y, z, w: F.conv2d(y, w * 2 - w.mean()), w=seeded(3, 4, 2, 2))
    cases["weight_norm"] = First(torch.nn.utils.parametrizations.weight_norm(nn.Conv2d(4, 3, 3)).eval(), 1)
    cases["weight_norm_old"] = First(torch.nn.utils.weight_norm(nn.Conv2d(4, 3, 3)).eval(), 1)
    cases["spectral_norm"] = First(torch.nn.utils.parametrizations.spectral_norm(nn.Conv2d(4, 3, 3)).eval(), 1)
    return [x, y, z], cases


def normalizations():
    x, y, z, m = seeded(3, 4, 9), seeded(3, 4, 8, 7), seeded(3, 4, 4, 5, 3), seeded(3, 4)
    modules = {
        "batch_1d": (nn.BatchNorm1d(4), 0), "batch_2d": (nn.BatchNorm2d(4), 1), "batch_3d": (nn.BatchNorm3d(4), 2), "batch_matrix": (nn.BatchNorm1d(4), 3), "batch_plain": (nn.BatchNorm2d(4, affine=False, eps=0.1), 1),
        "batch_without_statistics": (nn.BatchNorm2d(4, track_running_stats=False), 1), "batch_without_anything": (nn.BatchNorm3d(4, affine=False, track_running_stats=False), 2),
        "instance_1d": (nn.InstanceNorm1d(4), 0), "instance_2d": (nn.InstanceNorm2d(4, affine=True), 1), "instance_3d": (nn.InstanceNorm3d(4, affine=True, eps=0.01), 2), "instance_plain": (nn.InstanceNorm3d(4), 2),
        "instance_with_statistics": (nn.InstanceNorm2d(4, affine=True, track_running_stats=True), 1), "group": (nn.GroupNorm(2, 4), 1), "group_all": (nn.GroupNorm(1, 4), 2), "group_each": (nn.GroupNorm(4, 4, affine=False), 0),
        "group_matrix": (nn.GroupNorm(2, 4), 3), "layer": (nn.LayerNorm(7), 1), "layer_several": (nn.LayerNorm([8, 7]), 1), "layer_plain": (nn.LayerNorm(9, elementwise_affine=False), 0), "layer_no_bias": (nn.LayerNorm(9, bias=False), 0),
        "local_response": (nn.LocalResponseNorm(3), 1), "local_response_even": (nn.LocalResponseNorm(2, 0.01, 0.5, 2.0), 1), "local_response_1d": (nn.LocalResponseNorm(3), 0), "rms": (nn.RMSNorm(7), 1), "rms_several": (nn.RMSNorm([8, 7], eps=0.1, elementwise_affine=False), 1),
    }
    cases = {name: First(randomized(module), index) for name, (module, index) in modules.items()}
    cases["batch_function"] = Fn(lambda x, y, z, m: F.batch_norm(y, torch.zeros(4), torch.ones(4)))
    cases["channels_last_layer"] = Fn(lambda x, y, z, m, w: F.layer_norm(y.permute(0, 2, 3, 1), (4,), w, w).permute(0, 3, 1, 2), w=seeded(4))
    return [x, y, z, m], cases


def pools():
    x, y, z = seeded(2, 3, 11), seeded(2, 3, 9, 10), seeded(2, 3, 7, 6, 8)
    cases = {}
    for rank, (largest, average, adaptive, adaptive_max, power) in enumerate([
        (nn.MaxPool1d, nn.AvgPool1d, nn.AdaptiveAvgPool1d, nn.AdaptiveMaxPool1d, nn.LPPool1d), (nn.MaxPool2d, nn.AvgPool2d, nn.AdaptiveAvgPool2d, nn.AdaptiveMaxPool2d, nn.LPPool2d),
        (nn.MaxPool3d, nn.AvgPool3d, nn.AdaptiveAvgPool3d, nn.AdaptiveMaxPool3d, getattr(nn, "LPPool3d", None))]):
        forms = {
            "max": largest(2), "max_stride": largest(3, 2, 1), "max_dilation": largest(2, 1, dilation=2), "max_ceil": largest(3, 2, ceil_mode=True), "max_ceil_padding": largest(3, 2, 1, ceil_mode=True), "max_ceil_2": largest(2, 2, 1, ceil_mode=True),
            "average": average(2), "average_padding": average(3, 2, 1), "average_without_padding": average(3, 2, 1, count_include_pad=False), "average_ceil": average(3, 2, ceil_mode=True),
            "average_ceil_padding": average(3, 2, 1, ceil_mode=True), "average_ceil_without": average(3, 2, 1, ceil_mode=True, count_include_pad=False), "average_ceil_2": average(2, 2, 1, ceil_mode=True),
            "adaptive_1": adaptive(1), "adaptive_4": adaptive(4), "adaptive_3": adaptive(3), "adaptive_same": adaptive(12), "adaptive_max_1": adaptive_max(1), "adaptive_max_4": adaptive_max(4), "adaptive_max_3": adaptive_max(3),
            "power": power(2, 3, 2) if power else None, "power_1": power(1, 2) if power else None, "power_3": power(3, 2) if power else None, "power_ceil": power(2, 3, 2, ceil_mode=True) if power else None,
        }
        if rank:
            forms["average_divisor"] = average(3, 2, divisor_override=5)
            forms["adaptive_keeping"] = adaptive([None] + [2] * rank)
            forms["adaptive_ones"] = adaptive([1] * (rank + 1))
        for name, module in forms.items():
            if module is not None:
                cases[f"{name}_{rank + 1}d"] = First(module, rank)
    cases["max_with_indices"] = Fn(lambda x, y, z: F.max_pool2d(y, 2, return_indices=True)[0])
    cases["pool_places"] = Fn(lambda x, y, z: F.max_pool2d(y, 3, 2, 1, return_indices=True)[1])
    cases["pool_places_3d"] = Fn(lambda x, y, z: F.max_pool3d(z, 2, 1, dilation=2, ceil_mode=True, return_indices=True)[1])
    cases["unpool_size"] = Fn(lambda x, y, z: torch._C._nn.max_unpool2d(*F.max_pool2d(y, 3, 2, return_indices=True), y.shape[2:]))
    cases["unpool_3d"] = Fn(lambda x, y, z: torch._C._nn.max_unpool3d(*F.max_pool3d(z, 2, return_indices=True), [2 * (n // 2) for n in z.shape[2:]], [2, 2, 2], [0, 0, 0]))
    cases["unpool"] = Fn(lambda x, y, z: torch._C._nn.max_unpool2d(*F.max_pool2d(y, 2, return_indices=True), [2 * (n // 2) for n in y.shape[2:]]))
    return [x, y, z], cases


def resizing():
    x, y, z = seeded(2, 3, 7), seeded(2, 3, 5, 6), seeded(2, 2, 3, 4, 5)
    cases = {}
    for rank, mode in [(1, "nearest"), (2, "nearest"), (3, "nearest"), (1, "nearest-exact"), (2, "nearest-exact"), (3, "nearest-exact"), (1, "linear"), (2, "bilinear"), (3, "trilinear"), (2, "bicubic")]:
        extents = [x, y, z][rank - 1].shape[2:]
        sizes = {"double": [2 * e for e in extents], "odd": [2 * e - 1 for e in extents], "smaller": [max(e * 2 // 3, 1) for e in extents], "mixed": [e + 3 - 2 * i for i, e in enumerate(extents)], "one": [1] * rank}
        for corners in ([None] if "nearest" in mode else [False, True]):
            suffix = f"{mode.replace('-', '_')}_{rank}d" + ("_corners" if corners else "")
            arguments = {"mode": mode, "align_corners": corners}
            for name, size in sizes.items():
                cases[f"{suffix}_{name}"] = First(nn.Upsample(size=size, **arguments), rank - 1)
            for name, factor in {"by_2": 2, "by_1_5": 1.5, "by_half": 0.5, "by_2_3": 2.3}.items():
                cases[f"{suffix}_{name}"] = First(nn.Upsample(scale_factor=factor, **arguments), rank - 1)
            cases[f"{suffix}_recomputed"] = First(nn.Upsample(scale_factor=1.7, recompute_scale_factor=True, **arguments), rank - 1)
    cases["bilinear_antialias"] = Fn(lambda x, y, z: F.interpolate(y, (3, 4), mode="bilinear", antialias=True))
    cases["bilinear_antialias_corners"] = Fn(lambda x, y, z: F.interpolate(y, (3, 4), mode="bilinear", antialias=True, align_corners=True))
    cases["bicubic_antialias"] = Fn(lambda x, y, z: F.interpolate(y, (3, 9), mode="bicubic", antialias=True))
    cases["factors"] = Fn(lambda x, y, z: F.interpolate(z, scale_factor=(1, 2, 3), mode="trilinear", align_corners=False))
    cases["area"] = Fn(lambda x, y, z: F.interpolate(y, (3, 4), mode="area"))
    cases["upsampling_bilinear"] = First(nn.UpsamplingBilinear2d(scale_factor=2), 1)
    cases["upsampling_nearest"] = First(nn.UpsamplingNearest2d(scale_factor=2), 1)
    cases["size_of_other"] = Fn(lambda x, y, z: F.interpolate(y, size=z.shape[3:], mode="bilinear", align_corners=False))
    return [x, y, z], cases


def paddings():
    x, y, z = seeded(2, 3, 7), seeded(2, 3, 5, 6), seeded(2, 2, 5, 4, 6)
    cases = {}
    for rank in [1, 2, 3]:
        pads = {"one": [1] * (2 * rank), "uneven": [2, 1, 0, 3, 1, 2][:2 * rank], "after": [0, 2] * rank}
        for mode in ["constant", "reflect", "replicate", "circular"]:
            for name, pad in pads.items():
                cases[f"{mode}_{rank}d_{name}"] = Fn(lambda x, y, z, mode=mode, pad=pad, rank=rank: F.pad([x, y, z][rank - 1], pad, mode))
    functions = {
        "value": lambda x, y, z: F.pad(y, (1, 2), value=3.5), "negative": lambda x, y, z: F.pad(y, (-1, 2, 1, -2)), "batch": lambda x, y, z: F.pad(y, (0, 0, 0, 0, 1, 2)),
        "infinite": lambda x, y, z: F.pad(y, (1, 1), value=float("-inf")).clamp(min=-9), "none": lambda x, y, z: F.pad(y, (0, 0)), "bool": lambda x, y, z: F.pad(y > 0, (1, 1)), "int": lambda x, y, z: F.pad((3 * y).long(), (1, 1), value=7),
        "computed": lambda x, y, z: F.pad(y, [0, z.shape[4] - 4, 0, z.shape[2] - 3]),
    }
    cases.update({name: Fn(function) for name, function in functions.items()})
    for name, module in {"zero_pad": (nn.ZeroPad2d((1, 2, 0, 1)), 1), "constant_pad": (nn.ConstantPad3d(2, 1.5), 2), "reflection_pad": (nn.ReflectionPad2d(2), 1), "replication_pad": (nn.ReplicationPad3d(1), 2), "circular_pad": (nn.CircularPad2d(2), 1)}.items():
        cases[name] = First(*module)
    return [x, y, z], cases


def matrices():
    a, b, v, w = seeded(2, 3, 4), seeded(2, 4, 5), seeded(4), seeded(3, 4)
    functions = {
        "matmul": lambda a, b, v, w: a @ b, "matmul_vector": lambda a, b, v, w: a @ v, "vector_matmul": lambda a, b, v, w: v @ b, "dot": lambda a, b, v, w: v @ v, "torch_dot": lambda a, b, v, w: torch.dot(v, v), "matmul_broadcast": lambda a, b, v, w: w @ b,
        "mm": lambda a, b, v, w: torch.mm(w, b[0]), "mv": lambda a, b, v, w: torch.mv(w, v), "bmm": lambda a, b, v, w: torch.bmm(a, b), "addmm": lambda a, b, v, w: torch.addmm(b[1, 0], w, b[0], beta=0.5, alpha=2), "addmm_plain": lambda a, b, v, w: torch.addmm(b[1, 0], w, b[0]),
        "addmv": lambda a, b, v, w: torch.addmv(w[:, 0], w, v, beta=0.5, alpha=2), "baddbmm": lambda a, b, v, w: torch.baddbmm(b[:, :3], a, b, beta=0.5, alpha=2), "addbmm": lambda a, b, v, w: torch.addbmm(b[0, :3], a, b, beta=0.5), "baddbmm_zero": lambda a, b, v, w: torch.baddbmm(b[:, :3], a, b, beta=0),
        "outer": lambda a, b, v, w: torch.outer(v, w[0]), "tensordot": lambda a, b, v, w: torch.tensordot(a, b, dims=([2], [1])), "einsum_matmul": lambda a, b, v, w: torch.einsum("bij,bjk->bik", a, b), "einsum_implicit": lambda a, b, v, w: torch.einsum("bij,bjk", a, b), "einsum_outer": lambda a, b, v, w: torch.einsum("i,j->ij", v, w[0]),
        "einsum_sum": lambda a, b, v, w: torch.einsum("bij->b", a), "einsum_transpose": lambda a, b, v, w: torch.einsum("bij->jbi", a), "einsum_three": lambda a, b, v, w: torch.einsum("bij,bjk,j->bk", a, b, v), "einsum_ellipsis": lambda a, b, v, w: torch.einsum("...ij,...jk->...ik", a, b), "einsum_ellipsis_one": lambda a, b, v, w: torch.einsum("...j,ij->...i", a, w),
        "einsum_elementwise": lambda a, b, v, w: torch.einsum("bij,ij->bij", a, w), "einsum_heads": lambda a, b, v, w: torch.einsum("bxhd,byhd->bhxy", a.view(2, 3, 2, 2), a.view(2, 3, 2, 2)), "einsum_diagonal": lambda a, b, v, w: torch.einsum("bii->bi", a[:, :, :3]), "einsum_trace": lambda a, b, v, w: torch.einsum("ii", w[:, :3]),
        "linear": lambda a, b, v, w: F.linear(a, w), "linear_bias": lambda a, b, v, w: F.linear(a, w, w[:, 0]), "linear_vector": lambda a, b, v, w: F.linear(v, w), "linear_matrix": lambda a, b, v, w: F.linear(w, w, w[:, 1]), "bilinear": lambda a, b, v, w: F.bilinear(w, w, torch.ones(2, 4, 4) * v, v[:2]),
        "cosine": lambda a, b, v, w: F.cosine_similarity(a, a.flip(1), dim=2), "pairwise": lambda a, b, v, w: F.pairwise_distance(w, w.flip(0)), "cdist": lambda a, b, v, w: torch.cdist(a, a.flip(1)), "kron_deep": lambda a, b, v, w: torch.kron(w[None], w[:2, None]), "kron": lambda a, b, v, w: torch.kron(w, w), "chain": lambda a, b, v, w: torch.linalg.multi_dot([w, b[0], b[0].T]), "trace": lambda a, b, v, w: torch.trace(w), "cross": lambda a, b, v, w: torch.linalg.cross(w.T, w.T.flip(0)),
        "transposes": lambda a, b, v, w: b.mT @ a.transpose(1, 2), "t": lambda a, b, v, w: w.t() @ w, "numpy_t": lambda a, b, v, w: w.T @ w, "adjoint": lambda a, b, v, w: a.adjoint(), "vdot": lambda a, b, v, w: torch.vdot(v, v), "inner": lambda a, b, v, w: torch.inner(a, v),
    }
    cases = {name: Fn(function) for name, function in functions.items()}
    cases["linear_module"] = First(nn.Linear(4, 6))
    cases["linear_module_no_bias"] = First(nn.Linear(4, 6, bias=False), 3)
    cases["bilinear_module"] = Fn(lambda a, b, v, w, k: F.bilinear(w, w, k), k=seeded(2, 4, 4))
    return [a, b, v, w], cases


class Padded(nn.Module):
    """A transformer layer whose last tokens are padding."""

    def __init__(self, module):
        super().__init__()
        self.module = module

    def forward(self, x, m):
        mask = torch.zeros(x.shape[0], x.shape[1], dtype=torch.bool)
        mask[:, 3:] = True
        return self.module(x, src_key_padding_mask=mask)[:, :3]


def attentions():
    x, m = seeded(2, 5, 8), seeded(2, 4, 8)

    def heads(t):
        return t.view(t.shape[0], t.shape[1], 2, 4).transpose(1, 2)

    causal = torch.ones(5, 5).tril() > 0
    functions = {
        "plain": lambda x, m: F.scaled_dot_product_attention(heads(x), heads(x), heads(x)), "cross": lambda x, m: F.scaled_dot_product_attention(heads(x), heads(m), heads(m)), "causal": lambda x, m: F.scaled_dot_product_attention(heads(x), heads(x), heads(x), is_causal=True),
        "causal_longer": lambda x, m: F.scaled_dot_product_attention(heads(m), heads(x), heads(x), is_causal=True), "scale": lambda x, m: F.scaled_dot_product_attention(heads(x), heads(x), heads(x), scale=0.2), "three_axes": lambda x, m: F.scaled_dot_product_attention(x, x, x),
        "gqa": lambda x, m: F.scaled_dot_product_attention(heads(x), heads(x)[:, :1], heads(x)[:, :1], enable_gqa=True),
    }
    cases = {name: Fn(function) for name, function in functions.items()}
    cases["bool_mask"] = Fn(lambda x, m, mask: F.scaled_dot_product_attention(heads(x), heads(x), heads(x), attn_mask=mask), mask=causal)
    cases["float_mask"] = Fn(lambda x, m, mask: F.scaled_dot_product_attention(heads(x), heads(x), heads(x), attn_mask=mask), mask=seeded(5, 5))
    cases["empty_row"] = Fn(lambda x, m, mask: F.scaled_dot_product_attention(heads(x), heads(x), heads(x), attn_mask=mask), mask=torch.ones(5, 5).tril(-1) > 0)
    for name, keywords in {"weights": {}, "output": {"need_weights": False}, "each_head": {"average_attn_weights": False}}.items():
        cases[f"multihead_{name}"] = Same(randomized(nn.MultiheadAttention(8, 2, batch_first=True)), **keywords)
    cases["multihead_sequence_first"] = Same(randomized(nn.MultiheadAttention(8, 2)), need_weights=False)
    cases["multihead_no_bias"] = Same(randomized(nn.MultiheadAttention(8, 4, bias=False, batch_first=True)))
    cases["multihead_bias_kv"] = Same(randomized(nn.MultiheadAttention(8, 2, add_bias_kv=True, batch_first=True)))
    cases["multihead_zero_attn"] = Same(randomized(nn.MultiheadAttention(8, 2, add_zero_attn=True, batch_first=True)))

    class Masked(nn.Module):
        def __init__(self, needed):
            super().__init__()
            self.inner = randomized(nn.MultiheadAttention(8, 2, batch_first=True))
            self.register_buffer("mask", causal.logical_not())
            self.register_buffer("padding", torch.tensor([[False, False, False, True, True], [False, False, False, False, False]]))
            self.needed = needed

        def forward(self, x, m):
            first = self.inner(x, x, x, attn_mask=self.mask, need_weights=self.needed)[0]
            return first + self.inner(x, x, x, key_padding_mask=self.padding, need_weights=self.needed)[0]

    cases["multihead_masks"] = Masked(True)
    cases["multihead_masks_output"] = Masked(False)

    class Cross(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = randomized(nn.MultiheadAttention(8, 2, batch_first=True, kdim=8, vdim=8))
            self.other = randomized(nn.MultiheadAttention(8, 2, batch_first=True, kdim=6, vdim=4))

        def forward(self, x, m):
            return self.inner(x, m, m)[0], self.other(x, m[:, :, :6], m[:, :, :4])[0]

    cases["multihead_cross"] = Cross()
    for name, keywords in {"relu": {}, "gelu": {"activation": "gelu"}, "norm_first": {"norm_first": True}, "sequence_first": {"batch_first": False}}.items():
        cases[f"encoder_layer_{name}"] = First(randomized(nn.TransformerEncoderLayer(8, 2, 16, **{"batch_first": True, **keywords})))
    cases["encoder"] = First(randomized(nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), 2)))
    cases["encoder_norm"] = First(randomized(nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 16, batch_first=True, norm_first=True), 2, nn.LayerNorm(8))))
    cases["encoder_padding"] = Padded(randomized(nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)))

    class Decoder(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = randomized(nn.TransformerDecoderLayer(8, 2, 16, batch_first=True))

        def forward(self, x, m):
            return self.inner(x, m)

    cases["decoder"] = Decoder()
    return [x, m], cases


def reductions():
    x = seeded(2, 3, 5, 6)
    functions = {
        "mean": lambda x: x.mean(), "mean_dim": lambda x: x.mean(1), "mean_dims": lambda x: x.mean((2, 3), keepdim=True), "sum": lambda x: x.sum(), "sum_dims": lambda x: x.sum((1, -1)), "sum_int": lambda x: (x * 9).long().sum(1), "prod": lambda x: x.prod(2), "prod_all": lambda x: x[0, 0, 0].prod(),
        "amax": lambda x: x.amax((2, 3)), "amin": lambda x: x.amin(1, keepdim=True), "max": lambda x: x.max(), "min": lambda x: x.min(), "max_dim": lambda x: x.max(1)[0], "max_indices": lambda x: x.max(1)[1], "min_dim": lambda x: x.min(2, keepdim=True)[0], "min_indices": lambda x: x.min(2).indices,
        "argmax": lambda x: x.argmax(1), "argmax_keep": lambda x: x.argmax(1, keepdim=True), "argmax_all": lambda x: x.argmax(), "argmin": lambda x: x.argmin(-1), "all": lambda x: (x > -1).all(), "any": lambda x: (x > 2).any(), "all_dim": lambda x: (x > -1).all(1), "any_dim": lambda x: (x > 2).any(2, keepdim=True), "any_dims": lambda x: torch.any(x > 2, dim=(1, 2)),
        "topk": lambda x: x.topk(2, 1)[0], "topk_indices": lambda x: x.topk(2, 3)[1], "topk_smallest": lambda x: x.topk(3, largest=False)[0], "sort": lambda x: x.sort(2)[0], "sort_descending": lambda x: x.sort(3, descending=True)[1], "argsort": lambda x: x.argsort(2), "cummax_values": lambda x: x.cummax(1)[0], "cummin": lambda x: torch.stack([t.float() for t in x.round().cummin(-1)]), "cumsum": lambda x: x.cumsum(1), "cumsum_last": lambda x: x.cumsum(-1), "cumsum_bool": lambda x: (x > 0).cumsum(2), "cumprod": lambda x: x.cumprod(2),
        "logsumexp": lambda x: x.logsumexp(1), "logsumexp_dims": lambda x: x.logsumexp((2, 3), keepdim=True), "var": lambda x: x.var(), "var_dim": lambda x: x.var(1), "var_biased": lambda x: x.var((2, 3), unbiased=False, keepdim=True), "var_correction": lambda x: torch.var(x, dim=1, correction=0), "std": lambda x: x.std(), "std_dims": lambda x: x.std((1, 2)), "var_mean": lambda x: torch.var_mean(x, dim=1), "std_mean": lambda x: torch.std_mean(x, dim=(2, 3)), "var_mean_biased": lambda x: torch.var_mean(x, dim=1, unbiased=False),
        "norm": lambda x: x.norm(), "norm_dim": lambda x: x.norm(dim=1), "norm_1": lambda x: x.norm(p=1, dim=2, keepdim=True), "norm_inf": lambda x: x.norm(p=float("inf"), dim=1), "norm_minus_inf": lambda x: torch.linalg.vector_norm(x, float("-inf"), dim=1), "norm_3": lambda x: x.norm(p=3, dim=1), "norm_half": lambda x: x.norm(p=0.5, dim=1), "norm_0": lambda x: torch.linalg.vector_norm(x.relu(), 0, dim=1), "norm_fro": lambda x: x.norm(p="fro", dim=(2, 3)), "matrix_norm": lambda x: torch.linalg.matrix_norm(x), "linalg_norm": lambda x: torch.linalg.norm(x, dim=3),
        "median": lambda x: x.median(2)[0], "median_all": lambda x: x[:, :, :, :5].median(), "kthvalue": lambda x: x.kthvalue(3, 3)[0], "count_nonzero": lambda x: x.relu().count_nonzero(1), "aminmax": lambda x: torch.stack(torch.aminmax(x, dim=1)), "nansum": lambda x: (x.log()).nansum(1), "mean_dtype": lambda x: (x * 9).long().mean(1, dtype=torch.float32), "max_of_int": lambda x: (x * 9).long().max(1)[0], "softmax_argmax": lambda x: x.softmax(1).argmax(1, keepdim=True).float(), "cummax": lambda x: x.cummax(2)[0],
        "einops_mean": lambda x: x.view(2, 3, 5, 2, 3).mean(-1), "argmax_first": lambda x: (x > 0).float().argmax(1), "bincount_one_hot": lambda x: F.one_hot(x.argmax(1), 3).permute(0, 3, 1, 2), "unique_max": lambda x: torch.max(x, 1, keepdim=True).values,
    }
    return [x], {name: Fn(function) for name, function in functions.items()}


def indexing():
    x, y = seeded(2, 5, 6, 7), torch.tensor([[0, 2, 1], [3, 3, 0]])
    index, mask = torch.tensor([3, 0, 4]), torch.tensor([True, False, True, True, False])
    functions = {
        "select": lambda x, y: x[:, 2], "select_last": lambda x, y: x[:, :, -1], "slice": lambda x, y: x[:, 1:4], "slice_negative": lambda x, y: x[:, -3:-1], "slice_step": lambda x, y: x[:, ::2, 1::3], "slice_far": lambda x, y: x[:, :, 3:100], "ellipsis": lambda x, y: x[..., 1:3], "none": lambda x, y: x[:, None, 1], "narrow": lambda x, y: x.narrow(2, 1, 3), "list": lambda x, y: x[:, [0, 2]], "list_batch": lambda x, y: x[[1, 0, 1]], "two_lists": lambda x, y: x[:, [0, 2], [1, 3]],
        "two_lists_apart": lambda x, y: x[:, [0, 2], :, [1, 3]], "lists_first_last": lambda x, y: x[[0, 1, 1], :, :, [1, 3, 0]], "computed_index": lambda x, y: x[:, y[0]], "computed_matrix": lambda x, y: x[0, y], "computed_two": lambda x, y: x[y[0, :2] % 2, y[1, :2]], "batch_and_index": lambda x, y: x[torch.arange(2), y[:, 0]], "batch_and_matrix": lambda x, y: x[torch.arange(2)[:, None], y], "gather": lambda x, y: torch.gather(x[:, :, 0, 0], 1, y), "take_along": lambda x, y: torch.take_along_dim(x[:, :, 0, 0], y, 1),
        "index_select_tensor": lambda x, y: x.index_select(1, y[0]), "embedding": lambda x, y: F.embedding(y, x[0, :, :, 0]), "one_hot": lambda x, y: F.one_hot(y, 4), "take": lambda x, y: torch.take(x, y), "split": lambda x, y: x.split(2, 1)[2], "split_sizes": lambda x, y: x.split([1, 4], 1)[1], "chunk": lambda x, y: x.chunk(3, 3)[2], "unbind": lambda x, y: x.unbind(1)[3], "tensor_split": lambda x, y: x.tensor_split(3, 3)[1], "tensor_split_places": lambda x, y: x.tensor_split([2, 5], 3)[1], "split_batch": lambda x, y: torch.cat(x.split(1, 0), 1),
        "diagonal": lambda x, y: x.diagonal(dim1=2, dim2=3), "diagonal_offset": lambda x, y: x.diagonal(1, 1, 2), "diag": lambda x, y: torch.diag(x[0, 0, :, :6]), "diag_matrix": lambda x, y: torch.diag(x[0, 0, 0]), "diag_embed": lambda x, y: torch.diag_embed(x[0, 0]), "tril": lambda x, y: x.tril(), "triu": lambda x, y: x.triu(1), "tril_indices": lambda x, y: x[:, :, torch.tril_indices(3, 3)[0], torch.tril_indices(3, 3)[1]],
        "scatter": lambda x, y: x[:, :, 0, 0].scatter(1, y[:, :2], x[:, :3, 1, 1]), "scatter_sum_number": lambda x, y: x[:, :, 0, 0].scatter(1, y[:, :2], 2.0, reduce="multiply"), "scatter_sum": lambda x, y: x[:, :, 0, 0].scatter(1, y, x[:, :3, 1, 1], reduce="add"), "scatter_smaller": lambda x, y: x[:, :, :, 0].scatter(1, y[:, :, None], x[:, :3, :, 1]), "scatter_prod": lambda x, y: x[:, :, 0, 0].scatter_reduce(1, y, x[:, :3, 1, 1], "prod"), "scatter_max": lambda x, y: x[:, :, 0, 0].scatter_reduce(1, y, x[:, :3, 1, 1], "amax", include_self=False), "scatter_min": lambda x, y: x[:, :, 0, 0].scatter_reduce(1, y, x[:, :3, 1, 1], "amin"), "scatter_mean": lambda x, y: x[:, :, 0, 0].scatter_reduce(1, y, x[:, :3, 1, 1], "mean", include_self=False), "scatter_mean_all": lambda x, y: x[:, :, 0, 0].scatter_reduce(1, y, x[:, :3, 1, 1], "mean"), "scatter_in_place": lambda x, y: put(x[:, :, 0, 0].clone(), lambda t: t.scatter_add_(1, y, x[:, :3, 1, 1])), "index_add_last": lambda x, y: x.index_add(3, y[0], x[..., 2:5], alpha=0.5), "index_copy_computed": lambda x, y: x.index_copy(1, y[0], x[:, 2:]), "index_fill_known": lambda x, y: x.index_fill(1, torch.tensor([0, 2]), 4.0), "masked_scatter": lambda x, y: x.masked_scatter(x > 0.3, x.flip(1)), "nonzero_known": lambda x, y: torch.nonzero(torch.tensor([[0, 1], [2, 0]])),
        "put_two": lambda x, y: put(x.clone(), lambda t: t.__setitem__((slice(None), y[0], y[1]), x[:, :3, 0])), "put_apart": lambda x, y: put(x.clone(), lambda t: t.__setitem__((slice(None), y[0], slice(None), y[1]), 2.0)), "accumulate_known": lambda x, y: x.index_put((torch.tensor([1, 1, 0]), torch.tensor([2, 2, 3])), x[0, :3], accumulate=True), "accumulate_batch": lambda x, y: x.index_put((torch.arange(2)[:, None], y), torch.tensor(1.5), accumulate=True),
        "scatter_number": lambda x, y: x[:, :, 0, 0].scatter(1, y[:, :2], 9.0), "scatter_add": lambda x, y: x[:, :, 0, 0].scatter_add(1, y, x[:, :3, 1, 1]), "index_add": lambda x, y: x.index_add(1, y[0], x[:, :3]), "index_fill": lambda x, y: x.index_fill(1, y[0], 4.0), "index_copy": lambda x, y: x.index_copy(1, torch.tensor([0, 2]), x[:, 3:]), "masked_scatter_like": lambda x, y: torch.where(x > 0, x, x.flip(1)), "searchsorted": lambda x, y: torch.bucketize(x, torch.tensor([-1.0, 0.0, 1.0])),
        "put_slice": lambda x, y: put(x.clone(), lambda t: t.__setitem__((slice(None), slice(1, 3)), 0.5)), "put_list": lambda x, y: put(x.clone(), lambda t: t.__setitem__((slice(None), [0, 3]), 2.0)), "put_values": lambda x, y: put(x.clone(), lambda t: t.__setitem__((slice(None), [0, 3]), x[:, 1:3])), "put_mask": lambda x, y: put(x.clone(), lambda t: t.__setitem__(t > 0.5, 0.0)), "put_step": lambda x, y: put(x.clone(), lambda t: t.__setitem__((slice(None), slice(None, None, 2)), x[:, :3])), "put_select": lambda x, y: put(x.clone(), lambda t: t.__setitem__((slice(None), 1), x[:, 0])),
        "put_step_2d": lambda x, y: put(torch.zeros(2, 5, 12, 14), lambda t: t.__setitem__((slice(None), slice(None), slice(0, None, 2), slice(1, None, 2)), x)), "add_slice": lambda x, y: put(x.clone(), lambda t: t[:, 1:3].add_(x[:, :2])), "add_step": lambda x, y: put(x.clone(), lambda t: t[:, ::2].mul_(2)), "put_computed": lambda x, y: put(x.clone(), lambda t: t.__setitem__((0, y[0]), x[1, :3])), "accumulate": lambda x, y: x[0].index_put((y[0],), x[1, :3], accumulate=True),
        "select_scatter": lambda x, y: torch.select_scatter(x, x[:, 0], 1, 2), "slice_scatter": lambda x, y: torch.slice_scatter(x, x[:, :2], 1, 2, 4), "isin_like": lambda x, y: (y[..., None] == torch.tensor([0, 3])).any(-1),
    }
    cases = {name: Fn(function) for name, function in functions.items()}
    cases["index_select"] = Fn(lambda x, y, i: x.index_select(1, i), i=index)
    cases["mask"] = Fn(lambda x, y, m: x[:, m], m=mask)
    cases["buffer_index"] = Fn(lambda x, y, i: x[:, i], i=index)
    cases["buffer_matrix"] = Fn(lambda x, y, i: x[:, i], i=torch.tensor([[0, 4], [2, 2]]))
    cases["embedding_module"] = Fn(lambda x, y, w: F.embedding(y, w), w=seeded(4, 3))
    cases["position_bias"] = Fn(lambda x, y, w, i: w[i.view(-1)].view(3, 3, -1).permute(2, 0, 1), w=seeded(5, 2), i=torch.tensor([[0, 1, 2], [3, 4, 0], [1, 2, 3]]))
    return [x, y], cases


def put(tensor, change):
    change(tensor)
    return tensor + 0


def layouts():
    x, z = seeded(2, 4, 6, 8), seeded(2, 4, 4, 6)
    functions = {
        "view": lambda x, z: x.view(2, 4, -1), "view_batch": lambda x, z: x.view(x.size(0), -1), "reshape": lambda x, z: x.reshape(-1, 8), "reshape_as": lambda x, z: x.reshape_as(x.flatten(1)), "flatten": lambda x, z: x.flatten(1), "flatten_all": lambda x, z: x.flatten(), "flatten_some": lambda x, z: x.flatten(1, 2), "unflatten": lambda x, z: x.unflatten(1, (2, -1)), "squeeze": lambda x, z: x[:, :1].squeeze(1), "squeeze_all": lambda x, z: x[:, :1, :1].squeeze(), "squeeze_dims": lambda x, z: x[:, :1, :1].squeeze((1, 2)), "unsqueeze": lambda x, z: x.unsqueeze(2), "unsqueeze_last": lambda x, z: x.unsqueeze(-1),
        "permute": lambda x, z: x.permute(0, 2, 3, 1), "transpose": lambda x, z: x.transpose(-1, 1), "movedim": lambda x, z: x.movedim(1, -1), "movedims": lambda x, z: x.movedim((1, 2), (3, 1)), "moveaxis": lambda x, z: torch.moveaxis(x, 3, 1), "swapaxes": lambda x, z: x.swapaxes(1, 2), "expand": lambda x, z: x[:, :1].expand(-1, 3, -1, -1), "expand_more": lambda x, z: x[0, 0].expand(2, 3, 6, 8), "expand_as": lambda x, z: x[:, :1].expand_as(x), "broadcast_to": lambda x, z: torch.broadcast_to(x[:, :1], (2, 4, 6, 8)), "repeat": lambda x, z: x.repeat(1, 2, 1, 3), "repeat_more": lambda x, z: x.repeat(2, 1, 1, 1, 2), "tile": lambda x, z: x.tile(1, 2), "repeat_interleave": lambda x, z: x.repeat_interleave(2, 1), "repeat_interleave_all": lambda x, z: x.repeat_interleave(2), "repeat_interleave_counts": lambda x, z: x.repeat_interleave(torch.tensor([1, 0, 2, 3]), 1),
        "cat": lambda x, z: torch.cat([x, x * 2], 1), "cat_negative": lambda x, z: torch.cat([x[..., :6], z], -2), "cat_types": lambda x, z: torch.cat([x, (x > 0).float()], 1), "stack": lambda x, z: torch.stack([x, x + 1], 2), "stack_last": lambda x, z: torch.stack([x, x + 1], -1), "hstack": lambda x, z: torch.hstack([x, x]), "vstack": lambda x, z: torch.vstack([x, x]), "dstack": lambda x, z: torch.dstack([x, x]), "roll": lambda x, z: x.roll(2, 3), "rolls": lambda x, z: torch.roll(x, (-1, 3), (2, 3)), "roll_flat": lambda x, z: torch.roll(x, 5), "flip": lambda x, z: x.flip(2, 3), "fliplr": lambda x, z: torch.fliplr(x), "rot90": lambda x, z: torch.rot90(x, 1, (2, 3)), "unfold": lambda x, z: x.unfold(2, 3, 2), "unfolds": lambda x, z: x.unfold(2, 2, 2).unfold(3, 2, 2).flatten(4),
        "pixel_shuffle": lambda x, z: F.pixel_shuffle(x, 2), "pixel_unshuffle": lambda x, z: F.pixel_unshuffle(x, 2), "channel_shuffle": lambda x, z: F.channel_shuffle(x, 2), "contiguous": lambda x, z: x.permute(0, 2, 1, 3).contiguous().view(2, -1), "clone": lambda x, z: x.clone(), "channels_last": lambda x, z: x.contiguous(memory_format=torch.channels_last) + 1, "as_strided_free": lambda x, z: x.transpose(1, 2).reshape(2, 6, 32), "window": lambda x, z: x.view(2, 4, 3, 2, 4, 2).permute(0, 2, 4, 1, 3, 5).reshape(-1, 4, 2, 2), "atleast": lambda x, z: torch.atleast_3d(x[0, 0]), "meshgrid": lambda x, z: torch.stack(torch.meshgrid(x[0, 0, 0], x[0, 0, 1], indexing="ij")), "meshgrid_xy": lambda x, z: torch.stack(torch.meshgrid(x[0, 0, 0], x[0, 0, :, 1], indexing="xy")), "cartesian": lambda x, z: torch.cartesian_prod(x[0, 0, 0, :3], x[0, 0, 1, :2]), "ravel": lambda x, z: x.ravel(), "column_stack": lambda x, z: torch.column_stack([x[0, 0], x[0, 1]]), "view_as": lambda x, z: x.view_as(x.flatten(2)), "block": lambda x, z: torch.block_diag(x[0, 0], x[0, 1]), "unsafe": lambda x, z: x.unsafe_chunk(2, 1)[1], "swapdims": lambda x, z: x.swapdims(0, 1), "mt": lambda x, z: x.mT, "squeeze_not": lambda x, z: x.squeeze(1),
        "view_dtype_free": lambda x, z: x.view(x.shape[0], x.shape[1], x.shape[2] * x.shape[3]).transpose(1, 2), "half_batch": lambda x, z: x.reshape(x.shape[0] * 2, 2, *x.shape[2:]).reshape(x.shape[0], 4, -1), "tokens": lambda x, z: x.flatten(2).transpose(1, 2),
    }
    return [x, z], {name: Fn(function) for name, function in functions.items()}


def creation():
    x = seeded(2, 3, 4, 5)
    functions = {
        "zeros": lambda x: torch.zeros(2, 3) + x[:, :, 0, 0], "zeros_batch": lambda x: torch.zeros(x.shape[0], 3) + x[:, :, 0, 0], "ones": lambda x: torch.ones(4, 5) * x, "full": lambda x: torch.full((4, 5), 2.5) * x, "full_int": lambda x: torch.full((3,), 7), "empty_like_fill": lambda x: torch.empty_like(x).fill_(3.0), "zeros_like": lambda x: torch.zeros_like(x) + 1, "ones_like": lambda x: torch.ones_like(x, dtype=torch.int64), "full_like": lambda x: torch.full_like(x, 0.5), "new_zeros": lambda x: x.new_zeros(3, 2), "new_ones": lambda x: x.new_ones((2, 2)), "new_full": lambda x: x.new_full((2,), 4), "new_tensor": lambda x: x + x.new_tensor([1.0, 2, 3, 4, 5]), "arange": lambda x: torch.arange(5), "arange_float": lambda x: torch.arange(0, 1, 0.25) + 0 * x[0, 0, :, 0], "arange_start": lambda x: torch.arange(2, 9, 3), "arange_dtype": lambda x: torch.arange(4, dtype=torch.float32) * x[0, 0, :, 0], "arange_size": lambda x: torch.arange(x.shape[2]), "arange_down": lambda x: torch.arange(5, 0, -2), "linspace": lambda x: torch.linspace(-1, 1, 5) * x, "logspace": lambda x: torch.logspace(0, 1, 5) * x, "eye": lambda x: torch.eye(4) @ x, "eye_m": lambda x: torch.eye(4, 5) * x, "tensor": lambda x: x * torch.tensor([1.0, 2, 3, 4, 5]), "scalar": lambda x: x * torch.tensor(2.5), "tril_mask": lambda x: torch.ones(4, 5).tril() * x, "triu_mask": lambda x: torch.triu(torch.full((4, 4), float("-inf")), 1).softmax(-1) @ x, "float": lambda x: (x > 0).float(), "long": lambda x: (3 * x).long(), "int": lambda x: (3 * x).int(), "bool": lambda x: x.round().bool(), "to_dtype": lambda x: x.to(torch.float64).to(torch.float32), "to_other": lambda x: (x > 0).to(x), "to_device": lambda x: x.to("cpu"), "to_both": lambda x: (x > 0).to("cpu", torch.float32), "type_as": lambda x: (x > 0).type_as(x), "type": lambda x: (3 * x).type(torch.int32), "uint8": lambda x: (3 * x.abs()).to(torch.uint8), "half": lambda x: x.half().float(), "bfloat16": lambda x: x.bfloat16().float(), "position": lambda x: torch.stack(torch.meshgrid(torch.arange(4), torch.arange(5), indexing="ij")).float() / 4, "sinusoid": lambda x: torch.cat([torch.sin(torch.arange(4)[:, None] * torch.exp(torch.arange(0, 6, 2) * -0.5)), torch.cos(torch.arange(4)[:, None] / 3 * torch.ones(1, 3))], 1), "zeros_int": lambda x: torch.zeros(3, dtype=torch.long) + 1, "fill": lambda x: torch.fill(x, 2.0), "empty_copy": lambda x: torch.empty(2, 3, 4, 5).copy_(x), "one_number": lambda x: x.new_zeros(()) + x, "hann": lambda x: torch.hann_window(5) * x, "tensor_of_size": lambda x: x / torch.tensor(x.shape[2:]).float().prod(), "tri_indices": lambda x: torch.triu_indices(3, 3), "range_mask": lambda x: (torch.arange(5)[None] < torch.arange(4)[:, None]).float() * x, "complex_free": lambda x: torch.ones(x.shape[0], 1, 4, 1) * x, "vander": lambda x: torch.vander(x[0, 0, 0], 3), "device_of": lambda x: torch.zeros(3, device=x.device, dtype=x.dtype),
    }
    return [x], {name: Fn(function) for name, function in functions.items()}


def sampling():
    x, z = seeded(2, 2, 5, 6), seeded(2, 2, 3, 4, 5)
    g, h = (torch.rand(2, 4, 3, 2) * 2.6 - 1.3), (torch.rand(2, 3, 2, 4, 3) * 2.6 - 1.3)
    a, b = seeded(2, 2, 3), seeded(2, 3, 4)
    cases = {}
    for corners in [False, True]:
        for padding in ["zeros", "border", "reflection"]:
            for mode in ["bilinear", "nearest", "bicubic"]:
                suffix = f"{mode}_{padding}{'_corners' if corners else ''}"
                cases[f"two_{suffix}"] = Fn(lambda x, z, g, h, a, b, m=mode, p=padding, c=corners: F.grid_sample(x, g, m, p, c))
                if mode != "bicubic":
                    cases[f"three_{suffix}"] = Fn(lambda x, z, g, h, a, b, m=mode, p=padding, c=corners: F.grid_sample(z, h, m, p, c))
        cases[f"affine_two_{corners}"] = Fn(lambda x, z, g, h, a, b, c=corners: F.affine_grid(a, (2, 2, 4, 5), c))
        cases[f"affine_three_{corners}"] = Fn(lambda x, z, g, h, a, b, c=corners: F.affine_grid(b, (2, 2, 3, 4, 5), c))
    cases["transformer"] = Fn(lambda x, z, g, h, a, b: F.grid_sample(x, F.affine_grid(a, x.shape, False), align_corners=False))
    cases["warp"] = Fn(lambda x, z, g, h, a, b: F.grid_sample(x, torch.stack(torch.meshgrid(torch.linspace(-1, 1, 5), torch.linspace(-1, 1, 6), indexing="ij"), -1)[None].repeat(2, 1, 1, 1).flip(-1) + 0.1 * x[:, 0, :, :, None], align_corners=True))
    return [x, z, g, h, a, b], cases


def in_place():
    x, y = seeded(2, 3, 4, 5), seeded(2, 3, 4, 5)

    def after(change):
        def run(x, y):
            t = x.clone()
            view = t[:, 1:]
            change(t, y)
            return t * 2, view + 1
        return run

    functions = {
        "add": lambda t, y: t.add_(y), "add_number": lambda t, y: t.add_(1), "iadd": lambda t, y: t.__iadd__(y), "mul": lambda t, y: t.mul_(y), "div": lambda t, y: t.div_(3), "sub": lambda t, y: t.sub_(y, alpha=2), "relu": lambda t, y: torch.relu_(t), "leaky": lambda t, y: F.leaky_relu_(t, 0.1), "elu": lambda t, y: F.elu_(t), "hardtanh": lambda t, y: F.hardtanh_(t), "sigmoid": lambda t, y: t.sigmoid_(), "tanh": lambda t, y: t.tanh_(), "silu": lambda t, y: F.silu(t, inplace=True), "hardswish": lambda t, y: F.hardswish(t, inplace=True), "clamp": lambda t, y: t.clamp_(-1, 1), "clamp_min": lambda t, y: t.clamp_min_(0), "exp": lambda t, y: t.exp_(), "sqrt": lambda t, y: t.abs_().sqrt_(), "neg": lambda t, y: t.neg_(), "fill": lambda t, y: t.fill_(2), "zero": lambda t, y: t.zero_(), "copy": lambda t, y: t.copy_(y), "copy_broadcast": lambda t, y: t.copy_(y[:1, :1]), "masked_fill": lambda t, y: t.masked_fill_(y > 0, 5), "pow": lambda t, y: t.pow_(2), "round": lambda t, y: t.mul_(3).round_(), "slice": lambda t, y: t[:, :2].mul_(3), "select": lambda t, y: t[:, 1].add_(1), "transposed": lambda t, y: t.transpose(1, 2)[:, 1:3].zero_(), "permuted": lambda t, y: t.permute(0, 2, 3, 1).mul_(2), "nested": lambda t, y: t[:, 1:][:, :, 2].fill_(7), "viewed": lambda t, y: t.view(2, 3, 20)[:, :, 3:9].zero_(), "chunk": lambda t, y: t.chunk(3, 1)[1].mul_(4), "unbind": lambda t, y: t.unbind(1)[2].mul_(4), "split": lambda t, y: t.split(2, 1)[0].mul_(4), "narrow": lambda t, y: t.narrow(3, 1, 2).zero_(), "index_put": lambda t, y: t.__setitem__((slice(None), torch.tensor([0, 2])), 1.0), "put_bool": lambda t, y: t.__setitem__(y > 0, 0.0), "addcmul": lambda t, y: t.addcmul_(y, y), "lerp": lambda t, y: t.lerp_(y, 0.5), "squeeze": lambda t, y: t[:, :1].squeeze(1).add_(3), "unsqueeze": lambda t, y: t.unsqueeze(0)[0, :, 1].add_(3), "diagonal": lambda t, y: t.diagonal(0, 2, 3).zero_(), "expand_free": lambda t, y: t.add_(y.mean(1, keepdim=True).expand(-1, 3, -1, -1)), "strided": lambda t, y: t[:, :, ::2].mul_(2), "set_from_number": lambda t, y: t.__setitem__((Ellipsis, 0), 3),
    }
    return [x, y], {name: Fn(after(function)) for name, function in functions.items()}


# Cases that Martlet refuses, or whose results its interpreter can't compute; make_operators.py leaves them out.
REFUSED = {
    "layouts/block": "not written", "layouts/cartesian": "not written", "creation/hann": "not written",
    "creation/vander": "not written", "creation/fill": "PyTorch can't trace it",
}

FAMILIES = {f.__name__: f for f in [activations, arithmetic, comparisons, convolutions, normalizations, pools, resizing, paddings, matrices, attentions, reductions, indexing, layouts, creation, sampling, in_place]}
