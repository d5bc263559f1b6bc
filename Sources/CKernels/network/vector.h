#pragma once
// Vectors of 16 floats, which the compiler maps to what the instruction set has.

#include <stddef.h>
#include <stdint.h>
#include <string.h>

// Vectors are only passed between functions that are inlined, where no calling convention matters.
#pragma clang diagnostic ignored "-Wpsabi"

typedef float v16 __attribute__((ext_vector_type(16)));
typedef float v16_unaligned __attribute__((ext_vector_type(16), aligned(4)));

/// Sixteen doubles, at any multiple of their size.
typedef double d16 __attribute__((ext_vector_type(16), aligned(8)));

/// Floats in a vector, and channels in a block of the blocked layout.
#define LANES 16
#define INLINE static inline __attribute__((always_inline, unused))
#define UNROLL _Pragma("clang loop unroll(full)")
#define NO_UNROLL _Pragma("clang loop unroll(disable)")

INLINE v16 zero16(void) { return (v16)(0.0f); }
INLINE v16 all16(float x) { return (v16)(x); }
INLINE v16 load16(const float *p) { return *(const v16 *)p; }
INLINE v16 load16u(const float *p) { return *(const v16_unaligned *)p; }
INLINE void store16(float *p, v16 x) { *(v16 *)p = x; }
INLINE void store16u(float *p, v16 x) { *(v16_unaligned *)p = x; }

/// Stores a vector, past the caches when `is_streaming`.
INLINE void put(float *target, v16 value, int is_streaming) {
  if (is_streaming)
    __builtin_nontemporal_store(value, (v16 *)target);
  else
    store16(target, value);
}

/// Orders streaming stores before what follows.
INLINE void finish_streaming(int is_streaming) {
#if defined(__x86_64__)
  if (is_streaming) __builtin_ia32_sfence();
#endif
}

INLINE v16 max16(v16 a, v16 b) { return a > b ? a : b; }
INLINE v16 min16(v16 a, v16 b) { return a < b ? a : b; }

/// x where x is positive, slope * x elsewhere.
INLINE v16 rectify16(v16 x, v16 slope) { return x > zero16() ? x : x * slope; }

/// The first `count` of 16 elements, with `filler` behind them; nothing behind them is read.
INLINE v16 load_part(const float *p, size_t count, float filler) {
  float values[LANES];
  for (int lane = 0; lane < LANES; lane++) values[lane] = filler;
  memcpy(values, p, count * sizeof(float));
  return load16u(values);
}

/// Stores the first `count` of 16 elements.
INLINE void store_part(float *p, v16 x, size_t count) {
  float values[LANES];
  store16u(values, x);
  memcpy(p, values, count * sizeof(float));
}

INLINE float sum_of16(v16 x) {
  float sum = 0;
  UNROLL for (int lane = 0; lane < LANES; lane++) sum += x[lane];
  return sum;
}

INLINE float max_of16(v16 x) {
  float highest = x[0];
  UNROLL for (int lane = 1; lane < LANES; lane++) highest = x[lane] > highest ? x[lane] : highest;
  return highest;
}

/// Sixteen vectors as the rows of a matrix, transposed: four rounds of interleaving halves.
INLINE void transpose16(v16 rows[LANES]) {
  UNROLL for (int round = 0; round < 4; round++) {
    v16 next[LANES];
    UNROLL for (int i = 0; i < LANES / 2; i++) {
      next[2 * i] = __builtin_shufflevector(
        rows[i], rows[i + 8], 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
      next[2 * i + 1] = __builtin_shufflevector(
        rows[i], rows[i + 8], 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
    }
    UNROLL for (int i = 0; i < LANES; i++) rows[i] = next[i];
  }
}
