#include "../include/network_axes.h"

/// Elements that a piece makes, about.
enum { PIECE = 16384 };

typedef struct {
  size_t outer, extent, inner, rows_per_piece;
  const martlet_axis_terms *terms;
  const float *values;
  float *target;
} sum_job;

/// Rows [inner] of the target.
static void sum_piece(void *context, long piece, int thread) {
  (void)thread;
  const sum_job *job = context;
  const martlet_axis_terms *terms = job->terms;
  size_t count = (size_t)terms->count, inner = job->inner, rows = job->outer * count;
  size_t from = (size_t)piece * job->rows_per_piece;
  size_t to = from + job->rows_per_piece < rows ? from + job->rows_per_piece : rows;
  for (size_t row = from; row < to; row++) {
    size_t i = row % count;
    const float *plane = job->values + row / count * job->extent * inner;
    float *target = job->target + row * inner;
    int first = terms->first[i], end = terms->first[i + 1];
    const float *values = plane + (size_t)terms->indices[first] * inner;
    float weight = terms->weights[first];
    for (size_t n = 0; n < inner; n++) target[n] = weight * values[n];
    for (int t = first + 1; t < end; t++) {
      values = plane + (size_t)terms->indices[t] * inner;
      weight = terms->weights[t];
      for (size_t n = 0; n < inner; n++) target[n] += weight * values[n];
    }
  }
}

void martlet_sum_along(
  martlet_thread_pool *pool, size_t outer, size_t extent, size_t inner, const martlet_axis_terms *terms,
  const float *values, float *target) {
  size_t rows = outer * (size_t)terms->count;
  if (rows == 0 || inner == 0) return;
  sum_job job = {outer, extent, inner, PIECE / inner + 1, terms, values, target};
  martlet_thread_pool_run(pool, (long)((rows + job.rows_per_piece - 1) / job.rows_per_piece), sum_piece, &job);
}

enum { COLUMNS = 256 };

typedef struct {
  size_t outer, count, inner, chunks;
  int is_least, takes_last;
  const float *values;
  int64_t *target;
} extreme_job;

/// Up to COLUMNS neighbours of the inner axis.
static void extreme_piece(void *context, long piece, int thread) {
  (void)thread;
  const extreme_job *job = context;
  size_t outer = (size_t)piece / job->chunks, first = (size_t)piece % job->chunks * COLUMNS;
  size_t width = job->inner - first < COLUMNS ? job->inner - first : COLUMNS;
  const float *values = job->values + outer * job->count * job->inner + first;
  int64_t *target = job->target + outer * job->inner + first;
  float sign = job->is_least ? -1.0f : 1.0f, best[COLUMNS];
  int32_t places[COLUMNS];
  for (size_t n = 0; n < width; n++) best[n] = sign * values[n], places[n] = 0;
  for (size_t i = 1; i < job->count; i++) {
    values += job->inner;
    for (size_t n = 0; n < width; n++) {
      float x = sign * values[n];
      int is_better = job->takes_last ? x >= best[n] : x > best[n];
      best[n] = is_better ? x : best[n];
      places[n] = is_better ? (int32_t)i : places[n];
    }
  }
  for (size_t n = 0; n < width; n++) target[n] = places[n];
}

void martlet_extreme_along(
  martlet_thread_pool *pool, size_t outer, size_t count, size_t inner, int is_least, int takes_last, const float *values,
  int64_t *target) {
  if (outer == 0 || count == 0 || inner == 0) return;
  extreme_job job = {outer, count, inner, (inner + COLUMNS - 1) / COLUMNS, is_least, takes_last, values, target};
  martlet_thread_pool_run(pool, (long)(outer * job.chunks), extreme_piece, &job);
}
