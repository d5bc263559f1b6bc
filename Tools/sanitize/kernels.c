// Runs the network kernels of CKernels over random shapes, for the address and undefined-behaviour sanitizers, and
// compares them with plain loops in float64. `make sanitize` builds and runs it. Buffers have exactly the sizes that the
// headers promise, so a read or write beside one is found.

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "CKernels.h"

static unsigned long long state = 1;
static unsigned number(unsigned limit) {
  state = state * 6364136223846793005ull + 1442695040888963407ull;
  return (unsigned)(state >> 33) % limit;
}
static int between(int low, int high) { return low + (int)number((unsigned)(high - low + 1)); }

static float *buffer(size_t count) {
  float *values = NULL;
  if (posix_memalign((void **)&values, 64, (count ? count : 1) * sizeof(float))) abort();
  for (size_t i = 0; i < count; i++) values[i] = (float)number(20001) / 10000 - 1;
  return values;
}

static int failures = 0;
static void expect_near(const char *what, double found, double expected, double scale) {
  if (fabs(found - expected) <= 2e-5 * (scale > 1 ? scale : 1)) return;
  if (failures++ < 20) printf("%s: %g instead of %g\n", what, found, expected);
}

static void products(martlet_thread_pool *pool) {
  int rows = between(1, 70), inner = between(1, 90), columns = between(1, 140), batch = between(1, 3);
  int is_packed = (int)number(2), is_across = (int)number(2);
  float *left = buffer((size_t)batch * rows * inner), *right = buffer((size_t)(is_packed ? 1 : batch) * inner * columns);
  float *bias = buffer((size_t)columns), *residual = buffer((size_t)batch * rows * columns);
  float *target = buffer((size_t)batch * rows * columns);
  ptrdiff_t left_offsets[3], right_offsets[3];
  for (int b = 0; b < batch; b++) left_offsets[b] = (ptrdiff_t)b * rows * inner, right_offsets[b] = (ptrdiff_t)b * inner * columns;
  martlet_matrices a = {left, left_offsets, is_across ? 1 : inner, is_across ? rows : 1};
  martlet_matrices b = {right, is_packed ? NULL : right_offsets, is_across ? 1 : columns, is_across ? inner : 1};
  float *packed = buffer(martlet_matrix_packed_count(inner, columns));
  if (is_packed) martlet_matrix_pack(pool, &b, inner, columns, packed);
  martlet_product product = {batch, rows, inner, columns, a, is_packed ? packed : NULL, b, 0.5f, bias,
                             {MARTLET_RECTIFY, 0.1f, 0}, residual, target};
  float *scratch = buffer(martlet_product_scratch_count(&product, 2));
  martlet_product_run(pool, &product, scratch);
  for (int n = 0; n < batch; n++)
    for (int i = 0; i < rows; i++)
      for (int j = 0; j < columns; j++) {
        double sum = 0;
        for (int k = 0; k < inner; k++)
          sum += (double)left[left_offsets[n] + i * a.row_stride + k * a.column_stride] *
                 right[(is_packed ? 0 : right_offsets[n]) + k * b.row_stride + j * b.column_stride];
        sum = 0.5 * sum + bias[j];
        size_t place = ((size_t)n * rows + i) * columns + j;
        expect_near("product", target[place], (sum < 0 ? 0.1 * sum : sum) + residual[place], inner);
      }
  free(left), free(right), free(bias), free(residual), free(target), free(packed), free(scratch);
}

static void attentions(martlet_thread_pool *pool) {
  int batch = between(1, 9), queries = between(1, 60), keys = between(1, 60), depth = between(1, 40), width = between(1, 40);
  float *q = buffer((size_t)batch * queries * depth), *k = buffer((size_t)batch * keys * depth);
  float *v = buffer((size_t)batch * keys * width), *mask = buffer((size_t)queries * keys), *y = buffer((size_t)batch * queries * width);
  ptrdiff_t offsets[3][9];
  for (int b = 0; b < batch; b++)
    offsets[0][b] = (ptrdiff_t)b * queries * depth, offsets[1][b] = (ptrdiff_t)b * keys * depth, offsets[2][b] = (ptrdiff_t)b * keys * width;
  ptrdiff_t targets[9];
  for (int b = 0; b < batch; b++) targets[b] = (ptrdiff_t)b * queries * width;
  martlet_attention attention = {batch, queries, keys, depth, width, {q, offsets[0], depth, 1}, {k, offsets[1], depth, 1},
                                 {v, offsets[2], width, 1}, 0.4f, {{mask, NULL, keys, 1}, {NULL, NULL, 0, 0}}, y, targets, width};
  float *scratch = buffer(martlet_attention_scratch_count(&attention, 2));
  martlet_attention_run(pool, &attention, scratch);
  double weights[64];
  for (int b = 0; b < batch; b++)
    for (int i = 0; i < queries; i++) {
      double sum = 0;
      for (int j = 0; j < keys; j++) {
        double x = 0;
        for (int e = 0; e < depth; e++) x += (double)q[offsets[0][b] + i * depth + e] * k[offsets[1][b] + j * depth + e];
        sum += weights[j] = exp(0.4 * x + mask[i * keys + j]);
      }
      for (int c = 0; c < width; c++) {
        double x = 0;
        for (int j = 0; j < keys; j++) x += weights[j] / sum * v[offsets[2][b] + j * width + c];
        expect_near("attention", y[targets[b] + i * width + c], x, 1);
      }
    }
  free(q), free(k), free(v), free(mask), free(y), free(scratch);
}

