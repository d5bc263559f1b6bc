#!/usr/bin/env python3
"""Latency of the benchmark networks on Martlet's own CPU engine, OpenVINO and ONNX Runtime, in turns.

Usage: bench_engines.py [NAME...] [--rounds N] [--folder DIR] [--document]

Run it with the Python of bench-environment.sh, after a release build of martlet-benchmarks; `make bench` does both.
Each network gets random weights (seed 0) and is written to DIR once: a bundle for Martlet, PyTorch's own ONNX export for
the libraries. In each round the three take turns in changing order, with a pause between them, so that a machine whose
speed drifts is fair to all and no library's idle threads are in another's way. The figures are medians, batch 1, float32,
the same number of threads for each. --document writes them to Documentation/Performance.md and Documentation/engines.svg.
"""
import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import time

REPOSITORY = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
CUBE = [1, 1, 96, 96, 96]

# name: network_def, input shape. An entry without _target_ is torchvision's.
NETWORKS = {
    "segresnet16": ({"_target_": "SegResNet", "spatial_dims": 3, "init_filters": 16, "in_channels": 1, "out_channels": 3,
                     "blocks_down": [1, 2, 2, 4], "blocks_up": [1, 1, 1]}, CUBE),
    "segresnet32_wholebody": ({"_target_": "SegResNet", "spatial_dims": 3, "init_filters": 32, "in_channels": 1,
                               "out_channels": 105, "blocks_down": [1, 2, 2, 4], "blocks_up": [1, 1, 1]}, CUBE),
    "unet_spleen": ({"_target_": "UNet", "spatial_dims": 3, "in_channels": 1, "out_channels": 2,
                     "channels": [16, 32, 64, 128, 256], "strides": [2, 2, 2, 2], "num_res_units": 2,
                     "norm": "batch"}, CUBE),
    "basicunet": ({"_target_": "BasicUNet", "spatial_dims": 3, "in_channels": 1, "out_channels": 2}, CUBE),
    "dynunet_pediatric": ({"_target_": "DynUNet", "spatial_dims": 3, "in_channels": 1, "out_channels": 4,
                           "kernel_size": [3] * 6, "strides": [1, 2, 2, 2, 2, [2, 2, 1]],
                           "upsample_kernel_size": [2, 2, 2, 2, [2, 2, 1]], "norm_name": "instance",
                           "deep_supervision": False, "res_block": True}, CUBE),
    "nnunet_plain": ({"_target_": "DynUNet", "spatial_dims": 3, "in_channels": 1, "out_channels": 3,
                      "kernel_size": [3] * 6, "strides": [1, 2, 2, 2, 2, 2], "upsample_kernel_size": [2] * 5,
                      "filters": [32, 64, 128, 256, 320, 320], "norm_name": "instance"}, [1, 1, 128, 128, 128]),
    "segresnet_ds": ({"_target_": "SegResNetDS", "spatial_dims": 3, "init_filters": 32, "in_channels": 1,
                      "out_channels": 2, "blocks_down": [1, 2, 2, 4, 4]}, CUBE),
    "attentionunet": ({"_target_": "AttentionUnet", "spatial_dims": 3, "in_channels": 1, "out_channels": 2,
                       "channels": [16, 32, 64, 128, 256], "strides": [2, 2, 2, 2]}, CUBE),
    "highresnet": ({"_target_": "HighResNet", "spatial_dims": 3, "in_channels": 1, "out_channels": 8}, CUBE),
    "vnet": ({"_target_": "VNet", "spatial_dims": 3, "in_channels": 1, "out_channels": 2}, CUBE),
    "unetr": ({"_target_": "UNETR", "in_channels": 1, "out_channels": 14, "img_size": [96, 96, 96], "feature_size": 16,
               "hidden_size": 768, "mlp_dim": 3072, "num_heads": 12}, CUBE),
    "swin_unetr48": ({"_target_": "SwinUNETR", "in_channels": 1, "out_channels": 14, "feature_size": 48,
                      "spatial_dims": 3}, CUBE),
    "mednext_s": ({"_target_": "MedNeXtS", "spatial_dims": 3, "in_channels": 1, "out_channels": 2}, CUBE),
    "unet2d": ({"_target_": "UNet", "spatial_dims": 2, "in_channels": 3, "out_channels": 2,
                "channels": [32, 64, 128, 256, 512], "strides": [2, 2, 2, 2], "num_res_units": 2}, [1, 3, 256, 256]),
    "densenet121_2d": ({"_target_": "DenseNet121", "spatial_dims": 2, "in_channels": 1, "out_channels": 6},
                       [1, 1, 224, 224]),
    "resnet50_2d": ({"torchvision": "resnet50"}, [1, 3, 224, 224]),
    "efficientnet_b0_2d": ({"_target_": "EfficientNetBN", "model_name": "efficientnet-b0", "spatial_dims": 2,
                            "in_channels": 3, "num_classes": 4, "pretrained": False}, [1, 3, 224, 224]),
}


