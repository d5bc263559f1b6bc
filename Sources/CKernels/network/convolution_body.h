// The convolution kernels for one instruction set. Included by convolution_<set>.c, which defines
//   NAME(f)      the name of f for the set,
//   WIDE_BLOCKS  output blocks that a product computes together,
//   MAX_ROWS     rows of a product for one output block.

#include <string.h>

#include "convolution.h"
#include "functions.h"
#include "statistics.h"

enum { PAIR_ROWS = MAX_ROWS / 2 };

// MARK: - The product of rows of channels with weights

typedef void (*product_kernel)(
  const float *rows, size_t block_stride, int blocks, int last_lanes, int taps, const long *offsets, const int *tap_of,
  const float *weights, size_t weight_block, float *sums);

/// sum[r][n] += for each block of the input, tap and lane: rows[r + tap][lane] * weights[block][tap][lane][n].
INLINE void multiply(
  const int row_count, const int width, const int lanes, const float *rows, size_t block_stride, int blocks,
  int last_lanes, int taps, const long *offsets, const int *tap_of, const float *weights, size_t weight_block, v16 *sum) {
  for (int block = 0; block < blocks; block++) {
    int count = block == blocks - 1 ? last_lanes : lanes;
    for (int tap = 0; tap < taps; tap++) {
      const float *a = rows + offsets[tap];
      const float *w = weights + (size_t)tap_of[tap] * (size_t)(lanes * width * LANES);
      if (lanes == 1) {
        v16 b[2];
        UNROLL for (int n = 0; n < width; n++) b[n] = load16(w + n * LANES);
        UNROLL for (int r = 0; r < row_count; r++) {
          v16 x = all16(a[r]);
          UNROLL for (int n = 0; n < width; n++) sum[r * width + n] += x * b[n];
        }
      } else {
        NO_UNROLL for (int lane = 0; lane < count; lane += 4) {
          UNROLL for (int k = 0; k < 4; k++) {
            v16 b[2];
            UNROLL for (int n = 0; n < width; n++) b[n] = load16(w + (k * width + n) * LANES);
            UNROLL for (int r = 0; r < row_count; r++) {
              v16 x = all16(a[r * LANES + k]);
              UNROLL for (int n = 0; n < width; n++) sum[r * width + n] += x * b[n];
            }
          }
          a += 4;
          w += 4 * width * LANES;
        }
      }
    }
    rows += block_stride;
    weights += weight_block;
  }
}

INLINE void product(
  const int row_count, const int width, const int lanes, const float *rows, size_t block_stride, int blocks,
  int last_lanes, int taps, const long *offsets, const int *tap_of, const float *weights, size_t weight_block,
  float *sums) {
  v16 sum[24];
  UNROLL for (int i = 0; i < row_count * width; i++) sum[i] = zero16();
  multiply(
    row_count, width, lanes, rows, block_stride, blocks, last_lanes, taps, offsets, tap_of, weights, weight_block, sum);
  UNROLL for (int i = 0; i < row_count * width; i++) store16(sums + i * LANES, sum[i]);
}

#define PRODUCT(rows_, width_, lanes_)                                                                                \
  static __attribute__((noinline)) void product_##rows_##_##width_##_##lanes_(                                        \
    const float *rows, size_t block_stride, int blocks, int last_lanes, int taps, const long *offsets,                \
    const int *tap_of, const float *weights, size_t weight_block, float *sums) {                                      \
    product(                                                                                                          \
      rows_, width_, lanes_, rows, block_stride, blocks, last_lanes, taps, offsets, tap_of, weights, weight_block,    \
      sums);                                                                                                          \
  }
#define PRODUCTS_6(width, lanes) \
  PRODUCT(1, width, lanes) PRODUCT(2, width, lanes) PRODUCT(3, width, lanes) PRODUCT(4, width, lanes) \
  PRODUCT(5, width, lanes) PRODUCT(6, width, lanes)
#define PRODUCTS_12(width, lanes) \
  PRODUCT(7, width, lanes) PRODUCT(8, width, lanes) PRODUCT(9, width, lanes) PRODUCT(10, width, lanes) \
  PRODUCT(11, width, lanes) PRODUCT(12, width, lanes)
#define PRODUCTS_24(width, lanes) \
  PRODUCT(13, width, lanes) PRODUCT(14, width, lanes) PRODUCT(15, width, lanes) PRODUCT(16, width, lanes) \
  PRODUCT(17, width, lanes) PRODUCT(18, width, lanes) PRODUCT(19, width, lanes) PRODUCT(20, width, lanes) \
  PRODUCT(21, width, lanes) PRODUCT(22, width, lanes) PRODUCT(23, width, lanes) PRODUCT(24, width, lanes)
#define LIST_6(width, lanes) \
  NULL, product_1_##width##_##lanes, product_2_##width##_##lanes, product_3_##width##_##lanes, \
    product_4_##width##_##lanes, product_5_##width##_##lanes, product_6_##width##_##lanes
#define LIST_12(width, lanes) \
  product_7_##width##_##lanes, product_8_##width##_##lanes, product_9_##width##_##lanes, \
    product_10_##width##_##lanes, product_11_##width##_##lanes, product_12_##width##_##lanes
#define LIST_24(width, lanes) \
  product_13_##width##_##lanes, product_14_##width##_##lanes, product_15_##width##_##lanes, \
    product_16_##width##_##lanes, product_17_##width##_##lanes, product_18_##width##_##lanes, \
    product_19_##width##_##lanes, product_20_##width##_##lanes, product_21_##width##_##lanes, \
    product_22_##width##_##lanes, product_23_##width##_##lanes, product_24_##width##_##lanes

PRODUCTS_6(1, 1)
PRODUCTS_6(1, 16)
#if MAX_ROWS == 24
PRODUCTS_12(1, 1)
PRODUCTS_12(1, 16)
PRODUCTS_24(1, 1)
PRODUCTS_24(1, 16)
PRODUCTS_6(2, 1)
PRODUCTS_6(2, 16)
PRODUCTS_12(2, 1)
PRODUCTS_12(2, 16)
static const product_kernel products_plain_1[] = {LIST_6(1, 1), LIST_12(1, 1), LIST_24(1, 1)};
static const product_kernel products_blocked_1[] = {LIST_6(1, 16), LIST_12(1, 16), LIST_24(1, 16)};
static const product_kernel products_plain_2[] = {LIST_6(2, 1), LIST_12(2, 1)};
static const product_kernel products_blocked_2[] = {LIST_6(2, 16), LIST_12(2, 16)};
#else
static const product_kernel products_plain_1[] = {LIST_6(1, 1)};
static const product_kernel products_blocked_1[] = {LIST_6(1, 16)};
#define products_plain_2 products_plain_1
#define products_blocked_2 products_blocked_1
#endif

/// The products for a number of output blocks, and the most rows that they take.
INLINE const product_kernel *products_for(int blocks, int lanes, int *max_rows) {
  *max_rows = blocks == 2 ? PAIR_ROWS : MAX_ROWS;
  if (lanes == 1) return blocks == 2 ? products_plain_2 : products_plain_1;
  return blocks == 2 ? products_blocked_2 : products_blocked_1;
}

// MARK: - What happens to the sums

/// In place; the loops of the usual functions have no branch within.
static __attribute__((noinline)) void apply_function(const martlet_function_call *call, v16 *values, int count) {
  martlet_function_call gelu = {MARTLET_GELU, 0, 0}, swish = {MARTLET_SWISH, 0, 0};
  if (call->function == MARTLET_GELU)
    for (int i = 0; i < count; i++) values[i] = function16(&gelu, values[i]);
  else if (call->function == MARTLET_SWISH)
    for (int i = 0; i < count; i++) values[i] = function16(&swish, values[i]);
  else
    for (int i = 0; i < count; i++) values[i] = function16(call, values[i]);
}

/// Bias, function, residual, activation, statistics and store of rows of sums [rows][group_blocks][16]; `positions` are the
/// places in the output, -1 for none.
static __attribute__((noinline)) void finish(
  const convolution_job *job, int sample, int first_block, int group_blocks, int rows, const long *positions,
  const float *sums, double *partial) {
  const martlet_convolution *s = job->shape;
  const martlet_convolution_extras *extras = job->extras;
  size_t plane = plane_of(s->out), places[24];
  int out_blocks = blocks_of(s->out_channels), sources[24], count = 0;
  for (int r = 0; r < rows; r++) {
    places[count] = (size_t)positions[r], sources[count] = r * group_blocks * LANES;
    count += positions[r] >= 0;
  }
  int is_one_pass = !partial && !s->plain_output && extras->function.function == MARTLET_IDENTITY;
  for (int n = 0; n < group_blocks && first_block + n < out_blocks; n++) {
    int block = first_block + n;
    if (is_one_pass) {
      v16 bias = extras->bias ? load16(extras->bias + block * LANES) : zero16();
      v16 slope = extras->slope ? load16(extras->slope + block * LANES) : all16(1);
      size_t first = ((size_t)sample * out_blocks + block) * plane;
      for (int i = 0; i < count; i++) {
        v16 value = load16(sums + sources[i] + n * LANES) + bias;
        if (extras->residual) value += load16(extras->residual + (first + places[i]) * LANES);
        put(job->output + (first + places[i]) * LANES, rectify16(value, slope), job->is_streaming);
      }
      continue;
    }
    v16 values[24], bias = extras->bias ? load16(extras->bias + block * LANES) : zero16();
    for (int i = 0; i < count; i++) values[i] = load16(sums + sources[i] + n * LANES) + bias;
    if (extras->function.function != MARTLET_IDENTITY) apply_function(&extras->function, values, count);
    size_t first = ((size_t)sample * out_blocks + block) * plane;
    int lanes = s->out_channels - block * LANES < LANES ? s->out_channels - block * LANES : LANES;
    if (s->plain_output) first = ((size_t)sample * s->out_channels + (size_t)block * LANES) * plane;
    if (extras->residual && s->plain_output)
      for (int i = 0; i < count; i++)
        for (int lane = 0; lane < lanes; lane++) values[i][lane] += extras->residual[first + lane * plane + places[i]];
    else if (extras->residual)
      for (int i = 0; i < count; i++) values[i] += load16(extras->residual + (first + places[i]) * LANES);
    if (extras->slope) {
      v16 slope = load16(extras->slope + block * LANES);
      for (int i = 0; i < count; i++) values[i] = rectify16(values[i], slope);
    }
    if (s->plain_output)
      for (int lane = 0; lane < lanes; lane++)
        for (int i = 0; i < count; i++) job->output[first + lane * plane + places[i]] = ((const float *)&values[i])[lane];
    else if (job->is_streaming)
      for (int i = 0; i < count; i++) put(job->output + (first + places[i]) * LANES, values[i], 1);
    else
      for (int i = 0; i < count; i++) store16(job->output + (first + places[i]) * LANES, values[i]);
    if (partial) add_statistics(partial + (size_t)block * 2 * LANES, values, count);
  }
}

