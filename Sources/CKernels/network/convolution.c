#include "convolution.h"

#include <math.h>
#include <string.h>

#include "instruction_set.h"

typedef void (*piece_function)(convolution_job *job, long piece, int thread);
typedef void (*thread_function)(void *context, long piece, int thread);

// MARK: - Plans

static int max_of(int a, int b) { return a > b ? a : b; }
static int min_of(int a, int b) { return a < b ? a : b; }
static int ceil_div(int a, int b) { return (a + b - 1) / b; }
static size_t whole_lines(size_t floats) { return (floats + LANES - 1) / LANES * LANES; }
/// An odd number of cache lines, so that the points of a transform don't share cache sets.
static size_t odd_lines(size_t lines) { return (lines | 1) * LANES; }

/// Two output blocks together where the registers are many and no block is left over.
static int group_of(int out_blocks, int wide) { return wide && out_blocks % 2 == 0 ? 2 : 1; }

/// Floats for what a pointwise convolution has summed up: a tile, or all rows, and the channels of a block as rows.
static size_t pointwise_sum_floats(const martlet_convolution *s, const direct_plan *plan) {
  if (is_narrow(s)) return whole_lines((size_t)s->out_channels * plan->rows);
  return s->plain_output ? whole_tile(plan->rows) * LANES * (plan->group_blocks + 1) : 24 * LANES;
}

void direct_plan_make(const martlet_convolution *s, int wide, direct_plan *plan) {
  memset(plan, 0, sizeof *plan);
  int out_blocks = blocks_of(s->out_channels);
  plan->lanes = s->plain_input ? 1 : LANES;
  plan->in_blocks = s->plain_input ? s->in_channels : blocks_of(s->in_channels);
  plan->group_blocks = group_of(out_blocks, wide);
  plan->groups = out_blocks / plan->group_blocks;
  plan->taps = s->kernel[0] * s->kernel[1] * s->kernel[2];
  plan->is_pointwise = is_pointwise(s);
  if (plan->is_pointwise) {
    size_t plane = plane_of(s->out);
    plan->rows = (int)(plane < 384 ? (plane + 3) / 4 : 96);
    plan->pieces_per_sample = (long)((plane + (size_t)plan->rows - 1) / (size_t)plan->rows);
    plan->sum_floats = pointwise_sum_floats(s, plan);
    plan->copy_floats = (size_t)plan->in_blocks * plan->rows * LANES + plan->sum_floats;
    return;
  }
  int phases[3];
  for (int axis = 0; axis < 3; axis++) {
    phases[axis] = s->transposed ? 1 : s->stride[axis];
    plan->positions[axis] = s->transposed ? ceil_div(s->out[axis], s->stride[axis]) : s->out[axis];
    int lowest = 1 << 30, highest = -(1 << 30);
    for (int k = 0; k < s->kernel[axis]; k++) {
      if (s->transposed) {
        for (int phase = 0; phase < s->stride[axis]; phase++) {
          int reach = phase + s->pad[axis] - k * s->dilation[axis], offset = floor_div(reach, s->stride[axis]);
          if (offset * s->stride[axis] != reach) continue;
          lowest = min_of(lowest, offset), highest = max_of(highest, offset);
        }
      } else {
        int offset = floor_div(k * s->dilation[axis] - s->pad[axis], s->stride[axis]);
        lowest = min_of(lowest, offset), highest = max_of(highest, offset);
      }
    }
    plan->first_offset[axis] = lowest, plan->last_offset[axis] = highest;
  }
  plan->phases_h = phases[1], plan->phases_w = phases[2];
  plan->copied_width = plan->positions[2] + plan->last_offset[2] - plan->first_offset[2];
  if (is_narrow(s)) {
    plan->in_blocks *= LANES, plan->lanes = 1;
    plan->copied_width = (int)whole_tile(plan->copied_width);
  }
  int max_rows = wide ? (plan->group_blocks == 2 ? 12 : 24) : 6;
  int enough = wide ? (plan->group_blocks == 2 ? 6 : 8) : 5;
  // Rows of the output that share what is copied of the input: all of a narrow plane, and some where the copy, not the
  // products, takes the time.
  if (s->kernel[1] > 1 && (is_narrow(s) || is_planar(s)))
    plan->rows = min_of(plan->positions[1], 6);
  else if (s->kernel[1] > 1 && s->plain_input && !s->transposed)
    plan->rows = min_of(plan->positions[1], 4);
  else if (plan->positions[2] >= enough || is_narrow(s))
    plan->rows = 1;
  else
    plan->rows = max_of(1, min_of(plan->positions[1], max_rows / plan->copied_width));
  plan->copied_rows = plan->rows + plan->last_offset[1] - plan->first_offset[1];
  plan->row_groups = ceil_div(plan->positions[1], plan->rows);
  // Depths of the output share what is copied for their rows, as long as there are pieces enough for many threads.
  plan->runs = max_of(ceil_div(s->out[0], 8), s->out[0] / max_of(1, min_of(8, s->out[0] * plan->row_groups / 128)));
  plan->chunks = min_of(plan->row_groups, ceil_div(128, plan->runs));
  plan->pieces_per_sample = (long)plan->runs * plan->chunks;
  if (is_narrow(s) || is_planar(s)) {
    size_t row = whole_tile(plan->positions[2]) * (s->transposed ? s->stride[2] : 1);
    // And a row whose phases are woven together.
    plan->result_floats = row * s->out_channels * plan->rows + row + LANES;
  }
  plan->copy_floats = whole_lines(
                        (size_t)s->kernel[0] * plan->in_blocks * plan->phases_h * plan->phases_w * plan->copied_rows *
                        plan->copied_width * plan->lanes) +
                      48 * LANES + plan->result_floats;
}

