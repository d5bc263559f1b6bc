#pragma once
// What the instruction sets' versions of the convolution kernels share.

#include "../include/network_convolution.h"
#include "vector.h"

typedef struct {
  int depth, height, width;
} tile_size;

/// The tile of outputs of a Winograd kernel.
static inline tile_size tile_of(martlet_convolution_kernel kernel) {
  return (tile_size){kernel / 100, kernel / 10 % 10, kernel % 10};
}

/// Points of the one-dimensional transform for `m` outputs: 1 where the axis isn't transformed.
static inline int points_of(int m) { return m == 1 ? 1 : m + 2; }

static inline int blocks_of(int channels) { return (channels + LANES - 1) / LANES; }

/// One call of martlet_convolution_run.
typedef struct {
  const martlet_convolution *shape;
  martlet_convolution_kernel kernel;
  const martlet_convolution_extras *extras;
  const float *weights, *input;
  float *output, *scratch;
  /// Partial statistics: [pieces][out blocks of a piece][2][16].
  double *partial;
  /// Whether the output is too large for the cache.
  int is_streaming;
  void *plan;
} convolution_job;

/// How a direct convolution is cut into pieces.
typedef struct {
  /// Positions of the window that are computed together: rows, and the padded width of a row.
  int rows, row_width, row_groups;
  /// Rows and columns of the copied input in one phase of the strides.
  int copied_rows, copied_width;
  int phases_h, phases_w;
  /// The copied input's smallest offset from the window's position, per axis (in steps of the phase).
  int first_offset[3], last_offset[3];
  /// Output blocks computed together and how many such groups there are; the lanes of the input's blocks.
  int group_blocks, groups, in_blocks, lanes, taps;
  /// Positions along each axis that a piece steps over: the output's extents, or the input's for a transposed one.
  int positions[3];
  int is_pointwise;
  long pieces_per_sample;
  size_t copy_floats;
} direct_plan;

/// How a Winograd convolution is cut into pieces.
typedef struct {
  int tiles[3];
  long tile_count;
  int block_tiles;
  long blocks;
  int points, in_blocks, group_blocks, groups;
  int is_phased;
  size_t v_point, m_point, v_floats, m_floats;
} winograd_plan;

void direct_plan_make(const martlet_convolution *shape, int wide, direct_plan *plan);
void winograd_plan_make(
  const martlet_convolution *shape, martlet_convolution_kernel kernel, int wide, int threads, winograd_plan *plan);

#define DECLARE(set)                                                                             \
  void direct_piece_##set(convolution_job *job, long piece, int thread);                         \
  void winograd_block_##set(convolution_job *job, long block, int thread);                       \
  void winograd_input_##set(convolution_job *job, long piece, int thread);                       \
  void winograd_product_##set(convolution_job *job, long piece, int thread);                     \
  void winograd_output_##set(convolution_job *job, long piece, int thread);
DECLARE(portable)
DECLARE(avx2)
DECLARE(avx512)
#undef DECLARE