// MARK: - Weights

/// One axis of the transform of 16 filters' taps: `lines` lines of taps `step` apart become lines of points `step` apart;
/// the lines lie in `outer` groups of `step` neighbours.
INLINE void transform_filters(
  const double matrix[9][5], int taps, int points, int outer, int step, const d16 *from, d16 *to) {
  for (int group = 0; group < outer; group++)
    for (int line = 0; line < step; line++)
      for (int point = 0; point < points; point++) {
        d16 sum = matrix[point][0] * from[(group * taps) * step + line];
        for (int tap = 1; tap < taps; tap++) sum += matrix[point][tap] * from[(group * taps + tap) * step + line];
        to[(group * points + point) * step + line] = sum;
      }
}

/// The weights of 16 output channels from a block of the input's.
void NAME(prepare_block)(void *context, long piece, int thread) {
  (void)thread;
  const preparation *p = context;
  const martlet_convolution *s = p->shape;
  int taps = s->kernel[0] * s->kernel[1] * s->kernel[2];
  size_t block = (size_t)(piece % p->in_blocks), out_block = (size_t)(piece / p->in_blocks);
  size_t group = out_block / p->group_blocks, first = out_block % p->group_blocks * LANES;
  size_t width = (size_t)p->group_blocks * LANES;
  int narrow = p->kernel == MARTLET_DIRECT && is_narrow(s), one = is_pointwise(s);
  int points = p->points[0] * p->points[1] * p->points[2];
  d16 filters[125], deep[9 * 25], high[81 * 5], all[MAX_POINTS];
  for (int lane = 0; lane < p->lanes; lane++) {
    int in = (int)block * p->lanes + lane;
    const float *channels[LANES];
    for (int i = 0; i < LANES; i++) {
      int out = (int)out_block * LANES + i;
      size_t filter = s->transposed ? (size_t)in * s->out_channels + out : (size_t)out * s->in_channels + in;
      channels[i] = in < s->in_channels && out < s->out_channels ? p->weights + filter * taps : NULL;
    }
    if (narrow) {
      for (int tap = 0; tap < taps; tap++)
        for (int i = 0; i < (one ? s->out_channels : narrow_groups(s) * NARROW_OUTPUTS); i++) {
          size_t channel = (size_t)(i / NARROW_OUTPUTS) * p->in_blocks * p->lanes + in;
          size_t place = one ? (block * s->out_channels + i) * p->lanes + lane
                             : (channel * taps + tap) * NARROW_OUTPUTS + i % NARROW_OUTPUTS;
          p->prepared[place] = channels[i] ? channels[i][tap] : 0;
        }
      continue;
    }
    if (p->kernel == MARTLET_DIRECT) {
      for (int tap = 0; tap < taps; tap++) {
        float *target = p->prepared +
                        (((group * p->in_blocks + block) * taps + tap) * p->lanes + lane) * width + first;
        for (int i = 0; i < LANES; i++) target[i] = channels[i] ? channels[i][tap] : 0;
      }
      continue;
    }
    for (int tap = 0; tap < taps; tap++) {
      double values[LANES];
      for (int i = 0; i < LANES; i++) values[i] = channels[i] ? channels[i][tap] : 0;
      filters[tap] = *(const d16 *)(const void *)values;
    }
    const int *t = p->taps, *n = p->points;
    transform_filters(p->transform[0], t[0], n[0], 1, t[1] * t[2], filters, deep);
    transform_filters(p->transform[1], t[1], n[1], n[0], t[2], deep, high);
    transform_filters(p->transform[2], t[2], n[2], n[0] * n[1], 1, high, all);
    for (int point = 0; point < points; point++)
      store16(
        p->prepared + (((group * points + point) * p->in_blocks + block) * LANES + lane) * width + first,
        __builtin_convertvector(all[point], v16));
  }
}

// MARK: - Few outputs from many channels

/// The sum of the lanes of each of 16 vectors.
INLINE v16 lane_sums(const v16 *x) {
  v16 a[8], b[4], c[2];
  UNROLL for (int i = 0; i < 8; i++)
    a[i] = __builtin_shufflevector(x[2 * i], x[2 * i + 1], 0, 16, 2, 18, 4, 20, 6, 22, 8, 24, 10, 26, 12, 28, 14, 30) +
           __builtin_shufflevector(x[2 * i], x[2 * i + 1], 1, 17, 3, 19, 5, 21, 7, 23, 9, 25, 11, 27, 13, 29, 15, 31);
  UNROLL for (int i = 0; i < 4; i++)
    b[i] = __builtin_shufflevector(a[2 * i], a[2 * i + 1], 0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29) +
           __builtin_shufflevector(a[2 * i], a[2 * i + 1], 2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31);
  UNROLL for (int i = 0; i < 2; i++)
    c[i] = __builtin_shufflevector(b[2 * i], b[2 * i + 1], 0, 1, 2, 3, 16, 17, 18, 19, 8, 9, 10, 11, 24, 25, 26, 27) +
           __builtin_shufflevector(b[2 * i], b[2 * i + 1], 4, 5, 6, 7, 20, 21, 22, 23, 12, 13, 14, 15, 28, 29, 30, 31);
  return __builtin_shufflevector(c[0], c[1], 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23) +
         __builtin_shufflevector(c[0], c[1], 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31);
}

/// Where a narrow pointwise convolution finds its input, and its weights [block][output][16].
typedef struct {
  const float *rows, *weights;
  size_t block_stride;
  int blocks, outputs;
} narrow_source;

/// sums[output][position] = the products of `positions` positions from `first` on, lane by lane.
INLINE void narrow_products(
  const int outputs, const int positions, const narrow_source *source, long first, int first_output, v16 *sums,
  int sum_stride) {
  v16 sum[24];
  UNROLL for (int i = 0; i < outputs * positions; i++) sum[i] = zero16();
  const float *x = source->rows + first * LANES, *w = source->weights + first_output * LANES;
  NO_UNROLL for (int block = 0; block < source->blocks; block++) {
    v16 weight[NARROW_OUTPUTS];
    UNROLL for (int n = 0; n < outputs; n++) weight[n] = load16(w + n * LANES);
    UNROLL for (int i = 0; i < positions; i++) {
      v16 value = load16(x + i * LANES);
      UNROLL for (int n = 0; n < outputs; n++) sum[i * outputs + n] += value * weight[n];
    }
    x += source->block_stride;
    w += (size_t)source->outputs * LANES;
  }
  UNROLL for (int n = 0; n < outputs; n++)
    UNROLL for (int i = 0; i < positions; i++) sums[n * sum_stride + i] = sum[i * outputs + n];
}

/// Positions whose sums fit the registers.
#define NARROW_POSITIONS(outputs) (MAX_ROWS / (outputs) >= 8 ? 8 : MAX_ROWS / (outputs) >= 4 ? 4 : MAX_ROWS / (outputs) >= 2 ? 2 : 1)

/// `count` positions in a row for up to four outputs: target[output * target_stride + position].
INLINE void narrow_row(
  const int outputs, const narrow_source *source, int first_output, long count, float *target, size_t target_stride) {
  v16 sums[NARROW_OUTPUTS * LANES];
  for (long first = 0; first < count; first += LANES) {
    long here = count - first < LANES ? count - first : LANES;
    if (here == LANES) {
      for (int i = 0; i < LANES; i += NARROW_POSITIONS(outputs))
        narrow_products(outputs, NARROW_POSITIONS(outputs), source, first + i, first_output, sums + i, LANES);
    } else {
      for (long i = 0; i < here; i++) narrow_products(outputs, 1, source, first + i, first_output, sums + i, LANES);
      for (int n = 0; n < outputs; n++)
        for (long i = here; i < LANES; i++) sums[n * LANES + i] = zero16();
    }
    UNROLL for (int n = 0; n < outputs; n++) {
      v16 total = lane_sums(sums + n * LANES);
      float *to = target + n * target_stride + first;
      if (here == LANES) {
        store16u(to, total);
      } else {
        for (long i = 0; i < here; i++) to[i] = ((const float *)&total)[i];
      }
    }
  }
}

#define NARROW(n)                                                                                               \
  static __attribute__((noinline)) void narrow_row_##n(                                                         \
    const narrow_source *source, int first_output, long count, float *target, size_t target_stride) {           \
    narrow_row(n, source, first_output, count, target, target_stride);                                          \
  }
NARROW(1) NARROW(2) NARROW(3) NARROW(4)

static void narrow_rows(const narrow_source *source, long count, float *target, size_t target_stride) {
  for (int first = 0; first < source->outputs; first += NARROW_OUTPUTS) {
    float *to = target + (size_t)first * target_stride;
    switch (source->outputs - first) {
      case 1: narrow_row_1(source, first, count, to, target_stride); break;
      case 2: narrow_row_2(source, first, count, to, target_stride); break;
      case 3: narrow_row_3(source, first, count, to, target_stride); break;
      default: narrow_row_4(source, first, count, to, target_stride); break;
    }
  }
}

/// Bias, residual, activation and store of `count` elements in a row of each of some output channels.
static __attribute__((noinline)) void finish_rows(
  const convolution_job *job, int sample, int first_channel, int channels, const float *rows, size_t row_stride,
  size_t place, long count) {
  const martlet_convolution *s = job->shape;
  const martlet_convolution_extras *extras = job->extras;
  size_t plane = plane_of(s->out);
  for (int c = first_channel; c < first_channel + channels; c++, rows += row_stride) {
    size_t first = ((size_t)sample * s->out_channels + c) * plane + place;
    const float *row = rows, *residual = extras->residual ? extras->residual + first : NULL;
    float *output = job->output + first;
    int is_streaming = job->is_streaming && (uintptr_t)output % sizeof(v16) == 0;
    v16 bias = all16(extras->bias ? extras->bias[c] : 0), slope = all16(extras->slope ? extras->slope[c] : 1);
    long i = 0;
    for (; i + LANES <= count; i += LANES) {
      v16 value = load16u(row + i) + bias;
      if (residual) value += load16u(residual + i);
      value = rectify16(value, slope);
      if (is_streaming)
        put(output + i, value, 1);
      else
        store16u(output + i, value);
    }
    for (; i < count; i++) {
      float value = row[i] + bias[0] + (residual ? residual[i] : 0);
      output[i] = value > 0 ? value : value * slope[0];
    }
  }
}