void winograd_plan_make(
  const martlet_convolution *s, martlet_convolution_kernel kernel, int wide, int threads, winograd_plan *plan) {
  memset(plan, 0, sizeof *plan);
  tile_size size = tile_of(kernel);
  int m[3] = {size.depth, size.height, size.width};
  plan->points = 1;
  plan->tile_count = 1;
  for (int axis = 0; axis < 3; axis++) {
    plan->tiles[axis] = ceil_div(ceil_div(s->out[axis], s->dilation[axis]), m[axis]);
    plan->tile_count *= (long)plan->tiles[axis] * s->dilation[axis];
    plan->points *= points_of(m[axis], taps_of(kernel), stride_of(kernel));
  }
  plan->tile_width = size.width;
  plan->window = window_of(size.width, taps_of(kernel), stride_of(kernel));
  plan->step = step_of(size.width, stride_of(kernel));
  plan->row_points = points_of(size.width, taps_of(kernel), stride_of(kernel));
  plan->rows = plan->points / plan->row_points;
  int out_blocks = blocks_of(s->out_channels);
  plan->in_blocks = blocks_of(s->in_channels);
  plan->group_blocks = group_of(out_blocks, wide);
  plan->groups = out_blocks / plan->group_blocks;
  size_t weight_bytes = (size_t)plan->points * plan->in_blocks * out_blocks * LANES * LANES * sizeof(float);
  plan->is_phased = plan->tile_count <= MAX_BLOCK_TILES && weight_bytes > (1u << 20);
  long capacity;
  if (plan->is_phased) {
    plan->blocks = plan->tile_count < 4 ? plan->tile_count : 4;
    capacity = plan->tile_count;
  } else {
    int most = wide && plan->group_blocks == 1 ? 24 : 12;
    plan->blocks = (plan->tile_count + most - 1) / most;
    capacity = (plan->tile_count + plan->blocks - 1) / plan->blocks;
    plan->blocks = (plan->tile_count + capacity - 1) / capacity;
  }
  plan->block_tiles = (int)capacity;
  plan->splits = plan->is_phased ? min_of(plan->groups, ceil_div(4 * threads, plan->rows)) : 1;
  // Tiles beside each other share columns.
  long runs = min_of((int)capacity, ((int)capacity + plan->tiles[2] - 2) / plan->tiles[2] + 1);
  long columns = capacity * plan->step + runs * (plan->window - plan->step);
  plan->column_row = odd_lines((size_t)columns);
  plan->v_point = odd_lines((size_t)plan->in_blocks * capacity);
  plan->m_point = odd_lines((size_t)capacity * plan->group_blocks);
  plan->tile_floats = odd_lines((size_t)plan->rows * plan->tile_width);
  plan->column_floats = plan->column_row * plan->rows * plan->in_blocks;
  plan->v_floats = plan->v_point * plan->row_points;
  plan->row_floats = plan->v_floats + plan->m_point * plan->row_points;
  plan->y_floats = plan->tile_floats * plan->group_blocks * capacity * plan->groups;
}

static int is_wide(void) { return martlet_current_set() == AVX512; }

