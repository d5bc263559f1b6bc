// Sampling on grids in general position. Positions follow torch.nn.functional.grid_sample in double precision, bit for bit.
//
// They are computed once for all channels, eight voxels at a time. Nothing is fused, so that the results are the
// same bits on every processor.

#include <string.h>

#include "include/resample.h"
#include "network/instruction_set.h"

#pragma STDC FP_CONTRACT OFF

enum { LANES = 8, BLOCKS = 16 };

// The vectors never cross a function that isn't inlined.
#pragma clang diagnostic ignored "-Wpsabi"

typedef double double8 __attribute__((ext_vector_type(LANES)));
typedef long long8 __attribute__((ext_vector_type(LANES)));
typedef float float8 __attribute__((ext_vector_type(LANES)));
typedef int int8 __attribute__((ext_vector_type(LANES)));

#define INLINE static inline __attribute__((always_inline))

// MARK: Positions

/// The positions on source axis r of the target voxels (i, j, k...), in the order of torch.nn.functional.affine_grid's sum;
/// as ``martlet_grid_position`` and ``martlet_plane_position`` have them.
INLINE double8 positions(const martlet_sampling_grid *grid, int r, double z, double y, double8 x) {
  const double *t = grid->theta[r];
  double8 coordinate = ((x * t[2] + y * t[1]) + z * t[0]) + t[3];
  double size = (double)grid->source[r];
  if (grid->padding == MARTLET_PADDING_REFLECTION) {
    double8 position;
    for (int n = 0; n < LANES; n++)
      position[n] = (grid->is_plane ? martlet_plane_position : martlet_grid_position)(
        coordinate[n], grid->source[r], grid->align_corners, grid->padding);
    return position;
  }
  double8 position;
  if (grid->is_plane)
    position = grid->align_corners
                 ? (coordinate + 1) * ((size - 1) / 2)
                 : __builtin_elementwise_fma(coordinate + 1, (double8)(size / 2), (double8)-0.5);
  else
    position = grid->align_corners ? ((coordinate + 1) / 2) * (size - 1) : ((coordinate + 1) * size - 1) / 2;
  if (grid->padding == MARTLET_PADDING_BORDER) {
    // The order keeps torch's result for NaN: the lowest voxel.
    double8 raised = position > 0 ? position : (double8)0;
    position = raised < size - 1 ? raised : (double8)(size - 1);
  }
  return position;
}

/// The target's coordinates of eight voxels of a row; beyond its end the last one's.
INLINE double8 row_coordinates(const martlet_sampling_grid *grid, long k) {
  const double *base = grid->base[2];
  long count = grid->target[2];
  double8 x;
  if (k + LANES <= count) {
    memcpy(&x, base + k, sizeof x);
  } else {
    for (int n = 0; n < LANES; n++) x[n] = base[k + n < count ? k + n : count - 1];
  }
  return x;
}

INLINE int8 narrow(long8 mask) { return __builtin_convertvector(mask, int8); }

INLINE void store(float *target, float8 value, long count) {
  if (count >= LANES)
    memcpy(target, &value, sizeof value);
  else
    for (long n = 0; n < count; n++) target[n] = value[n];
}

// MARK: Voxels

INLINE float8 gather(const float *source, long8 offset) {
  float8 value;
  for (int n = 0; n < LANES; n++) value[n] = source[offset[n]];
  return value;
}

/// The voxels at the offsets and those behind them.
INLINE void gather_pairs(const float *source, long8 offset, float8 *low, float8 *high) {
  for (int n = 0; n < LANES; n++) {
    (*low)[n] = source[offset[n]];
    (*high)[n] = source[offset[n] + 1];
  }
}

// MARK: Rows

/// Voxels of one row of the target whose samples are kept together.
typedef struct {
  /// The coordinates of the row on the first two axes.
  double z, y;
  /// The part of the row, and where the row of the first channel is written.
  long begin, end;
  float *target;
} row_part;

INLINE long parts_of_row(const martlet_sampling_grid *grid) {
  return (grid->target[2] + LANES * BLOCKS - 1) / (LANES * BLOCKS);
}