// MARK: - Direct convolution

/// One row of the input for a phase of the strides: `count` vectors from column `first` on in steps of `step`, zero
/// outside, each changed as the extras say.
INLINE void copy_row(
  const martlet_convolution_extras *extras, size_t channel, const float *source, long extent, long first, long step,
  long count, int lanes, float *target) {
  long begin = first >= 0 ? 0 : (-first + step - 1) / step;
  long end = first >= extent ? 0 : (extent - 1 - first) / step + 1;
  if (begin > count) begin = count;
  if (end > count) end = count;
  if (end < begin) end = begin;
  memset(target, 0, (size_t)(begin * lanes) * sizeof(float));
  memset(target + end * lanes, 0, (size_t)((count - end) * lanes) * sizeof(float));
  if (lanes == LANES) {
    if (extras->load_scale) {
      v16 scale = load16(extras->load_scale + channel), shift = load16(extras->load_shift + channel);
      v16 slope = load16(extras->load_slope + channel);
      for (long i = begin; i < end; i++)
        store16(
          target + i * LANES, rectify16(load16(source + (first + i * step) * LANES) * scale + shift, slope));
    } else {
      for (long i = begin; i < end; i++) store16(target + i * LANES, load16(source + (first + i * step) * LANES));
    }
  } else if (extras->load_scale) {
    float scale = extras->load_scale[channel], shift = extras->load_shift[channel];
    float slope = extras->load_slope[channel];
    for (long i = begin; i < end; i++) {
      float x = source[first + i * step] * scale + shift;
      target[i] = x > 0 ? x : x * slope;
    }
  } else if (step == 1) {
    memcpy(target + begin, source + first + begin, (size_t)(end - begin) * sizeof(float));
  } else {
    long i = begin;
    if (step == 2)
      for (; i + LANES <= end && first + 2 * (i + LANES) <= extent; i += LANES) {
        v16 a = load16u(source + first + 2 * i), b = load16u(source + first + 2 * i + LANES);
        store16u(target + i, __builtin_shufflevector(a, b, 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30));
      }
    for (; i < end; i++) target[i] = source[first + i * step];
  }
}

/// The same row of a block of 16 channels, each channel's elements in a row of its own, `channel_floats` apart. The rows
/// have room for whole vectors.
static __attribute__((noinline)) void copy_row_apart(
  const martlet_convolution_extras *extras, size_t channel, const float *source, long extent, long first, long step,
  long count, float *target, size_t channel_floats) {
  v16 scale = all16(1), shift = zero16(), slope = all16(1);
  if (extras->load_scale) {
    scale = load16(extras->load_scale + channel), shift = load16(extras->load_shift + channel);
    slope = load16(extras->load_slope + channel);
  }
  for (long from = 0; from < count; from += LANES, target += LANES) {
    v16 tile[LANES];
    UNROLL for (int i = 0; i < LANES; i++) {
      long column = first + (from + i) * step;
      tile[i] = zero16();
      if (column < 0 || column >= extent || from + i >= count) continue;
      tile[i] = load16(source + column * LANES);
      if (extras->load_scale) tile[i] = rectify16(tile[i] * scale + shift, slope);
    }
    transpose16(tile);
    UNROLL for (int lane = 0; lane < LANES; lane++) store16u(target + lane * channel_floats, tile[lane]);
  }
}

/// For each tap of an axis: the input's offset from the window's position in steps of its phase, and the phase: of the
/// input for a strided convolution, of the output for a transposed one.
static void axis_taps(const martlet_convolution *s, int axis, int *places, int *phases) {
  for (int k = 0; k < s->kernel[axis]; k++) {
    if (s->transposed) {
      // The phases of the output that the tap meets differ by whole strides.
      int reach = k * s->dilation[axis] - s->pad[axis];
      phases[k] = reach - floor_div(reach, s->stride[axis]) * s->stride[axis];
      places[k] = -floor_div(reach, s->stride[axis]);
    } else {
      int reach = k * s->dilation[axis] - s->pad[axis];
      places[k] = floor_div(reach, s->stride[axis]);
      phases[k] = reach - places[k] * s->stride[axis];
    }
  }
}

/// Sums [rows][group_blocks][16] of a group of output blocks, channel by channel to a plain output.
static void finish_channels(
  const convolution_job *job, const direct_plan *plan, int sample, int group, size_t start, long count, float *sums) {
  size_t stride = whole_tile((int)count);
  float *rows = sums + whole_tile(plan->rows) * plan->group_blocks * LANES;
  for (int n = 0; n < plan->group_blocks; n++) {
    int channel = (group * plan->group_blocks + n) * LANES, channels = job->shape->out_channels - channel;
    if (channels <= 0) return;
    for (size_t from = 0; from < stride; from += LANES) {
      v16 tile[LANES];
      UNROLL for (int r = 0; r < LANES; r++) tile[r] = load16(sums + ((from + r) * plan->group_blocks + n) * LANES);
      transpose16(tile);
      UNROLL for (int r = 0; r < LANES; r++) store16(rows + r * stride + from, tile[r]);
    }
    finish_rows(job, sample, channel, channels < LANES ? channels : LANES, rows, stride, start, count);
  }
}

/// Where a tile of a pointwise convolution finds what it reads, and where it goes: neighbouring positions of a group of
/// output blocks.
typedef struct {
  const float *rows;
  size_t block_stride;
  int blocks, last_lanes;
  /// The blocks behind them, in a tensor of their own.
  const float *tail_rows;
  int tail_blocks, tail_last_lanes;
  const float *weights;
  size_t weight_block;
  /// Of the group; NULL for none.
  const float *bias, *slope, *residual;
  float *output;
  /// Floats from one block to the next, of the output and the residual.
  size_t output_block;
  int is_streaming;
} pointwise_tile;

/// A tile from the product to what is stored without leaving the registers.
INLINE void compute_tile(const int row_count, const int width, const martlet_function function, const pointwise_tile *t) {
  static const long no_offset[1] = {0};
  static const int first_tap[1] = {0};
  const martlet_function_call call = {function, 0, 0};
  v16 sum[24];
  UNROLL for (int n = 0; n < width; n++) {
    v16 bias = t->bias ? load16(t->bias + n * LANES) : zero16();
    UNROLL for (int r = 0; r < row_count; r++) sum[r * width + n] = bias;
  }
  multiply(
    row_count, width, LANES, t->rows, t->block_stride, t->blocks, t->last_lanes, 1, no_offset, first_tap, t->weights,
    t->weight_block, sum);
  if (t->tail_blocks > 0)
    multiply(
      row_count, width, LANES, t->tail_rows, t->block_stride, t->tail_blocks, t->tail_last_lanes, 1, no_offset, first_tap,
      t->weights + t->blocks * t->weight_block, t->weight_block, sum);
  UNROLL for (int n = 0; n < width; n++) {
    float *output = t->output + n * t->output_block;
    UNROLL for (int r = 0; r < row_count; r++) sum[r * width + n] = function16(&call, sum[r * width + n]);
    if (t->residual) {
      const float *residual = t->residual + n * t->output_block;
      UNROLL for (int r = 0; r < row_count; r++) sum[r * width + n] += load16(residual + r * LANES);
    }
    if (t->slope) {
      v16 slope = load16(t->slope + n * LANES);
      UNROLL for (int r = 0; r < row_count; r++) sum[r * width + n] = rectify16(sum[r * width + n], slope);
    }
    if (t->is_streaming) {
      UNROLL for (int r = 0; r < row_count; r++) put(output + r * LANES, sum[r * width + n], 1);
    } else {
      UNROLL for (int r = 0; r < row_count; r++) store16(output + r * LANES, sum[r * width + n]);
    }
  }
}

#define TILE(name, rows, width, function)                               \
  static __attribute__((noinline)) void name(const pointwise_tile *t) { \
    compute_tile(rows, width, function, t);                             \
  }
TILE(identity_tile_1, MAX_ROWS, 1, MARTLET_IDENTITY)
TILE(gelu_tile_1, MAX_ROWS, 1, MARTLET_GELU)
#if MAX_ROWS == 24
TILE(identity_tile_2, PAIR_ROWS, 2, MARTLET_IDENTITY)
TILE(gelu_tile_2, PAIR_ROWS, 2, MARTLET_GELU)
#else
#define identity_tile_2 identity_tile_1
#define gelu_tile_2 gelu_tile_1
#endif

/// The leading positions that whole tiles take; those behind are shared out evenly among smaller ones.
INLINE long whole_tiles(long count, int max_rows) {
  long rest = count % max_rows, tiles = count / max_rows;
  if (rest > 0 && rest < max_rows / 2 && tiles > 0) tiles--;
  return tiles * max_rows;
}

/// Whether a tile goes from the product to what is stored without leaving the registers.
INLINE int is_one_step(const convolution_job *job) {
  martlet_function function = job->extras->function.function;
  return !job->shape->plain_output && !job->extras->statistics &&
         (function == MARTLET_IDENTITY || function == MARTLET_GELU);
}

/// What a pointwise convolution reads at some positions: rows of channels, and those of the blocks behind them where they
/// lie in a tensor of their own.
typedef struct {
  const float *rows, *tail_rows;
  size_t block_stride;
  int tail_blocks;
} pointwise_source;

