#!/usr/bin/env python3
"""ONNX written by TensorFlow's converter, read by Martlet.

Usage: tensorflow_models.py MARTLET WORKDIR [NAME…]      (needs tensorflow-cpu, tf2onnx, onnxruntime, numpy)

Keras networks with random weights, channels last as TensorFlow has them, through tf2onnx: a 3-D U-Net, MobileNetV2 and V3,
Inception, ResNet, DenseNet, a network with attention, one with LayerNorm and separable convolutions. For each, `martlet infer` on
the file, and ONNX Runtime on what `martlet export` makes of it, beside ONNX Runtime on the file.
"""
import os
import pathlib
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
import keras
import numpy
import tensorflow as tf
import tf2onnx
from keras import layers

from onnx_comparison import compare


def unet3d():
    x = inputs = keras.Input((32, 32, 32, 1))
    skips = []
    for channels in (8, 16):
        for _ in range(2):
            x = layers.ReLU()(layers.BatchNormalization()(layers.Conv3D(channels, 3, padding="same")(x)))
        skips.append(x)
        x = layers.MaxPooling3D(2)(x)
    x = layers.LeakyReLU(0.1)(layers.Conv3D(32, 3, padding="same")(x))
    for channels in (16, 8):
        x = layers.Conv3DTranspose(channels, 2, strides=2, padding="same")(x)
        x = layers.Concatenate()([x, skips.pop()])
        x = layers.PReLU(shared_axes=[1, 2, 3])(layers.Conv3D(channels, 3, padding="same")(x))
    x = layers.UpSampling3D(2)(layers.AveragePooling3D(2)(x))
    return keras.Model(inputs, layers.Softmax()(layers.Conv3D(3, 1)(x)))


def attention():
    inputs = keras.Input((32, 32, 3))
    x = layers.Conv2D(24, 4, strides=4)(inputs)
    x = layers.Reshape((64, 24))(x)
    y = layers.LayerNormalization()(x)
    x = layers.Add()([x, layers.MultiHeadAttention(3, 8)(y, y)])
    y = layers.Activation(lambda z: keras.activations.gelu(z, approximate=True))(layers.Dense(48)(layers.LayerNormalization()(x)))
    x = layers.Add()([x, layers.Dense(24)(y)])
    return keras.Model(inputs, layers.Dense(5)(layers.GlobalAveragePooling1D()(x)))


def separable():
    x = inputs = keras.Input((48, 48, 3))
    x = layers.SeparableConv2D(16, 3, strides=2, padding="same", activation="swish")(x)
    x = layers.DepthwiseConv2D(5, padding="same")(layers.ZeroPadding2D(1)(x))
    x = layers.GroupNormalization(4)(x)
    x = layers.UnitNormalization()(layers.SpatialDropout2D(0.2)(x))
    x = layers.UpSampling2D(2, interpolation="bilinear")(layers.Cropping2D(1)(x))
    x = layers.Conv2DTranspose(8, 3, strides=2, padding="same", output_padding=1)(x)
    return keras.Model(inputs, layers.Conv2D(2, 3, dilation_rate=2, padding="same", activation="sigmoid")(x))


def application(build, side=96):
    return lambda: build(weights=None, input_shape=(side, side, 3), classes=10)


NETWORKS = {
    "unet3d": unet3d, "attention": attention, "separable": separable,
    "mobilenet_v2": application(keras.applications.MobileNetV2), "mobilenet_v3": application(keras.applications.MobileNetV3Small),
    "inception_v3": application(keras.applications.InceptionV3), "resnet50_v2": application(keras.applications.ResNet50V2),
    "densenet121": application(keras.applications.DenseNet121),
}


def write(name, path):
    keras.utils.set_random_seed(0)
    network = NETWORKS[name]()
    # Statistics that a trained network could have.
    generator = numpy.random.default_rng(0)
    for variable in network.variables:
        if variable.path.endswith(("moving_mean", "bias", "beta")):
            variable.assign(generator.normal(0, 0.1, variable.shape))
        elif variable.path.endswith(("moving_variance", "gamma")):
            variable.assign(generator.uniform(0.5, 1.5, variable.shape))
    shape = network.inputs[0].shape[1:]
    call = tf.function(lambda x: network(x, training=False), input_signature=[tf.TensorSpec([1, *shape], tf.float32, name="input")])
    tf2onnx.convert.from_function(call, input_signature=call.input_signature, opset=17, output_path=path)
    return generator.standard_normal([1, *shape], dtype=numpy.float32)


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    failures = 0
    for name in sys.argv[3:] or NETWORKS:
        folder = pathlib.Path(sys.argv[2]) / name
        os.makedirs(folder, exist_ok=True)
        path = str(folder / "source.onnx")
        inputs = [write(name, path)]
        try:
            direct, exported = compare(sys.argv[1], path, inputs, str(folder), "auto")
            verdict = "ok" if max(direct, exported) <= 1e-4 else "FAILED"
            print(f"{name}\t{verdict}\tread {direct:.1e}\twritten {exported:.1e}", flush=True)
        except Exception as error:
            verdict = "FAILED"
            print(f"{name}\tFAILED\t{error}", flush=True)
        failures += verdict == "FAILED"
    sys.exit(1 if failures else 0)
