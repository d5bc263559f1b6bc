#ifndef MARTLET_RESAMPLE_SINGLE_H
#define MARTLET_RESAMPLE_SINGLE_H

#include "resample.h"

/// ``martlet_grid_position`` in single precision.
float martlet_grid_position_single(float coordinate, long extent, int align_corners, int padding);

/// ``martlet_plane_position`` in single precision.
float martlet_plane_position_single(float coordinate, long extent, int align_corners, int padding);

/// A ``martlet_sampling_grid`` of one channel in single precision. The third axis of a plane has one voxel.
typedef struct {
  float theta[3][4];
  const float *base[3];
  /// Output extents.
  long target[3];
  /// Source extents and strides in floats.
  long source[3];
  long stride[3];
  int align_corners;
  int padding;
  int is_plane;
} martlet_single_grid;

/// The nearest voxel (halves to even) over a general grid; writes the output planes i_begin..<i_end of a dense target.
void martlet_resample_nearest_single(const float *source, const martlet_single_grid *grid, long i_begin, long i_end,
                                     float *target);

#endif