/// Pieces with partial statistics of one sample.
static long statistics_pieces(const martlet_convolution *s, martlet_convolution_kernel kernel, int threads) {
  if (kernel == MARTLET_DIRECT) {
    direct_plan plan;
    direct_plan_make(s, is_wide(), &plan);
    return plan.pieces_per_sample;
  }
  winograd_plan plan;
  winograd_plan_make(s, kernel, is_wide(), threads, &plan);
  return plan.blocks;
}

size_t martlet_convolution_scratch_count(
  const martlet_convolution *s, martlet_convolution_kernel kernel, int threads) {
  size_t partial = (size_t)s->batch * statistics_pieces(s, kernel, threads) * blocks_of(s->out_channels) * 2 * LANES *
                   sizeof(double) / sizeof(float);
  if (kernel == MARTLET_DIRECT) {
    direct_plan plan;
    direct_plan_make(s, is_wide(), &plan);
    return plan.copy_floats * (size_t)threads + partial;
  }
  winograd_plan plan;
  winograd_plan_make(s, kernel, is_wide(), threads, &plan);
  size_t samples = plan.is_phased ? (size_t)s->batch : (size_t)threads;
  size_t work = samples * (plan.column_floats + plan.y_floats) + (size_t)threads * plan.row_floats;
  return work + partial;
}

// MARK: - Weights

size_t martlet_convolution_weight_count(const martlet_convolution *s, martlet_convolution_kernel kernel) {
  size_t out = (size_t)blocks_of(s->out_channels) * LANES;
  size_t in = s->plain_input ? (size_t)s->in_channels : (size_t)blocks_of(s->in_channels) * LANES;
  if (kernel == MARTLET_DIRECT && is_narrow(s))
    out = is_pointwise(s) ? (size_t)s->out_channels : (size_t)narrow_groups(s) * NARROW_OUTPUTS;
  if (kernel == MARTLET_DIRECT) return in * out * s->kernel[0] * s->kernel[1] * s->kernel[2];
  tile_size size = tile_of(kernel);
  int taps = taps_of(kernel);
  winograd_stride stride = stride_of(kernel);
  return in * out * points_of(size.depth, taps, stride) * points_of(size.height, taps, stride) *
         points_of(size.width, taps, stride);
}

/// Winograd's filter transform for m outputs: the taps' polynomial at the points, each over the product of the point's
/// distances from the others, and the last tap for the point ∞.
static void transform_taps(int m, int taps, const double *g, double *u) {
  int points = m + taps - 1;
  const double a = sqrt(0.5), b = sqrt(2.0);
  const double three[] = {0, 1}, four[] = {0, 1, -1}, five[] = {0, 1, -1, 2}, six[] = {0, a, -a, b, -b};
  const double *at = points == 3 ? three : points == 4 ? four : points == 5 ? five : six;
  for (int i = 0; i < points - 1; i++) {
    double value = 0, distances = 1;
    for (int k = taps - 1; k >= 0; k--) value = value * at[i] + g[k];
    for (int k = 0; k < points - 1; k++)
      if (k != i) distances *= at[i] - at[k];
    u[i] = value / distances;
  }
  // The transforms of three and four points have the point 0 with the other sign.
  if (points < 5) u[0] = -u[0];
  u[points - 1] = g[taps - 1];
}

/// One axis of a filter's transform.
static void transform_filter(int m, int taps, winograd_stride stride, const double *g, double *u) {
  if (m == 1) {
    u[0] = g[0];
    return;
  }
  if (stride == UNIT_STRIDE) {
    transform_taps(m, taps, g, u);
    return;
  }
  int is_transposed = stride == TRANSPOSED_TWO, count = is_transposed ? m / 2 : m;
  const double outer[] = {g[is_transposed ? 2 : 0], g[is_transposed ? 0 : 2]};
  transform_taps(count, 2, outer, u);
  for (int i = 0; i < count; i++) u[count + 1 + i] = g[1];
}

