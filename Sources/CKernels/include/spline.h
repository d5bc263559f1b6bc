#ifndef MARTLET_SPLINE_H
#define MARTLET_SPLINE_H

#include <stdint.h>

/// How an array goes on beyond its ends: SciPy's modes of interpolation.
enum {
  MARTLET_EXTEND_NEAREST = 0,
  MARTLET_EXTEND_CONSTANT = 1,
  MARTLET_EXTEND_GRID_CONSTANT = 2,
  MARTLET_EXTEND_REFLECT = 3,
  MARTLET_EXTEND_MIRROR = 4,
  MARTLET_EXTEND_WRAP = 5,
  MARTLET_EXTEND_GRID_WRAP = 6,
};

/// Voxels that SciPy puts around an array before the prefilter, where its extension has no closed form there.
#define MARTLET_SPLINE_MARGIN 12

/// The coefficients of the B-spline of `order` 2...5 through `count` samples, in place, for `width` neighbouring lines.
/// The samples of a line lie `stride` doubles apart. Lines of one sample stay as they are.
void martlet_spline_prefilter(double *values, long count, long stride, long width, int order, int extension);

/// Where the voxels of a target lie in a source: the position on source axis r of the output voxel (i, j, k) is
/// factor[r] * (affine[r] · (centred[0][i], centred[1][j], centred[2][k], 1) + shift).
typedef struct {
  double affine[3][4];
  double factor[3];
  double shift;
  const double *centred[3];
  /// Output extents.
  long target[3];
  /// Extents of the coefficients, which are dense, and the voxels of margin that they have on either side.
  long source[3];
  long margin;
  /// Axes that are interpolated: the leading ones. The others have one voxel.
  int rank;
  int order;
  int extension;
  /// Whether positions are computed in single precision, as the numbers above then are.
  int is_single;
} martlet_spline_grid;

/// The value of the spline of `order` 0...5 at each output voxel, 0 beyond a constant extension; writes the output planes
/// i_begin..<i_end of a dense target.
void martlet_spline_sample(const double *coefficients, const martlet_spline_grid *grid, long i_begin, long i_end,
                           float *target);

#endif
