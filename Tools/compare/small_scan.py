#!/usr/bin/env python3
"""Write a small synthetic scan, always the same: a few blobs of different intensity in noise.

Usage: small_scan.py FILE.nii.gz ct|mr|slices|brats      (needs numpy, nibabel)
`brats` writes four co-registered files, FILE_0.nii.gz to FILE_3.nii.gz. The axes are turned, flipped and a little
oblique, so that reorientation and resampling have something to do.
"""
import os
import sys

import nibabel as nib
import numpy as np

KINDS = {  # shape, spacing in mm, range of intensities, type
    "ct": ((96, 88, 40), (1.7, 1.7, 3.2), (-900, 600), np.int16),
    "mr": ((96, 96, 24), (0.6, 0.6, 3.0), (0, 900), np.int16),
    "slices": ((120, 136, 10), (1.4, 1.4, 8.0), (0, 400), np.float32),
    "brats": ((72, 64, 56), (1.0, 1.0, 1.0), (0, 1500), np.int16),
}


def rotation(degrees):
    angle = np.deg2rad(degrees)
    return np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])


def scan(kind, channel):
    shape, spacing, (low, high), dtype = KINDS[kind]
    random = np.random.RandomState(channel)
    grid = np.indices(shape, dtype=np.float32)
    extent = np.array(shape, dtype=np.float32)
    image = np.zeros(shape, dtype=np.float32)
    # The blobs lie at the same places in all channels; their intensities differ.
    places = np.random.RandomState(100)
    for _ in range(8):
        centre = places.uniform(0.25, 0.75, 3) * extent
        radius = places.uniform(0.08, 0.3, 3) * extent
        distance = sum(((grid[i] - centre[i]) / radius[i]) ** 2 for i in range(3))
        image[distance < 1] = random.uniform(0.2, 1)
    body = image > 0
    image = low + (high - low) * image + random.normal(0, (high - low) / 60, shape).astype(np.float32)
    if kind == "brats":
        image[~body] = 0  # skull-stripped
    affine = np.eye(4)
    if kind == "brats":
        affine[:3, :3] = np.diag([-1.0, -1.0, 1.0])
    else:
        affine[:3, :3] = rotation(4) @ np.diag([-spacing[0], -spacing[1], spacing[2]])
    affine[:3, 3] = [61.5, 72.25, -133]
    if np.issubdtype(dtype, np.integer):
        image = np.rint(image)
    return nib.Nifti1Image(image.astype(dtype), affine)


def write(path, kind):
    """Writes the scan; its files."""
    os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
    if kind != "brats":
        nib.save(scan(kind, 0), path)
        return [path]
    paths = [path.replace(".nii.gz", f"_{channel}.nii.gz") for channel in range(4)]
    for channel, name in enumerate(paths):
        nib.save(scan(kind, channel), name)
    return paths


if __name__ == "__main__":
    if len(sys.argv) != 3 or sys.argv[2] not in KINDS or not sys.argv[1].endswith(".nii.gz"):
        sys.exit(__doc__)
    write(sys.argv[1], sys.argv[2])