void martlet_convolution_prepare(
  martlet_thread_pool *pool, const martlet_convolution *s, martlet_convolution_kernel kernel, const float *weights,
  float *prepared) {
  static const thread_function prepare[] = FUNCTIONS(prepare_block);
  int out_blocks = blocks_of(s->out_channels);
  preparation p = {.shape = s, .kernel = kernel, .weights = weights, .prepared = prepared,
                   .group_blocks = group_of(out_blocks, is_wide())};
  p.in_blocks = s->plain_input ? s->in_channels : blocks_of(s->in_channels);
  p.lanes = s->plain_input ? 1 : LANES;
  if (kernel != MARTLET_DIRECT) {
    tile_size size = tile_of(kernel);
    int m[3] = {size.depth, size.height, size.width}, taps = taps_of(kernel);
    for (int axis = 0; axis < 3; axis++) {
      p.taps[axis] = m[axis] == 1 ? 1 : taps;
      p.points[axis] = points_of(m[axis], taps, stride_of(kernel));
      // The columns of the transform are what it makes of the unit vectors.
      for (int tap = 0; tap < p.taps[axis]; tap++) {
        double unit[5] = {0}, column[9];
        unit[tap] = 1;
        transform_filter(m[axis], taps, stride_of(kernel), unit, column);
        for (int point = 0; point < p.points[axis]; point++) p.transform[axis][point][tap] = column[point];
      }
    }
  }
  martlet_thread_pool_run(pool, (long)out_blocks * p.in_blocks, prepare[martlet_current_set()], &p);
}

// MARK: - Running

typedef struct {
  convolution_job *job;
  piece_function function;
} piece_call;

static void call_piece(void *context, long piece, int thread) {
  piece_call *call = context;
  call->function(call->job, piece, thread);
  // Before the pool tells that the piece is done.
  finish_streaming(call->job->is_streaming);
}

static void run_pieces(martlet_thread_pool *pool, convolution_job *job, piece_function function, long pieces) {
  piece_call call = {job, function};
  martlet_thread_pool_run(pool, pieces, call_piece, &call);
}

/// Whether the output is too large for the cache.
static int streams(const martlet_convolution *s, const martlet_convolution_extras *extras) {
  int channels = extras->gated ? extras->gated_channels : s->out_channels;
  size_t bytes = (size_t)s->batch * blocks_of(channels) * plane_of(s->out) * LANES * sizeof(float);
  return bytes > (24u << 20);
}

/// The statistics from those of the pieces, in their order, so that the sums don't depend on who computed what.
static void sum_pieces(const convolution_job *job, long pieces) {
  size_t out_blocks = (size_t)blocks_of(job->shape->out_channels), channels = out_blocks * LANES;
  for (int sample = 0; sample < job->shape->batch; sample++)
    for (size_t channel = 0; channel < channels; channel++) {
      double sum = 0, squares = 0;
      for (long piece = 0; piece < pieces; piece++) {
        const double *partial = job->partial + ((size_t)(sample * pieces + piece) * out_blocks + channel / LANES) *
                                                 2 * LANES + channel % LANES;
        sum += partial[0], squares += partial[LANES];
      }
      job->extras->statistics[(sample * channels + channel) * 2] = sum;
      job->extras->statistics[(sample * channels + channel) * 2 + 1] = squares;
    }
}

void martlet_convolution_run(
  martlet_thread_pool *pool, const martlet_convolution *s, martlet_convolution_kernel kernel,
  const martlet_convolution_extras *extras, const float *prepared, const float *input, float *output, float *scratch) {
  static const piece_function direct[] = FUNCTIONS(direct_piece), block[] = FUNCTIONS(winograd_block),
                              in[] = FUNCTIONS(winograd_input), product[] = FUNCTIONS(winograd_product),
                              out[] = FUNCTIONS(winograd_output);
  instruction_set set = martlet_current_set();
  int threads = martlet_thread_pool_count(pool), out_blocks = blocks_of(s->out_channels);
  long pieces = statistics_pieces(s, kernel, threads);
  size_t partial_count = (size_t)s->batch * pieces * out_blocks * 2 * LANES;
  convolution_job job = {
    .shape = s, .kernel = kernel, .extras = extras, .weights = prepared, .input = input, .output = output,
    .is_streaming = streams(s, extras)};
  if (extras->statistics) {
    job.partial = (double *)(void *)scratch;
    memset(job.partial, 0, partial_count * sizeof(double));
  }
  job.scratch = scratch + partial_count * sizeof(double) / sizeof(float);
  if (kernel == MARTLET_DIRECT) {
    direct_plan plan;
    direct_plan_make(s, set == AVX512, &plan);
    job.plan = &plan;
    run_pieces(pool, &job, direct[set], plan.pieces_per_sample * s->batch);
  } else {
    winograd_plan plan;
    winograd_plan_make(s, kernel, set == AVX512, threads, &plan);
    job.plan = &plan;
    if (plan.is_phased) {
      run_pieces(pool, &job, in[set], (long)s->batch * plan.in_blocks);
      run_pieces(pool, &job, product[set], (long)plan.rows * plan.splits);
      run_pieces(pool, &job, out[set], (long)s->batch * plan.groups * plan.blocks);
    } else {
      run_pieces(pool, &job, block[set], (long)s->batch * plan.blocks);
    }
  }
  if (extras->statistics) sum_pieces(&job, pieces);
}

