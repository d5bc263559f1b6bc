#ifndef MARTLET_RESAMPLE_H
#define MARTLET_RESAMPLE_H

#include <stdint.h>

/// What a sample outside the image is.
enum {
  MARTLET_PADDING_ZEROS = 0,
  MARTLET_PADDING_BORDER = 1,
  MARTLET_PADDING_REFLECTION = 2,
};

/// How an axis is sampled: output index i is
/// lower_weight[i] * source[lower[i]] + upper_weight[i] * source[upper[i]].
/// All indices lie inside the source.
typedef struct {
  const int32_t *lower;
  const int32_t *upper;
  const float *lower_weight;
  const float *upper_weight;
  /// The number of output indices.
  long count;
} martlet_axis_samples;

/// The voxel position of a coordinate in -1...1 along an axis of `extent` voxels, with the padding rule applied,
/// as torch.nn.functional.grid_sample has it for three spatial axes.
double martlet_grid_position(double coordinate, long extent, int align_corners, int padding);

/// The same as grid_sample has it for two spatial axes, where PyTorch rounds once less.
double martlet_plane_position(double coordinate, long extent, int align_corners, int padding);

/// Linear interpolation along three axes, for a source whose innermost axis c is dense.
///
/// source: [., B, C] floats, strides of a and b in floats; target: the same axes, strides of a and b, dense c.
/// Writes the output indices a_begin..<a_end of axis a. scratch: source_b * source_c + source_c floats.
void martlet_resample_dense(const float *source, long stride_a, long stride_b, long source_b, long source_c,
                            martlet_axis_samples a, martlet_axis_samples b, martlet_axis_samples c, long a_begin,
                            long a_end, float *target, long target_a, long target_b, float *scratch);

/// The number of target columns that ``martlet_resample_crossed`` gathers at once.
#define MARTLET_CROSSED_TILE 64

/// Linear interpolation along three axes, for a source that is dense along an outer axis f of the target, while
/// the target is dense along c.
///
/// source: strides of o and c in floats, dense f with source_f voxels; target: strides of o and f in floats, dense c.
/// Writes the output indices o_begin..<o_end of axis o. scratch: source_f * MARTLET_CROSSED_TILE floats.
void martlet_resample_crossed(const float *source, long stride_o, long stride_c, long source_f, martlet_axis_samples o,
                              martlet_axis_samples f, martlet_axis_samples c, long o_begin, long o_end, float *target,
                              long target_o, long target_f, float *scratch);

/// A sampling grid in general position: the normalised source coordinate r (-1...1) of the output voxel (i, j, k) is
/// theta[r][0] * base[0][i] + theta[r][1] * base[1][j] + theta[r][2] * base[2][k] + theta[r][3].
typedef struct {
  double theta[3][4];
  const double *base[3];
  /// Output extents.
  long target[3];
  /// Source extents and strides in floats.
  long source[3];
  long stride[3];
  /// The channels, and the floats from one to the next.
  long channels;
  long source_channel, target_channel;
  int align_corners;
  int padding;
  /// Whether the third axis, of one voxel, stands for none.
  int is_plane;
} martlet_sampling_grid;

/// Trilinear interpolation over a general grid; writes the rows row_begin..<row_end of all channels of a dense target,
/// where row i * target[1] + j holds the output voxels (i, j, .).
void martlet_resample_linear(const float *source, const martlet_sampling_grid *grid, long row_begin, long row_end,
                             float *target);

/// The nearest voxel (halves to even) over a general grid; writes rows as ``martlet_resample_linear``.
void martlet_resample_nearest(const float *source, const martlet_sampling_grid *grid, long row_begin, long row_end,
                              float *target);

/// Picks voxels by one index table per axis (-1: zero); writes the output planes i_begin..<i_end of a dense target.
void martlet_pick(const float *source, const long stride[3], const int32_t *const index[3], const long target_extent[3],
                  long i_begin, long i_end, float *target);

/// Weighted sums along one axis of a dense array [outer, extent, inner]: output index i of target
/// [outer, count, inner] is the sum of weight[first_weight[i] + t] * source[first[i] + t] over
/// first_weight[i + 1] - first_weight[i] terms t. Writes outer_begin..<outer_end.
void martlet_filter_axis(const float *source, long extent, long inner, const int32_t *first, const int32_t *first_weight,
                         const float *weight, long count, long outer_begin, long outer_end, float *target);

#endif
