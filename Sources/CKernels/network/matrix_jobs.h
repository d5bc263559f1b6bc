#pragma once
// What the instruction sets' versions of the matrix kernels share.

#include "../include/network_matrix.h"
#include "vector.h"

typedef struct {
  const martlet_product *product;
  int row_chunks, column_chunks;
  int is_left_packed;
  /// Working memory: of one thread, and where the packed right side begins in it.
  size_t thread_floats, right_start;
  float *scratch;
} product_job;

typedef struct {
  const martlet_matrices *matrix;
  int rows, columns;
  float *packed;
} pack_job;

typedef struct {
  const martlet_attention *attention;
  int query_chunks;
  /// Floats from one row of scores to the next.
  size_t score_stride;
  size_t thread_floats, value_start, score_start, left_start;
  float *scratch;
} attention_job;

enum { MOST_TILE_ROWS = 12 };

#define DECLARE(set)                                                 \
  void product_piece_##set(void *context, long piece, int thread);   \
  void attention_piece_##set(void *context, long piece, int thread); \
  void pack_piece_##set(void *context, long piece, int thread);
DECLARE(portable)
DECLARE(avx2)
DECLARE(avx512)
#undef DECLARE
