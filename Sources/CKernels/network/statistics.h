#pragma once
// Sums that kernels gather of what they compute.

#include "vector.h"

/// Adds `count` vectors and their squares to a partial statistic [2][16]; exact about a shift of the values.
INLINE void add_statistics(double *partial, const v16 *values, int count) {
  if (count == 0) return;
  v16 sum = zero16();
  for (int i = 0; i < count; i++) sum += values[i];
  v16 mean = sum / (float)count, squares = zero16();
  for (int i = 0; i < count; i++) {
    v16 distance = values[i] - mean;
    squares += distance * distance;
  }
  d16 *sums = (d16 *)(void *)partial;
  d16 wide_sum = __builtin_convertvector(sum, d16), wide_mean = __builtin_convertvector(mean, d16);
  sums[0] += wide_sum;
  sums[1] += __builtin_convertvector(squares, d16) + 2.0 * wide_mean * wide_sum - (double)count * wide_mean * wide_mean;
}
