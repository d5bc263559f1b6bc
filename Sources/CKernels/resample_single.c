// Nearest voxels on grids whose positions are computed in single precision, as PyTorch does for float32 images.
#include "include/resample_single.h"

#include <math.h>

#define REAL float
#define MATH(function) function##f
#define NAME(function) function##_single
#include "grid_position_body.h"

void martlet_resample_nearest_single(const float *source, const martlet_single_grid *grid, long i_begin, long i_end,
                                     float *target) {
#pragma clang fp contract(off)
  for (long i = i_begin; i < i_end; i++)
    for (long j = 0; j < grid->target[1]; j++) {
      float *row = target + (i * grid->target[1] + j) * grid->target[2];
      for (long k = 0; k < grid->target[2]; k++) {
        float z = grid->base[0][i], y = grid->base[1][j], x = grid->base[2][k];
        long offset = 0;
        int is_outside = 0;
        for (int r = 0; r < 3 && !is_outside; r++) {
          const float *t = grid->theta[r];
          // The order of the sum is that of torch.nn.functional.affine_grid.
          float coordinate = ((x * t[2] + y * t[1]) + z * t[0]) + t[3];
          float position =
              grid->is_plane
                  ? martlet_plane_position_single(coordinate, grid->source[r], grid->align_corners, grid->padding)
                  : martlet_grid_position_single(coordinate, grid->source[r], grid->align_corners, grid->padding);
          float nearest = nearbyintf(position);
          is_outside = !(nearest >= 0 && nearest < (float)grid->source[r]);
          if (!is_outside) offset += (long)nearest * grid->stride[r];
        }
        row[k] = is_outside ? 0 : source[offset];
      }
    }
}
