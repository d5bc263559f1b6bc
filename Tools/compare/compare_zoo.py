#!/usr/bin/env python3
"""Run the model zoo's volumetric bundles with MONAI and with Martlet on small scans, and compare what they write.

Usage: ZOO=CLONE compare_zoo.py WORK [NAME...] [--martlet PATH]

CLONE is a clone, bare or not, of the public Project-MONAI/model-zoo. Below the folder WORK the bundles are made with
random weights (zoo_bundle.py) and the scans written (small_scan.py) unless they are there; then compare_bundle.py runs
each bundle once with both, and once more for the values behind the labels (--margins). The exit code is 1 when a bundle's results differ.
"""
import argparse
import json
import os
import subprocess
import sys

FOLDER = os.path.dirname(os.path.abspath(__file__))

# The kind of scan, entries for both programs, and entries that only MONAI needs: zoo_bundle.py says why.
SEARCH = ["arch_ckpt=$torch.load(@arch_ckpt_path, map_location=torch.device('cpu'), weights_only=False)",
          "dints_space#device=$torch.device('cpu')"]
# Its default reader for a bundle that names ITK's, which may not be installed; the voxels are the same.
NIBABEL = ["preprocessing#transforms#0#reader=NibabelReader"]
SWIN = ["network_def={'_target_': 'SwinUNETR', 'spatial_dims': 3, 'in_channels': 1, 'out_channels': 14,"
        " 'feature_size': 48, 'use_checkpoint': False}"]
BUNDLES = {
    "spleen_ct_segmentation": ("ct", [], []),
    "wholeBody_ct_segmentation": ("ct", ["displayable_configs#highres=False", "modelname=model.pt"], []),
    "swin_unetr_btcv_segmentation": ("ct", [], SWIN + NIBABEL),
    "pediatric_abdominal_ct_segmentation": ("ct", ["inferer#overlap=0.25"], NIBABEL),
    "prostate_mri_anatomy": ("mr", [], []),
    "ventricular_short_axis_3label": ("slices", [], []),
    "brats_mri_segmentation": ("brats", ["inferer#roi_size=[48, 48, 48]"], []),
    "segmentation_template": ("brats_0", ["dataset_dir=@WORK/scans"], []),
    "pancreas_ct_dints_segmentation": ("ct", ["inferer#overlap=0.25"], SEARCH),
    "multi_organ_segmentation": ("ct", ["inferer#overlap=0.25"], SEARCH),
}


def scan(work, kind):
    """The scan's path, or paths with commas between them; written when it isn't there."""
    made = kind.split("_")[0]
    path = f"{work}/scans/{made}.nii.gz"
    paths = [f"{work}/scans/brats_{channel}.nii.gz" for channel in range(4)] if made == "brats" else [path]
    if not all(map(os.path.exists, paths)):
        subprocess.run([sys.executable, f"{FOLDER}/small_scan.py", path, made], check=True)
    return ",".join(paths) if kind == made else f"{work}/scans/{kind}.nii.gz"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work")
    parser.add_argument("names", nargs="*", metavar="name", help=", ".join(BUNDLES))
    parser.add_argument("--martlet")
    options = parser.parse_args()
    work = os.path.abspath(options.work)
    unknown = [name for name in options.names if name not in BUNDLES]
    if unknown:
        parser.error(f"{', '.join(unknown)}: expected names among {', '.join(BUNDLES)}")
    failed = []
    for name in options.names or BUNDLES:
        kind, both, monai = BUNDLES[name]
        bundle = f"{work}/bundles/{name}"
        if not os.path.exists(f"{bundle}/configs"):
            subprocess.run([sys.executable, f"{FOLDER}/zoo_bundle.py", f"{work}/bundles", name], check=True)
        command = [sys.executable, f"{FOLDER}/compare_bundle.py", bundle, scan(work, kind), "--rounds", "1", "--margins",
                   "--json", f"{work}/{name}.json"]
        command += [word for entry in both for word in ("--set", entry.replace("@WORK", work))]
        command += [word for entry in monai for word in ("--monai-set", entry)]
        if options.martlet:
            command += ["--martlet", options.martlet]
        print(f"\n=== {name}", flush=True)
        if subprocess.run(command).returncode != 0:
            failed.append(name)
    print()
    for name in options.names or BUNDLES:
        print(f"{name:40s} {'DIFFERENT or failed' if name in failed else 'the same'}  {summary(work, name)}")
    return 1 if failed else 0


def summary(work, name):
    try:
        with open(f"{work}/{name}.json") as file:
            maps = json.load(file)["label_maps"]
    except FileNotFoundError:
        return ""
    return ", ".join(f"{100 * result['agreement']:.4f} % of {result['shape']}{ties(result)}" for result in maps.values())


def ties(result):
    values = result.get("values", {})
    if not values.get("differing"):
        return ""
    return f", {values['differing']} voxels differ: " + ("all ties" if values["ties"] else "not all ties")


if __name__ == "__main__":
    sys.exit(main())
