#!/usr/bin/env python3
"""Write the constructor parameters of MONAI's networks, in order and with their defaults.

Usage: make_parameters.py OUT.json     (needs torch, monai)

OUT.json maps every class or function of `NAMES` to a list of [name, default]; the default is absent for a required
parameter, and for one whose default isn't plain data, such as a class.
"""
import enum
import inspect
import json
import sys
import warnings

warnings.filterwarnings("ignore")
import monai  # noqa: E402
import monai.networks.nets as nets  # noqa: E402
from monai.apps.detection.networks import retinanet_network  # noqa: E402

NAMES = """UNet BasicUNet BasicUNetPlusPlus AttentionUnet DynUNet SegResNet SegResNetDS SegResNetVAE VNet UNETR SwinUNETR ViT
ViTAutoEnc DenseNet DenseNet121 DenseNet169 DenseNet201 DenseNet264 ResNet resnet10 resnet18 resnet34 resnet50 resnet101
resnet152 resnet200 SENet SENet154 SEResNet50 SEResNet101 SEResNet152 SEResNext50 SEResNext101 EfficientNet EfficientNetBN
FlexibleUNet HighResNet AutoEncoder VarAutoEncoder Generator Discriminator Critic Classifier Regressor RegUNet LocalNet
MedNeXt MedNeXtSmall MedNextBase MedNeXtMedium MedNeXtLarge HoVerNet DiNTS TopologyInstance AutoencoderKL
DiffusionModelUNet TorchVisionFCModel RetinaNet resnet_fpn_feature_extractor PatchDiscriminator FullyConnectedNet""".split()


def plain(value):
    """The value as JSON has it; raises for anything else."""
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, (tuple, list)):
        return [plain(v) for v in value]
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items()}
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    raise TypeError(value)


def parameters(name):
    target = getattr(nets, name, None) or getattr(retinanet_network, name)
    found = inspect.signature(target.__init__ if inspect.isclass(target) else target).parameters.values()
    result = []
    for parameter in found:
        if parameter.name == "self" or parameter.kind in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL):
            continue
        entry = [parameter.name]
        if parameter.default is not parameter.empty:
            try:
                entry.append(plain(parameter.default))
            except TypeError:
                pass
        result.append(entry)
    return result


content = {"monai": monai.__version__, "parameters": {name: parameters(name) for name in NAMES}}
with open(sys.argv[1], "w") as file:
    lines = ",\n".join(f"  {json.dumps(k)}: {json.dumps(v)}" for k, v in content["parameters"].items())
    file.write('{"monai": %s, "parameters": {\n%s\n}}\n' % (json.dumps(content["monai"]), lines))
