// The element by element kernels for one instruction set. Included by elementwise_<set>.c, which defines NAME(f).

#include <math.h>
#include <string.h>

#include "elementwise_jobs.h"
#include "functions.h"

INLINE v16 operand16(const float *values, const v16 *scale, const v16 *shift, const v16 *slope, int is_changed) {
  v16 x = load16u(values);
  return is_changed ? rectify16(x * *scale + *shift, *slope) : x;
}

INLINE void combine_span(
  const combine_job *job, size_t channel, size_t out_channel, const float *first, const float *second, float *target,
  size_t count, int is_blocked, int first_changed, int second_changed) {
  v16 scale[2], shift[2], slope[2], out_slope = all16(1);
  const martlet_operand *operands[2] = {&job->first, &job->second};
  for (int i = 0; i < 2; i++) {
    scale[i] = shift[i] = slope[i] = zero16();
    if (!operands[i]->scale || !operands[i]->values) continue;
    if (is_blocked) {
      scale[i] = load16(operands[i]->scale + channel), shift[i] = load16(operands[i]->shift + channel);
      slope[i] = load16(operands[i]->slope + channel);
    } else {
      scale[i] = all16(operands[i]->scale[channel]), shift[i] = all16(operands[i]->shift[channel]);
      slope[i] = all16(operands[i]->slope[channel]);
    }
  }
  if (job->slope) out_slope = is_blocked ? load16(job->slope + out_channel) : all16(job->slope[out_channel]);
  size_t whole = count / LANES * LANES;
  for (size_t i = 0; i < whole; i += LANES) {
    v16 x = operand16(first + i, &scale[0], &shift[0], &slope[0], first_changed);
    if (second) {
      v16 y = operand16(second + i, &scale[1], &shift[1], &slope[1], second_changed);
      x = job->combination == MARTLET_COMBINE_ADD ? x + y : x * y;
    }
    if (job->slope) x = rectify16(x, out_slope);
    if (job->is_streaming)
      put(target + i, x, 1);
    else
      store16u(target + i, x);
  }
  for (size_t i = whole; i < count; i++) {
    float x = first[i];
    if (first_changed) {
      x = x * scale[0][0] + shift[0][0];
      x = x > 0 ? x : x * slope[0][0];
    }
    if (second) {
      float y = second[i];
      if (second_changed) {
        y = y * scale[1][0] + shift[1][0];
        y = y > 0 ? y : y * slope[1][0];
      }
      x = job->combination == MARTLET_COMBINE_ADD ? x + y : x * y;
    }
    target[i] = job->slope ? (x > 0 ? x : x * out_slope[0]) : x;
  }
}

void NAME(combine_piece)(void *context, long piece, int thread) {
  (void)thread;
  const combine_job *job = context;
  const martlet_network_tensor *t = job->tensor;
  int is_blocked = !t->is_plain;
  size_t lanes = is_blocked ? LANES : 1, rows = is_blocked ? (size_t)(t->channels + LANES - 1) / LANES : (size_t)t->channels;
  size_t row = (size_t)piece / job->slices, slice = (size_t)piece % job->slices;
  size_t sample = row / rows, block = row % rows, length = job->plane * lanes;
  size_t from = job->plane * slice / job->slices * lanes, to = job->plane * (slice + 1) / job->slices * lanes;
  const float *first = job->first.values + row * length + from;
  const float *second = job->second.values ? job->second.values + row * length + from : NULL;
  float *target = job->target + sample * job->target_stride + block * length + from;
  size_t channel = row * lanes, out_channel = block * lanes;
  int a = job->first.scale != NULL, b = job->second.values && job->second.scale;
  if (a && b)
    combine_span(job, channel, out_channel, first, second, target, to - from, is_blocked, 1, 1);
  else if (a)
    combine_span(job, channel, out_channel, first, second, target, to - from, is_blocked, 1, 0);
  else if (b)
    combine_span(job, channel, out_channel, first, second, target, to - from, is_blocked, 0, 1);
  else
    combine_span(job, channel, out_channel, first, second, target, to - from, is_blocked, 0, 0);
  finish_streaming(job->is_streaming);
}

/// Sums of a run of values, in float64 after every 256 vectors; the squares about the run's mean.
void NAME(statistics_piece)(void *context, long piece, int thread) {
  (void)thread;
  const statistics_job *job = context;
  size_t lanes = job->is_plain ? 1 : LANES, length = job->plane * lanes;
  size_t row = (size_t)piece / job->slices, slice = (size_t)piece % job->slices;
  size_t from = job->plane * slice / job->slices * lanes, to = job->plane * (slice + 1) / job->slices * lanes;
  const float *values = job->values + row * length;
  double *partial = job->partial + (size_t)piece * 2 * LANES;
  memset(partial, 0, 2 * LANES * sizeof(double));
  for (size_t i = from; i < to;) {
    size_t end = to - i > 256 * LANES ? i + 256 * LANES : to, whole = i + (end - i) / LANES * LANES;
    v16 sum = zero16(), squares = zero16();
    for (size_t j = i; j < whole; j += LANES) sum += load16u(values + j);
    float count = (float)((whole - i) / LANES);
    v16 mean = count > 0 ? sum / count : zero16();
    for (size_t j = i; j < whole; j += LANES) {
      v16 distance = load16u(values + j) - mean;
      squares += distance * distance;
    }
    for (int lane = 0; lane < LANES; lane++) {
      double s = sum[lane], m = mean[lane];
      partial[lane] += s;
      partial[LANES + lane] += (double)squares[lane] + 2 * m * s - count * m * m;
    }
    for (size_t j = whole; j < end; j++) {
      double x = values[j];
      partial[0] += x;
      partial[LANES] += x * x;
    }
    i = end;
  }
}

