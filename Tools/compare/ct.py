#!/usr/bin/env python3
"""Write a synthetic CT: 512 x 512 x SLICES voxels of 0.8 x 0.8 x 2.5 mm, int16, always the same.

Usage: ct.py FILE.nii.gz SLICES      (needs numpy, nibabel)
An ellipsoid of soft tissue with a wavy texture (HU) in air, with noise; the axes point to the left and back.
"""
import os
import sys

import nibabel as nib
import numpy as np


def ct(shape, spacing, path):
    random = np.random.RandomState(0)
    grid = np.indices(shape, dtype=np.float32)
    centre = [extent / 2 for extent in shape]
    radii = (120, 120, 200)  # mm
    distance = sum(((grid[i] - centre[i]) * spacing[i] / radii[i]) ** 2 for i in range(3))
    tissue = 40 + 30 * np.sin(grid[0] / 9) * np.cos(grid[1] / 11) * np.sin(grid[2] / 5)
    image = np.where(distance < 1, tissue, -1000).astype(np.float32)
    image += random.normal(0, 12, shape).astype(np.float32)
    affine = np.diag([-spacing[0], -spacing[1], spacing[2], 1])
    affine[:3, 3] = [200, 180, -300]
    os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
    nib.save(nib.Nifti1Image(image.astype(np.int16), affine), path)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    ct((512, 512, int(sys.argv[2])), (0.8, 0.8, 2.5), sys.argv[1])
