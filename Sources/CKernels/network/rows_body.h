// Kernels along rows for one instruction set. Included by rows_<set>.c, which defines NAME(f).

#include <math.h>

#include "functions.h"
#include "rows_jobs.h"

INLINE size_t smaller(size_t a, size_t b) { return a < b ? a : b; }

INLINE double sum_of_doubles(d16 x) {
  double sum = 0;
  UNROLL for (int lane = 0; lane < LANES; lane++) sum += x[lane];
  return sum;
}

/// The sum of a row: float32 within 64 vectors, float64 between them.
INLINE double row_sum(const float *x, size_t count) {
  double total = 0;
  for (size_t i = 0; i < count;) {
    size_t end = smaller(count, i + 64 * LANES);
    v16 sum = zero16();
    for (; i + LANES <= end; i += LANES) sum += load16u(x + i);
    if (i < end) sum += load_part(x + i, end - i, 0), i = end;
    total += sum_of_doubles(__builtin_convertvector(sum, d16));
  }
  return total;
}

/// The sum of the squared distances from `mean`.
INLINE double row_squares(const float *x, size_t count, float mean) {
  double total = 0;
  for (size_t i = 0; i < count;) {
    size_t end = smaller(count, i + 64 * LANES);
    v16 sum = zero16();
    for (; i + LANES <= end; i += LANES) {
      v16 d = load16u(x + i) - mean;
      sum += d * d;
    }
    if (i < end) {
      v16 d = load_part(x + i, end - i, mean) - mean;
      sum += d * d;
      i = end;
    }
    total += sum_of_doubles(__builtin_convertvector(sum, d16));
  }
  return total;
}

void NAME(layer_norm_piece)(void *context, long piece, int thread) {
  (void)thread;
  const layer_norm_job *job = context;
  size_t count = job->count, first = (size_t)piece * job->rows_per_piece;
  for (size_t row = first; row < smaller(job->rows, first + job->rows_per_piece); row++) {
    const float *x = job->values + row * count;
    float *y = job->target + row * count;
    float mean = (float)(row_sum(x, count) / (double)count);
    float factor = (float)(1 / sqrt(row_squares(x, count, mean) / (double)count + (double)job->epsilon));
    size_t i = 0;
    for (; i + LANES <= count; i += LANES) {
      v16 z = (load16u(x + i) - mean) * factor * load16u(job->scale + i);
      store16u(y + i, job->bias ? z + load16u(job->bias + i) : z);
    }
    if (i < count) {
      v16 z = (load_part(x + i, count - i, 0) - mean) * factor * load_part(job->scale + i, count - i, 0);
      if (job->bias) z += load_part(job->bias + i, count - i, 0);
      store_part(y + i, z, count - i);
    }
  }
}

void NAME(softmax_row_piece)(void *context, long piece, int thread) {
  (void)thread;
  const softmax_job *job = context;
  size_t count = job->count, first = (size_t)piece * job->per_piece;
  for (size_t row = first; row < smaller(job->outer, first + job->per_piece); row++) {
    const float *x = job->values + row * count;
    float *y = job->target + row * count;
    v16 highest = all16(-INFINITY);
    size_t i = 0;
    for (; i + LANES <= count; i += LANES) highest = max16(highest, load16u(x + i));
    if (i < count) highest = max16(highest, load_part(x + i, count - i, -INFINITY));
    float top = max_of16(highest);
    v16 sum = zero16();
    for (i = 0; i + LANES <= count; i += LANES) {
      v16 d = load16u(x + i) - top, e = exp16(d);
      store16u(y + i, job->is_logarithm ? d : e);
      sum += e;
    }
    if (i < count) {
      v16 d = load_part(x + i, count - i, top) - top, e = exp16(d);
      store_part(y + i, job->is_logarithm ? d : e, count - i);
      float rest[LANES];
      store16u(rest, e);
      sum += load_part(rest, count - i, 0);
    }
    float total = sum_of16(sum);
    martlet_function_call last =
      job->is_logarithm ? (martlet_function_call){MARTLET_AFFINE, 1, -logf(total)}
                        : (martlet_function_call){MARTLET_AFFINE, 1 / total, 0};
    for (i = 0; i + LANES <= count; i += LANES) store16u(y + i, last.a * load16u(y + i) + last.b);
    if (i < count) store_part(y + i, last.a * load_part(y + i, count - i, 0) + last.b, count - i);
  }
}

/// Sixteen neighbours of the inner axis together.
void NAME(softmax_plane_piece)(void *context, long piece, int thread) {
  (void)thread;
  const softmax_job *job = context;
  size_t strips = (job->inner + job->per_piece - 1) / job->per_piece, inner = job->inner;
  size_t outer = (size_t)piece / strips, from = (size_t)piece % strips * job->per_piece;
  for (size_t i = from; i < smaller(inner, from + job->per_piece); i += LANES) {
    size_t lanes = smaller(LANES, inner - i);
    const float *x = job->values + outer * job->count * inner + i;
    float *y = job->target + outer * job->count * inner + i;
    v16 highest = all16(-INFINITY), sum = zero16();
    for (size_t k = 0; k < job->count; k++)
      highest = max16(highest, lanes == LANES ? load16u(x + k * inner) : load_part(x + k * inner, lanes, 0));
    for (size_t k = 0; k < job->count; k++) {
      v16 d = (lanes == LANES ? load16u(x + k * inner) : load_part(x + k * inner, lanes, 0)) - highest, e = exp16(d);
      sum += e;
      if (lanes == LANES)
        store16u(y + k * inner, job->is_logarithm ? d : e);
      else
        store_part(y + k * inner, job->is_logarithm ? d : e, lanes);
    }
    v16 last = job->is_logarithm ? log16(sum) : 1.0f / sum;
    for (size_t k = 0; k < job->count; k++) {
      v16 z = lanes == LANES ? load16u(y + k * inner) : load_part(y + k * inner, lanes, 0);
      z = job->is_logarithm ? z - last : z * last;
      if (lanes == LANES)
        store16u(y + k * inner, z);
      else
        store_part(y + k * inner, z, lanes);
    }
  }
}

INLINE double row_reduction(martlet_reduction reduction, const float *x, size_t count) {
  switch (reduction) {
    case MARTLET_REDUCE_SUM: return row_sum(x, count);
    case MARTLET_REDUCE_MEAN: return row_sum(x, count) / (double)count;
    case MARTLET_REDUCE_SUM_SQUARE: return row_squares(x, count, 0);
    case MARTLET_REDUCE_L2: return sqrt(row_squares(x, count, 0));
    case MARTLET_REDUCE_L1: {
      double total = 0;
      for (size_t i = 0; i < count; i++) total += fabsf(x[i]);
      return total;
    }
    case MARTLET_REDUCE_MAX:
    case MARTLET_REDUCE_MIN: {
      float sign = reduction == MARTLET_REDUCE_MAX ? 1 : -1;
      v16 highest = all16(-INFINITY);
      size_t i = 0;
      for (; i + LANES <= count; i += LANES) highest = max16(highest, sign * load16u(x + i));
      if (i < count) highest = max16(highest, sign * load_part(x + i, count - i, -INFINITY * sign));
      return sign * max_of16(highest);
    }
  }
  return 0;
}

void NAME(reduce_piece)(void *context, long piece, int thread) {
  (void)thread;
  const reduce_job *job = context;
  size_t first = (size_t)piece * job->rows_per_piece;
  for (size_t row = first; row < smaller(job->rows, first + job->rows_per_piece); row++)
    job->target[row] = (float)row_reduction(job->reduction, job->values + row * job->count, job->count);
}
