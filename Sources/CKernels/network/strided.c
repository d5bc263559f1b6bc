#include "instruction_set.h"
#include "strided_jobs.h"

typedef void (*piece_body)(void *context, long piece, int thread);

/// Leaves out the axes of extent 1 and joins neighbours that lie as one; returns the rank, at least 1. The strides of
/// three tensors are changed with the extents; `c` may be NULL.
static int simplified(const martlet_axes *axes, size_t *extents, const ptrdiff_t *const given[3], ptrdiff_t *strides[3]) {
  int rank = 0;
  for (int axis = 0; axis < axes->rank; axis++) {
    size_t extent = axes->extents[axis];
    if (extent == 1) continue;
    int joins = rank > 0;
    for (int t = 0; t < 3; t++)
      if (strides[t]) joins = joins && strides[t][rank - 1] == given[t][axis] * (ptrdiff_t)extent;
    if (joins) rank--, extent *= extents[rank];
    extents[rank] = extent;
    for (int t = 0; t < 3; t++)
      if (strides[t]) strides[t][rank] = given[t][axis];
    rank++;
  }
  if (rank == 0) {
    extents[0] = 1;
    for (int t = 0; t < 3; t++)
      if (strides[t]) strides[t][0] = 1;
    rank = 1;
  }
  return rank;
}

static size_t product_of(const size_t *extents, int rank) {
  size_t product = 1;
  for (int axis = 0; axis < rank; axis++) product *= extents[axis];
  return product;
}

static size_t magnitude(ptrdiff_t stride) { return (size_t)(stride < 0 ? -stride : stride); }

void martlet_copy_strided(
  martlet_thread_pool *pool, const martlet_axes *axes, const float *source, const ptrdiff_t *source_strides,
  float *target, const ptrdiff_t *target_strides) {
  static const piece_body row_bodies[] = FUNCTIONS(copy_rows_piece);
  static const piece_body tile_bodies[] = FUNCTIONS(copy_tiles_piece);
  // The target's axes from the widest stride to the narrowest, so that writing goes forward.
  martlet_axes sorted = *axes;
  ptrdiff_t from[MARTLET_MOST_AXES], to[MARTLET_MOST_AXES];
  for (int axis = 0; axis < axes->rank; axis++) {
    int place = axis;
    for (; place > 0 && magnitude(to[place - 1]) < magnitude(target_strides[axis]); place--) {
      sorted.extents[place] = sorted.extents[place - 1];
      from[place] = from[place - 1], to[place] = to[place - 1];
    }
    sorted.extents[place] = axes->extents[axis];
    from[place] = source_strides[axis], to[place] = target_strides[axis];
  }
  if (product_of(sorted.extents, sorted.rank) == 0) return;
  copy_job job = {.source = source, .target = target, .across = -1};
  const ptrdiff_t *given[3] = {from, to, NULL};
  ptrdiff_t *strides[3] = {job.from, job.to, NULL};
  job.rank = simplified(&sorted, job.extents, given, strides);
  int last = job.rank - 1;
  if (job.to[last] == 1 && job.from[last] != 1 && job.extents[last] >= 4)
    for (int axis = 0; axis < last; axis++)
      if (job.from[axis] == 1 && job.extents[axis] >= 8) job.across = axis;
  size_t all = product_of(job.extents, job.rank);
  if (job.across >= 0) {
    size_t length = job.extents[last], outer = all / length / job.extents[job.across];
    job.chunk = (16384 / length / LANES + 1) * LANES;
    job.chunks = (job.extents[job.across] + job.chunk - 1) / job.chunk;
    martlet_thread_pool_run(pool, (long)(outer * job.chunks), tile_bodies[martlet_current_set()], &job);
    return;
  }
  // One long row is cut.
  if (job.rank == 1 && job.extents[0] >= 32768 && job.rank < MARTLET_MOST_AXES) {
    size_t length = job.extents[0], parts = length / 16384, part = length / parts, rest = length - part * parts;
    if (rest) {
      martlet_axes tail = {1, {rest}};
      martlet_copy_strided(
        pool, &tail, source + (ptrdiff_t)(part * parts) * job.from[0], job.from, target + (ptrdiff_t)(part * parts) * job.to[0],
        job.to);
    }
    job.rank = 2;
    job.extents[0] = parts, job.extents[1] = part;
    job.from[1] = job.from[0], job.to[1] = job.to[0];
    job.from[0] *= (ptrdiff_t)part, job.to[0] *= (ptrdiff_t)part;
    all = parts * part;
    last = 1;
  }
  job.rows = all / job.extents[last];
  job.chunk = 16384 / job.extents[last] + 1;
  martlet_thread_pool_run(pool, (long)((job.rows + job.chunk - 1) / job.chunk), row_bodies[martlet_current_set()], &job);
}

void martlet_combine_strided(
  martlet_thread_pool *pool, const martlet_axes *axes, martlet_arithmetic arithmetic, martlet_function_call call,
  const float *first, const ptrdiff_t *first_strides, const float *second, const ptrdiff_t *second_strides,
  float *target) {
  static const piece_body bodies[] = FUNCTIONS(combine_strided_piece);
  size_t all = product_of(axes->extents, axes->rank);
  if (all == 0) return;
  combine_strided_job job = {
    .first = first, .second = second, .target = target, .arithmetic = arithmetic, .call = call};
  const ptrdiff_t *given[3] = {first_strides, second_strides, NULL};
  ptrdiff_t *strides[3] = {job.first_strides, job.second_strides, NULL};
  job.rank = simplified(axes, job.extents, given, strides);
  // A long row is cut where it divides.
  int last = job.rank - 1;
  for (size_t part = 4096; part >= 1024 && job.rank < MARTLET_MOST_AXES; part /= 2)
    if (job.extents[last] >= 2 * part && job.extents[last] % part == 0) {
      job.extents[last + 1] = part, job.extents[last] /= part;
      job.first_strides[last + 1] = job.first_strides[last], job.second_strides[last + 1] = job.second_strides[last];
      job.first_strides[last] *= (ptrdiff_t)part, job.second_strides[last] *= (ptrdiff_t)part;
      job.rank++, last++;
      break;
    }
  job.rows = all / job.extents[last];
  job.chunk = 16384 / job.extents[last] + 1;
  job.is_streaming =
    all * sizeof(float) > (24u << 20) && job.extents[last] % LANES == 0 && (uintptr_t)target % (LANES * sizeof(float)) == 0;
  martlet_thread_pool_run(pool, (long)((job.rows + job.chunk - 1) / job.chunk), bodies[martlet_current_set()], &job);
}

typedef struct {
  float value;
  size_t count;
  float *target;
} fill_job;

static void fill_piece(void *context, long piece, int thread) {
  (void)thread;
  const fill_job *job = context;
  size_t from = (size_t)piece * 16384, to = from + 16384 < job->count ? from + 16384 : job->count;
  for (size_t i = from; i < to; i++) job->target[i] = job->value;
}

void martlet_fill(martlet_thread_pool *pool, float value, size_t count, float *target) {
  fill_job job = {value, count, target};
  martlet_thread_pool_run(pool, (long)((count + 16383) / 16384), fill_piece, &job);
}
