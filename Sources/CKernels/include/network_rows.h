#pragma once
// Normalisations, softmax and reductions along one axis of plain tensors.

#include <stddef.h>

#include "thread_pool.h"

/// target = (x - mean) / √(variance + epsilon) * scale + bias over each of `rows` rows of `count` elements.
/// `bias` may be NULL. Target and values may be the same.
void martlet_layer_norm(
  martlet_thread_pool *pool, size_t rows, size_t count, float epsilon, const float *scale, const float *bias,
  const float *values, float *target);

/// The softmax along the middle axis of [outer, count, inner], or its logarithm. Target and values may be the same.
void martlet_softmax_along(
  martlet_thread_pool *pool, size_t outer, size_t count, size_t inner, int is_logarithm, const float *values,
  float *target);

typedef enum {
  MARTLET_REDUCE_SUM,
  MARTLET_REDUCE_MEAN,
  MARTLET_REDUCE_MAX,
  MARTLET_REDUCE_MIN,
  /// The sum of the absolute values.
  MARTLET_REDUCE_L1,
  /// The root of the sum of the squares.
  MARTLET_REDUCE_L2,
  MARTLET_REDUCE_SUM_SQUARE,
} martlet_reduction;

/// target[row] = the reduction of `count` consecutive elements, summed in float64.
void martlet_reduce(
  martlet_thread_pool *pool, martlet_reduction reduction, size_t rows, size_t count, const float *values, float *target);
