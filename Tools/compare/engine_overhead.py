#!/usr/bin/env python3
"""Compare single runs of a network through Martlet's session and through OpenVINO's own Python.

Usage: engine_overhead.py BUNDLE [--shape 1,1,96,96,96] [--rounds N] [--runs N] [--threads N] [--json FILE]

Run it with a Python that has openvino and numpy (make-environment.sh), after `swift build -c release` of
martlet-benchmarks. Martlet exports the bundle's network to ONNX; OpenVINO reads that file and compiles it twice for the
same input shape: with the very properties that Martlet uses, and with its own for low latency in float32, as its
benchmark_app does. In each round all of them take turns, in changing order, so that a machine whose speed drifts is
fair to all. Only the run itself is timed, on inputs and outputs that stay where they are.
The exit code is 1 when Martlet's median is more than 3 % above that with the same properties, or the outputs differ.
"""
import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

import numpy
import openvino

REPOSITORY = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
GOAL = 1.03
DIFFERENCE = 1e-5  # of the largest value
NOT_PROPERTIES = ("engine", "library", "device")


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle")
    parser.add_argument("--shape", default="1,1,96,96,96", help="the network's input")
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--runs", type=int, default=3, help="runs in a row of each, in each round")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--build", default=f"{REPOSITORY}/.build/release", help="the folder of the built programs")
    parser.add_argument("--json", help="write the figures to this file too")
    options = parser.parse_args()
    if min(options.rounds, options.runs, options.threads) < 1:
        parser.error("--rounds, --runs and --threads must be at least 1")
    options.shape = [int(extent) for extent in options.shape.split(",")]
    return options


class Martlet:
    """martlet-benchmarks session: a line with a number of runs in, a line with their milliseconds out."""

    def __init__(self, program, bundle, threads, work):
        command = [program, "session", bundle, "--input", f"{work}/x.npy", "--output", f"{work}/y.npy",
                   "--threads", str(threads)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.settings = self.line()
        self.result = f"{work}/y.npy"

    def line(self):
        line = self.process.stdout.readline()
        if not line:
            sys.exit(f"error: martlet-benchmarks session ended with {self.process.wait()}")
        return json.loads(line)

    def run(self, count):
        self.process.stdin.write(f"{count}\n")
        self.process.stdin.flush()
        return self.line()

    def output(self):
        self.process.stdin.close()
        if self.process.wait() != 0:
            sys.exit(f"error: martlet-benchmarks session ended with {self.process.returncode}")
        return numpy.load(self.result)


class OpenVINO:
    """The same model compiled by OpenVINO's own Python."""

    def __init__(self, core, onnx, tensor, properties):
        model = core.read_model(onnx)
        model.reshape(list(tensor.shape))
        self.compiled = core.compile_model(model, "CPU", properties)
        self.request = self.compiled.create_infer_request()
        self.request.set_input_tensor(openvino.Tensor(tensor, shared_memory=True))

    def run(self, count):
        times = []
        for _ in range(count):
            begin = time.perf_counter()
            self.request.infer()
            times.append(1000 * (time.perf_counter() - begin))
        return times

    def output(self):
        return numpy.array(self.request.get_output_tensor(0).data)


def report(times, outputs):
    reference = outputs["same properties"]
    scale = max(float(numpy.abs(reference).max()), 1e-30)
    figures = {}
    print(f"{'':20s} {'median ms':>10s} {'fastest':>9s} {'Martlet is':>12s} {'difference':>11s}")
    for name, values in times.items():
        median = statistics.median(values)
        figures[name] = {"median": median, "fastest": min(values),
                         "ratio": statistics.median(times["martlet"]) / median,
                         "difference": float(numpy.abs(outputs[name] - reference).max() / scale)}
        ratio = "" if name == "martlet" else f"{figures[name]['ratio']:.3f} ×"
        print(f"{name:20s} {median:10.2f} {min(values):9.2f} {ratio:>12s} {figures[name]['difference']:11.1e}")
    return figures


def main():
    options = arguments()
    work = tempfile.mkdtemp(prefix="engine-overhead-")
    try:
        onnx = f"{work}/network.onnx"
        subprocess.run([f"{options.build}/martlet", "export", options.bundle, "--target", "onnx", "--output", onnx,
                        "--input-shape", ",".join(map(str, options.shape)), "--quiet"], check=True)
        tensor = numpy.random.default_rng(0).standard_normal(options.shape, dtype=numpy.float32)
        numpy.save(f"{work}/x.npy", tensor)
        martlet = Martlet(f"{options.build}/martlet-benchmarks", options.bundle, options.threads, work)
        same = {name: value for name, value in martlet.settings.items() if name not in NOT_PROPERTIES}
        own = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32",
               "INFERENCE_NUM_THREADS": options.threads}
        core = openvino.Core()
        runners = {"martlet": martlet, "same properties": OpenVINO(core, onnx, tensor, same),
                   "OpenVINO's own": OpenVINO(core, onnx, tensor, own)}
        print(f"Martlet: {martlet.settings['engine']}; Python: OpenVINO {openvino.__version__}; "
              f"{options.threads} threads; properties {same}")
        times = {name: [] for name in runners}
        names = list(runners)
        for name in names:
            runners[name].run(3)
        for number in range(options.rounds):
            first = number % len(names)
            for name in names[first:] + names[:first]:
                times[name] += runners[name].run(options.runs)
        outputs = {name: runner.output() for name, runner in runners.items()}
        figures = report(times, outputs)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    if options.json:
        with open(options.json, "w") as file:
            json.dump({"bundle": os.path.basename(os.path.abspath(options.bundle)), "shape": options.shape,
                       "threads": options.threads, "properties": same, **figures}, file, indent=1)
    return 0 if figures["same properties"]["ratio"] <= GOAL and figures["martlet"]["difference"] <= DIFFERENCE else 1


if __name__ == "__main__":
    sys.exit(main())