void NAME(apply_piece)(void *context, long piece, int thread) {
  (void)thread;
  const apply_job *job = context;
  size_t from = (size_t)piece * APPLY_PIECE, to = from + APPLY_PIECE < job->count ? from + APPLY_PIECE : job->count;
  size_t i = from;
  for (; i + LANES <= to; i += LANES) store16u(job->target + i, function16(&job->call, load16u(job->values + i)));
  if (i < to) {
    float rest[LANES] = {0};
    memcpy(rest, job->values + i, (to - i) * sizeof(float));
    store16u(rest, function16(&job->call, load16u(rest)));
    memcpy(job->target + i, rest, (to - i) * sizeof(float));
  }
}

void NAME(pooling_piece)(void *context, long piece, int thread) {
  (void)thread;
  const pooling_job *job = context;
  const martlet_pooling *p = job->pooling;
  const int *in = job->tensor->extents;
  size_t row = (size_t)piece / p->out[0];
  int d = (int)((size_t)piece % p->out[0]);
  const float *source = job->values + row * in[0] * in[1] * in[2] * LANES;
  float *target = job->target + (size_t)piece * p->out[1] * p->out[2] * LANES;
  float window = (float)(p->kernel[0] * p->kernel[1] * p->kernel[2]);
  for (int h = 0; h < p->out[1]; h++)
    for (int w = 0; w < p->out[2]; w++, target += LANES) {
      v16 value = p->is_mean ? zero16() : all16(-INFINITY);
      int count = 0;
      for (int z = 0; z < p->kernel[0]; z++) {
        int pd = d * p->stride[0] - p->pad[0] + z;
        if (pd < 0 || pd >= in[0]) continue;
        for (int y = 0; y < p->kernel[1]; y++) {
          int ph = h * p->stride[1] - p->pad[1] + y;
          if (ph < 0 || ph >= in[1]) continue;
          for (int x = 0; x < p->kernel[2]; x++) {
            int pw = w * p->stride[2] - p->pad[2] + x;
            if (pw < 0 || pw >= in[2]) continue;
            v16 element = load16(source + (((size_t)pd * in[1] + ph) * in[2] + pw) * LANES);
            value = p->is_mean ? value + element : (element > value ? element : value);
            count++;
          }
        }
      }
      if (p->is_mean) value = value / (p->counts_padding ? window : (float)count);
      store16(target, value);
    }
}

void NAME(resize_piece)(void *context, long piece, int thread) {
  const resize_job *job = context;
  const martlet_axis_table *d = &job->tables[0], *h = &job->tables[1], *w = &job->tables[2];
  const int *in = job->tensor->extents;
  size_t row = (size_t)piece / d->count;
  int depth = (int)((size_t)piece % d->count);
  size_t plane = (size_t)in[1] * in[2] * LANES;
  const float *near = job->values + (row * in[0] + d->lower[depth]) * plane;
  const float *far = job->values + (row * in[0] + d->upper[depth]) * plane;
  size_t start = (size_t)piece * h->count * w->count * LANES;
  float *line = job->scratch + (size_t)thread * in[2] * LANES;
  for (int y = 0; y < h->count; y++) {
    size_t upper = (size_t)h->upper[y] * in[2] * LANES, lower = (size_t)h->lower[y] * in[2] * LANES;
    float a = d->lower_weight[depth] * h->lower_weight[y], b = d->lower_weight[depth] * h->upper_weight[y];
    float c = d->upper_weight[depth] * h->lower_weight[y], e = d->upper_weight[depth] * h->upper_weight[y];
    for (int x = 0; x < in[2]; x++) {
      size_t i = (size_t)x * LANES;
      store16(
        line + i, a * load16(near + lower + i) + b * load16(near + upper + i) + c * load16(far + lower + i) +
                    e * load16(far + upper + i));
    }
    for (int x = 0; x < w->count; x++) {
      size_t i = start + ((size_t)y * w->count + x) * LANES;
      v16 value = w->lower_weight[x] * load16(line + (size_t)w->lower[x] * LANES) +
                  w->upper_weight[x] * load16(line + (size_t)w->upper[x] * LANES);
      if (job->addend) value += load16(job->addend + i);
      put(job->target + i, value, job->is_streaming);
    }
  }
  finish_streaming(job->is_streaming);
}
