// Strided copies and arithmetic for one instruction set. Included by strided_<set>.c, which defines NAME(f).

#include <string.h>

#include "functions.h"
#include "strided_jobs.h"

/// Row by row of the innermost axis.
void NAME(copy_rows_piece)(void *context, long piece, int thread) {
  (void)thread;
  const copy_job *job = context;
  int last = job->rank - 1;
  size_t length = job->extents[last];
  ptrdiff_t step = job->from[last], target_step = job->to[last];
  size_t first = (size_t)piece * job->chunk, end = first + job->chunk < job->rows ? first + job->chunk : job->rows;
  size_t index[MARTLET_MOST_AXES];
  const float *source = job->source;
  float *target = job->target;
  size_t rest = first;
  for (int axis = last - 1; axis >= 0; axis--) {
    index[axis] = rest % job->extents[axis];
    rest /= job->extents[axis];
    source += (ptrdiff_t)index[axis] * job->from[axis];
    target += (ptrdiff_t)index[axis] * job->to[axis];
  }
  for (size_t row = first; row < end; row++) {
    if (step == 1 && target_step == 1) {
      if (length == LANES)
        store16u(target, load16u(source));
      else
        memcpy(target, source, length * sizeof(float));
    } else if (target_step == 1) {
      for (size_t i = 0; i < length; i++) target[i] = source[(ptrdiff_t)i * step];
    } else {
      for (size_t i = 0; i < length; i++) target[(ptrdiff_t)i * target_step] = source[(ptrdiff_t)i * step];
    }
    for (int axis = last - 1; axis >= 0; axis--) {
      source += job->from[axis], target += job->to[axis];
      if (++index[axis] < job->extents[axis]) break;
      source -= (ptrdiff_t)index[axis] * job->from[axis], target -= (ptrdiff_t)index[axis] * job->to[axis];
      index[axis] = 0;
    }
  }
}

/// Tiles of 16×16 of the axis along which the source is contiguous and the target's innermost.
void NAME(copy_tiles_piece)(void *context, long piece, int thread) {
  (void)thread;
  const copy_job *job = context;
  int last = job->rank - 1, across = job->across;
  const float *source = job->source;
  float *target = job->target;
  size_t rest = (size_t)piece / job->chunks, start = (size_t)piece % job->chunks * job->chunk;
  for (int axis = last - 1; axis >= 0; axis--) {
    if (axis == across) continue;
    size_t index = rest % job->extents[axis];
    rest /= job->extents[axis];
    source += (ptrdiff_t)index * job->from[axis];
    target += (ptrdiff_t)index * job->to[axis];
  }
  size_t end = start + job->chunk < job->extents[across] ? start + job->chunk : job->extents[across];
  size_t columns = job->extents[last];
  ptrdiff_t step = job->from[last], target_step = job->to[across];
  for (size_t j = start; j < end; j += LANES) {
    size_t rows = end - j < LANES ? end - j : LANES;
    for (size_t i = 0; i < columns; i += LANES) {
      size_t count = columns - i < LANES ? columns - i : LANES;
      const float *from = source + j + (ptrdiff_t)i * step;
      float *to = target + i + (ptrdiff_t)j * target_step;
      if (rows == LANES && count == LANES) {
        v16 block[LANES];
        UNROLL for (int k = 0; k < LANES; k++) block[k] = load16u(from + k * step);
        transpose16(block);
        UNROLL for (int k = 0; k < LANES; k++) store16u(to + k * target_step, block[k]);
      } else {
        for (size_t k = 0; k < rows; k++)
          for (size_t c = 0; c < count; c++) to[(ptrdiff_t)k * target_step + (ptrdiff_t)c] = from[(ptrdiff_t)c * step + (ptrdiff_t)k];
      }
    }
  }
}

INLINE v16 arithmetic16(martlet_arithmetic arithmetic, v16 x, v16 y) {
  switch (arithmetic) {
    case MARTLET_ADD: return x + y;
    case MARTLET_SUBTRACT: return x - y;
    case MARTLET_MULTIPLY: return x * y;
    case MARTLET_DIVIDE: return x / y;
    // What isn't a number stays.
    case MARTLET_GREATER: return x > y || x != x ? x : y;
    case MARTLET_LESSER: return x < y || x != x ? x : y;
  }
  return x;
}

INLINE v16 operand_at(const float *p, ptrdiff_t step, size_t i) {
  if (step == 0) return all16(p[0]);
  if (step == 1) return load16u(p + i);
  v16 x;
  UNROLL for (int lane = 0; lane < LANES; lane++) x[lane] = p[(ptrdiff_t)(i + lane) * step];
  return x;
}

INLINE v16 operand_part(const float *p, ptrdiff_t step, size_t i, size_t count) {
  float values[LANES] = {0};
  for (size_t lane = 0; lane < count; lane++) values[lane] = p[(ptrdiff_t)(i + lane) * step];
  return load16u(values);
}

void NAME(combine_strided_piece)(void *context, long piece, int thread) {
  (void)thread;
  const combine_strided_job *job = context;
  int last = job->rank - 1;
  size_t length = job->extents[last];
  ptrdiff_t a = job->first_strides[last], b = job->second_strides[last];
  size_t from = (size_t)piece * job->chunk, end = from + job->chunk < job->rows ? from + job->chunk : job->rows;
  size_t index[MARTLET_MOST_AXES], rest = from;
  const float *first = job->first, *second = job->second;
  float *target = job->target + from * length;
  for (int axis = last - 1; axis >= 0; axis--) {
    index[axis] = rest % job->extents[axis];
    rest /= job->extents[axis];
    first += (ptrdiff_t)index[axis] * job->first_strides[axis];
    second += (ptrdiff_t)index[axis] * job->second_strides[axis];
  }
  int is_changed = job->call.function != MARTLET_IDENTITY;
  for (size_t row = from; row < end; row++, target += length) {
    size_t i = 0;
    for (; i + LANES <= length; i += LANES) {
      v16 x = arithmetic16(job->arithmetic, operand_at(first, a, i), operand_at(second, b, i));
      if (is_changed) x = function16(&job->call, x);
      if (job->is_streaming)
        put(target + i, x, 1);
      else
        store16u(target + i, x);
    }
    if (i < length) {
      v16 x = arithmetic16(
        job->arithmetic, operand_part(first, a, i, length - i), operand_part(second, b, i, length - i));
      store_part(target + i, is_changed ? function16(&job->call, x) : x, length - i);
    }
    for (int axis = last - 1; axis >= 0; axis--) {
      first += job->first_strides[axis], second += job->second_strides[axis];
      if (++index[axis] < job->extents[axis]) break;
      first -= (ptrdiff_t)index[axis] * job->first_strides[axis];
      second -= (ptrdiff_t)index[axis] * job->second_strides[axis];
      index[axis] = 0;
    }
  }
  finish_streaming(job->is_streaming);
}
