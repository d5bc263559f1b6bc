#include "pointwise.h"

#include "network/instruction_set.h"
#include "network/vector.h"

// Sums of a tile are kept in registers: `outputs` channels by `vectors` times 16 places.
INLINE void tile(
    float *target, ptrdiff_t target_stride, const float *values, ptrdiff_t values_stride, const float *weights,
    const float *bias, size_t channels, const int outputs, const int vectors) {
  v16 sums[6][2];
  UNROLL for (int k = 0; k < outputs; k++) {
    UNROLL for (int v = 0; v < vectors; v++) sums[k][v] = all16(bias ? bias[k] : 0.0f);
  }
  for (size_t c = 0; c < channels; c++) {
    v16 places[2];
    UNROLL for (int v = 0; v < vectors; v++) places[v] = load16u(values + (ptrdiff_t)c * values_stride + v * LANES);
    UNROLL for (int k = 0; k < outputs; k++) {
      v16 weight = all16(weights[(size_t)k * channels + c]);
      UNROLL for (int v = 0; v < vectors; v++) sums[k][v] += weight * places[v];
    }
  }
  UNROLL for (int k = 0; k < outputs; k++) {
    UNROLL for (int v = 0; v < vectors; v++) store16u(target + k * target_stride + v * LANES, sums[k][v]);
  }
}

INLINE void single(
    float *target, const float *values, ptrdiff_t values_stride, const float *weights, float bias, size_t channels,
    size_t count) {
  for (size_t i = 0; i < count; i++) {
    float sum = bias;
    for (size_t c = 0; c < channels; c++) sum += weights[c] * values[(ptrdiff_t)c * values_stride + (ptrdiff_t)i];
    target[i] = sum;
  }
}

/// `wide` output channels by `vectors` vectors at a time; the rest one output channel at a time.
INLINE void pointwise(
    float *target, ptrdiff_t target_stride, const float *values, ptrdiff_t values_stride, const float *weights,
    const float *bias, size_t channels, size_t outputs, size_t count, const int wide, const int vectors) {
  size_t step = (size_t)vectors * LANES, i = 0;
  for (; i + step <= count; i += step) {
    size_t k = 0;
    for (; k + (size_t)wide <= outputs; k += (size_t)wide) {
      tile(target + (ptrdiff_t)k * target_stride + i, target_stride, values + i, values_stride, weights + k * channels,
           bias ? bias + k : NULL, channels, wide, vectors);
    }
    for (; k < outputs; k++) {
      tile(target + (ptrdiff_t)k * target_stride + i, target_stride, values + i, values_stride, weights + k * channels,
           bias ? bias + k : NULL, channels, 1, vectors);
    }
  }
  if (i == count) return;
  for (size_t k = 0; k < outputs; k++) {
    single(target + (ptrdiff_t)k * target_stride + i, values + i, values_stride, weights + k * channels,
           bias ? bias[k] : 0.0f, channels, count - i);
  }
}

#if defined(__x86_64__)
__attribute__((target("avx512f,fma"))) static void pointwise_avx512(
    float *target, ptrdiff_t target_stride, const float *values, ptrdiff_t values_stride, const float *weights,
    const float *bias, size_t channels, size_t outputs, size_t count) {
  pointwise(target, target_stride, values, values_stride, weights, bias, channels, outputs, count, 6, 2);
}

__attribute__((target("avx2,fma"))) static void pointwise_avx2(
    float *target, ptrdiff_t target_stride, const float *values, ptrdiff_t values_stride, const float *weights,
    const float *bias, size_t channels, size_t outputs, size_t count) {
  pointwise(target, target_stride, values, values_stride, weights, bias, channels, outputs, count, 5, 1);
}
#endif

void martlet_pointwise(
    float *target, ptrdiff_t target_stride, const float *values, ptrdiff_t values_stride, const float *weights,
    const float *bias, size_t channels, size_t outputs, size_t count) {
#if defined(__x86_64__)
  switch (martlet_current_set()) {
    case AVX512:
      pointwise_avx512(target, target_stride, values, values_stride, weights, bias, channels, outputs, count);
      return;
    case AVX2:
      pointwise_avx2(target, target_stride, values, values_stride, weights, bias, channels, outputs, count);
      return;
    default: break;
  }
#endif
  pointwise(target, target_stride, values, values_stride, weights, bias, channels, outputs, count, 2, 1);
}
