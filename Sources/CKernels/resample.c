// Resampling of three-dimensional arrays. Positions follow torch.nn.functional.grid_sample in double precision, bit for
// bit; so products and sums of positions must not be fused.
#include "include/resample.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

typedef float float8 __attribute__((vector_size(32), aligned(4)));

#define INLINE static inline __attribute__((always_inline))

// MARK: Positions

#define REAL double
#define MATH(function) function
#define NAME(function) function
#include "grid_position_body.h"

// MARK: Axis-aligned maps

INLINE void blend_rows_2(float *restrict target, const float *restrict p, const float *restrict q, float u, float v,
                         long count) {
  for (long i = 0; i < count; i++) target[i] = u * p[i] + v * q[i];
}

INLINE void blend_rows_4(float *restrict target, const float *restrict p, const float *restrict q,
                         const float *restrict r, const float *restrict s, float u, float v, float w, float x,
                         long count) {
  for (long i = 0; i < count; i++) target[i] = (u * p[i] + v * q[i]) + (w * r[i] + x * s[i]);
}

INLINE void sample_row(float *restrict target, const float *restrict row, martlet_axis_samples c) {
  for (long i = 0; i < c.count; i++)
    target[i] = c.lower_weight[i] * row[c.lower[i]] + c.upper_weight[i] * row[c.upper[i]];
}

INLINE void resample_dense(const float *source, long stride_a, long stride_b, long source_b, long source_c,
                           martlet_axis_samples a, martlet_axis_samples b, martlet_axis_samples c, long a_begin,
                           long a_end, float *target, long target_a, long target_b, float *scratch) {
  float *row = scratch + source_b * source_c;
  // Blending whole planes first pays when the rows of a plane are used more than once.
  int by_planes = b.count >= source_b;
  for (long i = a_begin; i < a_end; i++) {
    const float *below = source + a.lower[i] * stride_a;
    const float *above = source + a.upper[i] * stride_a;
    float u = a.lower_weight[i], v = a.upper_weight[i];
    if (by_planes)
      for (long y = 0; y < source_b; y++)
        blend_rows_2(scratch + y * source_c, below + y * stride_b, above + y * stride_b, u, v, source_c);
    for (long j = 0; j < b.count; j++) {
      long y = b.lower[j], z = b.upper[j];
      float s = b.lower_weight[j], t = b.upper_weight[j];
      if (by_planes)
        blend_rows_2(row, scratch + y * source_c, scratch + z * source_c, s, t, source_c);
      else
        blend_rows_4(row, below + y * stride_b, below + z * stride_b, above + y * stride_b, above + z * stride_b,
                     u * s, u * t, v * s, v * t, source_c);
      sample_row(target + i * target_a + j * target_b, row, c);
    }
  }
}

/// Writes the transpose of eight vectors of eight floats to eight rows that are `stride` floats apart.
INLINE void store_transposed(float *target, long stride, const float8 v[8]) {
  float8 a[8], b[8];
  for (int i = 0; i < 4; i++) {
    a[2 * i] = __builtin_shufflevector(v[2 * i], v[2 * i + 1], 0, 8, 1, 9, 4, 12, 5, 13);
    a[2 * i + 1] = __builtin_shufflevector(v[2 * i], v[2 * i + 1], 2, 10, 3, 11, 6, 14, 7, 15);
  }
  for (int h = 0; h < 8; h += 4) {
    b[h] = __builtin_shufflevector(a[h], a[h + 2], 0, 1, 8, 9, 4, 5, 12, 13);
    b[h + 1] = __builtin_shufflevector(a[h], a[h + 2], 2, 3, 10, 11, 6, 7, 14, 15);
    b[h + 2] = __builtin_shufflevector(a[h + 1], a[h + 3], 0, 1, 8, 9, 4, 5, 12, 13);
    b[h + 3] = __builtin_shufflevector(a[h + 1], a[h + 3], 2, 3, 10, 11, 6, 7, 14, 15);
  }
  for (int i = 0; i < 4; i++) {
    *(float8 *)(target + i * stride) = __builtin_shufflevector(b[i], b[i + 4], 0, 1, 2, 3, 8, 9, 10, 11);
    *(float8 *)(target + (i + 4) * stride) = __builtin_shufflevector(b[i], b[i + 4], 4, 5, 6, 7, 12, 13, 14, 15);
  }
}

