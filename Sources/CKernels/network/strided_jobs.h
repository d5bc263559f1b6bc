#pragma once
// What the instruction sets' versions of the strided kernels share.

#include "../include/network_strided.h"
#include "vector.h"

/// The axes of a copy from the outermost to the innermost, which is the target's.
typedef struct {
  int rank;
  size_t extents[MARTLET_MOST_AXES];
  ptrdiff_t from[MARTLET_MOST_AXES], to[MARTLET_MOST_AXES];
  const float *source;
  float *target;
  /// The axis along which the source is contiguous, when that isn't the innermost; else -1.
  int across;
  /// Steps of `across`, or rows, that a piece takes.
  size_t chunk, chunks, rows;
} copy_job;

typedef struct {
  int rank;
  size_t extents[MARTLET_MOST_AXES];
  ptrdiff_t first_strides[MARTLET_MOST_AXES], second_strides[MARTLET_MOST_AXES];
  const float *first, *second;
  float *target;
  martlet_arithmetic arithmetic;
  martlet_function_call call;
  size_t rows, chunk;
  /// Whether the target is too large for the cache and made of whole vectors.
  int is_streaming;
} combine_strided_job;

#define DECLARE(set)                                                      \
  void copy_rows_piece_##set(void *context, long piece, int thread);      \
  void copy_tiles_piece_##set(void *context, long piece, int thread);     \
  void combine_strided_piece_##set(void *context, long piece, int thread);
DECLARE(portable)
DECLARE(avx2)
DECLARE(avx512)
#undef DECLARE
