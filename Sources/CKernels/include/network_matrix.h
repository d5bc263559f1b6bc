#pragma once
// Matrix products and attention of networks on the CPU.

#include <stddef.h>

#include "network_function.h"
#include "thread_pool.h"

/// A matrix, or many of one shape: element (i, j) of number b is values[offsets[b] + i * row_stride + j * column_stride].
/// `offsets` NULL for 0 throughout.
typedef struct {
  const float *values;
  const ptrdiff_t *offsets;
  ptrdiff_t row_stride, column_stride;
} martlet_matrices;

/// Floats of a packed matrix.
size_t martlet_matrix_packed_count(int rows, int columns);

/// Lays a matrix out as the right side of a product is read: [ceil(columns / 16)][rows][16].
void martlet_matrix_pack(
  martlet_thread_pool *pool, const martlet_matrices *matrix, int rows, int columns, float *packed);

/// target[b] = function(scale * left[b] · right[b] + bias) + residual[b]. Target and residual are [batch, rows, columns],
/// contiguous.
typedef struct {
  long batch;
  int rows, inner, columns;
  martlet_matrices left;
  /// NULL unless all right sides are one packed matrix, at a multiple of 64 bytes.
  const float *packed;
  martlet_matrices right;
  float scale;
  /// For each column; NULL for none.
  const float *bias;
  martlet_function_call function;
  /// NULL for none.
  const float *residual;
  float *target;
} martlet_product;

/// Floats of working memory.
size_t martlet_product_scratch_count(const martlet_product *product, int threads);
void martlet_product_run(martlet_thread_pool *pool, const martlet_product *product, float *scratch);

/// target[b] = softmax(scale * query[b] · key[b]ᵀ + masks[b]) · value[b], the softmax along the keys.
typedef struct {
  long batch;
  int queries, keys, depth, value_depth;
  /// [queries, depth], [keys, depth], [keys, value_depth].
  martlet_matrices query, key, value;
  float scale;
  /// [queries, keys] with a column stride of 1; `values` NULL for none.
  martlet_matrices masks[2];
  float *target;
  const ptrdiff_t *target_offsets;
  ptrdiff_t target_row_stride;
} martlet_attention;

size_t martlet_attention_scratch_count(const martlet_attention *attention, int threads);
void martlet_attention_run(martlet_thread_pool *pool, const martlet_attention *attention, float *scratch);