def make(name, folder):
    """Writes the network's files unless they are there; returns the bundle's folder."""
    definition, shape = NETWORKS[name]
    bundle = f"{folder}/{name}"
    if os.path.exists(f"{bundle}/complete"):
        return bundle
    import monai.networks.nets
    import numpy
    import torch

    torch.manual_seed(0)
    os.makedirs(f"{bundle}/configs", exist_ok=True)
    os.makedirs(f"{bundle}/models", exist_ok=True)
    image = torch.randn(*shape)
    if "torchvision" in definition:
        import torchvision

        network = getattr(torchvision.models, definition["torchvision"])(weights=None).eval()
        torch.jit.trace(network, image).save(f"{bundle}/models/model.ts")
        config = {}
    else:
        arguments = {key: value for key, value in definition.items() if key != "_target_"}
        network = getattr(monai.networks.nets, definition["_target_"])(**arguments).eval()
        torch.save(network.state_dict(), f"{bundle}/models/model.pt")
        config = {"network_def": definition}
    with open(f"{bundle}/configs/inference.json", "w") as file:
        json.dump(config, file)
    with open(f"{bundle}/configs/metadata.json", "w") as file:
        json.dump({"version": "0.1.0"}, file)
    numpy.save(f"{bundle}/input.npy", image.numpy())
    torch.onnx.export(
        network, (image,), f"{bundle}/{name}.onnx", input_names=["input_0"], dynamo=False, opset_version=17)
    open(f"{bundle}/complete", "w").close()
    return bundle


