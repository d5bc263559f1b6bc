// Elementwise operations and reductions over float arrays.
#include "include/elementwise.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

#define INLINE static inline __attribute__((always_inline))

typedef double double8 __attribute__((vector_size(64)));
typedef float float8 __attribute__((vector_size(32), aligned(4)));
typedef int32_t int8_lanes __attribute__((vector_size(32)));

INLINE void scale_range(float *restrict values, long count, float subtract, float divide, float multiply, float add,
                        float low, float high) {
#pragma clang fp contract(off)
  for (long i = 0; i < count; i++) {
    float v = (values[i] - subtract) / divide * multiply + add;
    v = v < low ? low : v;
    values[i] = v > high ? high : v;
  }
}

INLINE void normalize(float *restrict values, long count, float subtract, float divide, int skip_zeros) {
  if (skip_zeros) {
    for (long i = 0; i < count; i++) values[i] = values[i] != 0 ? (values[i] - subtract) / divide : values[i];
  } else {
    for (long i = 0; i < count; i++) values[i] = (values[i] - subtract) / divide;
  }
}

INLINE void extrema(const float *values, long count, float *lowest, float *highest) {
  float low = values[0], high = values[0];
  long i = 0;
  if (count >= 8) {
    float8 lows = *(const float8 *)values, highs = lows;
    int8_lanes strange = {0};
    for (; i + 8 <= count; i += 8) {
      float8 v = *(const float8 *)(values + i);
      int8_lanes below = v < lows, above = v > highs;
      lows = (float8)(((int8_lanes)v & below) | ((int8_lanes)lows & ~below));
      highs = (float8)(((int8_lanes)v & above) | ((int8_lanes)highs & ~above));
      strange |= v != v;
    }
    for (int lane = 0; lane < 8; lane++) {
      low = lows[lane] < low ? lows[lane] : low;
      high = highs[lane] > high ? highs[lane] : high;
      if (strange[lane]) low = high = NAN;
    }
  }
  for (; i < count; i++) {
    float v = values[i];
    if (v != v) low = high = v;
    low = v < low ? v : low;
    high = v > high ? v : high;
  }
  *lowest = low;
  *highest = high;
}

INLINE double total(const double8 *sums) {
  double sum = 0;
  for (int lane = 0; lane < 8; lane++) sum += (*sums)[lane];
  return sum;
}

INLINE void sum_values(const float *values, long count, int skip_zeros, double *sum, long *counted) {
  double8 sums = {0};
  long zeros = 0, i = 0;
  for (; i + 8 <= count; i += 8)
    sums += __builtin_convertvector(*(const float8 *)(values + i), double8);
  double rest = 0;
  for (; i < count; i++) rest += values[i];
  if (skip_zeros)
    for (long k = 0; k < count; k++) zeros += values[k] == 0;
  *sum += total(&sums) + rest;
  *counted += count - zeros;
}

INLINE double squared_deviation(const float *values, long count, double mean, int skip_zeros) {
  double8 sums = {0};
  long i = 0;
  for (; i + 8 <= count; i += 8) {
    float8 v = *(const float8 *)(values + i);
    double8 distance = __builtin_convertvector(v, double8) - mean;
    double8 square = distance * distance;
    if (skip_zeros) {
      // Zeros give a zero square: the lanes of the comparison are 0 or -1.
      int8_lanes counts = v != 0;
      square *= -__builtin_convertvector(counts, double8);
    }
    sums += square;
  }
  double rest = 0;
  for (; i < count; i++) {
    double distance = values[i] - mean;
    if (!skip_zeros || values[i] != 0) rest += distance * distance;
  }
  return total(&sums) + rest;
}

/// e to the power x, to about one unit in the last place: 2^n times a polynomial in the remainder. Overflow is
/// infinity, underflow zero, NaN stays.
INLINE float exponential(float x) {
  // NaN takes part as the lower bound and is put back at the end.
  float clamped = x > -87.3f ? x : -87.3f;
  clamped = clamped > 88.7f ? 88.7f : clamped;
  // Adding 1.5 * 2^23 rounds to the nearest integer.
  float rounded = clamped * 1.44269504f + 12582912.0f;
  float n = rounded - 12582912.0f;
  float r = clamped - n * 0.693359375f;
  r = r + n * 2.12194440e-4f;
  float p = 1.9875691500e-4f;
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * r * r + r + 1;
  // 2^n in two factors, so that n = 128 doesn't overflow the exponent.
  int32_t bits = (int32_t)n;
  int32_t half = bits >> 1;
  int32_t first = (half + 127) << 23, second = (bits - half + 127) << 23;
  float low, high;
  memcpy(&low, &first, 4);
  memcpy(&high, &second, 4);
  float result = p * low * high;
  result = x < -87.3f ? 0 : result;
  result = x > 88.7f ? INFINITY : result;
  return x != x ? x : result;
}

