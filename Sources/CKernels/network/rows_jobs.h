#pragma once
// What the instruction sets' versions of the row kernels share.

#include "../include/network_rows.h"
#include "vector.h"

typedef struct {
  size_t rows, count, rows_per_piece;
  float epsilon;
  const float *scale, *bias, *values;
  float *target;
} layer_norm_job;

typedef struct {
  size_t outer, count, inner, per_piece;
  int is_logarithm;
  const float *values;
  float *target;
} softmax_job;

typedef struct {
  martlet_reduction reduction;
  size_t rows, count, rows_per_piece;
  const float *values;
  float *target;
} reduce_job;

#define DECLARE(set)                                                     \
  void layer_norm_piece_##set(void *context, long piece, int thread);    \
  void softmax_row_piece_##set(void *context, long piece, int thread);   \
  void softmax_plane_piece_##set(void *context, long piece, int thread); \
  void reduce_piece_##set(void *context, long piece, int thread);
DECLARE(portable)
DECLARE(avx2)
DECLARE(avx512)
#undef DECLARE
