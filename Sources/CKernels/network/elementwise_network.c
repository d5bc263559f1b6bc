#include <stdlib.h>
#include <string.h>

#include "elementwise_jobs.h"
#include "instruction_set.h"

typedef void (*piece_body)(void *context, long piece, int thread);

static size_t plane_of(const martlet_network_tensor *t) {
  return (size_t)t->extents[0] * t->extents[1] * t->extents[2];
}
static size_t blocks_of(int channels) { return (size_t)(channels + LANES - 1) / LANES; }
static size_t rows_of(const martlet_network_tensor *t) {
  return (size_t)t->batch * (t->is_plain ? (size_t)t->channels : blocks_of(t->channels));
}
/// What is too large for the cache is written past it.
static int is_large(size_t floats) { return floats * sizeof(float) > (24u << 20); }

// MARK: - Layouts

typedef struct {
  const martlet_network_tensor *tensor;
  const float *source;
  float *target;
  size_t plane, slices;
} layout_job;

static void block_piece(void *context, long piece, int thread) {
  (void)thread;
  const layout_job *job = context;
  size_t blocks = blocks_of(job->tensor->channels), row = (size_t)piece / job->slices, slice = (size_t)piece % job->slices;
  size_t sample = row / blocks, block = row % blocks;
  size_t from = job->plane * slice / job->slices, to = job->plane * (slice + 1) / job->slices;
  size_t lanes = (size_t)job->tensor->channels - block * LANES;
  if (lanes > LANES) lanes = LANES;
  const float *source = job->source + (sample * job->tensor->channels + block * LANES) * job->plane;
  float *target = job->target + row * job->plane * LANES;
  for (size_t i = from; i < to; i++) {
    size_t lane = 0;
    for (; lane < lanes; lane++) target[i * LANES + lane] = source[lane * job->plane + i];
    for (; lane < LANES; lane++) target[i * LANES + lane] = 0;
  }
}

static void unblock_piece(void *context, long piece, int thread) {
  (void)thread;
  const layout_job *job = context;
  size_t blocks = blocks_of(job->tensor->channels), row = (size_t)piece / job->slices, slice = (size_t)piece % job->slices;
  size_t sample = row / blocks, block = row % blocks;
  size_t from = job->plane * slice / job->slices, to = job->plane * (slice + 1) / job->slices;
  size_t lanes = (size_t)job->tensor->channels - block * LANES;
  if (lanes > LANES) lanes = LANES;
  const float *source = job->source + row * job->plane * LANES;
  float *target = job->target + (sample * job->tensor->channels + block * LANES) * job->plane;
  // Tiles of 64 positions stay in the first-level cache while each lane is gathered.
  for (size_t tile = from; tile < to; tile += 64) {
    size_t end = tile + 64 < to ? tile + 64 : to;
    for (size_t lane = 0; lane < lanes; lane++)
      for (size_t i = tile; i < end; i++) target[lane * job->plane + i] = source[i * LANES + lane];
  }
}

static void change_layout(
  martlet_thread_pool *pool, const martlet_network_tensor *t, const float *source, float *target, piece_body body) {
  size_t plane = plane_of(t);
  layout_job job = {t, source, target, plane, plane / 4096 + 1};
  martlet_thread_pool_run(pool, (long)((size_t)t->batch * blocks_of(t->channels) * job.slices), body, &job);
}

void martlet_block(martlet_thread_pool *pool, const martlet_network_tensor *t, const float *plain, float *blocked) {
  change_layout(pool, t, plain, blocked, block_piece);
}

void martlet_unblock(martlet_thread_pool *pool, const martlet_network_tensor *t, const float *blocked, float *plain) {
  change_layout(pool, t, blocked, plain, unblock_piece);
}

// MARK: - Arithmetic

void martlet_combine(
  martlet_thread_pool *pool, const martlet_network_tensor *t, martlet_combination combination, martlet_operand first,
  martlet_operand second, const float *slope, float *target, size_t target_stride) {
  static const piece_body bodies[] = FUNCTIONS(combine_piece);
  size_t plane = plane_of(t), rows = rows_of(t), lanes = t->is_plain ? 1 : LANES;
  combine_job job = {t, combination, first, second, slope, target, target_stride, plane, plane * lanes / 65536 + 1, 0};
  // Streaming stores need whole aligned vectors.
  job.is_streaming = !t->is_plain && is_large(rows * plane * lanes);
  martlet_thread_pool_run(pool, (long)(rows * job.slices), bodies[martlet_current_set()], &job);
}

void martlet_statistics(
  martlet_thread_pool *pool, const martlet_network_tensor *t, const float *values, double *statistics) {
  static const piece_body bodies[] = FUNCTIONS(statistics_piece);
  size_t plane = plane_of(t), rows = rows_of(t), lanes = t->is_plain ? 1 : LANES;
  statistics_job job = {values, NULL, plane, plane * lanes / 65536 + 1, t->is_plain};
  job.partial = malloc(rows * job.slices * 2 * LANES * sizeof(double));
  if (!job.partial) abort();
  martlet_thread_pool_run(pool, (long)(rows * job.slices), bodies[martlet_current_set()], &job);
  for (size_t row = 0; row < rows; row++)
    for (size_t lane = 0; lane < lanes; lane++) {
      double sum = 0, squares = 0;
      for (size_t slice = 0; slice < job.slices; slice++) {
        const double *partial = job.partial + (row * job.slices + slice) * 2 * LANES;
        // A plain row has its one channel in all lanes.
        for (size_t other = lane; other < LANES; other += lanes) sum += partial[other], squares += partial[LANES + other];
      }
      statistics[(row * lanes + lane) * 2] = sum;
      statistics[(row * lanes + lane) * 2 + 1] = squares;
    }
  free(job.partial);
}

void martlet_apply(
  martlet_thread_pool *pool, martlet_function_call call, const float *values, size_t count, float *target) {
  static const piece_body bodies[] = FUNCTIONS(apply_piece);
  apply_job job = {call, values, target, count};
  martlet_thread_pool_run(pool, (long)((count + APPLY_PIECE - 1) / APPLY_PIECE), bodies[martlet_current_set()], &job);
}

// MARK: - Windows and interpolation

void martlet_pool_blocked(
  martlet_thread_pool *pool, const martlet_network_tensor *t, const martlet_pooling *pooling, const float *values,
  float *target) {
  static const piece_body bodies[] = FUNCTIONS(pooling_piece);
  pooling_job job = {t, pooling, values, target};
  martlet_thread_pool_run(
    pool, (long)((size_t)t->batch * blocks_of(t->channels) * pooling->out[0]), bodies[martlet_current_set()], &job);
}

void martlet_resize_blocked(
  martlet_thread_pool *pool, const martlet_network_tensor *t, const martlet_axis_table tables[3], const float *values,
  const float *addend, float *target) {
  static const piece_body bodies[] = FUNCTIONS(resize_piece);
  size_t rows = (size_t)t->batch * blocks_of(t->channels);
  size_t floats = rows * tables[0].count * tables[1].count * tables[2].count * LANES;
  resize_job job = {t, tables, values, addend, target, NULL, is_large(floats)};
  job.scratch = aligned_alloc(
    64, (size_t)martlet_thread_pool_count(pool) * t->extents[2] * LANES * sizeof(float));
  if (!job.scratch) abort();
  martlet_thread_pool_run(pool, (long)(rows * tables[0].count), bodies[martlet_current_set()], &job);
  free(job.scratch);
}
