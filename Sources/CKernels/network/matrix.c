#include "instruction_set.h"
#include "matrix_jobs.h"

typedef void (*piece_body)(void *context, long piece, int thread);

static size_t rounded(size_t floats) { return (floats + LANES - 1) / LANES * LANES; }
static size_t panels_of(int columns) { return (size_t)(columns + LANES - 1) / LANES; }
static int least(long a, long b) { return (int)(a < b ? a : b); }
static int most(long a, long b) { return (int)(a > b ? a : b); }

size_t martlet_matrix_packed_count(int rows, int columns) { return panels_of(columns) * rows * LANES; }

void martlet_matrix_pack(
  martlet_thread_pool *pool, const martlet_matrices *matrix, int rows, int columns, float *packed) {
  static const piece_body bodies[] = FUNCTIONS(pack_piece);
  pack_job job = {matrix, rows, columns, packed};
  martlet_thread_pool_run(pool, (long)panels_of(columns), bodies[martlet_current_set()], &job);
}

// MARK: - Products

/// Cuts a product into pieces: the same whatever the number of threads.
static product_job product_plan(const martlet_product *p) {
  product_job job = {.product = p};
  // Rows whose left side stays in the second-level cache.
  int chunk = least(most(98304 / most(p->inner, 1), 48), 192);
  if (!p->packed) chunk = most(chunk, 384);
  job.row_chunks = most((p->rows + chunk - 1) / chunk, 1);
  // A packed right side may be shared out; one that is packed on the way is packed once for all its columns.
  long pieces = p->batch * job.row_chunks;
  long wanted = pieces >= 16 ? 1 : (16 + pieces - 1) / most(pieces, 1);
  long panels = (long)panels_of(p->columns);
  job.column_chunks = p->packed || p->batch * job.row_chunks < 4 ? most(least(wanted, panels / 4), 1) : 1;
  // Rows whose starts share few sets of the first-level cache are read where they lie.
  job.is_left_packed = p->left.column_stride != 1 || p->columns >= 128 || p->left.row_stride % 512 == 0;
  size_t rows = (size_t)(p->rows + job.row_chunks - 1) / job.row_chunks;
  size_t columns = (panels + job.column_chunks - 1) / job.column_chunks;
  job.right_start = job.is_left_packed ? rounded(rows * p->inner) : 0;
  job.thread_floats = job.right_start + (p->packed ? 0 : columns * p->inner * LANES);
  return job;
}

size_t martlet_product_scratch_count(const martlet_product *product, int threads) {
  return product_plan(product).thread_floats * threads;
}

void martlet_product_run(martlet_thread_pool *pool, const martlet_product *product, float *scratch) {
  static const piece_body bodies[] = FUNCTIONS(product_piece);
  product_job job = product_plan(product);
  job.scratch = scratch;
  martlet_thread_pool_run(
    pool, product->batch * job.row_chunks * job.column_chunks, bodies[martlet_current_set()], &job);
}

// MARK: - Attention

static attention_job attention_plan(const martlet_attention *a) {
  attention_job job = {.attention = a};
  job.query_chunks = a->batch >= 8 ? 1 : most(least(16 / most(a->batch, 1), a->queries / 48), 1);
  job.score_stride = (panels_of(a->keys) + 1) * LANES;
  job.value_start = panels_of(a->keys) * a->depth * LANES;
  job.score_start = job.value_start + panels_of(a->value_depth) * a->keys * LANES;
  job.left_start = job.score_start + MOST_TILE_ROWS * job.score_stride;
  job.thread_floats = job.left_start + rounded((size_t)MOST_TILE_ROWS * a->depth);
  return job;
}

size_t martlet_attention_scratch_count(const martlet_attention *attention, int threads) {
  return attention_plan(attention).thread_floats * threads;
}

void martlet_attention_run(martlet_thread_pool *pool, const martlet_attention *attention, float *scratch) {
  static const piece_body bodies[] = FUNCTIONS(attention_piece);
  attention_job job = attention_plan(attention);
  job.scratch = scratch;
  martlet_thread_pool_run(pool, attention->batch * job.query_chunks, bodies[martlet_current_set()], &job);
}
