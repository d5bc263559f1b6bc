// Depthwise convolution for one instruction set. Included by depthwise_<set>.c, which defines NAME(f) and MOST_COLUMNS,
// the outputs whose sums the registers hold.

#include <string.h>

#include "depthwise_jobs.h"
#include "functions.h"
#include "statistics.h"

typedef struct {
  const float *input, *weight;
} depthwise_tap;

/// `count` outputs of a row.
INLINE void columns_of(const int count, const depthwise_tap *taps, int tap_count, size_t place, size_t step, v16 *sums) {
  UNROLL for (int i = 0; i < count; i++) sums[i] = zero16();
  NO_UNROLL for (int t = 0; t < tap_count; t++) {
    const float *p = taps[t].input + place;
    v16 w = load16(taps[t].weight);
    UNROLL for (int i = 0; i < count; i++) sums[i] += load16(p + (size_t)i * step) * w;
  }
}

#define VARIANT(count)                                                                                           \
  static __attribute__((noinline)) void columns_##count(                                                         \
    const depthwise_tap *taps, int tap_count, size_t place, size_t step, float *sums) {                          \
    v16 totals[count];                                                                                           \
    if (step == LANES)                                                                                           \
      columns_of(count, taps, tap_count, place, LANES, totals);                                                  \
    else                                                                                                         \
      columns_of(count, taps, tap_count, place, step, totals);                                                   \
    UNROLL for (int i = 0; i < count; i++) store16(sums + i * LANES, totals[i]);                                 \
  }
VARIANT(1) VARIANT(2)
#if MOST_COLUMNS > 2
VARIANT(3) VARIANT(4) VARIANT(5) VARIANT(6)
#endif
#if MOST_COLUMNS > 6
VARIANT(7) VARIANT(8) VARIANT(9) VARIANT(10) VARIANT(11) VARIANT(12)
#endif
#undef VARIANT

typedef void (*columns_function)(const depthwise_tap *taps, int tap_count, size_t place, size_t step, float *sums);
static const columns_function column_variants[] = {
  columns_1, columns_2,
#if MOST_COLUMNS > 2
  columns_3, columns_4, columns_5, columns_6,
#endif
#if MOST_COLUMNS > 6
  columns_7, columns_8, columns_9, columns_10, columns_11, columns_12,
#endif
};

/// Copies the rows of one input slice that a piece needs, with zeros outside and the factors on load applied.
static void copy_slice(
  const depthwise_job *job, int sample, int block, int depth, int first_row, int rows, float *target) {
  const martlet_convolution *s = job->shape;
  const martlet_convolution_extras *extras = job->extras;
  size_t channel = ((size_t)sample * job->blocks + block) * LANES;
  const float *source = job->input + (channel / LANES * s->in[0] + depth) * s->in[1] * s->in[2] * LANES;
  int first = job->axes[2].first_offset;
  int left = first < 0 ? -first : 0, skipped = first > 0 ? first : 0;
  int inside = s->in[2] - skipped < job->columns - left ? s->in[2] - skipped : job->columns - left;
  if (inside < 0) inside = 0;
  if (left > job->columns) left = job->columns;
  v16 scale = zero16(), shift = zero16(), slope = zero16();
  if (extras->load_scale) {
    scale = load16(extras->load_scale + channel), shift = load16(extras->load_shift + channel);
    slope = load16(extras->load_slope + channel);
  }
  for (int r = 0; r < rows; r++, target += (size_t)job->columns * LANES) {
    int h = first_row + r;
    if (h < 0 || h >= s->in[1]) {
      memset(target, 0, (size_t)job->columns * LANES * sizeof(float));
      continue;
    }
    const float *row = source + ((size_t)h * s->in[2] + skipped) * LANES;
    memset(target, 0, (size_t)left * LANES * sizeof(float));
    if (extras->load_scale) {
      for (int i = 0; i < inside; i++)
        store16(target + (left + i) * LANES, rectify16(load16(row + i * LANES) * scale + shift, slope));
    } else {
      memcpy(target + left * LANES, row, (size_t)inside * LANES * sizeof(float));
    }
    memset(target + (left + inside) * LANES, 0, (size_t)(job->columns - left - inside) * LANES * sizeof(float));
  }
}