/// Rows that follow one another read neighbouring lines of memory: where the source is dense along axis 0, they run along
/// that axis.
INLINE row_part part_at(const martlet_sampling_grid *grid, long number, float *target) {
  long parts = parts_of_row(grid), row = number / parts, planes = grid->target[0], rows = grid->target[1];
  long count = grid->target[2], begin = number % parts * LANES * BLOCKS;
  int is_along_first = grid->stride[0] < grid->stride[1];
  long i = is_along_first ? row % planes : row / rows, j = is_along_first ? row / planes : row % rows;
  return (row_part){
    .z = grid->base[0][i], .y = grid->base[1][j], .begin = begin,
    .end = begin + LANES * BLOCKS < count ? begin + LANES * BLOCKS : count, .target = target + (i * rows + j) * count};
}

// MARK: Linear interpolation

/// Where eight target voxels lie in the source. One axis, `along`, is read in pairs of voxels; the others have four
/// combinations of a lower and an upper voxel.
typedef struct {
  /// Of the lower voxel of the pair, for the combinations: the later of the other axes varies first.
  long8 offset[4];
  /// From the lower to the upper voxel of the pair; 1, or 0 at a border.
  long8 step;
  /// Where the upper voxel of the pair that is read is the lower one too, and the other way round: at a border.
  int8 takes_upper, takes_lower;
  float8 weight[3][2];
  int8 is_outside;
} block_samples;

INLINE block_samples sample_block(
  const martlet_sampling_grid *grid, double z, double y, long k, int along, int in_pairs) {
  block_samples samples;
  double8 x = row_coordinates(grid, k);
  double8 position[3];
  long8 is_inside = (long8)-1;
  for (int r = 0; r < 3; r++) {
    position[r] = positions(grid, r, z, y, x);
    // Also refuses NaN and positions beyond the range of integers.
    is_inside &= (position[r] > -1) & (position[r] < (double)grid->source[r]);
  }
  samples.is_outside = narrow(~is_inside);
  long8 offset[3][2];
  for (int r = 0; r < 3; r++) {
    long last = grid->source[r] - 1, stride = grid->stride[r];
    double8 place = is_inside ? position[r] : (double8)0;
    double8 whole = __builtin_elementwise_floor(place);
    long8 lower = __builtin_convertvector(whole, long8);
    // Both weights are rounded from the exact part, so that a tiny share isn't lost.
    double8 part = place - whole;
    float8 zero = (float8)0;
    samples.weight[r][0] = narrow(lower >= 0) ? __builtin_convertvector(1 - part, float8) : zero;
    samples.weight[r][1] = narrow(lower < last) ? __builtin_convertvector(part, float8) : zero;
    long8 low = lower >= 0 ? lower : (long8)0, high = lower < last ? lower + 1 : (long8)last;
    if (r == along && in_pairs) {
      samples.takes_upper = narrow(lower >= last);
      samples.takes_lower = narrow(lower < 0);
      low = low < last ? low : (long8)(last - 1);
    }
    offset[r][0] = low * stride;
    offset[r][1] = high * stride;
  }
  int first = along == 0 ? 1 : 0, second = along == 2 ? 1 : 2;
  for (int m = 0; m < 4; m++) samples.offset[m] = offset[first][m >> 1] + offset[second][m & 1] + offset[along][0];
  samples.step = offset[along][1] - offset[along][0];
  return samples;
}

INLINE float8 blend(const float *source, const block_samples *samples, int along, int in_pairs) {
  float8 voxel[2][2][2];
  for (int m = 0; m < 4; m++) {
    int p = m >> 1, q = m & 1;
    float8 low, high;
    if (in_pairs) {
      float8 lower, upper;
      gather_pairs(source, samples->offset[m], &lower, &upper);
      low = samples->takes_upper ? upper : lower;
      high = samples->takes_lower ? lower : upper;
    } else {
      low = gather(source, samples->offset[m]);
      high = gather(source, samples->offset[m] + samples->step);
    }
    *(along == 0 ? &voxel[0][p][q] : along == 1 ? &voxel[p][0][q] : &voxel[p][q][0]) = low;
    *(along == 0 ? &voxel[1][p][q] : along == 1 ? &voxel[p][1][q] : &voxel[p][q][1]) = high;
  }
  float8 sum = (float8)0;
  for (int a = 0; a < 2; a++)
    for (int b = 0; b < 2; b++)
      sum += samples->weight[0][a] * samples->weight[1][b] *
             (samples->weight[2][0] * voxel[a][b][0] + samples->weight[2][1] * voxel[a][b][1]);
  return samples->is_outside ? (float8)0 : sum;
}

