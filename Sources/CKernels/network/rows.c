#include "instruction_set.h"
#include "rows_jobs.h"

typedef void (*piece_body)(void *context, long piece, int thread);

/// Rows that make about 16384 elements.
static size_t rows_per_piece(size_t count) { return count >= 16384 || count == 0 ? 1 : 16384 / count; }
static long pieces_of(size_t count, size_t size) { return (long)((count + size - 1) / size); }

void martlet_layer_norm(
  martlet_thread_pool *pool, size_t rows, size_t count, float epsilon, const float *scale, const float *bias,
  const float *values, float *target) {
  static const piece_body bodies[] = FUNCTIONS(layer_norm_piece);
  layer_norm_job job = {rows, count, rows_per_piece(count), epsilon, scale, bias, values, target};
  martlet_thread_pool_run(pool, pieces_of(rows, job.rows_per_piece), bodies[martlet_current_set()], &job);
}

void martlet_softmax_along(
  martlet_thread_pool *pool, size_t outer, size_t count, size_t inner, int is_logarithm, const float *values,
  float *target) {
  static const piece_body row_bodies[] = FUNCTIONS(softmax_row_piece);
  static const piece_body plane_bodies[] = FUNCTIONS(softmax_plane_piece);
  softmax_job job = {outer, count, inner, rows_per_piece(count), is_logarithm, values, target};
  if (count == 0) return;
  if (inner == 1) {
    martlet_thread_pool_run(pool, pieces_of(outer, job.per_piece), row_bodies[martlet_current_set()], &job);
  } else {
    job.per_piece = (job.per_piece + LANES - 1) / LANES * LANES;
    martlet_thread_pool_run(
      pool, (long)outer * pieces_of(inner, job.per_piece), plane_bodies[martlet_current_set()], &job);
  }
}

void martlet_reduce(
  martlet_thread_pool *pool, martlet_reduction reduction, size_t rows, size_t count, const float *values, float *target) {
  static const piece_body bodies[] = FUNCTIONS(reduce_piece);
  reduce_job job = {reduction, rows, count, rows_per_piece(count), values, target};
  martlet_thread_pool_run(pool, pieces_of(rows, job.rows_per_piece), bodies[martlet_current_set()], &job);
}