void NAME(depthwise_piece)(void *context, long piece, int thread) {
  const depthwise_job *job = context;
  const martlet_convolution *s = job->shape;
  const depthwise_axis *d = &job->axes[0], *h = &job->axes[1], *w = &job->axes[2];
  int height_chunk = (int)(piece % job->height_chunks), depth_chunk = (int)(piece / job->height_chunks % job->depth_chunks);
  long row_of = piece / job->height_chunks / job->depth_chunks;
  int block = (int)(row_of % job->blocks), sample = (int)(row_of / job->blocks);
  int first_d = depth_chunk * job->depth_chunk, last_d = first_d + job->depth_chunk;
  int first_h = height_chunk * job->height_chunk, last_h = first_h + job->height_chunk;
  if (last_d > d->positions) last_d = d->positions;
  if (last_h > h->positions) last_h = h->positions;
  int first_row = first_h * h->in_step + h->first_offset;
  int rows = (last_h - first_h - 1) * h->in_step + h->last_offset - h->first_offset + 1;
  size_t row_floats = (size_t)job->columns * LANES, slice_floats = (size_t)job->rows * row_floats;
  float *copy = job->scratch + (size_t)thread * job->thread_floats;
  // Which slice of the input each place of the ring holds, and the list of taps, lie behind the copies.
  depthwise_tap *taps = (depthwise_tap *)(copy + job->slices * slice_floats);
  int *held = (int *)(taps + job->taps);
  for (int i = 0; i < job->slices; i++) held[i] = -1;
  const float *weights = job->weights + (size_t)block * job->taps * LANES;
  size_t channel = ((size_t)sample * job->blocks + block) * LANES;
  v16 bias = job->extras->bias ? load16(job->extras->bias + block * LANES) : zero16();
  v16 slope = job->extras->slope ? load16(job->extras->slope + block * LANES) : all16(1);
  const martlet_function_call *call = &job->extras->function;
  int is_changed = call->function != MARTLET_IDENTITY;
  double *partial = job->partial ? job->partial + (size_t)piece * 2 * LANES : NULL;
  size_t plane = (size_t)s->out[1] * s->out[2];
  float *output = job->output + channel * s->out[0] * plane;
  const float *residual = job->extras->residual ? job->extras->residual + channel * s->out[0] * plane : NULL;
  _Alignas(64) float sums[MOST_COLUMNS * LANES];

  for (int i = first_d; i < last_d; i++)
    for (int pd = 0; pd < d->phases; pd++) {
      int out_d = i * d->out_step + pd;
      if (out_d >= s->out[0]) continue;
      for (int ph = 0; ph < h->phases; ph++)
        for (int pw = 0; pw < w->phases; pw++) {
          int tap_count = 0;
          for (int a = 0; a < d->taps[pd]; a++) {
            int depth = i * d->in_step + d->offset[pd][a];
            if (depth < 0 || depth >= s->in[0]) continue;
            int place = depth % job->slices;
            float *slice = copy + (size_t)place * slice_floats;
            if (held[place] != depth) {
              copy_slice(job, sample, block, depth, first_row, rows, slice);
              held[place] = depth;
            }
            for (int b = 0; b < h->taps[ph]; b++)
              for (int c = 0; c < w->taps[pw]; c++)
                taps[tap_count++] = (depthwise_tap){
                  slice + (size_t)(h->offset[ph][b] - h->first_offset) * row_floats +
                    (size_t)(w->offset[pw][c] - w->first_offset) * LANES,
                  weights +
                    (size_t)((d->tap[pd][a] * s->kernel[1] + h->tap[ph][b]) * s->kernel[2] + w->tap[pw][c]) * LANES};
          }
          int columns = (s->out[2] - pw + w->out_step - 1) / w->out_step;
          int tiles = (columns + MOST_COLUMNS - 1) / MOST_COLUMNS;
          for (int j = first_h; j < last_h; j++) {
            int out_h = j * h->out_step + ph;
            if (out_h >= s->out[1]) continue;
            size_t row = (size_t)(j - first_h) * h->in_step * row_floats;
            size_t place = ((size_t)out_d * s->out[1] + out_h) * s->out[2];
            for (int t = 0; t < tiles; t++) {
              int from = (int)((long)columns * t / tiles), to = (int)((long)columns * (t + 1) / tiles);
              column_variants[to - from - 1](
                taps, tap_count, row + (size_t)from * w->in_step * LANES, (size_t)w->in_step * LANES, sums);
              v16 values[MOST_COLUMNS];
              for (int k = from; k < to; k++) {
                size_t at = (place + (size_t)k * w->out_step + pw) * LANES;
                v16 x = load16(sums + (k - from) * LANES) + bias;
                if (is_changed) x = function16(call, x);
                if (residual) x += load16(residual + at);
                values[k - from] = rectify16(x, slope);
                put(output + at, values[k - from], job->is_streaming);
              }
              if (partial) add_statistics(partial, values, to - from);
            }
          }
        }
    }
  finish_streaming(job->is_streaming);
}
