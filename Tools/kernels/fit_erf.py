"""The coefficients of erf16 in Sources/CKernels/network/functions.h: a ratio of two polynomials in x² for erf(x) / x on
0 to 4, fitted to the smallest relative error by weighted least squares (Lawson's iteration). Needs numpy and scipy."""

import numpy as np
from scipy.special import erf

LIMIT, NUMERATOR, DENOMINATOR = 4.0, 5, 5

nodes = np.arange(4000)
x = 0.5 * LIMIT * (1 - np.cos(np.pi * (nodes + 0.5) / 4000))
target = erf(x) / x
s = (x / LIMIT) ** 2
weight, denominator, best = np.ones_like(x), np.ones_like(x), None
for _ in range(200):
    columns = [np.vander(s, NUMERATOR + 1, increasing=True),
               -target[:, None] * np.vander(s, DENOMINATOR + 1, increasing=True)[:, 1:]]
    scale = np.sqrt(weight) / (denominator * target)
    found = np.linalg.lstsq(np.concatenate(columns, axis=1) * scale[:, None], target * scale, rcond=None)[0]
    p, q = found[: NUMERATOR + 1], np.concatenate([[1], found[NUMERATOR + 1:]])
    denominator = np.polynomial.polynomial.polyval(s, q)
    error = np.abs(np.polynomial.polynomial.polyval(s, p) / denominator / target - 1)
    if best is None or error.max() < best[0]:
        best = (error.max(), p, q)
    weight = weight * (error / error.max() + 1e-3)
    weight /= weight.max()
error, p, q = best
print("largest relative error of the ratio:", error)
print("numerator:  ", [float(np.float32(c / LIMIT ** (2 * i))) for i, c in enumerate(p)])
print("denominator:", [float(np.float32(c / LIMIT ** (2 * i))) for i, c in enumerate(q)])