/// Four source rows and their weights: one target position on the axes o and c.
typedef struct {
  const float *row[4];
  float weight[4];
} four_rows;

INLINE void blend_columns(float *scratch, long source_f, const four_rows rows[8]) {
  long x = 0;
  while (x < source_f) {
    // The last block overlaps the one before it rather than leaving the row.
    if (x + 8 > source_f) {
      if (source_f < 8) break;
      x = source_f - 8;
    }
    float8 v[8];
    for (int n = 0; n < 8; n++) {
      const four_rows *r = &rows[n];
      v[n] = (r->weight[0] * *(const float8 *)(r->row[0] + x) + r->weight[1] * *(const float8 *)(r->row[1] + x)) +
             (r->weight[2] * *(const float8 *)(r->row[2] + x) + r->weight[3] * *(const float8 *)(r->row[3] + x));
    }
    store_transposed(scratch + x * MARTLET_CROSSED_TILE, MARTLET_CROSSED_TILE, v);
    x += 8;
  }
  for (; x < source_f; x++)
    for (int n = 0; n < 8; n++) {
      const four_rows *r = &rows[n];
      scratch[x * MARTLET_CROSSED_TILE + n] = (r->weight[0] * r->row[0][x] + r->weight[1] * r->row[1][x]) +
                                              (r->weight[2] * r->row[2][x] + r->weight[3] * r->row[3][x]);
    }
}

INLINE void resample_crossed(const float *source, long stride_o, long stride_c, long source_f, martlet_axis_samples o,
                             martlet_axis_samples f, martlet_axis_samples c, long o_begin, long o_end, float *target,
                             long target_o, long target_f, float *scratch) {
  for (long j = o_begin; j < o_end; j++) {
    const float *below = source + o.lower[j] * stride_o;
    const float *above = source + o.upper[j] * stride_o;
    float u = o.lower_weight[j], v = o.upper_weight[j];
    for (long tile = 0; tile < c.count; tile += MARTLET_CROSSED_TILE) {
      long width = c.count - tile < MARTLET_CROSSED_TILE ? c.count - tile : MARTLET_CROSSED_TILE;
      for (long column = 0; column < width; column += 8) {
        four_rows rows[8];
        for (long n = 0; n < 8; n++) {
          long k = tile + column + n;
          if (k >= c.count) k = c.count - 1;
          long lower = c.lower[k] * stride_c, upper = c.upper[k] * stride_c;
          float s = c.lower_weight[k], t = c.upper_weight[k];
          rows[n] = (four_rows){{below + lower, below + upper, above + lower, above + upper},
                                {u * s, u * t, v * s, v * t}};
        }
        blend_columns(scratch + column, source_f, rows);
      }
      for (long i = 0; i < f.count; i++)
        blend_rows_2(target + i * target_f + j * target_o + tile, scratch + f.lower[i] * MARTLET_CROSSED_TILE,
                     scratch + f.upper[i] * MARTLET_CROSSED_TILE, f.lower_weight[i], f.upper_weight[i], width);
    }
  }
}

// MARK: Index tables

void martlet_pick(const float *source, const long stride[3], const int32_t *const index[3], const long target_extent[3],
                  long i_begin, long i_end, float *target) {
  long rows = target_extent[1], columns = target_extent[2];
  // Where neighbours of a row are far apart in the source, blocks of planes share its cache lines.
  int is_dense = stride[2] == 1 || stride[2] == -1;
  long planes = is_dense ? 1 : 16, width = is_dense ? columns : 16;
  for (long block = i_begin; block < i_end; block += planes) {
    long block_end = block + planes < i_end ? block + planes : i_end;
    for (long j = 0; j < rows; j++)
      for (long tile = 0; tile < columns; tile += width) {
        long tile_end = tile + width < columns ? tile + width : columns;
        for (long i = block; i < block_end; i++) {
          float *row = target + (i * rows + j) * columns;
          int is_outside = index[0][i] < 0 || index[1][j] < 0;
          const float *base = is_outside ? source : source + index[0][i] * stride[0] + index[1][j] * stride[1];
          for (long k = tile; k < tile_end; k++)
            row[k] = is_outside || index[2][k] < 0 ? 0 : base[index[2][k] * stride[2]];
        }
      }
  }
}