// MARK: - Two pointwise convolutions

/// The plans of both, over the same positions: as many as the second-level cache has room for.
static void pair_plan_make(
  const martlet_convolution *first, const martlet_convolution *second, int wide, direct_plan plans[2]) {
  direct_plan_make(first, wide, &plans[0]);
  direct_plan_make(second, wide, &plans[1]);
  int row_floats = (plans[0].in_blocks + plans[1].in_blocks) * LANES, room = (192 << 10) / (int)sizeof(float);
  size_t plane = plane_of(second->out);
  int rows = max_of(24, min_of(plans[1].rows, room / row_floats / 24 * 24));
  for (int i = 0; i < 2; i++) {
    plans[i].rows = rows;
    plans[i].pieces_per_sample = (long)((plane + (size_t)rows - 1) / (size_t)rows);
  }
  size_t sums[2] = {pointwise_sum_floats(first, &plans[0]), pointwise_sum_floats(second, &plans[1])};
  plans[1].sum_floats = sums[0] > sums[1] ? sums[0] : sums[1];
  plans[1].copy_floats = (size_t)row_floats * rows + plans[1].sum_floats;
}

static size_t pair_partial_count(const martlet_convolution *second, const direct_plan *plan) {
  return (size_t)second->batch * plan->pieces_per_sample * blocks_of(second->out_channels) * 2 * LANES;
}

/// Floats of the first's weights and bias with the loading's scale and shift in them; 0 where that takes longer than to
/// change the elements.
static size_t folded_stride(const martlet_convolution *first) {
  size_t channels = (size_t)blocks_of(first->out_channels) * LANES;
  if (is_narrow(first) || plane_of(first->out) < 4 * channels) return 0;
  return martlet_convolution_weight_count(first, MARTLET_DIRECT) + channels;
}

size_t martlet_pointwise_pair_scratch_count(
  const martlet_convolution *first, const martlet_convolution *second, int threads) {
  direct_plan plans[2];
  pair_plan_make(first, second, is_wide(), plans);
  return plans[1].copy_floats * (size_t)threads + folded_stride(first) * (size_t)first->batch +
         pair_partial_count(second, &plans[1]) * sizeof(double) / sizeof(float);
}

/// Whether loading is only a scale and a shift.
static int is_affine(const martlet_convolution *s, const martlet_convolution_extras *extras) {
  if (!extras->load_scale || extras->tail_channels) return 0;
  size_t count = (size_t)s->batch * blocks_of(s->in_channels) * LANES;
  for (size_t i = 0; i < count; i++)
    if (extras->load_slope[i] != 1) return 0;
  return 1;
}

void martlet_pointwise_pair_run(
  martlet_thread_pool *pool, const martlet_convolution *first, const martlet_convolution_extras *first_extras,
  const float *first_weights, const martlet_convolution *second, const martlet_convolution_extras *second_extras,
  const float *second_weights, const float *input, float *output, float *scratch) {
  static const piece_function pair[] = FUNCTIONS(pair_piece);
  static const thread_function fold[] = FUNCTIONS(fold_load);
  direct_plan plans[2];
  pair_plan_make(first, second, is_wide(), plans);
  convolution_job before = {
    .shape = first, .extras = first_extras, .weights = first_weights, .input = input, .plan = &plans[0]};
  convolution_job job = {
    .shape = second, .extras = second_extras, .weights = second_weights, .output = output, .plan = &plans[1],
    .before = &before, .is_streaming = streams(second, second_extras)};
  size_t partial_count = pair_partial_count(second, &plans[1]);
  if (second_extras->statistics) {
    job.partial = (double *)(void *)scratch;
    memset(job.partial, 0, partial_count * sizeof(double));
  }
  job.scratch = scratch + partial_count * sizeof(double) / sizeof(float);
  size_t stride = folded_stride(first);
  if (stride > 0 && is_affine(first, first_extras)) {
    folding call = {.shape = first, .extras = first_extras, .weights = first_weights, .stride = stride,
                    .group_blocks = plans[0].group_blocks,
                    .folded = job.scratch + plans[1].copy_floats * (size_t)martlet_thread_pool_count(pool)};
    martlet_thread_pool_run(pool, first->batch, fold[martlet_current_set()], &call);
    job.folded = call.folded, job.folded_stride = stride;
  }
  run_pieces(pool, &job, pair[martlet_current_set()], plans[1].pieces_per_sample * second->batch);
  if (second_extras->statistics) sum_pieces(&job, plans[1].pieces_per_sample);
}

