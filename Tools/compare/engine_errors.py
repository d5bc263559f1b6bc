#!/usr/bin/env python3
"""Errors of a Martlet engine and of PyTorch's float32 against PyTorch in float64, for every network of the corpus.

    engine_errors.py MARTLET [--runtime native] [--batch N] [NETWORK...]

Each is the largest difference over the largest reference. Networks whose weights aren't in the corpus get random ones;
`--batch` draws inputs of that batch instead of the corpus's. Marks what is above 1e-5 or above ten times PyTorch's own
error. Needs torch and monai.
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
    return max(
        float(numpy.abs(f.astype(numpy.float64) - e).max() / max(numpy.abs(e).max(), 1e-30)) for f, e in zip(found, expected))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("martlet")
    parser.add_argument("--runtime", default="native")
    parser.add_argument("--batch", type=int)
    parser.add_argument("networks", nargs="*")
    arguments = parser.parse_args()
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
            network = ConfigParser({"network_def": definition}).get_parsed_content("network_def").eval()
        except Exception as problem:
            print(f"{name:32} not made by its config: {str(problem).splitlines()[0][:80]}")
            continue
        if os.path.exists(weights):
            network.load_state_dict(torch.load(weights, weights_only=True))
        else:
            weights = os.path.join(tempfile.gettempdir(), "engine_errors.pt")
            torch.save(network.state_dict(), weights)
        inputs = []
        while os.path.exists(os.path.join(folder, f"input_{len(inputs)}.npy")):
            inputs.append(torch.from_numpy(numpy.load(os.path.join(folder, f"input_{len(inputs)}.npy"))))
        inputs = inputs or [torch.randn(*shape) for shape in description["inputs"]]
        if arguments.batch:
            inputs = [torch.randn(arguments.batch, *x.shape[1:]) if x.is_floating_point() else x for x in inputs]
        try:
            with torch.inference_mode():
                single = [y.numpy() for y in tensors(network(*inputs))]
                exact = [y.numpy() for y in tensors(network.double()(*[x.double() if x.is_floating_point() else x for x in inputs]))]
        except Exception as problem:  # a network that casts within
            print(f"{name:32} not in float64: {str(problem).splitlines()[0][:80]}")
            continue
        work = tempfile.mkdtemp()
        os.makedirs(f"{work}/configs")
        os.makedirs(f"{work}/models")
        json.dump({"network_def": definition}, open(f"{work}/configs/inference.json", "w"))
        json.dump({"version": "0.1.0"}, open(f"{work}/configs/metadata.json", "w"))
        shutil.copy(weights, f"{work}/models/model.pt")
        paths = []
        for index, x in enumerate(inputs):
            paths.append(f"{work}/input_{index}.npy")
            numpy.save(paths[-1], x.numpy())
        run = subprocess.run(
            [arguments.martlet, "infer", work, "--inputs", ",".join(paths), "--output", f"{work}/out", "--runtime",
             arguments.runtime], capture_output=True, text=True)
        if run.returncode:
            print(f"{name:32} {run.stderr.strip().splitlines()[0][:100] if run.stderr.strip() else run.returncode}")
            marked.append(name)
        else:
            files = os.listdir(f"{work}/out")
            if f"output_{len(exact) - 1}.npy" not in files:
                print(f"{name:32} has outputs with names of their own: {' '.join(sorted(files))}")
                continue
            found = [numpy.load(f"{work}/out/output_{index}.npy") for index in range(len(exact))]
            own, ours = error(single, exact), error(found, exact)
            is_marked = ours > 1e-5 or ours > 10 * own
            if is_marked:
                marked.append(name)
            print(f"{name:32} {own:9.1e} {ours:9.1e} {ours / max(own, 1e-30):6.1f}{'  <--' if is_marked else ''}", flush=True)
        shutil.rmtree(work)
    print(f"{len(marked)} marked: {' '.join(marked)}")


main()