/// Rows of the input from `start` on, copied to `copies` where they are changed on load, or lie in two tensors and don't
/// fill whole tiles.
static pointwise_source source_rows(
  const convolution_job *job, const direct_plan *plan, int sample, size_t start, long count, float *copies) {
  size_t plane = plane_of(job->shape->out);
  int tail = blocks_of(job->extras->tail_channels), head = plan->in_blocks - tail, max_rows;
  products_for(plan->group_blocks, plan->lanes, &max_rows);
  pointwise_source source = {
    .rows = job->input + ((size_t)sample * head * plane + start) * LANES, .block_stride = plane * LANES, .tail_blocks = tail,
    .tail_rows = tail ? job->extras->tail_input + ((size_t)sample * tail * plane + start) * LANES : NULL};
  if (!job->extras->load_scale && (tail == 0 || (is_one_step(job) && count % max_rows == 0))) return source;
  for (int block = 0; block < plan->in_blocks; block++)
    copy_row(
      job->extras, ((size_t)sample * plan->in_blocks + block) * LANES,
      block < head ? source.rows + block * source.block_stride : source.tail_rows + (block - head) * source.block_stride,
      count, 0, 1, count, LANES, copies + (size_t)block * plan->rows * LANES);
  return (pointwise_source){.rows = copies, .block_stride = (size_t)plan->rows * LANES};
}

/// Stores another tensor's elements times the one channel that was summed up.
static void gate_rows(const convolution_job *job, int sample, float *sums, size_t start, long count) {
  const martlet_convolution_extras *extras = job->extras;
  size_t plane = plane_of(job->shape->out), blocks = (size_t)blocks_of(extras->gated_channels);
  for (long i = 0; i < count; i++) sums[i] += extras->bias ? extras->bias[0] : 0;
  function_row(&extras->function, sums, sums, (size_t)count);
  for (size_t block = 0; block < blocks; block++) {
    size_t place = ((sample * blocks + block) * plane + start) * LANES;
    for (long i = 0; i < count; i++)
      put(
        job->output + place + i * LANES, load16(extras->gated + place + i * LANES) * all16(sums[i]), job->is_streaming);
  }
}

/// `count` positions of a 1×1×1 kernel from `start` on; `sums` holds the plan's sum_floats.
static void pointwise_rows(
  const convolution_job *job, const direct_plan *plan, int sample, const pointwise_source *source, size_t start,
  long count, float *sums, double *partial) {
  static const long no_offset[1] = {0};
  static const int first_tap[1] = {0};
  const martlet_convolution *s = job->shape;
  const martlet_convolution_extras *extras = job->extras;
  if (is_narrow(s)) {
    narrow_source narrow = {
      .rows = source->rows, .weights = job->weights, .block_stride = source->block_stride, .blocks = plan->in_blocks,
      .outputs = s->out_channels};
    narrow_rows(&narrow, count, sums, (size_t)plan->rows);
    if (extras->gated)
      gate_rows(job, sample, sums, start, count);
    else
      finish_rows(job, sample, 0, s->out_channels, sums, (size_t)plan->rows, start, count);
    return;
  }
  int last = (s->in_channels - 1) % LANES + 1, max_rows;
  size_t weight_block = (size_t)plan->lanes * plan->group_blocks * LANES, plane = plane_of(s->out);
  const product_kernel *products = products_for(plan->group_blocks, plan->lanes, &max_rows);
  int is_gelu = extras->function.function == MARTLET_GELU;
  void (*compute)(const pointwise_tile *) =
    plan->group_blocks == 2 ? (is_gelu ? gelu_tile_2 : identity_tile_2) : (is_gelu ? gelu_tile_1 : identity_tile_1);
  long whole = is_one_step(job) ? whole_tiles(count, max_rows) : 0, tiles = (count - whole + max_rows - 1) / max_rows;
  for (int group = 0; group < plan->groups; group++) {
    int block = group * plan->group_blocks;
    size_t place = (((size_t)sample * blocks_of(s->out_channels) + block) * plane + start) * LANES;
    pointwise_tile tile = {
      .rows = source->rows, .block_stride = source->block_stride, .blocks = plan->in_blocks - source->tail_blocks,
      .last_lanes = source->tail_blocks > 0 ? LANES : last, .tail_rows = source->tail_rows,
      .tail_blocks = source->tail_blocks, .tail_last_lanes = last,
      .weights = job->weights + (size_t)group * plan->in_blocks * weight_block, .weight_block = weight_block,
      .bias = extras->bias ? extras->bias + block * LANES : NULL,
      .slope = extras->slope ? extras->slope + block * LANES : NULL,
      .residual = extras->residual ? extras->residual + place : NULL, .output = job->output + place,
      .output_block = plane * LANES, .is_streaming = job->is_streaming};
    for (long from = 0; from < whole; from += max_rows) {
      compute(&tile);
      tile.rows += max_rows * LANES, tile.output += max_rows * LANES;
      if (tile.tail_rows) tile.tail_rows += max_rows * LANES;
      if (tile.residual) tile.residual += max_rows * LANES;
    }
    for (long index = 0; index < tiles; index++) {
      long from = whole + (count - whole) * index / tiles, to = whole + (count - whole) * (index + 1) / tiles;
      products[to - from](
        source->rows + from * LANES, source->block_stride, plan->in_blocks, last, 1, no_offset, first_tap, tile.weights,
        weight_block, s->plain_output ? sums + from * plan->group_blocks * LANES : sums);
      if (s->plain_output) continue;
      long positions[24];
      for (long i = from; i < to; i++) positions[i - from] = (long)start + i;
      finish(job, sample, block, plan->group_blocks, (int)(to - from), positions, sums, partial);
    }
    if (s->plain_output) finish_channels(job, plan, sample, group, start, count, sums);
  }
}

/// All positions of a 1×1×1 kernel, as one long row.
static void pointwise_piece(convolution_job *job, long piece, int thread) {
  const martlet_convolution *s = job->shape;
  const direct_plan *plan = job->plan;
  int sample = (int)(piece / plan->pieces_per_sample);
  size_t plane = plane_of(s->out), start = (size_t)(piece % plan->pieces_per_sample) * (size_t)plan->rows;
  long count = (long)(plane - start < (size_t)plan->rows ? plane - start : (size_t)plan->rows);
  float *scratch = job->scratch + (size_t)thread * plan->copy_floats;
  pointwise_source source = source_rows(job, plan, sample, start, count, scratch);
  double *partial = job->partial ? job->partial + (size_t)piece * blocks_of(s->out_channels) * 2 * LANES : NULL;
  float *sums = scratch + plan->copy_floats - plan->sum_floats;
  pointwise_rows(job, plan, sample, &source, start, count, sums, partial);
}

/// The weights and bias of a convolution of one tap with the scale and shift of a sample's loading in them.
void NAME(fold_load)(void *context, long sample, int thread) {
  (void)thread;
  const folding *f = context;
  const martlet_convolution *s = f->shape;
  const martlet_convolution_extras *extras = f->extras;
  int in_blocks = blocks_of(s->in_channels), out_blocks = blocks_of(s->out_channels);
  size_t weight_count = (size_t)in_blocks * out_blocks * LANES * LANES, width = (size_t)f->group_blocks * LANES;
  float *weights = f->folded + (size_t)sample * f->stride, *bias = weights + weight_count;
  const float *scales = extras->load_scale + (size_t)sample * in_blocks * LANES;
  const float *shifts = extras->load_shift + (size_t)sample * in_blocks * LANES;
  for (int block = 0; block < out_blocks; block++) {
    size_t group = (size_t)(block / f->group_blocks), first = (size_t)(block % f->group_blocks) * LANES;
    const float *from = f->weights + group * (size_t)in_blocks * LANES * width + first;
    float *to = weights + (from - f->weights);
    d16 sum = __builtin_convertvector(extras->bias ? load16(extras->bias + block * LANES) : zero16(), d16);
    for (int channel = 0; channel < in_blocks * LANES; channel++) {
      v16 weight = load16(from + (size_t)channel * width);
      store16(to + (size_t)channel * width, weight * scales[channel]);
      sum += __builtin_convertvector(weight, d16) * (double)shifts[channel];
    }
    store16(bias + block * LANES, __builtin_convertvector(sum, v16));
  }
}

/// Positions through two 1×1×1 kernels; what comes between lies in the second's scratch.
void NAME(pair_piece)(convolution_job *second, long piece, int thread) {
  const convolution_job *first = second->before;
  const direct_plan *plan = second->plan, *plan_before = first->plan;
  int sample = (int)(piece / plan->pieces_per_sample);
  size_t plane = plane_of(second->shape->out), start = (size_t)(piece % plan->pieces_per_sample) * (size_t)plan->rows;
  long count = (long)(plane - start < (size_t)plan->rows ? plane - start : (size_t)plan->rows);
  float *hidden = second->scratch + (size_t)thread * plan->copy_floats;
  float *copies = hidden + (size_t)plan->in_blocks * plan->rows * LANES, *sums = hidden + plan->copy_floats - plan->sum_floats;
  convolution_job job = *first;
  martlet_convolution_extras extras = *first->extras;
  if (second->folded) {
    job.weights = second->folded + (size_t)sample * second->folded_stride;
    extras.bias = job.weights + second->folded_stride - blocks_of(first->shape->out_channels) * LANES;
    extras.load_scale = extras.load_shift = extras.load_slope = NULL;
    job.extras = &extras;
  }
  pointwise_source source = source_rows(&job, plan_before, sample, start, count, copies);
  // The first's outputs are a tensor of its own for these positions.
  martlet_convolution shape = *first->shape;
  shape.out[0] = shape.out[1] = 1, shape.out[2] = plan->rows;
  job.shape = &shape, job.output = hidden;
  pointwise_rows(&job, plan_before, 0, &source, 0, count, sums, NULL);
  double *partial =
    second->partial ? second->partial + (size_t)piece * blocks_of(second->shape->out_channels) * 2 * LANES : NULL;
  source = (pointwise_source){.rows = hidden, .block_stride = (size_t)plan->rows * LANES};
  pointwise_rows(second, plan, sample, &source, start, count, sums, partial);
}

/// Rows of channels that a convolution of vectors along the rows reads: the row of each tap, and the weights of each
/// channel and tap.
typedef struct {
  const float *rows, *weights;
  /// Floats from one channel to the next, and of the weights from one channel or tap to the next.
  size_t channel_stride, weight_channel, weight_tap;
  int channels, taps;
  const long *offsets;
  const int *tap_of;
} row_source;