INLINE void resample_rows(
  const float *source, const martlet_sampling_grid *grid, long row_begin, long row_end, float *target, int along,
  int in_pairs) {
  block_samples samples[BLOCKS];
  for (long number = row_begin * parts_of_row(grid); number < row_end * parts_of_row(grid); number++) {
    row_part part = part_at(grid, number, target);
    for (long k = part.begin; k < part.end; k += LANES)
      samples[(k - part.begin) / LANES] = sample_block(grid, part.z, part.y, k, along, in_pairs);
    for (long channel = 0; channel < grid->channels; channel++) {
      const float *from = source + channel * grid->source_channel;
      float *to = part.target + channel * grid->target_channel;
      for (long k = part.begin; k < part.end; k += LANES)
        store(to + k, blend(from, &samples[(k - part.begin) / LANES], along, in_pairs), part.end - k);
    }
  }
}

INLINE void resample_linear(
  const float *source, const martlet_sampling_grid *grid, long row_begin, long row_end, float *target) {
  if (grid->stride[2] == 1 && grid->source[2] > 1)
    resample_rows(source, grid, row_begin, row_end, target, 2, 1);
  else if (grid->stride[0] == 1 && grid->source[0] > 1)
    resample_rows(source, grid, row_begin, row_end, target, 0, 1);
  else if (grid->stride[1] == 1 && grid->source[1] > 1)
    resample_rows(source, grid, row_begin, row_end, target, 1, 1);
  else
    resample_rows(source, grid, row_begin, row_end, target, 2, 0);
}

// MARK: Nearest voxels

INLINE void resample_nearest(
  const float *source, const martlet_sampling_grid *grid, long row_begin, long row_end, float *target) {
  long8 offset[BLOCKS];
  int8 is_outside[BLOCKS];
  for (long number = row_begin * parts_of_row(grid); number < row_end * parts_of_row(grid); number++) {
    row_part part = part_at(grid, number, target);
    for (long k = part.begin; k < part.end; k += LANES) {
      double8 x = row_coordinates(grid, k), nearest[3];
      long8 is_inside = (long8)-1, sum = (long8)0;
      for (int r = 0; r < 3; r++) {
        nearest[r] = __builtin_elementwise_nearbyint(positions(grid, r, part.z, part.y, x));
        is_inside &= (nearest[r] >= 0) & (nearest[r] < (double)grid->source[r]);
      }
      for (int r = 0; r < 3; r++)
        sum += __builtin_convertvector(is_inside ? nearest[r] : (double8)0, long8) * grid->stride[r];
      offset[(k - part.begin) / LANES] = sum;
      is_outside[(k - part.begin) / LANES] = narrow(~is_inside);
    }
    for (long channel = 0; channel < grid->channels; channel++) {
      const float *from = source + channel * grid->source_channel;
      float *to = part.target + channel * grid->target_channel;
      for (long k = part.begin; k < part.end; k += LANES) {
        long block = (k - part.begin) / LANES;
        store(to + k, is_outside[block] ? (float8)0 : gather(from, offset[block]), part.end - k);
      }
    }
  }
}

// MARK: Choice of the instruction set

typedef void (*sampling)(const float *, const martlet_sampling_grid *, long, long, float *);

#define VARIANT(set, attribute)                                                                                     \
  attribute static void linear_##set(                                                                               \
    const float *source, const martlet_sampling_grid *grid, long row_begin, long row_end, float *target) {          \
    resample_linear(source, grid, row_begin, row_end, target);                                                      \
  }                                                                                                                 \
  attribute static void nearest_##set(                                                                              \
    const float *source, const martlet_sampling_grid *grid, long row_begin, long row_end, float *target) {          \
    resample_nearest(source, grid, row_begin, row_end, target);                                                     \
  }

VARIANT(portable, )
#if defined(__x86_64__)
VARIANT(avx2, __attribute__((target("avx2,fma"))))
VARIANT(avx512, __attribute__((target("avx512f,avx512vl,avx512dq,avx2,fma"))))
#endif

void martlet_resample_linear(
  const float *source, const martlet_sampling_grid *grid, long row_begin, long row_end, float *target) {
  static const sampling variants[] = FUNCTIONS(linear);
  variants[martlet_current_set()](source, grid, row_begin, row_end, target);
}

void martlet_resample_nearest(
  const float *source, const martlet_sampling_grid *grid, long row_begin, long row_end, float *target) {
  static const sampling variants[] = FUNCTIONS(nearest);
  variants[martlet_current_set()](source, grid, row_begin, row_end, target);
}
