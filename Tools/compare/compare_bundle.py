#!/usr/bin/env python3
"""Run a bundle on scans with MONAI and with Martlet, and compare time, memory and label maps.

Usage: compare_bundle.py BUNDLE SCAN... [--rounds N] [--martlet PATH] [--set a#b=value]... [--monai-set a#b=value]...
         [--margins] [--work DIR] [--json FILE]

A SCAN of several files, one per channel, has commas between them.
Run it with the Python of make-environment.sh; MONAI runs with the same Python. In each round both run once, one after
the other, so that a machine whose speed drifts is fair to both. Wall time is that of the whole command; memory is the
peak resident size of its largest process, as /usr/bin/time tells it. The label maps of the last round are compared.
With --margins both run once more without the steps that make labels, and the values behind the labels are compared: a
voxel whose two best values are within 1e-4 of each other is a tie (margins.py). For small scans: all classes are kept.
The exit code is 1 when they differ in names, shapes or affines, or in more than 0.01 % of a scan's voxels that aren't ties.
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

import margins

# Numpy and nibabel are imported after the measuring: a child begins with its parent's pages, and Linux counts those
# into the child's peak.

REPOSITORY = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
AGREEMENT = 0.9999
FRACTIONS = 1e-5
AFFINE = 1e-5  # mm, relative to the largest element where that is above 1


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle")
    parser.add_argument("scans", nargs="+", metavar="scan")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--martlet", default=f"{REPOSITORY}/.build/release/martlet")
    parser.add_argument("--set", action="append", default=[], metavar="a#b=value", help="a config entry, for both")
    parser.add_argument("--monai-set", action="append", default=[], metavar="a#b=value",
                        help="a config entry for MONAI alone, where it can't take the bundle's own")
    parser.add_argument("--margins", action="store_true", help="compare the values behind the labels too")
    parser.add_argument("--work", help="keep outputs and logs in this folder; no earlier ones may be there")
    parser.add_argument("--json", help="write the figures to this file too")
    options = parser.parse_args()
    if options.rounds < 1:
        parser.error("--rounds must be at least 1")
    for entry in options.set + options.monai_set:
        if "=" not in entry:
            parser.error(f"--set {entry}: expected a#b=value")
    return options


def config_file(bundle):
    for name in ("configs/inference.json", "configs/inference.yaml"):
        if os.path.exists(os.path.join(bundle, name)):
            return name
    sys.exit(f"error: {bundle} has no configs/inference.json or configs/inference.yaml")


def read_config(path):
    with open(path) as file:
        if path.endswith(".json"):
            return json.load(file)
        import yaml

        return yaml.safe_load(file)


def monai_list(config, scans):
    """The config's entry for the scans, with MONAI's form of it: paths where it makes cases of them, else cases."""
    data = config.get("dataset", {}).get("data", "")
    for key in ("datalist", "test_datalist", "data_list"):
        if key in config:
            files = [scan.split(",") if "," in scan else scan for scan in scans]
            return key, [{"image": file} for file in files] if data == "@" + key else files
    sys.exit("error: the config has no 'datalist' that could be set to the scans")


def monai_command(bundle, scans, output, overrides):
    name = config_file(bundle)
    config = read_config(os.path.join(bundle, name))
    key, value = monai_list(config, scans)
    run = next((entry for entry in ("run", "evaluating") if entry in config), "run")
    command = [sys.executable, "-m", "monai.bundle", "run", "--run_id", run, "--config_file", name,
               "--meta_file", "configs/metadata.json", "--bundle_root", ".",
               "--" + key, repr(value), "--output_dir", output]
    for entry in overrides:
        key, value = entry.split("=", 1)
        command += ["--" + key, value]
    return command


def martlet_command(martlet, bundle, scans, output, overrides):
    command = [martlet, "run", bundle, "--output", output]
    for scan in scans:
        command += ["--input", scan]
    for entry in overrides:
        command += ["--set", entry]
    return command


def measure(name, command, folder, log):
    """Wall seconds, CPU seconds and peak bytes of a command and its children."""
    begin = time.monotonic()
    with open(log, "wb") as file:
        process = subprocess.Popen(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=file, stderr=file)
        _, status, usage = os.wait4(process.pid, 0)
    wall = time.monotonic() - begin
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        with open(log, errors="replace") as file:
            sys.stderr.write("".join(file.readlines()[-20:]))
        sys.exit(f"error: {name} ended with {process.returncode}: {' '.join(command)}")
    unit = 1 if sys.platform == "darwin" else 1024
    return {"wall": wall, "cpu": usage.ru_utime + usage.ru_stime, "peak": usage.ru_maxrss * unit}


def label_maps(folder):
    """Paths of the NIfTI files below a folder."""
    found = [os.path.relpath(os.path.join(parent, name), folder)
             for parent, _, names in os.walk(folder) for name in names]
    return sorted(path for path in found if path.endswith((".nii", ".nii.gz")))


def compare(ours, theirs):
    """How one label map differs from another."""
    import nibabel
    import numpy

    left, right = nibabel.load(ours), nibabel.load(theirs)
    result = {"shape": list(left.shape), "reference_shape": list(right.shape),
              "type": str(left.get_data_dtype()), "reference_type": str(right.get_data_dtype())}
    scale = max(1.0, float(numpy.abs(right.affine).max()))
    result["affine_difference"] = float(numpy.abs(left.affine - right.affine).max() / scale)
    if left.shape == right.shape:
        left, right = numpy.asanyarray(left.dataobj), numpy.asanyarray(right.dataobj)
        # A label map that was interpolated has fractions, which differ in their last bits.
        same = numpy.isclose(left, right, rtol=FRACTIONS, atol=FRACTIONS)
        result["agreement"] = float(numpy.count_nonzero(same) / max(right.size, 1))
        result["labels"] = int(numpy.unique(right).size)
    else:
        result["agreement"] = 0.0
    result["same"] = bool(result["agreement"] >= AGREEMENT and result["affine_difference"] <= AFFINE
                          and result["type"] == result["reference_type"])
    return result


def compare_values(bundle, scans, martlet, work, options, maps):
    """Adds to each label map what the values behind it say."""
    import nibabel
    import numpy

    found = margins.entries(read_config(os.path.join(bundle, config_file(bundle))))
    if found is None:
        print("No margins: the post-processing has no AsDiscreted.")
        return
    changes, rule = found
    changes = [f"{key}={value}" for key, value in changes]
    outputs = {name: f"{work}/{name}-values" for name in ("monai", "martlet")}
    for folder in outputs.values():
        os.makedirs(folder)
    measure("monai", monai_command(bundle, scans, outputs["monai"], options.set + options.monai_set + changes), bundle,
            f"{work}/monai-values.log")
    measure("martlet", martlet_command(martlet, bundle, scans, outputs["martlet"], options.set + changes), bundle,
            f"{work}/martlet-values.log")
    for path, result in maps.items():
        pair = [f"{outputs[name]}/{path}" for name in ("martlet", "monai")]
        if not all(map(os.path.exists, pair)):
            continue
        left, right = (numpy.asanyarray(nibabel.load(f"{work}/{name}/{path}").dataobj) for name in ("martlet", "monai"))
        result["values"] = margins.compare(*pair, rule, *((left, right) if left.shape == right.shape else (None, None)))
        result["same"] = result["same"] or (result["values"]["ties"] and result["shape"] == result["reference_shape"]
                                            and result["affine_difference"] <= AFFINE
                                            and result["type"] == result["reference_type"])


def median(runs, key):
    return statistics.median(run[key] for run in runs)


def report(runs, maps, only_ours, only_theirs):
    print(f"{'':10s} {'wall s (median)':>16s} {'wall s (best)':>14s} {'CPU s':>8s} {'peak MB':>9s}")
    for name, values in runs.items():
        print(f"{name:10s} {median(values, 'wall'):16.2f} {min(run['wall'] for run in values):14.2f} "
              f"{median(values, 'cpu'):8.1f} {max(run['peak'] for run in values) / 1e6:9.0f}")
    wall = median(runs["monai"], "wall") / median(runs["martlet"], "wall")
    memory = max(run["peak"] for run in runs["martlet"]) / max(run["peak"] for run in runs["monai"])
    print(f"Martlet is {wall:.2f} times as fast, with {memory:.2f} of the memory.\n")
    for path, result in maps.items():
        print(f"{path}: agreement {100 * result['agreement']:.4f} %, shape {result['shape']}"
              f" (MONAI {result['reference_shape']}), {result['type']} (MONAI {result['reference_type']}),"
              f" {result.get('labels', '?')} labels, affine differs by {result['affine_difference']:.1e}"
              f"{'' if result['same'] else '  DIFFERENT'}")
        if "values" in result:
            print(margins.text(result["values"]))
    for side, paths in (("Martlet", only_ours), ("MONAI", only_theirs)):
        for path in paths:
            print(f"{path}: only {side} wrote it  DIFFERENT")
    return {"speed_ratio": wall, "memory_ratio": memory}


def main():
    options = arguments()
    bundle = os.path.abspath(options.bundle)
    scans = [",".join(os.path.abspath(file) for file in scan.split(",")) for scan in options.scans]
    martlet = os.path.abspath(options.martlet)
    for path in [bundle, martlet] + [file for scan in scans for file in scan.split(",")]:
        if not os.path.exists(path):
            sys.exit(f"error: {path} isn't there")
    work = os.path.abspath(options.work) if options.work else tempfile.mkdtemp(prefix="compare-bundle-")
    outputs = {name: f"{work}/{name}" for name in ("monai", "martlet")}
    for folder in outputs.values():
        if os.path.exists(folder):
            sys.exit(f"error: {folder} is already there; choose another --work folder")
    commands = {"monai": monai_command(bundle, scans, outputs["monai"], options.set + options.monai_set),
                "martlet": martlet_command(martlet, bundle, scans, outputs["martlet"], options.set)}
    runs = {name: [] for name in commands}
    try:
        for round_number in range(1, options.rounds + 1):
            for name, command in commands.items():
                shutil.rmtree(outputs[name], ignore_errors=True)
                os.makedirs(outputs[name])
                run = measure(name, command, bundle, f"{work}/{name}.{round_number}.log")
                runs[name].append(run)
                print(f"round {round_number}: {name} {run['wall']:.2f} s, {run['peak'] / 1e6:.0f} MB", file=sys.stderr)
        ours, theirs = label_maps(outputs["martlet"]), label_maps(outputs["monai"])
        maps = {path: compare(f"{outputs['martlet']}/{path}", f"{outputs['monai']}/{path}")
                for path in ours if path in theirs}
        only_ours = [path for path in ours if path not in theirs]
        only_theirs = [path for path in theirs if path not in ours]
        if options.margins:
            compare_values(bundle, scans, martlet, work, options, maps)
        ratios = report(runs, maps, only_ours, only_theirs)
    finally:
        if not options.work:
            shutil.rmtree(work, ignore_errors=True)
    if options.json:
        with open(options.json, "w") as file:
            json.dump({"bundle": os.path.basename(bundle), "runs": runs, **ratios, "label_maps": maps,
                       "only_martlet": only_ours, "only_monai": only_theirs}, file, indent=1)
    same = maps and not only_ours and not only_theirs and all(result["same"] for result in maps.values())
    return 0 if same else 1


if __name__ == "__main__":
    sys.exit(main())