/// target[output][.] from `column` on: the sums of `vectors` vectors.
INLINE void sum_vectors(
  const int outputs, const int vectors, const row_source *source, long column, float *target, size_t target_stride) {
  v16 sums[16];
  UNROLL for (int i = 0; i < outputs * vectors; i++) sums[i] = zero16();
  for (int channel = 0; channel < source->channels; channel++) {
    const float *rows = source->rows + channel * source->channel_stride + column;
    const float *weights = source->weights + channel * source->weight_channel;
    NO_UNROLL for (int tap = 0; tap < source->taps; tap++) {
      const float *x = rows + source->offsets[tap], *w = weights + source->tap_of[tap] * source->weight_tap;
      UNROLL for (int i = 0; i < vectors; i++) {
        v16 value = load16u(x + i * LANES);
        UNROLL for (int n = 0; n < outputs; n++) sums[n * vectors + i] += value * w[n];
      }
    }
  }
  UNROLL for (int n = 0; n < outputs; n++)
    UNROLL for (int i = 0; i < vectors; i++) store16(target + n * target_stride + column + i * LANES, sums[n * vectors + i]);
}

/// A row of sums in whole vectors: as many at a time as the registers have room for, then those that are left.
#define SUM_ROW(outputs)                                                                        \
  static __attribute__((noinline)) void sum_row_##outputs(                                      \
    const row_source *source, long length, float *target, size_t target_stride) {               \
    enum { MOST = MAX_ROWS / (outputs) >= 4 ? 4 : 1 };                                          \
    long column = 0;                                                                            \
    for (; length - column > (MOST - 1) * LANES; column += MOST * LANES)                        \
      sum_vectors(outputs, MOST, source, column, target, target_stride);                        \
    if (MOST == 1) return;                                                                      \
    switch ((length - column + LANES - 1) / LANES) {                                            \
      case 1: sum_vectors(outputs, 1, source, column, target, target_stride); break;            \
      case 2: sum_vectors(outputs, 2, source, column, target, target_stride); break;            \
      case 3: sum_vectors(outputs, 3, source, column, target, target_stride); break;            \
      default: break;                                                                           \
    }                                                                                           \
  }
SUM_ROW(1) SUM_ROW(2) SUM_ROW(3) SUM_ROW(4)

static void (*const sum_row[])(const row_source *source, long length, float *target, size_t target_stride) = {
  sum_row_1, sum_row_2, sum_row_3, sum_row_4};

/// target[i * phases + phase] = from[phase * phase_stride + i], `count` elements in all, or up to a whole vector more.
static void weave(int phases, const float *from, size_t phase_stride, long count, float *target) {
  long done = 0;
  if (phases == 2)
    for (; done < count; done += 2 * LANES) {
      v16 even = load16(from + done / 2), odd = load16(from + phase_stride + done / 2);
      store16(
        target + done, __builtin_shufflevector(even, odd, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23));
      store16(
        target + done + LANES,
        __builtin_shufflevector(even, odd, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31));
    }
  for (; done < count; done++) target[done] = from[(size_t)(done % phases) * phase_stride + done / phases];
}

/// The kernel's depth taps that meet the input at an output's depth, and the depths where they do; their number.
static int depth_taps(const martlet_convolution *s, int out_d, int *taps, int *depths) {
  int count = 0;
  for (int k = 0; k < s->kernel[0]; k++) {
    int reach = s->transposed ? out_d + s->pad[0] - k * s->dilation[0]
                              : out_d * s->stride[0] - s->pad[0] + k * s->dilation[0];
    if (s->transposed && (reach < 0 || reach % s->stride[0] != 0)) continue;
    int place = s->transposed ? reach / s->stride[0] : reach;
    if (place < 0 || place >= s->in[0]) continue;
    taps[count] = k;
    depths[count++] = place;
  }
  return count;
}

/// Floats of what is copied of the input for some rows: of a row of one phase, a phase, a channel or block, and a depth.
typedef struct {
  size_t row, phase, block, depth;
} copy_floats;

static copy_floats copy_floats_of(const direct_plan *plan) {
  copy_floats floats = {.row = (size_t)plan->copied_width * plan->lanes};
  floats.phase = floats.row * plan->copied_rows;
  floats.block = floats.phase * plan->phases_h * plan->phases_w;
  floats.depth = floats.block * plan->in_blocks;
  return floats;
}

/// Copies one depth of the input for `rows` rows of the output from `row` on.
static void copy_depth(const convolution_job *job, int sample, int depth, int row, int rows, float *copy) {
  const martlet_convolution *s = job->shape;
  const direct_plan *plan = job->plan;
  copy_floats floats = copy_floats_of(plan);
  int narrow = is_narrow(s), lanes = narrow ? LANES : plan->lanes;
  // The blocks of a narrow convolution's input are copied apart, each channel for itself.
  int together = lanes / plan->lanes, step_h = plan->phases_h, step_w = plan->phases_w;
  int reach = plan->last_offset[1] - plan->first_offset[1];
  long columns = plan->positions[2] + plan->last_offset[2] - plan->first_offset[2];
  for (int block = 0; block < plan->in_blocks; block += together) {
    size_t channel_block = ((size_t)sample * plan->in_blocks + block) / together;
    const float *source = job->input + (channel_block * s->in[0] + depth) * s->in[1] * s->in[2] * lanes;
    float *target = copy + block * floats.block;
    for (int ph = 0; ph < step_h; ph++)
      for (int pw = 0; pw < step_w; pw++)
        for (int r = 0; r < plan->copied_rows; r++, target += floats.row) {
          int h = (row + plan->first_offset[1] + r) * step_h + ph;
          long first = (long)plan->first_offset[2] * step_w + pw;
          const float *from = source + (long)h * s->in[2] * lanes;
          if (h < 0 || h >= s->in[1] || r >= rows + reach) {
            for (int channel = 0; channel < together; channel++)
              memset(target + channel * floats.block, 0, floats.row * sizeof(float));
          } else if (narrow) {
            copy_row_apart(
              job->extras, channel_block * LANES, from, s->in[2], first, step_w, columns, target, floats.block);
          } else {
            copy_row(
              job->extras, channel_block * lanes, from, s->in[2], first, step_w, plan->copied_width, lanes, target);
          }
        }
  }
}

/// Some rows of a depth of the output, from the depths of the input in `slots` of the copy.
static void direct_rows(
  const convolution_job *job, int sample, int out_d, int row, int rows, const float *copy, int depth_count,
  const int *depth_taps, const int *slots, float *results, double *partial) {
  const martlet_convolution *s = job->shape;
  const direct_plan *plan = job->plan;
  copy_floats floats = copy_floats_of(plan);
  int lanes = plan->lanes, width = plan->copied_width, kernel_plane = s->kernel[1] * s->kernel[2];
  int step_w = plan->phases_w;
  size_t weight_block = (size_t)plan->taps * lanes * plan->group_blocks * LANES;
  int last = lanes == 1 ? 1 : (s->in_channels - 1) % LANES + 1, max_rows;
  const product_kernel *products = products_for(plan->group_blocks, lanes, &max_rows);
  int narrow = is_narrow(s), is_by_rows = narrow || (is_planar(s) && !partial);
  float *sums = results + plan->result_floats;

  // Where each tap of the height and width meets the input, and the phase in which it does.
  int heights[MAX_TAPS], height_phases[MAX_TAPS], widths[MAX_TAPS], width_phases[MAX_TAPS];
  axis_taps(s, 1, heights, height_phases);
  axis_taps(s, 2, widths, width_phases);

  int out_phases_h = s->transposed ? s->stride[1] : 1, out_phases_w = s->transposed ? s->stride[2] : 1;
  for (int ph = 0; ph < out_phases_h; ph++)
    for (int pw = 0; pw < out_phases_w; pw++) {
      // The taps that meet this phase of the output.
      long offsets[MAX_TAPS];
      int tap_of[MAX_TAPS], taps = 0;
      for (int slot = 0; slot < depth_count; slot++)
        for (int kh = 0; kh < s->kernel[1]; kh++) {
          if (s->transposed && height_phases[kh] != ph) continue;
          for (int kw = 0; kw < s->kernel[2]; kw++) {
            if (s->transposed && width_phases[kw] != pw) continue;
            int in_phase = s->transposed ? 0 : height_phases[kh] * step_w + width_phases[kw];
            offsets[taps] = (long)(slots[slot] * floats.depth + in_phase * floats.phase) +
                            ((long)(heights[kh] - plan->first_offset[1]) * width + widths[kw] -
                             plan->first_offset[2]) * lanes;
            tap_of[taps++] = depth_taps[slot] * kernel_plane + kh * s->kernel[2] + kw;
          }
        }
      int row_length = (s->out[2] - pw + out_phases_w - 1) / out_phases_w;
      int row_count = 0;
      for (int r = 0; r < rows; r++) row_count += (row + r) * out_phases_h + ph < s->out[1];
      if (row_length <= 0 || row_count <= 0) continue;
      if (is_by_rows) {
        row_source source = {
          .rows = copy, .channel_stride = floats.block, .channels = s->in_channels, .taps = taps,
          .weight_tap = narrow ? NARROW_OUTPUTS : LANES, .offsets = offsets, .tap_of = tap_of};
        source.weight_channel = plan->taps * source.weight_tap;
        // Results lie by rows, channels and phases of the width.
        size_t phase_stride = whole_tile(plan->positions[2]), channel_stride = phase_stride * out_phases_w;
        float *line = results + plan->rows * s->out_channels * channel_stride;
        for (int r = 0; r < row_count; r++, source.rows += width) {
          float *result = results + r * s->out_channels * channel_stride;
          for (int first = 0; first < s->out_channels; first += NARROW_OUTPUTS) {
            int outputs = s->out_channels - first < NARROW_OUTPUTS ? s->out_channels - first : NARROW_OUTPUTS;
            source.weights = job->weights + (size_t)first * plan->in_blocks * plan->taps;
            sum_row[outputs - 1](
              &source, row_length, result + first * channel_stride + pw * phase_stride, channel_stride);
          }
          if (pw < out_phases_w - 1 && pw < s->out[2] - 1) continue;
          size_t place = ((size_t)out_d * s->out[1] + (size_t)(row + r) * out_phases_h + ph) * s->out[2];
          for (int channel = 0; channel < s->out_channels; channel++) {
            float *from = result + channel * channel_stride;
            if (out_phases_w > 1) weave(out_phases_w, from, phase_stride, s->out[2], line);
            finish_rows(job, sample, channel, 1, out_phases_w > 1 ? line : from, 0, place, s->out[2]);
          }
        }
        continue;
      }
      long count = (long)(row_count - 1) * width + row_length;
      long tiles = (count + max_rows - 1) / max_rows;
      for (int group = 0; group < plan->groups; group++) {
        const float *weights = job->weights + (size_t)group * plan->in_blocks * weight_block;
        for (long tile = 0; tile < tiles; tile++) {
          long from = count * tile / tiles, to = count * (tile + 1) / tiles;
          products[to - from](
            copy + from * lanes, floats.block, plan->in_blocks, last, taps, offsets, tap_of, weights, weight_block,
            sums);
          long positions[24];
          long r = from / width, column = from % width;
          for (long i = from; i < to; i++, column++) {
            if (column == width) column = 0, r++;
            long h = (row + r) * out_phases_h + ph, w = column * out_phases_w + pw;
            positions[i - from] = column < row_length ? ((long)out_d * s->out[1] + h) * s->out[2] + w : -1;
          }
          finish(
            job, sample, group * plan->group_blocks, plan->group_blocks, (int)(to - from), positions, sums, partial);
        }
      }
    }
}

