#pragma once
// What the instruction sets' versions of the depthwise kernels share.

#include "../include/network_depthwise.h"
#include "vector.h"

/// Along one axis: output position * out_step + phase takes its taps from input position * in_step + offset.
typedef struct {
  int phases, in_step, out_step, positions;
  int first_offset, last_offset;
  int taps[MARTLET_MOST_DEPTHWISE_TAPS];
  int tap[MARTLET_MOST_DEPTHWISE_TAPS][MARTLET_MOST_DEPTHWISE_TAPS];
  int offset[MARTLET_MOST_DEPTHWISE_TAPS][MARTLET_MOST_DEPTHWISE_TAPS];
} depthwise_axis;

typedef struct {
  const martlet_convolution *shape;
  const martlet_convolution_extras *extras;
  const float *weights, *input;
  float *output, *scratch;
  /// Partial statistics: [pieces][2][16], NULL for none.
  double *partial;
  /// Whether the output is too large for the cache.
  int is_streaming;
  depthwise_axis axes[3];
  int blocks, taps;
  /// Positions of the depth and of the height that a piece takes, and how many such chunks there are.
  int depth_chunk, depth_chunks, height_chunk, height_chunks;
  /// The copied part of the input: slices that are kept, rows and columns of one.
  int slices, rows, columns;
  size_t thread_floats;
} depthwise_job;

#define DECLARE(set) void depthwise_piece_##set(void *context, long piece, int thread);
DECLARE(portable)
DECLARE(avx2)
DECLARE(avx512)
#undef DECLARE
