#!/usr/bin/env python3
"""Errors of a Martlet engine and of PyTorch's float32 against PyTorch in float64, for every network of the corpus.

    engine_errors.py MARTLET [--runtime native] [--batch N] [--size 45,37,51] [NETWORK...]

Each is the largest difference over the largest reference, the worst of all outputs. Networks whose weights aren't in the
corpus get random ones; `--batch` draws inputs of that batch instead of the corpus's, `--size` inputs of these spatial
extents (networks in two dimensions take the first two), and leaves networks out that don't take them. Marks what is
above 1e-5 or above ten times PyTorch's own error. Needs torch and monai.
"""
import argparse, json, os, shutil, subprocess, tempfile, warnings

import numpy
import torch
from monai.bundle import ConfigParser

warnings.filterwarnings("ignore")
CORPUS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../Tests/Corpus/networks")


def tensors(result):
    """The tensors of a network's result, as Martlet orders them."""
    if torch.is_tensor(result):
        return [result]
    if isinstance(result, dict):
        result = result.values()
    return [tensor for part in result if part is not None for tensor in tensors(part)]


def error(found, expected):
    if [f.shape for f in found] != [e.shape for e in expected]:
        raise ValueError(f"outputs {[f.shape for f in found]} where PyTorch has {[e.shape for e in expected]}")
    return max(
        float(numpy.abs(f.astype(numpy.float64) - e).max() / max(numpy.abs(e).max(), 1e-30)) for f, e in zip(found, expected))


def made(definition):
    """MONAI's network of a network_def, with the arrays that DiNTS wants in the place of lists."""
    definition = json.loads(json.dumps(definition))
    space = definition.get("dints_space", {})
    if "arch_code" in space:
        space["arch_code"] = f"$[__import__('numpy').array(part) for part in {space['arch_code']}]"
    return ConfigParser({"network_def": definition}).get_parsed_content("network_def").eval()


def drawn(inputs, batch, size):
    """Random inputs like these, of another batch and other spatial extents; integers stay, for the batch repeated."""
    result = []
    for x in inputs:
        shape = [batch or x.shape[0], *x.shape[1:]]
        if not x.is_floating_point():
            result.append(x.repeat(shape[0] // x.shape[0], *[1] * (x.ndim - 1)) if x.ndim else x)
            continue
        if size and x.ndim > 2:
            shape[2:] = size[: x.ndim - 2]
        result.append(torch.randn(*shape))
    return result


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("martlet")
    parser.add_argument("--runtime", default="native")
    parser.add_argument("--batch", type=int)
    parser.add_argument("--size", type=lambda text: [int(part) for part in text.split(",")])
    parser.add_argument("networks", nargs="*")
    arguments = parser.parse_intermixed_args()
    torch.manual_seed(0)
    marked = []
    print(f"{'network':32} {'PyTorch':>9} {arguments.runtime:>9}  times")
    for name in arguments.networks or sorted(os.listdir(CORPUS)):
        folder = os.path.join(CORPUS, name)
        description = json.load(open(os.path.join(folder, "network.json")))
        definition = description["network_def"]
        weights = os.path.join(folder, "state_dict.pt")
        if name.startswith("autoencoderkl"):
            print(f"{name:32} draws random numbers")
            continue
        try:
            network = made(definition)
        except Exception as problem:
            print(f"{name:32} not made by its config: {str(problem).splitlines()[0][:80]}")
            continue
        if os.path.exists(weights):
            network.load_state_dict(torch.load(weights, weights_only=True))
        else:
            weights = None
        inputs = []
        while os.path.exists(os.path.join(folder, f"input_{len(inputs)}.npy")):
            inputs.append(torch.from_numpy(numpy.load(os.path.join(folder, f"input_{len(inputs)}.npy"))))
        inputs = inputs or [torch.randn(*shape) for shape in description["inputs"]]
        if arguments.batch or arguments.size:
            inputs = drawn(inputs, arguments.batch, arguments.size)
        try:
            with torch.inference_mode():
                single = [y.numpy() for y in tensors(network(*inputs))]
        except Exception as problem:
            print(f"{name:32} doesn't take these inputs: {str(problem).splitlines()[0][:80]}")
            continue
        try:
            with torch.inference_mode():
                exact = [y.numpy() for y in tensors(network.double()(*[x.double() if x.is_floating_point() else x for x in inputs]))]
        except Exception as problem:  # a network that casts within
            print(f"{name:32} not in float64: {str(problem).splitlines()[0][:80]}")
            continue
        work = tempfile.mkdtemp()
        os.makedirs(f"{work}/configs")
        os.makedirs(f"{work}/models")
        json.dump({"network_def": definition}, open(f"{work}/configs/inference.json", "w"))
        json.dump({"version": "0.1.0"}, open(f"{work}/configs/metadata.json", "w"))
        if weights:
            shutil.copy(weights, f"{work}/models/model.pt")
        else:
            torch.save(network.float().state_dict(), f"{work}/models/model.pt")
        paths = []
        for index, x in enumerate(inputs):
            paths.append(f"{work}/input_{index}.npy")
            numpy.save(paths[-1], x.numpy())
        run = subprocess.run(
            [arguments.martlet, "infer", work, "--inputs", ",".join(paths), "--output", f"{work}/out", "--runtime",
             arguments.runtime, "--json", "--quiet"], capture_output=True, text=True)
        if run.returncode:
            print(f"{name:32} {run.stderr.strip().splitlines()[0][:100] if run.stderr.strip() else run.returncode}")
            marked.append(name)
        else:
            # Files bear the outputs' names; the report has them in the outputs' order.
            files = [output["file"] for output in json.loads(run.stdout)["outputs"]]
            found = [numpy.load(os.path.join(f"{work}/out", file)) for file in files]
            own, ours = error(single, exact), error(found, exact)
            is_marked = not (ours <= 1e-5 and ours <= 10 * own)
            if is_marked:
                marked.append(name)
            print(f"{name:32} {own:9.1e} {ours:9.1e} {ours / max(own, 1e-30):6.1f}{'  <--' if is_marked else ''}", flush=True)
        shutil.rmtree(work)
    print(f"{len(marked)} marked: {' '.join(marked)}")


main()