void NAME(direct_piece)(convolution_job *job, long piece, int thread) {
  const martlet_convolution *s = job->shape;
  const direct_plan *plan = job->plan;
  if (plan->is_pointwise) {
    pointwise_piece(job, piece, thread);
    return;
  }
  int sample = (int)(piece / plan->pieces_per_sample), rest = (int)(piece % plan->pieces_per_sample);
  int run = rest / plan->chunks, chunk = rest % plan->chunks;
  float *copy = job->scratch + (size_t)thread * plan->copy_floats;
  float *results = copy + plan->copy_floats - 48 * LANES - plan->result_floats;
  double *partial = job->partial ? job->partial + (size_t)piece * blocks_of(s->out_channels) * 2 * LANES : NULL;
  size_t depth_floats = copy_floats_of(plan).depth;
  int first_group = plan->row_groups * chunk / plan->chunks, end_group = plan->row_groups * (chunk + 1) / plan->chunks;
  int first_depth = s->out[0] * run / plan->runs, end_depth = s->out[0] * (run + 1) / plan->runs;
  for (int row_group = first_group; row_group < end_group; row_group++) {
    int row = row_group * plan->rows;
    int rows = plan->positions[1] - row < plan->rows ? plan->positions[1] - row : plan->rows;
    // The depths that lie in the slots of the copy: what the last depth of the output has left there is used again.
    int held[MAX_DEPTHS];
    for (int slot = 0; slot < s->kernel[0]; slot++) held[slot] = -1;
    for (int out_d = first_depth; out_d < end_depth; out_d++) {
      int taps[MAX_DEPTHS], depths[MAX_DEPTHS], slots[MAX_DEPTHS], is_taken[MAX_DEPTHS] = {0};
      int count = depth_taps(s, out_d, taps, depths);
      for (int i = 0; i < count; i++) {
        slots[i] = -1;
        for (int slot = 0; slot < s->kernel[0]; slot++)
          if (held[slot] == depths[i]) slots[i] = slot, is_taken[slot] = 1;
      }
      for (int i = 0, slot = 0; i < count; i++) {
        if (slots[i] >= 0) continue;
        while (is_taken[slot]) slot++;
        copy_depth(job, sample, depths[i], row, rows, copy + slot * depth_floats);
        held[slot] = depths[i], slots[i] = slot++;
      }
      direct_rows(job, sample, out_d, row, rows, copy, count, taps, slots, results, partial);
    }
  }
}

// MARK: - Winograd's convolution

// The points 0, ±A, ±B, ∞ with A = 1/√2 and B = √2 for four outputs; 0, ±1, ∞ for two.
#define A 0.70710678118654752f
#define B 1.41421356237309505f

/// One axis of the input's transform: `points_of` of the outputs from `window_of` elements.
INLINE void transform_input(const int m, const int taps, const winograd_stride stride, const v16 *d, v16 *t) {
  if (m == 1) {
    t[0] = d[0];
  } else if (stride == TRANSPOSED_TWO) {
    // The points 0, 1, ∞ for the outputs of two taps, then the others' elements.
    t[0] = d[0] - d[1];
    t[1] = d[1];
    t[2] = d[2] - d[1];
    t[3] = d[0];
    t[4] = d[1];
  } else if (stride == STRIDE_TWO && m == 2) {
    // The points 0, 1, ∞ for the elements of two taps, then the others.
    t[0] = d[0] - d[2];
    t[1] = d[2];
    t[2] = d[4] - d[2];
    t[3] = d[1];
    t[4] = d[3];
  } else if (stride == STRIDE_TWO) {
    // The points 0, 1, -1, 2, ∞ for the elements of two taps, then the others.
    v16 a = d[6] - d[2], b = d[4] - d[2];
    t[0] = a - 2.0f * (d[4] - d[0]);
    t[1] = d[6] - d[4] - 2.0f * d[2];
    t[2] = a - 3.0f * b;
    t[3] = a;
    t[4] = (d[8] - d[4]) - 2.0f * a;
    t[5] = d[1];
    t[6] = d[3];
    t[7] = d[5];
    t[8] = d[7];
  } else if (m + taps == 5) {
    t[0] = d[0] - d[2];
    t[1] = d[1] + d[2];
    t[2] = d[2] - d[1];
    t[3] = d[3] - d[1];
  } else {
    // A²B² = 1, A² + B² = 2.5.
    v16 a = d[4] - 2.0f * d[2], b = d[3] - 2.0f * d[1];
    v16 c = d[4] - 0.5f * d[2], e = d[3] - 0.5f * d[1];
    t[0] = d[0] + (d[4] - 2.5f * d[2]);
    t[1] = a + A * b;
    t[2] = a - A * b;
    t[3] = c + B * e;
    t[4] = c - B * e;
    t[5] = d[1] + (d[5] - 2.5f * d[3]);
  }
}

/// One axis of the output's transform: `m` outputs from the products at the points.
INLINE void transform_output(const int m, const int taps, const winograd_stride stride, const v16 *t, v16 *y) {
  if (m == 1) {
    y[0] = t[0];
  } else if (stride == TRANSPOSED_TWO) {
    y[0] = t[3];
    y[1] = t[0] + t[1];
    y[2] = t[4];
    y[3] = t[1] + t[2];
  } else if (stride == STRIDE_TWO && m == 2) {
    y[0] = t[0] + t[1] + t[3];
    y[1] = t[1] + t[2] + t[4];
  } else if (stride == STRIDE_TWO) {
    v16 sum = t[1] + t[2], difference = t[1] - t[2];
    y[0] = t[0] + sum + (t[3] + t[5]);
    y[1] = difference + (2.0f * t[3] + t[6]);
    y[2] = sum + (4.0f * t[3] + t[7]);
    y[3] = difference + (8.0f * t[3] + t[8]) + t[4];
  } else if (m + taps == 5) {
    y[0] = t[0] + t[1] + t[2];
    y[1] = t[1] - t[2] + t[3];
  } else {
    v16 s1 = t[1] + t[2], s2 = t[1] - t[2], s3 = t[3] + t[4], s4 = t[3] - t[4];
    y[0] = t[0] + s1 + s3;
    if (m == 2) {
      y[1] = A * s2 + B * s4 + t[5];
    } else {
      y[1] = A * s2 + B * s4;
      y[2] = 0.5f * s1 + 2.0f * s3;
      y[3] = (A * 0.5f) * s2 + (B * 2.0f) * s4 + t[5];
    }
  }
}
#undef A
#undef B

/// Where a tile lies: the sub-grid of a dilated kernel, and its number along each axis.
typedef struct {
  int sub[3], tile[3];
} tile_place;

INLINE tile_place place_of(const martlet_convolution *s, const winograd_plan *plan, long tile) {
  tile_place place;
  for (int axis = 2; axis >= 0; axis--) {
    place.tile[axis] = (int)(tile % plan->tiles[axis]);
    tile /= plan->tiles[axis];
  }
  for (int axis = 2; axis >= 0; axis--) {
    place.sub[axis] = (int)(tile % s->dilation[axis]);
    tile /= s->dilation[axis];
  }
  return place;
}

/// Tiles beside each other along the width, which share columns: their place, their number within the tiles at hand, and
/// the number of their first column.
typedef struct {
  tile_place place;
  int count, first_tile, first_column;
} tile_run;

/// The runs of the tiles from..<to of a sample.
static int runs_of(const convolution_job *job, long from, long to, tile_run *runs) {
  const winograd_plan *plan = job->plan;
  int count = 0, column = 0;
  for (long tile = from; tile < to;) {
    tile_run run = {.place = place_of(job->shape, plan, tile), .first_tile = (int)(tile - from), .first_column = column};
    long tiles = plan->tiles[2] - run.place.tile[2];
    run.count = (int)(tiles < to - tile ? tiles : to - tile);
    column += run.count * plan->step + plan->window - plan->step;
    tile += run.count;
    runs[count++] = run;
  }
  return count;
}