class Martlet:
    title = "Martlet"

    def __init__(self, bundle, threads):
        program = f"{REPOSITORY}/.build/release/martlet-benchmarks"
        command = [program, "session", bundle, "--input", f"{bundle}/input.npy", "--output", f"{bundle}/martlet.npy",
                   "--runtime", "native", "--threads", str(threads)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.line()

    def line(self):
        line = self.process.stdout.readline()
        if not line:
            sys.exit(f"error: martlet-benchmarks session ended with {self.process.wait()}")
        return json.loads(line)

    def run(self):
        self.process.stdin.write("1\n")
        self.process.stdin.flush()
        return self.line()[0]

    def output(self):
        import numpy

        self.process.stdin.close()
        self.process.wait()
        return numpy.load(f"{self.process.args[2]}/martlet.npy")


class OpenVINO:
    title = "OpenVINO"

    def __init__(self, onnx, image, threads):
        import openvino

        core = openvino.Core()
        properties = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": threads}
        self.request = core.compile_model(core.read_model(onnx), "CPU", properties).create_infer_request()
        self.request.set_input_tensor(openvino.Tensor(image, shared_memory=True))

    def run(self):
        begin = time.perf_counter()
        self.request.infer()
        return (time.perf_counter() - begin) * 1000

    def output(self):
        return self.request.get_output_tensor(0).data


class ONNXRuntime:
    title = "ONNX Runtime"

    def __init__(self, onnx, image, threads):
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        self.session = onnxruntime.InferenceSession(onnx, options, providers=["CPUExecutionProvider"])
        self.inputs = {self.session.get_inputs()[0].name: image}

    def run(self):
        begin = time.perf_counter()
        self.outputs = self.session.run(None, self.inputs)
        return (time.perf_counter() - begin) * 1000

    def output(self):
        return self.outputs[0]


def measure(name, folder, rounds, threads):
    import numpy

    bundle = make(name, folder)
    onnx, image = f"{bundle}/{name}.onnx", numpy.load(f"{bundle}/input.npy")
    engines = [Martlet(bundle, threads), OpenVINO(onnx, image, threads), ONNXRuntime(onnx, image, threads)]
    times = [[] for _ in engines]
    for engine in engines:
        engine.run()
    for turn in range(rounds):
        for place in range(len(engines)):
            index = (turn + place) % len(engines)
            time.sleep(0.05)
            times[index].append(engines[index].run())
    outputs = [engine.output() for engine in engines]
    scale = abs(outputs[2]).max()
    medians = [statistics.median(values) for values in times]
    result = {"name": name, "shape": "×".join(str(extent) for extent in image.shape), "times": medians,
              "differences": [float(abs(output - outputs[2]).max() / scale) for output in outputs[:2]]}
    print(f"{name:24s}" + "".join(f"  {engine.title} {value:8.1f} ms" for engine, value in zip(engines, medians))
          + f"  ratios {medians[1] / medians[0]:.2f} {medians[2] / medians[0]:.2f}"
          + f"  beside ONNX Runtime {result['differences'][0]:.1e}, OpenVINO {result['differences'][1]:.1e}", flush=True)
    return result


def table(results):
    rows = ["| network | input | Martlet | OpenVINO | ONNX Runtime | OpenVINO / Martlet | ONNX Runtime / Martlet |",
            "|---|---|---|---|---|---|---|"]
    for result in results:
        own, openvino, onnx = result["times"]
        rows.append(f"| {result['name']} | {result['shape']} | {own:.1f} ms | {openvino:.1f} ms | {onnx:.1f} ms "
                    f"| {openvino / own:.2f} | {onnx / own:.2f} |")
    return "\n".join(rows)


def picture(results):
    """Bars of the ratios, as SVG."""
    left, width, row = 190, 430, 34
    longest = max(max(r["times"][1:]) / r["times"][0] for r in results)
    unit = width / longest
    height = 60 + row * len(results)
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{left + width + 70}" height="{height}" '
             'font-family="sans-serif" font-size="12">',
             f'<rect width="100%" height="100%" fill="white"/>',
             '<text x="10" y="20" font-size="14">How many times as long as Martlet a library takes</text>',
             f'<rect x="{left}" y="30" width="10" height="10" fill="#3b6fb6"/><text x="{left + 15}" y="39">OpenVINO</text>',
             f'<rect x="{left + 100}" y="30" width="10" height="10" fill="#c98a2b"/>'
             f'<text x="{left + 115}" y="39">ONNX Runtime</text>']
    for index, result in enumerate(results):
        top = 50 + row * index
        own = result["times"][0]
        parts.append(f'<text x="{left - 8}" y="{top + 18}" text-anchor="end">{result["name"]}</text>')
        for place, (value, colour) in enumerate(zip(result["times"][1:], ("#3b6fb6", "#c98a2b"))):
            ratio, y = value / own, top + 2 + 14 * place
            parts.append(f'<rect x="{left}" y="{y}" width="{ratio * unit:.1f}" height="12" fill="{colour}"/>'
                         f'<text x="{left + ratio * unit + 4:.1f}" y="{y + 10}" font-size="10">{ratio:.2f}</text>')
    parts.append(f'<line x1="{left + unit:.1f}" y1="45" x2="{left + unit:.1f}" y2="{height - 8}" stroke="#888" '
                 'stroke-dasharray="3 3"/></svg>')
    return "\n".join(parts) + "\n"


def document(results):
    path = f"{REPOSITORY}/Documentation/Performance.md"
    with open(path) as file:
        text = file.read()
    begin, end = "<!-- engines: written by make bench -->", "<!-- end of engines -->"
    block = f"{begin}\n{table(results)}\n\n![ratios](engines.svg)\n{end}"
    if begin not in text:
        sys.exit(f"error: {path} has no line '{begin}'")
    with open(path, "w") as file:
        file.write(re.sub(re.escape(begin) + ".*?" + re.escape(end), lambda _: block, text, flags=re.S))
    with open(f"{REPOSITORY}/Documentation/engines.svg", "w") as file:
        file.write(picture(results))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help=", ".join(NETWORKS))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--folder", default=os.path.expanduser("~/.cache/martlet/networks"), help="for the networks")
    parser.add_argument("--document", action="store_true", help="write the documentation's table and picture")
    options = parser.parse_args()
    unknown = [name for name in options.names if name not in NETWORKS]
    if unknown or options.rounds < 1 or options.threads < 1:
        parser.error(f"unknown networks {unknown}" if unknown else "--rounds and --threads must be at least 1")
    results = [measure(name, options.folder, options.rounds, options.threads) for name in options.names or NETWORKS]
    if options.document:
        document(results)


if __name__ == "__main__":
    main()
