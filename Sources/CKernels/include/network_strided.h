#pragma once
// Copies and arithmetic of tensors whose elements lie at any strides: permutations, slices, broadcasts.

#include <stddef.h>

#include "network_function.h"
#include "thread_pool.h"

enum { MARTLET_MOST_AXES = 10 };

/// The extents of up to MARTLET_MOST_AXES axes.
typedef struct {
  int rank;
  size_t extents[MARTLET_MOST_AXES];
} martlet_axes;

/// target[Σ i·target_strides] = source[Σ i·source_strides] for every index i. Every element of the target is written once.
void martlet_copy_strided(
  martlet_thread_pool *pool, const martlet_axes *axes, const float *source, const ptrdiff_t *source_strides,
  float *target, const ptrdiff_t *target_strides);

typedef enum {
  MARTLET_ADD,
  MARTLET_SUBTRACT,
  MARTLET_MULTIPLY,
  MARTLET_DIVIDE,
  MARTLET_GREATER,
  MARTLET_LESSER,
} martlet_arithmetic;

/// target = call(first ∘ second), the target contiguous; a stride of 0 repeats an operand along an axis.
void martlet_combine_strided(
  martlet_thread_pool *pool, const martlet_axes *axes, martlet_arithmetic arithmetic, martlet_function_call call,
  const float *first, const ptrdiff_t *first_strides, const float *second, const ptrdiff_t *second_strides,
  float *target);

/// Fills `count` elements.
void martlet_fill(martlet_thread_pool *pool, float value, size_t count, float *target);
