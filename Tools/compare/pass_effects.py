#!/usr/bin/env python3
"""What each optimisation pass does to a network: places and node counts, and the latency with and without the passes.

Usage: pass_effects.py MARTLET MODEL [MARTLET'S OPTIONS …] [--bench native,openvino]      (needs Python alone)

For example: pass_effects.py .build/release/martlet network.onnx --input-shape 1,1,96,96,96 --bench openvino
It exports with --dump-passes and counts the nodes after each pass that changed the graph.
"""
import json
import pathlib
import subprocess
import sys
import tempfile


def dump(martlet, model, options):
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([martlet, "export", model, "--target", "onnx", "--quiet", "--dump-passes", f"{folder}/dump",
                        "--output", f"{folder}/model.onnx", *options], check=True)
        sums = {}
        before = None
        for path in sorted(pathlib.Path(f"{folder}/dump").iterdir()):
            lines = path.read_text().splitlines()
            places = sum(line.startswith("# ") for line in lines)
            nodes = sum(" = " in line and "(" in line for line in lines if not line.startswith(("#", "graph ")))
            name = path.stem.split("-", 1)[1]
            if before is None:
                print(f"imported: {nodes} nodes")
            else:
                known = sums.setdefault(name, [0, 0])
                known[0] += places
                known[1] += nodes - before
            before = nodes
        for name, (places, change) in sums.items():
            print(f"  {name}: {places} places, {change:+} nodes")
        print(f"optimised: {before} nodes")


def latency(martlet, model, options, engine):
    medians = []
    for extra in ([], ["--no-optimize"]):
        run = subprocess.run([martlet, "bench", model, "--runtime", engine, "--json", "--quiet", "--seconds", "8", *options, *extra],
                             check=True, capture_output=True, text=True)
        medians.append(json.loads(run.stdout)["benchmark"]["latency"]["median"])
    print(f"{engine}: {medians[0]:.1f} ms, without the passes {medians[1]:.1f} ms, ratio {medians[0] / medians[1]:.3f}")


if __name__ == "__main__":
    arguments = sys.argv[1:]
    engines = []
    if "--bench" in arguments:
        place = arguments.index("--bench")
        engines = arguments[place + 1].split(",")
        del arguments[place:place + 2]
    if len(arguments) < 2:
        sys.exit(__doc__)
    martlet, model, *options = arguments
    dump(martlet, model, options)
    for engine in engines:
        latency(martlet, model, options, engine)
