#pragma once
// Sums, picks and extremes along one axis of contiguous tensors [outer, extent, inner].

#include <stddef.h>
#include <stdint.h>

#include "thread_pool.h"

/// What each index of the new axis is made of: output i is the sum of weights[t] * x[indices[t]] over the terms t from
/// first[i] to first[i + 1], at least one.
typedef struct {
  const int *first, *indices;
  const float *weights;
  int count;
} martlet_axis_terms;

/// target [outer, terms.count, inner] from values [outer, extent, inner].
void martlet_sum_along(
  martlet_thread_pool *pool, size_t outer, size_t extent, size_t inner, const martlet_axis_terms *terms,
  const float *values, float *target);

/// target [outer, inner] = the index of the greatest of `count` values [outer, count, inner], or of the least; of equal ones
/// the first, or the last.
void martlet_extreme_along(
  martlet_thread_pool *pool, size_t outer, size_t count, size_t inner, int is_least, int takes_last, const float *values,
  int64_t *target);
