#pragma once
// What the instruction sets' versions of the element by element kernels share.

#include "../include/network_elementwise.h"
#include "vector.h"

typedef struct {
  const martlet_network_tensor *tensor;
  martlet_combination combination;
  martlet_operand first, second;
  const float *slope;
  float *target;
  size_t target_stride, plane, slices;
  int is_streaming;
} combine_job;

typedef struct {
  const float *values;
  double *partial;
  size_t plane, slices;
  int is_plain;
} statistics_job;

enum { APPLY_PIECE = 16384 };

typedef struct {
  martlet_function_call call;
  const float *values;
  float *target;
  size_t count;
} apply_job;

typedef struct {
  const martlet_network_tensor *tensor;
  const martlet_pooling *pooling;
  const float *values;
  float *target;
} pooling_job;

typedef struct {
  const martlet_network_tensor *tensor;
  const martlet_axis_table *tables;
  const float *values, *addend;
  float *target, *scratch;
  int is_streaming;
} resize_job;

#define DECLARE(set)                                                  \
  void combine_piece_##set(void *context, long piece, int thread);    \
  void statistics_piece_##set(void *context, long piece, int thread); \
  void apply_piece_##set(void *context, long piece, int thread);      \
  void pooling_piece_##set(void *context, long piece, int thread);    \
  void resize_piece_##set(void *context, long piece, int thread);
DECLARE(portable)
DECLARE(avx2)
DECLARE(avx512)
#undef DECLARE
