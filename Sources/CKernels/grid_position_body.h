// Positions on one axis for one precision, bit for bit as torch.nn.functional.grid_sample computes them; so products and
// sums must not be fused but where PyTorch does it. Included with REAL, the type; MATH(f), f of that type; NAME(f).

static REAL NAME(reflect)(REAL position, REAL twice_low, REAL twice_high) {
  if (twice_low == twice_high) return 0;
  REAL low = twice_low / 2;
  REAL span = (twice_high - twice_low) / 2;
  REAL distance = MATH(fabs)(position - low);
  REAL extra = MATH(fmod)(distance, span);
  REAL flips = MATH(floor)(distance / span);
  return MATH(fmod)(flips, 2) == 0 ? extra + low : span - extra + low;
}

static REAL NAME(clip)(REAL position, long extent) {
  // The order keeps torch's result for NaN: the lowest voxel.
  REAL raised = position > 0 ? position : 0;
  return raised < (REAL)(extent - 1) ? raised : (REAL)(extent - 1);
}

static REAL NAME(pad)(REAL position, long extent, int align_corners, int padding) {
  REAL size = (REAL)extent;
  if (padding == MARTLET_PADDING_BORDER) return NAME(clip)(position, extent);
  if (padding == MARTLET_PADDING_REFLECTION) {
    REAL reflected =
        align_corners ? NAME(reflect)(position, 0, 2 * (size - 1)) : NAME(reflect)(position, -1, 2 * size - 1);
    return NAME(clip)(reflected, extent);
  }
  return position;
}

REAL NAME(martlet_grid_position)(REAL coordinate, long extent, int align_corners, int padding) {
#pragma clang fp contract(off)
  REAL size = (REAL)extent;
  REAL position = align_corners ? ((coordinate + 1) / 2) * (size - 1) : ((coordinate + 1) * size - 1) / 2;
  return NAME(pad)(position, extent, align_corners, padding);
}

REAL NAME(martlet_plane_position)(REAL coordinate, long extent, int align_corners, int padding) {
#pragma clang fp contract(off)
  REAL size = (REAL)extent;
  REAL position =
      align_corners ? (coordinate + 1) * ((size - 1) / 2) : MATH(fma)(coordinate + 1, size / 2, (REAL)-0.5);
  return NAME(pad)(position, extent, align_corners, padding);
}
