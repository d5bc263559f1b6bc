#!/usr/bin/env python3
"""Build a TensorRT-for-RTX engine of every network of the corpus, in fp32 and fp16, and print what the library refuses.

Usage: build_engines.py MARTLET [CASE ...]      (needs torch and numpy; no GPU)

For each folder of Tests/Corpus/networks it runs `martlet export --target tensorrt-rtx`; cases without a state_dict.pt get
the weights that make_generated.py computes from their names. The table at the end is the one in Documentation/TensorRT.md.
"""
import json
import os
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
CORPUS = ROOT / "Tests/Corpus/networks"
sys.path.insert(0, str(ROOT / "Tools/goldens"))


def weights(case, content, folder):
    own = CORPUS / case / "state_dict.pt"
    if own.exists():
        return str(own)
    import torch
    from make_generated import tensor
    state = {k: torch.from_numpy(tensor(k, s).copy()) for k, s in content["generated"].items()}
    torch.save(state, f"{folder}/state_dict.pt")
    return f"{folder}/state_dict.pt"


def build(martlet, case, precision):
    """None, or the library's words."""
    content = json.load(open(CORPUS / case / "network.json"))
    with tempfile.TemporaryDirectory() as folder:
        command = [martlet, "export", weights(case, content, folder), "--config-file", str(CORPUS / case / "network.json"),
                   "--target", "tensorrt-rtx", "--precision", precision, "--no-verify", "--quiet", "--compute-capability", "8.6",
                   "--output", f"{folder}/network.engine"]
        shape = content["inputs"][0]
        if len(shape) > 2:
            command += ["--input-shape", ",".join(map(str, [1] + shape[1:]))]
        for further in content["inputs"][1:]:
            command += ["--further-input", ",".join(map(str, [1] + further[1:]))]
        run = subprocess.run(command, capture_output=True, text=True)
        if run.returncode == 0:
            return None
        return " ".join(run.stderr.split()) or f"ended with {run.returncode}"


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    cases = sys.argv[2:] or sorted(os.listdir(CORPUS))
    refused = {}
    for case in cases:
        for precision in ["fp32", "fp16"]:
            words = build(sys.argv[1], case, precision)
            print(f"{case} {precision}: {words or 'built'}", flush=True)
            if words:
                refused.setdefault((case, words), []).append(precision)
    print(f"\n{len(cases)} networks, each in fp32 and fp16; {sum(map(len, refused.values()))} builds refused\n")
    if refused:
        print("| network | precision | what the library says |\n|---|---|---|")
    for (case, words), precisions in refused.items():
        print(f"| {case} | {', '.join(precisions)} | {words} |")


if __name__ == "__main__":
    main()
