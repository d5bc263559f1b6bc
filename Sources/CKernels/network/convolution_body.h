// The convolution kernels for one instruction set. Included by convolution_<set>.c, which defines
//   NAME(f)      the name of f for the set,
//   WIDE_BLOCKS  output blocks that a product computes together,
//   MAX_ROWS     rows of a product for one output block.

#include <string.h>

#include "convolution.h"

enum { PAIR_ROWS = MAX_ROWS / 2 };

// MARK: - The product of rows of channels with weights

typedef void (*product_kernel)(
  const float *rows, size_t block_stride, int blocks, int last_lanes, int taps, const long *offsets, const int *tap_of,
  const float *weights, size_t weight_block, float *sums);

/// sums[r][n] += for each block of the input, tap and lane: rows[r + tap][lane] * weights[block][tap][lane][n].
INLINE void product(
  const int row_count, const int width, const int lanes, const float *rows, size_t block_stride, int blocks,
  int last_lanes, int taps, const long *offsets, const int *tap_of, const float *weights, size_t weight_block,
  float *sums) {
  v16 sum[24];
  UNROLL for (int i = 0; i < row_count * width; i++) sum[i] = zero16();
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

/// Adds `count` vectors and their squares to a partial statistic [2][16]; exact about a shift of the values.
INLINE void add_statistics(double *partial, const v16 *values, int count) {
  if (count == 0) return;
  v16 sum = zero16();
  for (int i = 0; i < count; i++) sum += values[i];
  v16 mean = sum / (float)count, squares = zero16();
  for (int i = 0; i < count; i++) {
    v16 distance = values[i] - mean;
    squares += distance * distance;
  }
  d16 *sums = (d16 *)(void *)partial;
  d16 wide_sum = __builtin_convertvector(sum, d16), wide_mean = __builtin_convertvector(mean, d16);
  sums[0] += wide_sum;
  sums[1] += __builtin_convertvector(squares, d16) + 2.0 * wide_mean * wide_sum - (double)count * wide_mean * wide_mean;
}

INLINE void put(float *target, v16 value, int is_streaming) {
  if (is_streaming)
    __builtin_nontemporal_store(value, (v16 *)target);
  else
    store16(target, value);
}

/// Bias, residual, activation, statistics and store of rows of sums [rows][group_blocks][16]; `positions` are the
/// places in the output, -1 for none. The sums are changed.
static __attribute__((noinline)) void finish(
  const convolution_job *job, int sample, int first_block, int group_blocks, int rows, const long *positions,
  float *sums, double *partial) {
  const martlet_convolution *s = job->shape;
  const martlet_convolution_extras *extras = job->extras;
  size_t plane = (size_t)s->out[0] * s->out[1] * s->out[2];
  int out_blocks = blocks_of(s->out_channels);
  for (int n = 0; n < group_blocks && first_block + n < out_blocks; n++) {
    int block = first_block + n, count = 0;
    v16 values[24];
    v16 bias = extras->bias ? load16(extras->bias + block * LANES) : zero16();
    v16 slope = extras->slope ? load16(extras->slope + block * LANES) : all16(1);
    if (s->plain_output) {
      int lanes = s->out_channels - block * LANES < LANES ? s->out_channels - block * LANES : LANES;
      size_t first = ((size_t)sample * s->out_channels + (size_t)block * LANES) * plane;
      long places[24];
      for (int r = 0; r < rows; r++) {
        if (positions[r] < 0) continue;
        float *sum = sums + ((size_t)r * group_blocks + n) * LANES;
        if (extras->residual)
          for (int lane = 0; lane < lanes; lane++) sum[lane] += extras->residual[first + lane * plane + positions[r]];
        places[count] = positions[r];
        values[count++] = rectify16(load16(sum) + bias, slope);
      }
      for (int lane = 0; lane < lanes; lane++)
        for (int i = 0; i < count; i++) job->output[first + lane * plane + places[i]] = ((const float *)&values[i])[lane];
    } else {
      size_t first = ((size_t)sample * out_blocks + block) * plane;
      for (int r = 0; r < rows; r++) {
        if (positions[r] < 0) continue;
        size_t place = (first + (size_t)positions[r]) * LANES;
        v16 value = load16(sums + ((size_t)r * group_blocks + n) * LANES) + bias;
        if (extras->residual) value += load16(extras->residual + place);
        value = rectify16(value, slope);
        values[count++] = value;
        put(job->output + place, value, job->is_streaming);
      }
    }
    if (partial) add_statistics(partial + (size_t)block * 2 * LANES, values, count);
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
    for (long i = begin; i < end; i++) target[i] = source[first + i * step];
  }
}

INLINE int floor_div(int a, int b) { return a >= 0 ? a / b : -((-a + b - 1) / b); }

/// All positions of a 1×1×1 kernel, as one long row.
static void pointwise_piece(convolution_job *job, long piece, int thread) {
  const martlet_convolution *s = job->shape;
  const direct_plan *plan = job->plan;
  const martlet_convolution_extras *extras = job->extras;
  int sample = (int)(piece / plan->pieces_per_sample);
  size_t plane = (size_t)s->out[0] * s->out[1] * s->out[2];
  size_t start = (size_t)(piece % plan->pieces_per_sample) * (size_t)plan->rows;
  long count = (long)(plane - start < (size_t)plan->rows ? plane - start : (size_t)plan->rows);
  int lanes = plan->lanes;
  const float *rows = job->input + ((size_t)sample * plan->in_blocks * plane + start) * lanes;
  size_t block_stride = plane * lanes;
  float *scratch = job->scratch + (size_t)thread * plan->copy_floats;
  float *sums = scratch + plan->copy_floats - 24 * LANES;
  if (extras->load_scale) {
    size_t channels = (size_t)plan->in_blocks * lanes;
    for (int block = 0; block < plan->in_blocks; block++)
      copy_row(
        extras, (size_t)sample * channels + (size_t)block * lanes, rows + block * block_stride, count, 0, 1, count,
        lanes, scratch + (size_t)block * plan->rows * lanes);
    rows = scratch;
    block_stride = (size_t)plan->rows * lanes;
  }
  double *partial = job->partial ? job->partial + (size_t)piece * blocks_of(s->out_channels) * 2 * LANES : NULL;
  static const long no_offset[1] = {0};
  static const int first_tap[1] = {0};
  int last = (s->in_channels - 1) % LANES + 1;
  size_t weight_block = (size_t)lanes * plan->group_blocks * LANES;
  int max_rows;
  const product_kernel *products = products_for(plan->group_blocks, lanes, &max_rows);
  for (int group = 0; group < plan->groups; group++) {
    const float *weights = job->weights + (size_t)group * plan->in_blocks * weight_block;
    long tiles = (count + max_rows - 1) / max_rows;
    for (long tile = 0; tile < tiles; tile++) {
      long from = count * tile / tiles, to = count * (tile + 1) / tiles;
      products[to - from](
        rows + from * lanes, block_stride, plan->in_blocks, last, 1, no_offset, first_tap, weights, weight_block, sums);
      long positions[24];
      for (long i = from; i < to; i++) positions[i - from] = (long)start + i;
      finish(job, sample, group * plan->group_blocks, plan->group_blocks, (int)(to - from), positions, sums, partial);
    }
  }
}

/// One row of a plain tensor with at most four channels from one with few channels: vectors lie along the row.
/// `rows` is the copied input, `place` the row's first element in a channel of the output.
INLINE void planar_row(
  const int channels, const convolution_job *job, int sample, const float *rows, size_t block_stride, int blocks,
  int taps, const long *offsets, const int *tap_of, size_t weight_block, long place, int length) {
  const martlet_convolution *s = job->shape;
  const martlet_convolution_extras *extras = job->extras;
  size_t plane = (size_t)s->out[0] * s->out[1] * s->out[2];
  for (int column = 0; column < length; column += LANES) {
    v16 sums[4];
    UNROLL for (int c = 0; c < channels; c++) sums[c] = zero16();
    for (int block = 0; block < blocks; block++)
      for (int tap = 0; tap < taps; tap++) {
        v16 x = load16u(rows + block * block_stride + offsets[tap] + column);
        const float *w = job->weights + block * weight_block + (size_t)tap_of[tap] * LANES;
        UNROLL for (int c = 0; c < channels; c++) sums[c] += x * w[c];
      }
    int count = length - column < LANES ? length - column : LANES;
    for (int c = 0; c < channels; c++) {
      size_t first = ((size_t)sample * s->out_channels + c) * plane + (size_t)place + column;
      float values[LANES] __attribute__((aligned(64))), addends[LANES] __attribute__((aligned(64))) = {0};
      if (extras->residual) memcpy(addends, extras->residual + first, (size_t)count * sizeof(float));
      v16 value = sums[c] + (extras->bias ? extras->bias[c] : 0) + load16(addends);
      store16(values, rectify16(value, all16(extras->slope ? extras->slope[c] : 1)));
      memcpy(job->output + first, values, (size_t)count * sizeof(float));
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
  int sample = (int)(piece / plan->pieces_per_sample);
  int rest = (int)(piece % plan->pieces_per_sample);
  int lanes = plan->lanes, width = plan->copied_width, kernel_plane = s->kernel[1] * s->kernel[2];
  int chunks = (int)(plan->pieces_per_sample / s->out[0]);
  int out_d = rest / chunks, chunk = rest % chunks;
  size_t in_plane = (size_t)s->in[1] * s->in[2];
  size_t phase_floats = (size_t)plan->copied_rows * width * lanes;
  size_t block_floats = phase_floats * plan->phases_h * plan->phases_w;
  size_t depth_floats = block_floats * plan->in_blocks;
  float *copy = job->scratch + (size_t)thread * plan->copy_floats;
  float *sums = copy + plan->copy_floats - 24 * LANES;
  double *partial = job->partial ? job->partial + (size_t)piece * blocks_of(s->out_channels) * 2 * LANES : NULL;
  size_t weight_block = (size_t)plan->taps * lanes * plan->group_blocks * LANES;
  int last = lanes == 1 ? 1 : (s->in_channels - 1) % LANES + 1;
  int max_rows;
  const product_kernel *products = products_for(plan->group_blocks, lanes, &max_rows);

  // The kernel's depth taps that meet the input, and the depth where each does.
  int depth_taps[64], depths[64], depth_count = 0;
  for (int k = 0; k < s->kernel[0]; k++) {
    int place;
    if (s->transposed) {
      int reach = out_d + s->pad[0] - k * s->dilation[0];
      if (reach < 0 || reach % s->stride[0] != 0) continue;
      place = reach / s->stride[0];
    } else {
      place = out_d * s->stride[0] - s->pad[0] + k * s->dilation[0];
    }
    if (place < 0 || place >= s->in[0]) continue;
    depth_taps[depth_count] = k;
    depths[depth_count++] = place;
  }

  int first_group = plan->row_groups * chunk / chunks, end_group = plan->row_groups * (chunk + 1) / chunks;
  for (int row_group = first_group; row_group < end_group; row_group++) {
    int row = row_group * plan->rows;
    int rows = plan->positions[1] - row < plan->rows ? plan->positions[1] - row : plan->rows;
    int step_h = plan->phases_h, step_w = plan->phases_w;
    for (int slot = 0; slot < depth_count; slot++)
      for (int block = 0; block < plan->in_blocks; block++) {
        size_t channel_block = (size_t)sample * plan->in_blocks + block;
        const float *source = job->input + (channel_block * s->in[0] + depths[slot]) * in_plane * lanes;
        float *target = copy + slot * depth_floats + block * block_floats;
        for (int ph = 0; ph < step_h; ph++)
          for (int pw = 0; pw < step_w; pw++)
            for (int r = 0; r < plan->copied_rows; r++, target += (size_t)width * lanes) {
              int h = (row + plan->first_offset[1] + r) * step_h + ph;
              if (h < 0 || h >= s->in[1] || r >= rows + plan->last_offset[1] - plan->first_offset[1]) {
                memset(target, 0, (size_t)width * lanes * sizeof(float));
                continue;
              }
              copy_row(
                job->extras, channel_block * lanes, source + (size_t)h * s->in[2] * lanes, s->in[2],
                (long)plan->first_offset[2] * step_w + pw, step_w, width, lanes, target);
            }
      }

    int out_phases_h = s->transposed ? s->stride[1] : 1, out_phases_w = s->transposed ? s->stride[2] : 1;
    for (int ph = 0; ph < out_phases_h; ph++)
      for (int pw = 0; pw < out_phases_w; pw++) {
        // The taps that meet this phase of the output.
        long offsets[512];
        int tap_of[512], taps = 0;
        for (int slot = 0; slot < depth_count; slot++)
          for (int kh = 0; kh < s->kernel[1]; kh++)
            for (int kw = 0; kw < s->kernel[2]; kw++) {
              int h, w, in_ph = 0, in_pw = 0;
              if (s->transposed) {
                int reach_h = ph + s->pad[1] - kh * s->dilation[1], reach_w = pw + s->pad[2] - kw * s->dilation[2];
                h = floor_div(reach_h, s->stride[1]), w = floor_div(reach_w, s->stride[2]);
                if (h * s->stride[1] != reach_h || w * s->stride[2] != reach_w) continue;
              } else {
                int reach_h = kh * s->dilation[1] - s->pad[1], reach_w = kw * s->dilation[2] - s->pad[2];
                h = floor_div(reach_h, s->stride[1]), w = floor_div(reach_w, s->stride[2]);
                in_ph = reach_h - h * s->stride[1], in_pw = reach_w - w * s->stride[2];
              }
              offsets[taps] = (long)(slot * depth_floats + (size_t)(in_ph * step_w + in_pw) * phase_floats) +
                              ((long)(h - plan->first_offset[1]) * width + w - plan->first_offset[2]) * lanes;
              tap_of[taps++] = depth_taps[slot] * kernel_plane + kh * s->kernel[2] + kw;
            }
        int row_length = (s->out[2] - pw + out_phases_w - 1) / out_phases_w;
        int row_count = 0;
        for (int r = 0; r < rows; r++) row_count += (row + r) * out_phases_h + ph < s->out[1];
        if (row_length <= 0 || row_count <= 0) continue;
        if (lanes == 1 && s->plain_output && s->out_channels <= 4 && !s->transposed && !partial) {
          for (int r = 0; r < row_count; r++) {
            const float *from = copy + (size_t)r * width;
            long place = ((long)out_d * s->out[1] + row + r) * s->out[2];
            switch (s->out_channels) {
#define CASE(n)                                                                                                       \
  case n:                                                                                                             \
    planar_row(                                                                                                       \
      n, job, sample, from, block_floats, plan->in_blocks, taps, offsets, tap_of, weight_block, place, row_length);   \
    break;
              CASE(1) CASE(2) CASE(3) CASE(4)
#undef CASE
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
              copy + from * lanes, block_floats, plan->in_blocks, last, taps, offsets, tap_of, weights, weight_block,
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
}

// MARK: - Winograd's convolution

// The points 0, ±A, ±B, ∞ with A = 1/√2 and B = √2 for four outputs; 0, ±1, ∞ for two.
#define A 0.70710678118654752f
#define B 1.41421356237309505f

INLINE void transform_input(const int m, const v16 *d, v16 *t) {
  if (m == 1) {
    t[0] = d[0];
  } else if (m == 2) {
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

INLINE void transform_output(const int m, const v16 *t, v16 *y) {
  if (m == 1) {
    y[0] = t[0];
  } else if (m == 2) {
    y[0] = t[0] + t[1] + t[2];
    y[1] = t[1] - t[2] + t[3];
  } else {
    v16 s1 = t[1] + t[2], s2 = t[1] - t[2], s3 = t[3] + t[4], s4 = t[3] - t[4];
    y[0] = t[0] + s1 + s3;
    y[1] = A * s2 + B * s4;
    y[2] = 0.5f * s1 + 2.0f * s3;
    y[3] = (A * 0.5f) * s2 + (B * 2.0f) * s4 + t[5];
  }
}
#undef A
#undef B

/// Where a tile lies: its sample, the sub-grid of a dilated kernel, and its number along each axis.
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

/// Transforms `count` tiles in a row of one block of channels: v[point * stride + tile * 16].
INLINE void input_strip(
  const int md, const int mh, const int mw, const int has_extras, const convolution_job *job, int sample, int block,
  tile_place place, int count, float *v, size_t stride) {
  const martlet_convolution *s = job->shape;
  const winograd_plan *plan = job->plan;
  const int ad = md == 1 ? 1 : md + 2, ah = mh + 2, aw = mw + 2;
  size_t row = (size_t)s->in[2] * LANES;
  const float *base = job->input + ((size_t)sample * plan->in_blocks + block) * s->in[0] * s->in[1] * row;
  const float *rows[36];
  int dz = s->dilation[0], dh = s->dilation[1], dw = s->dilation[2];
  for (int z = 0; z < ad; z++)
    for (int h = 0; h < ah; h++) {
      int d = place.sub[0] - s->pad[0] + dz * (place.tile[0] * md + z);
      int y = place.sub[1] - s->pad[1] + dh * (place.tile[1] * mh + h);
      int is_inside = d >= 0 && d < s->in[0] && y >= 0 && y < s->in[1];
      rows[z * ah + h] = is_inside ? base + ((size_t)d * s->in[1] + y) * row : NULL;
    }
  v16 scale = zero16(), shift = zero16(), slope = zero16();
  if (has_extras) {
    size_t channel = ((size_t)sample * plan->in_blocks + block) * LANES;
    scale = load16(job->extras->load_scale + channel);
    shift = load16(job->extras->load_shift + channel);
    slope = load16(job->extras->load_slope + channel);
  }
  v16 columns[6][36];
  v16 *column[6];
  for (int i = 0; i < aw; i++) column[i] = columns[i];
  for (int t = 0; t < count; t++) {
    int first = 0;
    if (t > 0) {
      // The last two columns of one tile are the first two of the next.
      v16 *last[2] = {column[aw - 2], column[aw - 1]};
      for (int i = aw - 1; i >= 2; i--) column[i] = column[i - 2];
      column[0] = last[0];
      column[1] = last[1];
      first = 2;
    }
    for (int c = first; c < aw; c++) {
      long x = place.sub[2] - s->pad[2] + (long)dw * ((long)(place.tile[2] + t) * mw + c);
      v16 *q = column[c];
      if (x < 0 || x >= s->in[2]) {
        for (int i = 0; i < ad * ah; i++) q[i] = zero16();
        continue;
      }
      v16 half[36];
      NO_UNROLL for (int h = 0; h < ah; h++) {
        v16 in[6], out[6];
        UNROLL for (int z = 0; z < ad; z++) {
          const float *p = rows[z * ah + h];
          if (p) {
            in[z] = load16(p + x * LANES);
            if (has_extras) in[z] = rectify16(in[z] * scale + shift, slope);
          } else {
            in[z] = zero16();
          }
        }
        transform_input(md, in, out);
        UNROLL for (int z = 0; z < ad; z++) half[z * ah + h] = out[z];
      }
      NO_UNROLL for (int z = 0; z < ad; z++) transform_input(mh, half + z * ah, q + z * ah);
    }
    float *target = v + (size_t)t * LANES;
    NO_UNROLL for (int i = 0; i < ad * ah; i++) {
      v16 in[6], out[6];
      UNROLL for (int c = 0; c < aw; c++) in[c] = column[c][i];
      transform_input(mw, in, out);
      UNROLL for (int c = 0; c < aw; c++) store16(target + (size_t)(i * aw + c) * stride, out[c]);
    }
  }
}

/// Transforms one tile of products back, and finishes its elements.
INLINE void output_tile(
  const int md, const int mh, const int mw, const convolution_job *job, int sample, int block, tile_place place,
  const float *m, size_t stride, double *partial) {
  const martlet_convolution *s = job->shape;
  const martlet_convolution_extras *extras = job->extras;
  const int ad = md == 1 ? 1 : md + 2, ah = mh + 2, aw = mw + 2;
  v16 first[6 * 4 * 6], second[4 * 4 * 6];
  for (int z = 0; z < ad; z++) {
    NO_UNROLL for (int h = 0; h < ah; h++) {
      v16 in[6], out[4];
      UNROLL for (int c = 0; c < aw; c++) in[c] = load16(m + (size_t)((z * ah + h) * aw + c) * stride);
      transform_output(mw, in, out);
      UNROLL for (int c = 0; c < mw; c++) first[c * ah + h] = out[c];
    }
    NO_UNROLL for (int c = 0; c < mw; c++) {
      v16 out[4];
      transform_output(mh, first + c * ah, out);
      UNROLL for (int h = 0; h < mh; h++) second[(h * mw + c) * ad + z] = out[h];
    }
  }
  v16 bias = extras->bias ? load16(extras->bias + block * LANES) : zero16();
  v16 slope = extras->slope ? load16(extras->slope + block * LANES) : all16(1);
  size_t plane = (size_t)s->out[0] * s->out[1] * s->out[2];
  size_t base = ((size_t)sample * blocks_of(s->out_channels) + block) * plane;
  v16 values[64];
  int count = 0;
  for (int h = 0; h < mh; h++) {
    int y = place.sub[1] + s->dilation[1] * (place.tile[1] * mh + h);
    if (y >= s->out[1]) break;
    for (int c = 0; c < mw; c++) {
      int x = place.sub[2] + s->dilation[2] * (place.tile[2] * mw + c);
      if (x >= s->out[2]) break;
      v16 out[4];
      transform_output(md, second + (h * mw + c) * ad, out);
      UNROLL for (int z = 0; z < md; z++) {
        int d = place.sub[0] + s->dilation[0] * (place.tile[0] * md + z);
        if (d < s->out[0]) {
          size_t position = (base + ((size_t)d * s->out[1] + y) * s->out[2] + x) * LANES;
          v16 value = out[z] + bias;
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

#define VARIANT(name, md, mh, mw)                                                                                     \
  static __attribute__((noinline)) void input_##name(                                                                 \
    const convolution_job *job, int sample, int block, tile_place place, int count, float *v, size_t stride) {        \
    input_strip(md, mh, mw, 0, job, sample, block, place, count, v, stride);                                          \
  }                                                                                                                   \
  static __attribute__((noinline)) void input_extras_##name(                                                          \
    const convolution_job *job, int sample, int block, tile_place place, int count, float *v, size_t stride) {        \
    input_strip(md, mh, mw, 1, job, sample, block, place, count, v, stride);                                          \
  }                                                                                                                   \
  static __attribute__((noinline)) void output_##name(                                                                \
    const convolution_job *job, int sample, int block, tile_place place, const float *m, size_t stride,               \
    double *partial) {                                                                                                \
    output_tile(md, mh, mw, job, sample, block, place, m, stride, partial);                                           \
  }
VARIANT(444, 4, 4, 4)
VARIANT(244, 2, 4, 4)
VARIANT(222, 2, 2, 2)
VARIANT(144, 1, 4, 4)
VARIANT(122, 1, 2, 2)

/// Transforms the tiles from..<to of a sample; the first in `v` is tile number `origin`.
static void input_range(
  const convolution_job *job, int sample, int block, long from, long to, long origin, float *v, size_t stride) {
  const winograd_plan *plan = job->plan;
  while (from < to) {
    tile_place place = place_of(job->shape, plan, from);
    long count = plan->tiles[2] - place.tile[2];
    if (count > to - from) count = to - from;
    float *target = v + (size_t)(from - origin) * LANES;
    int has_extras = job->extras->load_scale != NULL;
    switch (job->kernel) {
#define CASE(name)                                                                       \
  case MARTLET_WINOGRAD_##name:                                                          \
    (has_extras ? input_extras_##name : input_##name)(job, sample, block, place, (int)count, target, stride); \
    break;
      CASE(444) CASE(244) CASE(222) CASE(144) CASE(122)
#undef CASE
      default: break;
    }
    from += count;
  }
}

static void output_range(
  const convolution_job *job, int sample, int group, long from, long to, long origin, const float *m, double *partial) {
  const winograd_plan *plan = job->plan;
  int out_blocks = blocks_of(job->shape->out_channels);
  for (int n = 0; n < plan->group_blocks && group * plan->group_blocks + n < out_blocks; n++) {
    int block = group * plan->group_blocks + n;
    double *statistics = partial ? partial + (size_t)block * 2 * LANES : NULL;
    for (long tile = from; tile < to; tile++) {
      tile_place place = place_of(job->shape, plan, tile);
      const float *source = m + ((size_t)(tile - origin) * plan->group_blocks + n) * LANES;
      switch (job->kernel) {
#define CASE(name) \
  case MARTLET_WINOGRAD_##name: output_##name(job, sample, block, place, source, plan->m_point, statistics); break;
        CASE(444) CASE(244) CASE(222) CASE(144) CASE(122)
#undef CASE
        default: break;
      }
    }
  }
}

/// The products of `count` tiles at one point, for one group of output blocks.
INLINE void point_product(
  const convolution_job *job, int group, int point, long count, long capacity, const float *v, float *m) {
  const winograd_plan *plan = job->plan;
  static const long no_offset[1] = {0};
  static const int first_tap[1] = {0};
  size_t weight_block = (size_t)LANES * plan->group_blocks * LANES;
  const float *weights =
    job->weights + ((size_t)group * plan->points + point) * plan->in_blocks * weight_block;
  int last = (job->shape->in_channels - 1) % LANES + 1, max_rows;
  const product_kernel *products = products_for(plan->group_blocks, LANES, &max_rows);
  long pieces = (count + max_rows - 1) / max_rows;
  for (long piece = 0; piece < pieces; piece++) {
    long from = count * piece / pieces, to = count * (piece + 1) / pieces;
    products[to - from](
      v + from * LANES, (size_t)capacity * LANES, plan->in_blocks, last, 1, no_offset, first_tap, weights, weight_block,
      m + (size_t)from * plan->group_blocks * LANES);
  }
}

void NAME(winograd_block)(convolution_job *job, long piece, int thread) {
  const winograd_plan *plan = job->plan;
  int sample = (int)(piece / plan->blocks);
  long block = piece % plan->blocks;
  long from = block * plan->block_tiles, to = from + plan->block_tiles;
  if (to > plan->tile_count) to = plan->tile_count;
  float *v = job->scratch + (size_t)thread * (plan->v_floats + plan->m_floats), *m = v + plan->v_floats;
  double *partial =
    job->partial ? job->partial + (size_t)piece * blocks_of(job->shape->out_channels) * 2 * LANES : NULL;
  for (int in = 0; in < plan->in_blocks; in++)
    input_range(job, sample, in, from, to, from, v + (size_t)in * plan->block_tiles * LANES, plan->v_point);
  for (int group = 0; group < plan->groups; group++) {
    for (int point = 0; point < plan->points; point++)
      point_product(
        job, group, point, to - from, plan->block_tiles, v + (size_t)point * plan->v_point,
        m + (size_t)point * plan->m_point);
    output_range(job, sample, group, from, to, from, m, partial);
  }
}

// The same in three steps for a sample of few tiles: all tiles share one pass over the weights.

void NAME(winograd_input)(convolution_job *job, long piece, int thread) {
  const winograd_plan *plan = job->plan;
  (void)thread;
  long slices = plan->blocks, block = piece / slices % plan->in_blocks, slice = piece % slices;
  int sample = (int)(piece / slices / plan->in_blocks);
  float *v = job->scratch + (size_t)sample * plan->v_floats;
  long from = plan->tile_count * slice / slices, to = plan->tile_count * (slice + 1) / slices;
  input_range(job, sample, (int)block, from, to, 0, v + (size_t)block * plan->tile_count * LANES, plan->v_point);
}

void NAME(winograd_product)(convolution_job *job, long piece, int thread) {
  const winograd_plan *plan = job->plan;
  (void)thread;
  int group = (int)(piece / plan->points), point = (int)(piece % plan->points);
  const martlet_convolution *s = job->shape;
  for (int sample = 0; sample < s->batch; sample++) {
    const float *v = job->scratch + (size_t)sample * plan->v_floats + (size_t)point * plan->v_point;
    float *m = job->scratch + (size_t)s->batch * plan->v_floats +
               ((size_t)sample * plan->groups + group) * plan->m_floats + (size_t)point * plan->m_point;
    point_product(job, group, point, plan->tile_count, plan->tile_count, v, m);
  }
}

void NAME(winograd_output)(convolution_job *job, long piece, int thread) {
  const winograd_plan *plan = job->plan;
  (void)thread;
  const martlet_convolution *s = job->shape;
  int group = (int)(piece % plan->groups);
  long slice = piece / plan->groups % plan->blocks;
  int sample = (int)(piece / plan->groups / plan->blocks);
  const float *m = job->scratch + (size_t)s->batch * plan->v_floats +
                   ((size_t)sample * plan->groups + group) * plan->m_floats;
  double *partial =
    job->partial ? job->partial + (size_t)(sample * plan->blocks + slice) * blocks_of(s->out_channels) * 2 * LANES
                 : NULL;
  long from = plan->tile_count * slice / plan->blocks, to = plan->tile_count * (slice + 1) / plan->blocks;
  output_range(job, sample, group, from, to, 0, m, partial);
}