INLINE void sigmoid(float *restrict values, long count) {
  for (long i = 0; i < count; i++) values[i] = 1 / (1 + exponential(-values[i]));
}

enum { BLOCK = 256 };

INLINE void softmax(float *restrict values, long channels, long stride, long count) {
  float highest[BLOCK], sum[BLOCK];
  for (long begin = 0; begin < count; begin += BLOCK) {
    long width = count - begin < BLOCK ? count - begin : BLOCK;
    float *block = values + begin;
    for (long i = 0; i < width; i++) highest[i] = block[i];
    for (long c = 1; c < channels; c++) {
      const float *plane = block + c * stride;
      for (long i = 0; i < width; i++) highest[i] = plane[i] > highest[i] ? plane[i] : highest[i];
    }
    for (long i = 0; i < width; i++) sum[i] = 0;
    for (long c = 0; c < channels; c++) {
      float *plane = block + c * stride;
      for (long i = 0; i < width; i++) {
        float e = exponential(plane[i] - highest[i]);
        plane[i] = e;
        sum[i] += e;
      }
    }
    for (long c = 0; c < channels; c++) {
      float *plane = block + c * stride;
      for (long i = 0; i < width; i++) plane[i] = plane[i] / sum[i];
    }
  }
}

INLINE void argmax(const float *values, long channels, long stride, long count, float *labels) {
  float best[BLOCK], label[BLOCK];
  for (long begin = 0; begin < count; begin += BLOCK) {
    long width = count - begin < BLOCK ? count - begin : BLOCK;
    const float *block = values + begin;
    for (long i = 0; i < width; i++) best[i] = block[i];
    for (long i = 0; i < width; i++) label[i] = 0;
    for (long c = 1; c < channels; c++) {
      const float *plane = block + c * stride;
      float index = (float)c;
      for (long i = 0; i < width; i++) {
        int larger = (plane[i] > best[i]) | ((plane[i] != plane[i]) & (best[i] == best[i]));
        best[i] = larger ? plane[i] : best[i];
        label[i] = larger ? index : label[i];
      }
    }
    memcpy(labels + begin, label, (size_t)width * sizeof(float));
  }
}

INLINE void apply_threshold(float *restrict values, long count, float threshold) {
  for (long i = 0; i < count; i++) values[i] = values[i] >= threshold ? 1.0f : 0.0f;
}

INLINE void round_values(float *restrict values, long count) {
  for (long i = 0; i < count; i++) values[i] = nearbyintf(values[i]);
}

// MARK: Choice of the instruction set

#if defined(__x86_64__)
#define CHOOSE(type, name, body, parameters, arguments)                               \
  __attribute__((target("avx2,fma"))) static type body##_avx2 parameters {            \
    return body arguments;                                                            \
  }                                                                                   \
  type name parameters {                                                              \
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return body##_avx2 arguments; \
    return body arguments;                                                            \
  }
#else
#define CHOOSE(type, name, body, parameters, arguments) \
  type name parameters { return body arguments; }
#endif

CHOOSE(void, martlet_scale_range, scale_range,
       (float *values, long count, float subtract, float divide, float multiply, float add, float low, float high),
       (values, count, subtract, divide, multiply, add, low, high))
CHOOSE(void, martlet_normalize, normalize,
       (float *values, long count, float subtract, float divide, int skip_zeros),
       (values, count, subtract, divide, skip_zeros))
CHOOSE(void, martlet_extrema, extrema, (const float *values, long count, float *lowest, float *highest),
       (values, count, lowest, highest))
CHOOSE(void, martlet_sum, sum_values,
       (const float *values, long count, int skip_zeros, double *sum, long *counted),
       (values, count, skip_zeros, sum, counted))
CHOOSE(double, martlet_squared_deviation, squared_deviation,
       (const float *values, long count, double mean, int skip_zeros), (values, count, mean, skip_zeros))
CHOOSE(void, martlet_sigmoid, sigmoid, (float *values, long count), (values, count))
CHOOSE(void, martlet_softmax, softmax, (float *values, long channels, long stride, long count),
       (values, channels, stride, count))
CHOOSE(void, martlet_argmax, argmax,
       (const float *values, long channels, long stride, long count, float *labels),
       (values, channels, stride, count, labels))
CHOOSE(void, martlet_threshold, apply_threshold, (float *values, long count, float threshold),
       (values, count, threshold))
CHOOSE(void, martlet_round, round_values, (float *values, long count), (values, count))
