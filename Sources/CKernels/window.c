#include "window.h"

#include <stdint.h>
#include <string.h>

// A product that is added must round on its own, so that sums equal the reference's to the last bit.
#pragma STDC FP_CONTRACT OFF

#if defined(__x86_64__)
#define WIDE __attribute__((target("avx2")))
#define HAS_WIDE __builtin_cpu_supports("avx2")
#endif
#define INLINE static inline __attribute__((always_inline))

void martlet_window_gather(
    float *target, ptrdiff_t target_stride, size_t rows, size_t columns, const float *source,
    const ptrdiff_t *row_offsets, const ptrdiff_t *column_offsets, int contiguous_columns, float fill) {
  if (columns == 0) return;
  for (size_t r = 0; r < rows; r++, target += target_stride) {
    if (row_offsets[r] == MARTLET_WINDOW_OUTSIDE) {
      for (size_t c = 0; c < columns; c++) target[c] = fill;
      continue;
    }
    const float *row = source + row_offsets[r];
    if (contiguous_columns) {
      memcpy(target, row + column_offsets[0], columns * sizeof(float));
      continue;
    }
    for (size_t c = 0; c < columns; c++) {
      target[c] = column_offsets[c] == MARTLET_WINDOW_OUTSIDE ? fill : row[column_offsets[c]];
    }
  }
}

INLINE void accumulate(
    float *restrict sums, ptrdiff_t sums_stride, const float *restrict values, ptrdiff_t values_stride,
    const float *restrict weights, ptrdiff_t weights_stride, size_t rows, size_t columns) {
  for (size_t r = 0; r < rows; r++) {
    if (weights) {
      for (size_t c = 0; c < columns; c++) {
        float product = values[c] * weights[c];
        sums[c] += product;
      }
      weights += weights_stride;
    } else {
      for (size_t c = 0; c < columns; c++) sums[c] += values[c];
    }
    sums += sums_stride;
    values += values_stride;
  }
}

INLINE void scale(
    float *restrict values, ptrdiff_t values_stride, const float *restrict weights, ptrdiff_t weights_stride,
    size_t rows, size_t columns) {
  for (size_t r = 0; r < rows; r++, values += values_stride, weights += weights_stride) {
    for (size_t c = 0; c < columns; c++) values[c] *= weights[c];
  }
}

INLINE void divide(float *restrict values, const float *restrict divisors, size_t count) {
  for (size_t i = 0; i < count; i++) values[i] /= divisors[i];
}

#if defined(WIDE)
WIDE static void accumulate_wide(
    float *sums, ptrdiff_t sums_stride, const float *values, ptrdiff_t values_stride, const float *weights,
    ptrdiff_t weights_stride, size_t rows, size_t columns) {
  accumulate(sums, sums_stride, values, values_stride, weights, weights_stride, rows, columns);
}

WIDE static void scale_wide(
    float *values, ptrdiff_t values_stride, const float *weights, ptrdiff_t weights_stride, size_t rows,
    size_t columns) {
  scale(values, values_stride, weights, weights_stride, rows, columns);
}

WIDE static void divide_wide(float *values, const float *divisors, size_t count) { divide(values, divisors, count); }
#endif

void martlet_window_accumulate(
    float *sums, ptrdiff_t sums_stride, const float *values, ptrdiff_t values_stride, const float *weights,
    ptrdiff_t weights_stride, size_t rows, size_t columns) {
#if defined(WIDE)
  if (HAS_WIDE) {
    accumulate_wide(sums, sums_stride, values, values_stride, weights, weights_stride, rows, columns);
    return;
  }
#endif
  accumulate(sums, sums_stride, values, values_stride, weights, weights_stride, rows, columns);
}

void martlet_window_scale(
    float *values, ptrdiff_t values_stride, const float *weights, ptrdiff_t weights_stride, size_t rows,
    size_t columns) {
#if defined(WIDE)
  if (HAS_WIDE) {
    scale_wide(values, values_stride, weights, weights_stride, rows, columns);
    return;
  }
#endif
  scale(values, values_stride, weights, weights_stride, rows, columns);
}

void martlet_window_copy(
    float *target, ptrdiff_t target_stride, const float *source, ptrdiff_t source_stride, size_t rows, size_t columns) {
  for (size_t r = 0; r < rows; r++, target += target_stride, source += source_stride) {
    memcpy(target, source, columns * sizeof(float));
  }
}

void martlet_window_divide(float *values, const float *divisors, size_t count) {
#if defined(WIDE)
  if (HAS_WIDE) {
    divide_wide(values, divisors, count);
    return;
  }
#endif
  divide(values, divisors, count);
}