/// Transforms the columns of a run along depth and height, for one block of channels: columns[point * stride + column * 16].
INLINE void transform_columns(
  const int md, const int mh, const int taps, const winograd_stride strided, const int has_extras, const convolution_job *job,
  int sample, int block, const tile_run *run, float *columns, size_t stride) {
  const martlet_convolution *s = job->shape;
  const winograd_plan *plan = job->plan;
  const int wd = window_of(md, taps, strided), wh = window_of(mh, taps, strided);
  const int pd = points_of(md, taps, strided), ph = points_of(mh, taps, strided);
  size_t row = (size_t)s->in[2] * LANES;
  const float *base = job->input + ((size_t)sample * plan->in_blocks + block) * s->in[0] * s->in[1] * row;
  const float *rows[MAX_POINT_ROWS];
  // The windows of a transposed convolution begin with the element that its first output comes from.
  static const int no_pad[3] = {0, 0, 0};
  const int *pad = strided == TRANSPOSED_TWO ? no_pad : s->pad;
  const tile_place *place = &run->place;
  int dz = s->dilation[0], dh = s->dilation[1], dw = s->dilation[2];
  for (int z = 0; z < wd; z++)
    for (int h = 0; h < wh; h++) {
      int d = place->sub[0] - pad[0] + dz * (place->tile[0] * step_of(md, strided) + z);
      int y = place->sub[1] - pad[1] + dh * (place->tile[1] * step_of(mh, strided) + h);
      int is_inside = d >= 0 && d < s->in[0] && y >= 0 && y < s->in[1];
      rows[z * wh + h] = is_inside ? base + ((size_t)d * s->in[1] + y) * row : NULL;
    }
  v16 scale = zero16(), shift = zero16(), slope = zero16();
  if (has_extras) {
    size_t channel = ((size_t)sample * plan->in_blocks + block) * LANES;
    scale = load16(job->extras->load_scale + channel);
    shift = load16(job->extras->load_shift + channel);
    slope = load16(job->extras->load_slope + channel);
  }
  int count = run->count * plan->step + plan->window - plan->step;
  for (int c = 0; c < count; c++) {
    long x = place->sub[2] - pad[2] + (long)dw * ((long)place->tile[2] * plan->step + c);
    float *target = columns + (size_t)(run->first_column + c) * LANES;
    if (x < 0 || x >= s->in[2]) {
      for (int i = 0; i < pd * ph; i++) store16(target + i * stride, zero16());
      continue;
    }
    v16 half[MAX_POINT_ROWS];
    NO_UNROLL for (int h = 0; h < wh; h++) {
      v16 in[9], out[9];
      UNROLL for (int z = 0; z < wd; z++) {
        const float *p = rows[z * wh + h];
        if (p) {
          in[z] = load16(p + x * LANES);
          // The rows are too many for the processor to foresee all of them.
          __builtin_prefetch(p + (x + 6) * LANES);
          if (has_extras) in[z] = rectify16(in[z] * scale + shift, slope);
        } else {
          in[z] = zero16();
        }
      }
      transform_input(md, taps, strided, in, out);
      UNROLL for (int z = 0; z < pd; z++) half[z * wh + h] = out[z];
    }
    NO_UNROLL for (int z = 0; z < pd; z++) {
      v16 out[9];
      transform_input(mh, taps, strided, half + z * wh, out);
      UNROLL for (int h = 0; h < ph; h++) store16(target + (z * ph + h) * stride, out[h]);
    }
  }
}

/// The rest of the input's transform for a row of points, along the width: v[point * stride + tile * 16].
INLINE void transform_row(
  const int mw, const int taps, const winograd_stride strided, const tile_run *runs, int run_count, const float *columns, float *v,
  size_t stride) {
  const int window = window_of(mw, taps, strided), points = points_of(mw, taps, strided);
  for (int r = 0; r < run_count; r++) {
    const float *from = columns + (size_t)runs[r].first_column * LANES;
    float *to = v + (size_t)runs[r].first_tile * LANES;
    NO_UNROLL for (int t = 0; t < runs[r].count; t++) {
      v16 in[9], out[9];
      UNROLL for (int c = 0; c < window; c++) in[c] = load16(from + c * LANES);
      transform_input(mw, taps, strided, in, out);
      UNROLL for (int p = 0; p < points; p++) store16(to + p * stride, out[p]);
      from += step_of(mw, strided) * LANES;
      to += LANES;
    }
  }
}

/// Transforms the products of a row of points back along the width, for `count` vectors m[point * stride + vector * 16]:
/// y[vector * vector_stride + 16 * (0..<mw)].
INLINE void transform_row_back(
  const int mw, const int taps, const winograd_stride strided, int count, const float *m, size_t stride, float *y,
  size_t vector_stride) {
  const int points = points_of(mw, taps, strided);
  NO_UNROLL for (int i = 0; i < count; i++) {
    v16 in[9], out[4];
    UNROLL for (int p = 0; p < points; p++) in[p] = load16(m + p * stride);
    transform_output(mw, taps, strided, in, out);
    UNROLL for (int c = 0; c < mw; c++) store16(y + c * LANES, out[c]);
    m += LANES;
    y += vector_stride;
  }
}

/// Transforms a tile back along height and depth, y[row of points][width of the tile][16], and finishes its elements.
INLINE void finish_tile(
  const int md, const int mh, const int mw, const int taps, const winograd_stride strided, const convolution_job *job, int sample,
  int block, tile_place place, const float *y, double *partial) {
  const martlet_convolution *s = job->shape;
  const martlet_convolution_extras *extras = job->extras;
  const int ad = points_of(md, taps, strided), ah = points_of(mh, taps, strided);
  v16 second[4 * 4 * 9];
  NO_UNROLL for (int z = 0; z < ad; z++) {
    NO_UNROLL for (int c = 0; c < mw; c++) {
      v16 in[9], out[4];
      UNROLL for (int h = 0; h < ah; h++) in[h] = load16(y + (size_t)((z * ah + h) * mw + c) * LANES);
      transform_output(mh, taps, strided, in, out);
      UNROLL for (int h = 0; h < mh; h++) second[(h * mw + c) * ad + z] = out[h];
    }
  }
  v16 bias = extras->bias ? load16(extras->bias + block * LANES) : zero16();
  v16 slope = extras->slope ? load16(extras->slope + block * LANES) : all16(1);
  size_t plane = (size_t)s->out[0] * s->out[1] * s->out[2];
  size_t base = ((size_t)sample * blocks_of(s->out_channels) + block) * plane;
  v16 values[64];
  int count = 0, is_changed = extras->function.function != MARTLET_IDENTITY;
  for (int h = 0; h < mh; h++) {
    int row = place.sub[1] + s->dilation[1] * (place.tile[1] * mh + h);
    if (row >= s->out[1]) break;
    for (int c = 0; c < mw; c++) {
      int x = place.sub[2] + s->dilation[2] * (place.tile[2] * mw + c);
      if (x >= s->out[2]) break;
      v16 out[4];
      transform_output(md, taps, strided, second + (h * mw + c) * ad, out);
      UNROLL for (int z = 0; z < md; z++) out[z] += bias;
      if (is_changed) apply_function(&extras->function, out, md);
      UNROLL for (int z = 0; z < md; z++) {
        int d = place.sub[0] + s->dilation[0] * (place.tile[0] * md + z);
        if (d < s->out[0]) {
          size_t position = (base + ((size_t)d * s->out[1] + row) * s->out[2] + x) * LANES;
          v16 value = out[z];
          if (extras->residual) value += load16(extras->residual + position);
          value = rectify16(value, slope);
          values[count++] = value;
          put(job->output + position, value, job->is_streaming);
        }
      }
    }
  }
  if (partial) add_statistics(partial, values, count);
}

#define VARIANT(name, md, mh, mw, taps, strided)                                                                      \
  static __attribute__((noinline)) void columns_##name(                                                               \
    const convolution_job *job, int sample, int block, const tile_run *run, float *columns, size_t stride) {          \
    transform_columns(md, mh, taps, strided, 0, job, sample, block, run, columns, stride);                                     \
  }                                                                                                                   \
  static __attribute__((noinline)) void columns_extras_##name(                                                        \
    const convolution_job *job, int sample, int block, const tile_run *run, float *columns, size_t stride) {          \
    transform_columns(md, mh, taps, strided, 1, job, sample, block, run, columns, stride);                                     \
  }                                                                                                                   \
  static __attribute__((noinline)) void row_##name(                                                                   \
    const tile_run *runs, int run_count, const float *columns, float *v, size_t stride) {                             \
    transform_row(mw, taps, strided, runs, run_count, columns, v, stride);                                            \
  }                                                                                                                   \
  static __attribute__((noinline)) void row_back_##name(                                                              \
    int count, const float *m, size_t stride, float *y, size_t vector_stride) {                                       \
    transform_row_back(mw, taps, strided, count, m, stride, y, vector_stride);                                        \
  }                                                                                                                   \
  static __attribute__((noinline)) void tile_##name(                                                                  \
    const convolution_job *job, int sample, int block, tile_place place, const float *y, double *partial) {           \
    finish_tile(md, mh, mw, taps, strided, job, sample, block, place, y, partial);                                             \
  }
VARIANT(444, 4, 4, 4, 3, UNIT_STRIDE)
VARIANT(244, 2, 4, 4, 3, UNIT_STRIDE)
VARIANT(222, 2, 2, 2, 3, UNIT_STRIDE)
VARIANT(144, 1, 4, 4, 3, UNIT_STRIDE)
VARIANT(122, 1, 2, 2, 3, UNIT_STRIDE)
VARIANT(222_OF_5, 2, 2, 2, 5, UNIT_STRIDE)
VARIANT(122_OF_5, 1, 2, 2, 5, UNIT_STRIDE)
VARIANT(444_STRIDED, 4, 4, 4, 3, STRIDE_TWO)
VARIANT(222_STRIDED, 2, 2, 2, 3, STRIDE_TWO)
VARIANT(144_STRIDED, 1, 4, 4, 3, STRIDE_TWO)
VARIANT(444_TRANSPOSED, 4, 4, 4, 3, TRANSPOSED_TWO)
VARIANT(144_TRANSPOSED, 1, 4, 4, 3, TRANSPOSED_TWO)

/// The transforms of one kernel.
typedef struct {
  void (*columns)(const convolution_job *, int sample, int block, const tile_run *, float *columns, size_t stride);
  void (*columns_extras)(const convolution_job *, int sample, int block, const tile_run *, float *columns, size_t stride);
  void (*row)(const tile_run *, int run_count, const float *columns, float *v, size_t stride);
  void (*row_back)(int count, const float *m, size_t stride, float *y, size_t vector_stride);
  void (*tile)(const convolution_job *, int sample, int block, tile_place, const float *y, double *partial);
} winograd_transforms;