static void rows(martlet_thread_pool *pool) {
  int outer = between(1, 5), count = between(1, 50), inner = number(2) ? 1 : between(2, 40);
  size_t all = (size_t)outer * count * inner;
  float *x = buffer(all), *y = buffer(all), *scale = buffer((size_t)count), *bias = buffer((size_t)count);
  martlet_softmax_along(pool, (size_t)outer, (size_t)count, (size_t)inner, 0, x, y);
  for (int o = 0; o < outer; o++)
    for (int i = 0; i < inner; i++) {
      double sum = 0;
      for (int k = 0; k < count; k++) sum += exp(x[((size_t)o * count + k) * inner + i]);
      for (int k = 0; k < count; k++) {
        size_t place = ((size_t)o * count + k) * inner + i;
        expect_near("softmax", y[place], exp(x[place]) / sum, 1);
      }
    }
  martlet_layer_norm(pool, (size_t)outer * inner, (size_t)count, 1e-3f, scale, bias, x, y);
  for (int r = 0; r < outer * inner; r++) {
    double mean = 0, square = 0;
    for (int k = 0; k < count; k++) mean += x[r * count + k] / (double)count;
    for (int k = 0; k < count; k++) square += (x[r * count + k] - mean) * (x[r * count + k] - mean) / count;
    for (int k = 0; k < count; k++)
      expect_near("layer norm", y[r * count + k], (x[r * count + k] - mean) / sqrt(square + 1e-3) * scale[k] + bias[k], 4);
  }
  for (int kind = MARTLET_REDUCE_SUM; kind <= MARTLET_REDUCE_SUM_SQUARE; kind++)
    martlet_reduce(pool, (martlet_reduction)kind, (size_t)outer * inner, (size_t)count, x, y);
  for (int function = MARTLET_IDENTITY; function <= MARTLET_AFFINE; function++) {
    martlet_function_call call = {(martlet_function)function, 1, 1};
    martlet_apply(pool, call, x, all, y);
  }
  free(x), free(y), free(scale), free(bias);
}

static void copies(martlet_thread_pool *pool) {
  // A permutation of four axes, and a sum with an operand that broadcasts.
  size_t extents[4], order[4] = {0, 1, 2, 3}, all = 1;
  for (int axis = 0; axis < 4; axis++) all *= extents[axis] = (size_t)between(1, 20);
  for (int axis = 3; axis > 0; axis--) {
    int other = (int)number((unsigned)axis + 1);
    size_t kept = order[axis];
    order[axis] = order[other], order[other] = kept;
  }
  martlet_axes axes = {4, {0}};
  ptrdiff_t own[4], from[4], to[4], repeated[4];
  ptrdiff_t step = 1;
  for (int axis = 3; axis >= 0; axis--) own[axis] = step, step *= (ptrdiff_t)extents[axis];
  for (int axis = 0; axis < 4; axis++) axes.extents[axis] = extents[order[axis]], from[axis] = own[order[axis]];
  step = 1;
  size_t second_count = 1;
  for (int axis = 3; axis >= 0; axis--) to[axis] = step, step *= (ptrdiff_t)axes.extents[axis];
  for (int axis = 3; axis >= 0; axis--) {
    int repeats = (int)number(2);
    repeated[axis] = repeats ? 0 : (ptrdiff_t)second_count;
    if (!repeats) second_count *= axes.extents[axis];
  }
  float *x = buffer(all), *y = buffer(all), *z = buffer(all), *second = buffer(second_count);
  martlet_copy_strided(pool, &axes, x, from, y, to);
  martlet_function_call none = {MARTLET_IDENTITY, 0, 0};
  martlet_combine_strided(pool, &axes, MARTLET_ADD, none, x, from, second, repeated, z);
  for (size_t place = 0; place < all; place++) {
    size_t rest = place;
    ptrdiff_t source = 0, other = 0;
    for (int axis = 3; axis >= 0; axis--) {
      ptrdiff_t index = (ptrdiff_t)(rest % axes.extents[axis]);
      rest /= axes.extents[axis];
      source += index * from[axis], other += index * repeated[axis];
    }
    expect_near("copy", y[place], x[source], 0);
    expect_near("sum", z[place], (double)x[source] + second[other], 1);
  }
  free(x), free(y), free(z), free(second);
}