// MARK: - Choice

/// Vector operations of a Winograd kernel: products, transforms, and the weights' way through the cache.
static double winograd_cost(const martlet_convolution *s, martlet_convolution_kernel kernel) {
  winograd_plan plan;
  winograd_plan_make(s, kernel, is_wide(), 2, &plan);
  double in = s->in_channels, in_blocks = plan.in_blocks, out_blocks = blocks_of(s->out_channels);
  double tiles = (double)plan.tile_count * s->batch, points = plan.points;
  tile_size size = tile_of(kernel);
  double products = tiles * points * in * out_blocks / 0.85;
  double transforms = tiles * (points * 7 * in_blocks + (points * 6 + size.depth * size.height * size.width * 4) * out_blocks);
  double passes = plan.is_phased ? 1 : (double)plan.blocks * s->batch;
  double bytes = points * in_blocks * out_blocks * LANES * LANES * sizeof(float);
  // Weights in the second-level cache cost little; from the third level a core gets about 8 bytes per operation.
  double traffic = bytes < (256 << 10) ? 0 : passes * bytes / 8;
  if (plan.is_phased) traffic *= 2;
  // Beyond the third level they come from memory.
  if (bytes > (8 << 20)) traffic *= 2;
  return (products > traffic ? products : traffic) + transforms;
}

static double direct_cost(const martlet_convolution *s) {
  double taps = (double)s->kernel[0] * s->kernel[1] * s->kernel[2];
  double positions = (double)plane_of(s->transposed ? s->in : s->out) * s->batch;
  double out_blocks = blocks_of(s->out_channels);
  return positions * out_blocks * (taps * s->in_channels / 0.85 + 12);
}

static int winograd_fits(const martlet_convolution *s, martlet_convolution_kernel kernel) {
  winograd_stride stride = stride_of(kernel);
  if (s->transposed != (stride == TRANSPOSED_TWO) || s->plain_input || s->plain_output) return 0;
  tile_size size = tile_of(kernel);
  int m[3] = {size.depth, size.height, size.width};
  for (int axis = 0; axis < 3; axis++) {
    int is_flat = m[axis] == 1;
    if (s->kernel[axis] != (is_flat ? 1 : taps_of(kernel))) return 0;
    if (s->stride[axis] != (is_flat || stride == UNIT_STRIDE ? 1 : 2)) return 0;
    if (stride != UNIT_STRIDE && s->dilation[axis] != 1) return 0;
    if (stride == TRANSPOSED_TWO && s->pad[axis] != !is_flat) return 0;
  }
  return 1;
}

martlet_convolution_kernel martlet_convolution_choice(const martlet_convolution *s, double *seconds) {
  martlet_convolution_kernel best = MARTLET_DIRECT;
  double lowest = direct_cost(s);
  static const martlet_convolution_kernel kernels[] = {
    MARTLET_WINOGRAD_444, MARTLET_WINOGRAD_244, MARTLET_WINOGRAD_222, MARTLET_WINOGRAD_144, MARTLET_WINOGRAD_122,
    MARTLET_WINOGRAD_222_OF_5, MARTLET_WINOGRAD_122_OF_5, MARTLET_WINOGRAD_444_STRIDED, MARTLET_WINOGRAD_222_STRIDED,
    MARTLET_WINOGRAD_144_STRIDED, MARTLET_WINOGRAD_444_TRANSPOSED, MARTLET_WINOGRAD_144_TRANSPOSED};
  for (size_t index = 0; index < sizeof kernels / sizeof *kernels; index++) {
    if (!winograd_fits(s, kernels[index])) continue;
    // A tenth more, for weights that take more memory.
    double cost = 1.1 * winograd_cost(s, kernels[index]);
    if (cost < lowest) lowest = cost, best = kernels[index];
  }
  // Operations on 16 floats per second of one core: two a cycle where they are one instruction.
  static const double rates[] = {1.5e9, 3.2e9, 6.4e9};
  if (seconds) *seconds = lowest / rates[martlet_current_set()];
  return best;
}