static winograd_transforms transforms_of(martlet_convolution_kernel kernel) {
  switch (kernel) {
#define CASE(name)               \
  case MARTLET_WINOGRAD_##name: \
    return (winograd_transforms){columns_##name, columns_extras_##name, row_##name, row_back_##name, tile_##name};
    CASE(444) CASE(244) CASE(222) CASE(144) CASE(122) CASE(222_OF_5) CASE(122_OF_5) CASE(444_STRIDED)
    CASE(222_STRIDED) CASE(144_STRIDED) CASE(444_TRANSPOSED) CASE(144_TRANSPOSED)
#undef CASE
    default: return (winograd_transforms){NULL, NULL, NULL, NULL, NULL};
  }
}

// The memory of a Winograd convolution, for tiles that are computed together:
//   columns[in block][row of points][column][16]    what is transformed along depth and height
//   v[point of a row][in block][tile][16]           a row of points, transformed along the width too
//   m[point of a row][tile][blocks of a group][16]  its products
//   y[group][tile][block of the group][row of points][width of a tile][16]   transformed back along the width

static void input_columns(const convolution_job *job, int sample, int block, const tile_run *run, float *columns) {
  const winograd_plan *plan = job->plan;
  winograd_transforms transforms = transforms_of(job->kernel);
  (job->extras->load_scale ? transforms.columns_extras : transforms.columns)(
    job, sample, block, run, columns + (size_t)block * plan->rows * plan->column_row, plan->column_row);
}

/// The products of a row of points, for the groups from..<to.
static void row_products(
  const convolution_job *job, int row, const tile_run *runs, int run_count, int tiles, int from, int to,
  const float *columns, float *v, float *m, float *y) {
  const winograd_plan *plan = job->plan;
  winograd_transforms transforms = transforms_of(job->kernel);
  static const long no_offset[1] = {0};
  static const int first_tap[1] = {0};
  size_t block_stride = (size_t)plan->block_tiles * LANES;
  for (int block = 0; block < plan->in_blocks; block++)
    transforms.row(
      runs, run_count, columns + ((size_t)block * plan->rows + row) * plan->column_row, v + block * block_stride,
      plan->v_point);
  size_t weight_block = (size_t)LANES * plan->group_blocks * LANES;
  int last = (job->shape->in_channels - 1) % LANES + 1, max_rows;
  const product_kernel *products = products_for(plan->group_blocks, LANES, &max_rows);
  int pieces = (tiles + max_rows - 1) / max_rows;
  for (int group = from; group < to; group++) {
    const float *weights =
      job->weights + ((size_t)group * plan->points + (size_t)row * plan->row_points) * plan->in_blocks * weight_block;
    for (int point = 0; point < plan->row_points; point++) {
      for (int piece = 0; piece < pieces; piece++) {
        int first = tiles * piece / pieces, end = tiles * (piece + 1) / pieces;
        products[end - first](
          v + (size_t)point * plan->v_point + first * LANES, block_stride, plan->in_blocks, last, 1, no_offset, first_tap,
          weights, weight_block, m + (size_t)point * plan->m_point + (size_t)first * plan->group_blocks * LANES);
      }
      weights += plan->in_blocks * weight_block;
    }
    transforms.row_back(
      tiles * plan->group_blocks, m, plan->m_point,
      y + (size_t)group * plan->block_tiles * plan->group_blocks * plan->tile_floats +
        (size_t)row * plan->tile_width * LANES,
      plan->tile_floats);
  }
}

/// Finishes the tiles from..<to of a sample for a group of output blocks; tile number `origin` is the first in `y`.
static void finish_tiles(
  const convolution_job *job, int sample, int group, long from, long to, long origin, const float *y, double *partial) {
  const winograd_plan *plan = job->plan;
  winograd_transforms transforms = transforms_of(job->kernel);
  int out_blocks = blocks_of(job->shape->out_channels);
  for (int n = 0; n < plan->group_blocks && group * plan->group_blocks + n < out_blocks; n++) {
    int block = group * plan->group_blocks + n;
    double *statistics = partial ? partial + (size_t)block * 2 * LANES : NULL;
    for (long tile = from; tile < to; tile++) {
      size_t index = ((size_t)group * plan->block_tiles + (size_t)(tile - origin)) * plan->group_blocks + n;
      transforms.tile(
        job, sample, block, place_of(job->shape, plan, tile), y + index * plan->tile_floats, statistics);
    }
  }
}

/// The lines of a tensor along the width that tiles read: `window` elements along each axis, `step` from one tile to the next.
typedef struct {
  const float *tensor;
  const int *extents;
  int blocks, first[3], window[3], step[3];
} tile_lines;

static tile_lines window_lines(const convolution_job *job) {
  const martlet_convolution *s = job->shape;
  winograd_stride stride = stride_of(job->kernel);
  tile_size size = tile_of(job->kernel);
  int m[3] = {size.depth, size.height, size.width};
  tile_lines lines = {.tensor = job->input, .extents = s->in, .blocks = blocks_of(s->in_channels)};
  for (int axis = 0; axis < 3; axis++) {
    lines.first[axis] = stride == TRANSPOSED_TWO ? 0 : -s->pad[axis];
    lines.window[axis] = window_of(m[axis], taps_of(job->kernel), stride);
    lines.step[axis] = step_of(m[axis], stride);
  }
  return lines;
}

static tile_lines residual_lines(const convolution_job *job) {
  const martlet_convolution *s = job->shape;
  tile_size size = tile_of(job->kernel);
  return (tile_lines){
    .tensor = job->extras->residual, .extents = s->out, .blocks = blocks_of(s->out_channels),
    .window = {size.depth, size.height, size.width}, .step = {size.depth, size.height, size.width}};
}

/// Brings a part of what runs of tiles read towards the processor while it computes something else; there are as many parts
/// as rows of points.
static void fetch_lines(
  const convolution_job *job, const tile_lines *lines, int sample, const tile_run *runs, int run_count, int part) {
  const winograd_plan *plan = job->plan;
  const int *dilation = job->shape->dilation, *extents = lines->extents;
  int high = lines->window[1], of_run = lines->window[0] * high, count = of_run * run_count;
  for (int line = count * part / plan->rows; line < count * (part + 1) / plan->rows; line++) {
    const tile_run *run = &runs[line / of_run];
    const tile_place *place = &run->place;
    int z = line / high % lines->window[0], h = line % high;
    // The tiles above have read the rest.
    if (h < high - lines->step[1] && place->tile[1] > 0) continue;
    int d = place->sub[0] + lines->first[0] + dilation[0] * (place->tile[0] * lines->step[0] + z);
    int y = place->sub[1] + lines->first[1] + dilation[1] * (place->tile[1] * lines->step[1] + h);
    if (d < 0 || d >= extents[0] || y < 0 || y >= extents[1]) continue;
    int x = place->sub[2] + lines->first[2] + dilation[2] * place->tile[2] * lines->step[2];
    int end = x + dilation[2] * ((run->count - 1) * lines->step[2] + lines->window[2]);
    if (end > extents[2]) end = extents[2];
    while (x < 0) x += dilation[2];
    for (int block = 0; block < lines->blocks; block++) {
      size_t row = ((((size_t)sample * lines->blocks + block) * extents[0] + d) * extents[1] + y) * extents[2];
      for (int column = x; column < end; column += dilation[2])
        __builtin_prefetch(lines->tensor + (row + column) * LANES, 0, 2);
    }
  }
}

void NAME(winograd_block)(convolution_job *job, long piece, int thread) {
  const winograd_plan *plan = job->plan;
  int sample = (int)(piece / plan->blocks);
  long block = piece % plan->blocks;
  long from = block * plan->block_tiles, to = from + plan->block_tiles;
  if (to > plan->tile_count) to = plan->tile_count;
  float *columns = job->scratch + (size_t)thread * (plan->column_floats + plan->row_floats + plan->y_floats);
  float *v = columns + plan->column_floats, *m = v + plan->v_floats, *y = columns + plan->column_floats + plan->row_floats;
  double *partial =
    job->partial ? job->partial + (size_t)piece * blocks_of(job->shape->out_channels) * 2 * LANES : NULL;
  tile_run runs[MAX_BLOCK_TILES];
  int run_count = runs_of(job, from, to, runs);
  for (int in = 0; in < plan->in_blocks; in++)
    for (int run = 0; run < run_count; run++) input_columns(job, sample, in, &runs[run], columns);
  // The thread's next block is probably the one behind.
  tile_run next[MAX_BLOCK_TILES];
  long next_to = to + plan->block_tiles < plan->tile_count ? to + plan->block_tiles : plan->tile_count;
  int next_count = to < plan->tile_count ? runs_of(job, to, next_to, next) : 0;
  tile_lines windows = window_lines(job), residual = residual_lines(job);
  for (int row = 0; row < plan->rows; row++) {
    fetch_lines(job, &windows, sample, next, next_count, row);
    if (residual.tensor) fetch_lines(job, &residual, sample, runs, run_count, row);
    row_products(job, row, runs, run_count, (int)(to - from), 0, plan->groups, columns, v, m, y);
  }
  for (int group = 0; group < plan->groups; group++) finish_tiles(job, sample, group, from, to, from, y, partial);
}

// The same in three steps for a sample of few tiles: all tiles share one pass over the weights.

void NAME(winograd_input)(convolution_job *job, long piece, int thread) {
  const winograd_plan *plan = job->plan;
  (void)thread;
  int block = (int)(piece % plan->in_blocks), sample = (int)(piece / plan->in_blocks);
  tile_run runs[MAX_BLOCK_TILES];
  int run_count = runs_of(job, 0, plan->tile_count, runs);
  float *columns = job->scratch + (size_t)sample * plan->column_floats;
  for (int run = 0; run < run_count; run++) input_columns(job, sample, block, &runs[run], columns);
}

void NAME(winograd_product)(convolution_job *job, long piece, int thread) {
  const winograd_plan *plan = job->plan;
  const martlet_convolution *s = job->shape;
  int row = (int)(piece / plan->splits), split = (int)(piece % plan->splits);
  float *y = job->scratch + (size_t)s->batch * plan->column_floats;
  float *v = y + (size_t)s->batch * plan->y_floats + (size_t)thread * plan->row_floats, *m = v + plan->v_floats;
  tile_run runs[MAX_BLOCK_TILES];
  int run_count = runs_of(job, 0, plan->tile_count, runs);
  for (int sample = 0; sample < s->batch; sample++)
    row_products(
      job, row, runs, run_count, (int)plan->tile_count, plan->groups * split / plan->splits,
      plan->groups * (split + 1) / plan->splits, job->scratch + (size_t)sample * plan->column_floats, v, m,
      y + (size_t)sample * plan->y_floats);
}

void NAME(winograd_output)(convolution_job *job, long piece, int thread) {
  const winograd_plan *plan = job->plan;
  (void)thread;
  const martlet_convolution *s = job->shape;
  int group = (int)(piece % plan->groups);
  long slice = piece / plan->groups % plan->blocks;
  int sample = (int)(piece / plan->groups / plan->blocks);
  const float *y = job->scratch + (size_t)s->batch * plan->column_floats + (size_t)sample * plan->y_floats;
  double *partial =
    job->partial ? job->partial + (size_t)(sample * plan->blocks + slice) * blocks_of(s->out_channels) * 2 * LANES
                 : NULL;
  long from = plan->tile_count * slice / plan->blocks, to = plan->tile_count * (slice + 1) / plan->blocks;
  finish_tiles(job, sample, group, from, to, 0, y, partial);
}