/// Convolutions dense and depthwise, any stride, dilation and padding, plain or transposed.
static void convolutions(martlet_thread_pool *pool) {
  int is_depthwise = (int)number(2), channels = between(1, 40);
  martlet_convolution s = {.batch = between(1, 2), .in_channels = channels, .out_channels = is_depthwise ? channels : between(5, 40)};
  s.transposed = (int)number(3) == 0;
  if (!is_depthwise && s.in_channels <= 4) s.in_channels = 5;
  int usual = (int)number(2);
  for (int axis = 0; axis < 3; axis++) {
    s.kernel[axis] = usual ? 3 : between(1, 4), s.stride[axis] = usual ? 1 : between(1, 3), s.dilation[axis] = usual ? 1 : between(1, 2);
    s.pad[axis] = usual ? 1 : (int)number((unsigned)s.kernel[axis]), s.in[axis] = between(6, 12);
    int reach = (s.kernel[axis] - 1) * s.dilation[axis] + 1;
    s.out[axis] = s.transposed ? (s.in[axis] - 1) * s.stride[axis] + reach - 2 * s.pad[axis]
                               : (s.in[axis] + 2 * s.pad[axis] - reach) / s.stride[axis] + 1;
    if (s.out[axis] < 1) return;
  }
  int taps = s.kernel[0] * s.kernel[1] * s.kernel[2], in_blocks = (s.in_channels + 15) / 16, out_blocks = (s.out_channels + 15) / 16;
  int depth = is_depthwise ? 1 : s.in_channels;
  float *x = buffer((size_t)s.batch * in_blocks * 16 * s.in[0] * s.in[1] * s.in[2]);
  float *y = buffer((size_t)s.batch * out_blocks * 16 * s.out[0] * s.out[1] * s.out[2]);
  float *weights = buffer((size_t)s.out_channels * depth * taps), *prepared, *scratch;
  martlet_convolution_extras extras = {0};
  if (is_depthwise) {
    prepared = buffer(martlet_depthwise_weight_count(&s)), scratch = buffer(martlet_depthwise_scratch_count(&s, 2));
    martlet_depthwise_prepare(&s, weights, prepared);
    martlet_depthwise_run(pool, &s, &extras, (martlet_function_call){MARTLET_IDENTITY, 0, 0}, prepared, x, y, scratch);
  } else {
    martlet_convolution_kernel kernel = martlet_convolution_choice(&s, NULL);
    prepared = buffer(martlet_convolution_weight_count(&s, kernel));
    scratch = buffer(martlet_convolution_scratch_count(&s, kernel, 2));
    martlet_convolution_prepare(pool, &s, kernel, weights, prepared);
    martlet_convolution_run(pool, &s, kernel, &extras, prepared, x, y, scratch);
  }
  for (int probe = 0; probe < 200; probe++) {
    int sample = (int)number((unsigned)s.batch), channel = (int)number((unsigned)s.out_channels), place[3];
    for (int axis = 0; axis < 3; axis++) place[axis] = (int)number((unsigned)s.out[axis]);
    double sum = 0;
    for (int c = 0; c < depth; c++)
      for (int tap = 0; tap < taps; tap++) {
        int index[3] = {tap / (s.kernel[1] * s.kernel[2]), tap / s.kernel[2] % s.kernel[1], tap % s.kernel[2]}, at[3], inside = 1;
        for (int axis = 0; axis < 3; axis++) {
          int reach = place[axis] + s.pad[axis] - index[axis] * s.dilation[axis];
          at[axis] = s.transposed ? reach / s.stride[axis] : place[axis] * s.stride[axis] - s.pad[axis] + index[axis] * s.dilation[axis];
          if (s.transposed && (reach < 0 || reach % s.stride[axis])) inside = 0;
          if (at[axis] < 0 || at[axis] >= s.in[axis]) inside = 0;
        }
        if (!inside) continue;
        int from = is_depthwise ? channel : c;
        size_t weight = is_depthwise ? (size_t)channel * taps + tap
                        : s.transposed ? ((size_t)c * s.out_channels + channel) * taps + tap
                                       : ((size_t)channel * s.in_channels + c) * taps + tap;
        size_t block = (size_t)sample * in_blocks + from / 16;
        sum += (double)weights[weight] * x[(((block * s.in[0] + at[0]) * s.in[1] + at[1]) * s.in[2] + at[2]) * 16 + from % 16];
      }
    size_t block = (size_t)sample * out_blocks + channel / 16;
    expect_near(is_depthwise ? "depthwise" : "convolution",
                y[(((block * s.out[0] + place[0]) * s.out[1] + place[1]) * s.out[2] + place[2]) * 16 + channel % 16], sum,
                depth * taps);
  }
  free(x), free(y), free(weights), free(prepared), free(scratch);
}

int main(void) {
  martlet_thread_pool *pool = martlet_thread_pool_create(2);
  static const char *const sets[] = {"AVX-512", "AVX2", "portable"};
  for (int set = 0; set < 3; set++) {
    martlet_restrict_instruction_set(sets[set]);
    for (int turn = 0; turn < 60; turn++) products(pool), attentions(pool), rows(pool), copies(pool), convolutions(pool);
    printf("%s: %d failures\n", martlet_instruction_set(), failures);
  }
  martlet_thread_pool_destroy(pool);
  return failures != 0;
}
