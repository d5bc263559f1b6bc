#pragma once
// What the instruction sets' versions of the convolution kernels share.

#include "../include/network_convolution.h"
#include "vector.h"

typedef struct {
  int depth, height, width;
} tile_size;

/// The tile of outputs of a Winograd kernel.
static inline tile_size tile_of(martlet_convolution_kernel kernel) {
  return (tile_size){kernel / 100 % 10, kernel / 10 % 10, kernel % 10};
}

/// The taps along an axis that a Winograd kernel is for.
static inline int taps_of(martlet_convolution_kernel kernel) { return kernel > 1000 ? kernel / 1000 % 10 : 3; }

/// The stride that it is for.
typedef enum {
  UNIT_STRIDE = 1,
  /// Stride 2: the first and the third tap see every second element, the middle tap the others. That is Winograd's
  /// transform of two taps for the former, and plain products for the latter.
  STRIDE_TWO = 2,
  /// A transposed convolution of stride 2: every second output comes from the middle tap, the others from two taps.
  TRANSPOSED_TWO = 3,
} winograd_stride;

static inline winograd_stride stride_of(martlet_convolution_kernel kernel) {
  return (winograd_stride)(kernel > 10000 ? kernel / 10000 : 1);
}

// One axis of a tile of `m` outputs; an axis of one output isn't transformed.

/// Points of the transform.
static inline int points_of(int m, int taps, winograd_stride stride) {
  return m == 1 ? 1 : stride == UNIT_STRIDE ? m + taps - 1 : stride == STRIDE_TWO ? 2 * m + 1 : m + 1;
}

/// Elements of the input that the outputs depend on.
static inline int window_of(int m, int taps, winograd_stride stride) {
  return m == 1 ? 1 : stride == UNIT_STRIDE ? m + taps - 1 : stride == STRIDE_TWO ? 2 * m + 1 : m / 2 + 1;
}

/// Elements of the input from one tile to the next.
static inline int step_of(int m, winograd_stride stride) {
  return m == 1 || stride == UNIT_STRIDE ? m : stride == STRIDE_TWO ? 2 * m : m / 2;
}

static inline int blocks_of(int channels) { return (channels + LANES - 1) / LANES; }

/// One call of martlet_convolution_run.
typedef struct convolution_job {
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
  /// The convolution whose outputs this one reads, where both are computed together.
  const struct convolution_job *before;
  /// Of that one: its weights and bias for each sample with the loading's scale and shift in them; NULL where it loads
  /// otherwise.
  const float *folded;
  size_t folded_stride;
} convolution_job;

/// Weights and bias that take a loading's scale and shift up, `stride` floats for each sample.
typedef struct {
  const martlet_convolution *shape;
  const martlet_convolution_extras *extras;
  const float *weights;
  int group_blocks;
  float *folded;
  size_t stride;
} folding;

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
  /// A piece is one of the runs of the output's depths, in one of the chunks of its groups of rows.
  int runs, chunks;
  long pieces_per_sample;
  size_t copy_floats;
  /// Of those, the last ones that a pointwise convolution's sums take, and the ones for rows of results.
  size_t sum_floats, result_floats;
} direct_plan;

/// Tiles that a Winograd convolution computes together, at the most.
enum { MAX_BLOCK_TILES = 64 };

/// Points of a Winograd convolution, at the most, and rows of points.
enum { MAX_POINTS = 729, MAX_POINT_ROWS = 81 };

/// How a Winograd convolution is cut into pieces.
typedef struct {
  int tiles[3];
  long tile_count;
  int block_tiles;
  long blocks;
  /// Points in all, rows of points along the width, and points of a row.
  int points, rows, row_points;
  /// Along the width: outputs of a tile, the columns that they depend on, and those from one tile to the next.
  int tile_width, window, step;
  int in_blocks, group_blocks, groups;
  /// Whether all tiles of a sample go through each step together, and the parts of the groups in which they do.
  int is_phased, splits;
  /// Floats from one row of points to the next, point to point, and tile to tile; and of the whole arrays.
  size_t column_row, v_point, m_point, tile_floats;
  size_t column_floats, v_floats, row_floats, y_floats;
} winograd_plan;

/// Taps of a kernel in all that the direct convolution takes.
enum { MAX_TAPS = 512, MAX_DEPTHS = 64 };

static inline size_t plane_of(const int extents[3]) { return (size_t)extents[0] * extents[1] * extents[2]; }

static inline int floor_div(int a, int b) { return a >= 0 ? a / b : -((-a + b - 1) / b); }

/// Whether a convolution is a product at each position of the output, as it lies.
static inline int is_pointwise(const martlet_convolution *s) {
  int is_one = !s->transposed && !s->plain_input;
  for (int axis = 0; axis < 3; axis++) is_one &= s->kernel[axis] == 1 && s->stride[axis] == 1 && s->pad[axis] == 0;
  return is_one;
}

/// Whether the output has so few channels that vectors lie along something else: the channels of the input where the
/// convolution is pointwise, with weights [block][output][16]; else the rows, as in a planar convolution, with weights
/// [four outputs][channel][tap][4].
static inline int is_narrow(const martlet_convolution *s) {
  return s->plain_output && !s->plain_input && s->out_channels <= 8 && s->out_channels < s->in_channels;
}

/// Outputs of a narrow convolution that are computed together, and their groups.
enum { NARROW_OUTPUTS = 4 };
static inline int narrow_groups(const martlet_convolution *s) {
  return (s->out_channels + NARROW_OUTPUTS - 1) / NARROW_OUTPUTS;
}

/// Whether vectors lie along the rows, because input and output have few channels.
static inline int is_planar(const martlet_convolution *s) {
  return s->plain_input && s->plain_output && s->out_channels <= 4 && !s->transposed;
}

/// Rows of sums, up to whole vectors of them.
static inline size_t whole_tile(int rows) { return (size_t)(rows + LANES - 1) / LANES * LANES; }

void direct_plan_make(const martlet_convolution *shape, int wide, direct_plan *plan);
void winograd_plan_make(
  const martlet_convolution *shape, martlet_convolution_kernel kernel, int wide, int threads, winograd_plan *plan);

/// A call of martlet_convolution_prepare.
typedef struct {
  const martlet_convolution *shape;
  martlet_convolution_kernel kernel;
  const float *weights;
  float *prepared;
  int group_blocks, in_blocks, lanes;
  /// The filter's transform along each axis: taps to points.
  int taps[3], points[3];
  double transform[3][9][5];
} preparation;

#define DECLARE(set)                                                                             \
  void prepare_block_##set(void *preparation, long piece, int thread);                           \
  void direct_piece_##set(convolution_job *job, long piece, int thread);                         \
  void pair_piece_##set(convolution_job *job, long piece, int thread);                           \
  void fold_load_##set(void *folding, long sample, int thread);                                  \
  void winograd_block_##set(convolution_job *job, long block, int thread);                       \
  void winograd_input_##set(convolution_job *job, long piece, int thread);                       \
  void winograd_product_##set(convolution_job *job, long piece, int thread);                     \
  void winograd_output_##set(convolution_job *job, long piece, int thread);
DECLARE(portable)
DECLARE(avx2)
DECLARE(avx512)
#undef DECLARE