// MARK: Filters

INLINE void filter_axis(const float *source, long extent, long inner, const int32_t *first, const int32_t *first_weight,
                        const float *weight, long count, long outer_begin, long outer_end, float *target) {
  for (long o = outer_begin; o < outer_end; o++)
    for (long i = 0; i < count; i++) {
      const float *restrict from = source + (o * extent + first[i]) * inner;
      const float *w = weight + first_weight[i];
      long terms = first_weight[i + 1] - first_weight[i];
      float *restrict to = target + (o * count + i) * inner;
      for (long k = 0; k < inner; k++) to[k] = 0;
      for (long t = 0; t < terms; t++)
        for (long k = 0; k < inner; k++) to[k] += w[t] * from[t * inner + k];
    }
}

// MARK: Choice of the instruction set

#define DENSE_PARAMETERS                                                                                              \
  const float *source, long stride_a, long stride_b, long source_b, long source_c, martlet_axis_samples a,            \
      martlet_axis_samples b, martlet_axis_samples c, long a_begin, long a_end, float *target, long target_a,         \
      long target_b, float *scratch
#define DENSE_ARGUMENTS                                                                                               \
  source, stride_a, stride_b, source_b, source_c, a, b, c, a_begin, a_end, target, target_a, target_b, scratch
#define CROSSED_PARAMETERS                                                                                            \
  const float *source, long stride_o, long stride_c, long source_f, martlet_axis_samples o, martlet_axis_samples f,   \
      martlet_axis_samples c, long o_begin, long o_end, float *target, long target_o, long target_f, float *scratch
#define CROSSED_ARGUMENTS                                                                                             \
  source, stride_o, stride_c, source_f, o, f, c, o_begin, o_end, target, target_o, target_f, scratch

#define FILTER_PARAMETERS                                                                                             \
  const float *source, long extent, long inner, const int32_t *first, const int32_t *first_weight,                    \
      const float *weight, long count, long outer_begin, long outer_end, float *target
#define FILTER_ARGUMENTS source, extent, inner, first, first_weight, weight, count, outer_begin, outer_end, target

#if defined(__x86_64__)
__attribute__((target("avx2,fma"))) static void filter_axis_avx2(FILTER_PARAMETERS) { filter_axis(FILTER_ARGUMENTS); }
__attribute__((target("avx2,fma"))) static void resample_dense_avx2(DENSE_PARAMETERS) {
  resample_dense(DENSE_ARGUMENTS);
}
__attribute__((target("avx2,fma"))) static void resample_crossed_avx2(CROSSED_PARAMETERS) {
  resample_crossed(CROSSED_ARGUMENTS);
}
static int has_avx2(void) { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"); }
#endif

void martlet_resample_dense(DENSE_PARAMETERS) {
#if defined(__x86_64__)
  if (has_avx2()) {
    resample_dense_avx2(DENSE_ARGUMENTS);
    return;
  }
#endif
  resample_dense(DENSE_ARGUMENTS);
}

void martlet_resample_crossed(CROSSED_PARAMETERS) {
#if defined(__x86_64__)
  if (has_avx2()) {
    resample_crossed_avx2(CROSSED_ARGUMENTS);
    return;
  }
#endif
  resample_crossed(CROSSED_ARGUMENTS);
}

void martlet_filter_axis(FILTER_PARAMETERS) {
#if defined(__x86_64__)
  if (has_avx2()) {
    filter_axis_avx2(FILTER_ARGUMENTS);
    return;
  }
#endif
  filter_axis(FILTER_ARGUMENTS);
}
