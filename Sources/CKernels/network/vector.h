#pragma once
// Vectors of 16 floats, which the compiler maps to what the instruction set has.

#include <stddef.h>
#include <stdint.h>

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
INLINE v16 max16(v16 a, v16 b) { return a > b ? a : b; }
INLINE v16 min16(v16 a, v16 b) { return a < b ? a : b; }

/// x where x is positive, slope * x elsewhere.
INLINE v16 rectify16(v16 x, v16 slope) { return x > zero16() ? x : x * slope; }
