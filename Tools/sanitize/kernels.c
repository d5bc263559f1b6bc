// Runs the network kernels of CKernels over random shapes, for the address and undefined-behaviour sanitizers, and
// compares them with plain loops in float64. `make sanitize` builds and runs it. Buffers have exactly the sizes that the
// headers promise, so a read or write beside one is found; with GUARD_PAGES, built without sanitizers and optimised as in
// the product, buffers lie in turn directly behind and directly in front of a page that can't be touched.

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

#ifdef GUARD_PAGES
#include <sys/mman.h>

typedef struct {
  void *base;
  size_t bytes;
  float *values;
} guarded;
static guarded all_guarded[4096];
static int guarded_count = 0;

static float *allocate(size_t count) {
  enum { PAGE = 4096 };
  // Tensors in blocks of 16 fill whole lines; others begin at a line, too.
  size_t bytes = (count * sizeof(float) + 63) / 64 * 64, pages = (bytes + PAGE - 1) / PAGE;
  char *base = mmap(NULL, (pages + 2) * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (base == MAP_FAILED || guarded_count == 4096) abort();
  if (mprotect(base + PAGE, pages * PAGE, PROT_READ | PROT_WRITE)) abort();
  static int turn = 0;
  float *values = (float *)(void *)(base + PAGE + (turn++ % 2 ? 0 : pages * PAGE - bytes));
  all_guarded[guarded_count++] = (guarded){base, (pages + 2) * PAGE, values};
  return values;
}

static void release(float *values) {
  for (int i = 0; i < guarded_count; i++)
    if (all_guarded[i].values == values) {
      munmap(all_guarded[i].base, all_guarded[i].bytes);
      all_guarded[i] = all_guarded[--guarded_count];
      return;
    }
}
#else
static float *allocate(size_t count) {
  float *values = NULL;
  if (posix_memalign((void **)&values, 64, (count ? count : 1) * sizeof(float))) abort();
  return values;
}

static void release(float *values) { free(values); }
#endif

static float *buffer(size_t count) {
  float *values = allocate(count ? count : 1);
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
  release(left), release(right), release(bias), release(residual), release(target), release(packed), release(scratch);
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
  release(q), release(k), release(v), release(mask), release(y), release(scratch);
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
  release(x), release(y), release(scale), release(bias);
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
  release(x), release(y), release(z), release(second);
}

static void axes_along(martlet_thread_pool *pool) {
  int outer = between(1, 5), extent = between(1, 20), inner = number(2) ? 1 : between(2, 300), count = between(1, 20);
  int first[21], indices[20 * 4];
  first[0] = 0;
  for (int i = 0; i < count; i++) {
    first[i + 1] = first[i] + between(1, 4);
    for (int t = first[i]; t < first[i + 1]; t++) indices[t] = (int)number((unsigned)extent);
  }
  float *x = buffer((size_t)outer * extent * inner), *y = buffer((size_t)outer * count * inner), *weights = buffer((size_t)first[count]);
  martlet_axis_terms terms = {first, indices, weights, count};
  martlet_sum_along(pool, (size_t)outer, (size_t)extent, (size_t)inner, &terms, x, y);
  int64_t *places = (int64_t *)(void *)buffer((size_t)outer * inner * 2);
  int is_least = (int)number(2), takes_last = (int)number(2);
  martlet_extreme_along(pool, (size_t)outer, (size_t)extent, (size_t)inner, is_least, takes_last, x, places);
  for (int o = 0; o < outer; o++)
    for (int n = 0; n < inner; n++) {
      const float *column = x + (size_t)o * extent * inner + n;
      for (int i = 0; i < count; i++) {
        double sum = 0;
        for (int t = first[i]; t < first[i + 1]; t++) sum += (double)weights[t] * column[(size_t)indices[t] * inner];
        expect_near("sum along", y[((size_t)o * count + i) * inner + n], sum, 4);
      }
      int best = 0;
      for (int i = 1; i < extent; i++) {
        float a = column[(size_t)i * inner], b = column[(size_t)best * inner];
        if (is_least ? a < b : a > b) best = i;
        else if (takes_last && a == b) best = i;
      }
      expect_near("extreme along", (double)places[(size_t)o * inner + n], best, 0);
    }
  release(x), release(y), release(weights), release((float *)(void *)places);
}

static size_t plane_of(const int extents[3]) { return (size_t)extents[0] * extents[1] * extents[2]; }

static size_t padded(int channels, int is_plain) { return is_plain ? (size_t)channels : (size_t)(channels + 15) / 16 * 16; }

/// The place of an element in a tensor of either layout.
static size_t place_of(int sample, int channel, int channels, int is_plain, const int extents[3], const int at[3]) {
  size_t position = ((size_t)at[0] * extents[1] + at[1]) * extents[2] + at[2], plane = plane_of(extents);
  if (is_plain) return ((size_t)sample * channels + channel) * plane + position;
  return (((size_t)sample * (padded(channels, 0) / 16) + channel / 16) * plane + position) * 16 + channel % 16;
}

/// What is done to the elements on their way, each part with a chance of one half.
static martlet_convolution_extras random_extras(const martlet_convolution *s, int has_load, int has_all) {
  martlet_convolution_extras extras = {0};
  size_t in = (size_t)s->batch * padded(s->in_channels, s->plain_input), out = padded(s->out_channels, 0);
  if (has_load && number(2)) extras.load_scale = buffer(in), extras.load_shift = buffer(in), extras.load_slope = buffer(in);
  if (number(2)) extras.bias = buffer(out);
  if (!s->plain_output && number(2)) {
    static const martlet_function functions[] = {MARTLET_GELU, MARTLET_SWISH, MARTLET_RECTIFY, MARTLET_SOFTPLUS};
    extras.function = (martlet_function_call){functions[number(4)], 0.25f, 0};
  }
  if (!has_all) return extras;
  if (number(2)) extras.residual = buffer((size_t)s->batch * padded(s->out_channels, s->plain_output) * plane_of(s->out));
  if (number(2)) extras.slope = buffer(out);
  if (!s->plain_output && number(2)) extras.statistics = (double *)(void *)buffer((size_t)s->batch * out * 4);
  return extras;
}

static void release_extras(const martlet_convolution_extras *e) {
  const float *parts[] = {e->load_scale, e->load_shift, e->load_slope, e->bias, e->residual, e->slope, e->gated, (float *)(void *)e->statistics};
  for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) release((float *)parts[i]);
}

static double rectified(double x, double slope) { return x > 0 ? x : x * slope; }

static double applied(martlet_function_call call, double x) {
  switch (call.function) {
    case MARTLET_GELU: return 0.5 * x * (1 + erf(x * sqrt(0.5)));
    case MARTLET_SWISH: return x / (1 + exp(-x));
    case MARTLET_RECTIFY: return rectified(x, call.a);
    case MARTLET_SOFTPLUS: return log1p(exp(-fabs(x))) + (x > 0 ? x : 0);
    default: return x;
  }
}

/// One output of a convolution as its definition has it.
static double expected(
  const martlet_convolution *s, int is_depthwise, const martlet_convolution_extras *extras, const float *weights,
  const float *x, int sample, int channel, const int place[3]) {
  int taps = s->kernel[0] * s->kernel[1] * s->kernel[2], depth = is_depthwise ? 1 : s->in_channels;
  double sum = extras->bias ? extras->bias[channel] : 0;
  for (int c = 0; c < depth; c++)
    for (int tap = 0; tap < taps; tap++) {
      int index[3] = {tap / (s->kernel[1] * s->kernel[2]), tap / s->kernel[2] % s->kernel[1], tap % s->kernel[2]}, at[3], inside = 1;
      for (int axis = 0; axis < 3; axis++) {
        int reach = place[axis] + s->pad[axis] - index[axis] * s->dilation[axis];
        at[axis] = s->transposed ? reach / s->stride[axis] : place[axis] * s->stride[axis] - s->pad[axis] + index[axis] * s->dilation[axis];
        if (s->transposed && (reach < 0 || reach % s->stride[axis])) inside = 0;
        if (at[axis] < 0 || at[axis] >= s->in[axis]) inside = 0;
      }
      if (!inside) continue;
      int from = is_depthwise ? channel : c;
      size_t weight = is_depthwise ? (size_t)channel * taps + tap
                      : s->transposed ? ((size_t)c * s->out_channels + channel) * taps + tap
                                      : ((size_t)channel * s->in_channels + c) * taps + tap;
      double value = x[place_of(sample, from, s->in_channels, s->plain_input, s->in, at)];
      if (extras->load_scale) {
        size_t factor = (size_t)sample * padded(s->in_channels, s->plain_input) + from;
        value = rectified(value * extras->load_scale[factor] + extras->load_shift[factor], extras->load_slope[factor]);
      }
      sum += weights[weight] * value;
    }
  double y = applied(extras->function, sum);
  if (extras->residual) y += extras->residual[place_of(sample, channel, s->out_channels, s->plain_output, s->out, place)];
  return rectified(y, extras->slope ? extras->slope[channel] : 1);
}

/// Whether the statistics are those of the outputs.
static void check_statistics(const martlet_convolution *s, const double *statistics, const float *y) {
  if (!statistics) return;
  size_t plane = plane_of(s->out);
  for (int sample = 0; sample < s->batch; sample++)
    for (int channel = 0; channel < s->out_channels; channel++) {
      double sums[2] = {0}, magnitude = 0;
      for (size_t position = 0; position < plane; position++) {
        double value = y[(((size_t)sample * (padded(s->out_channels, 0) / 16) + channel / 16) * plane + position) * 16 + channel % 16];
        sums[0] += value, sums[1] += value * value, magnitude += fabs(value);
      }
      const double *found = statistics + ((size_t)sample * padded(s->out_channels, 0) + channel) * 2;
      expect_near("sum", found[0], sums[0], magnitude), expect_near("squares", found[1], sums[1], sums[1]);
    }
}

enum { DEPTHWISE = -1 };

/// Written over the residual a result is the same, bit by bit.
static void over_residual(
  martlet_thread_pool *pool, const martlet_convolution *s, int kernel, const martlet_convolution_extras *extras,
  const float *prepared, const float *x, const float *y, float *scratch) {
  if (!extras->residual) return;
  size_t count = (size_t)s->batch * padded(s->out_channels, s->plain_output) * plane_of(s->out);
  float *both = buffer(count);
  memcpy(both, extras->residual, count * sizeof(float));
  martlet_convolution_extras changed = *extras;
  changed.residual = both;
  if (kernel == DEPTHWISE)
    martlet_depthwise_run(pool, s, &changed, prepared, x, both, scratch);
  else
    martlet_convolution_run(pool, s, (martlet_convolution_kernel)kernel, &changed, prepared, x, both, scratch);
  for (size_t i = 0; i < count; i++) expect_near("over residual", both[i], y[i], 0);
  release(both);
}

/// Convolutions dense and depthwise, any stride, dilation and padding, in either layout, plain or transposed.
static void convolutions(martlet_thread_pool *pool) {
  int is_depthwise = (int)number(2), channels = between(1, 40), is_few = number(3) == 0;
  martlet_convolution s = {.batch = between(1, 2), .in_channels = channels};
  s.transposed = (int)number(3) == 0;
  s.out_channels = is_depthwise ? channels : is_few ? between(1, 4) : between(5, 40);
  int is_pointwise = !is_depthwise && !s.transposed && channels > 4 && number(3) == 0;
  if (!is_depthwise) s.plain_input = channels <= 4, s.plain_output = is_few || (is_pointwise && number(2));
  int usual = (int)number(2);
  for (int axis = 0; axis < 3; axis++) {
    s.kernel[axis] = usual ? 3 : between(1, 4), s.stride[axis] = usual ? 1 : between(1, 3), s.dilation[axis] = usual ? 1 : between(1, 2);
    s.pad[axis] = usual ? 1 : (int)number((unsigned)s.kernel[axis]), s.in[axis] = between(6, 12);
    int reach = (s.kernel[axis] - 1) * s.dilation[axis] + 1;
    s.out[axis] = s.transposed ? (s.in[axis] - 1) * s.stride[axis] + reach - 2 * s.pad[axis]
                               : (s.in[axis] + 2 * s.pad[axis] - reach) / s.stride[axis] + 1;
    if (is_pointwise) s.kernel[axis] = s.stride[axis] = 1, s.pad[axis] = 0, s.out[axis] = s.in[axis];
    if (s.out[axis] < 1) return;
  }
  int taps = s.kernel[0] * s.kernel[1] * s.kernel[2], depth = is_depthwise ? 1 : s.in_channels;
  int head = is_pointwise && s.in_channels > 16 && number(2) ? between(1, (s.in_channels - 1) / 16) * 16 : 0;
  float *x = buffer((size_t)s.batch * padded(s.in_channels, s.plain_input) * plane_of(s.in));
  float *y = buffer((size_t)s.batch * padded(s.out_channels, s.plain_output) * plane_of(s.out));
  float *weights = buffer((size_t)s.out_channels * depth * taps), *prepared, *scratch;
  martlet_convolution_extras extras = random_extras(&s, 1, 1);
  float *parts[2] = {NULL, NULL};
  if (head) {
    extras.tail_channels = s.in_channels - head;
    size_t plane = plane_of(s.in) * 16, counts[2] = {(size_t)head / 16 * plane, padded(extras.tail_channels, 0) / 16 * plane};
    for (int i = 0; i < 2; i++) {
      parts[i] = buffer((size_t)s.batch * counts[i]);
      for (int sample = 0; sample < s.batch; sample++)
        memcpy(parts[i] + sample * counts[i], x + sample * (counts[0] + counts[1]) + i * counts[0], counts[i] * sizeof(float));
    }
    extras.tail_input = parts[1];
  }
  if (is_depthwise) {
    prepared = buffer(martlet_depthwise_weight_count(&s)), scratch = buffer(martlet_depthwise_scratch_count(&s, 2));
    martlet_depthwise_prepare(&s, weights, prepared);
    martlet_depthwise_run(pool, &s, &extras, prepared, x, y, scratch);
    over_residual(pool, &s, DEPTHWISE, &extras, prepared, x, y, scratch);
  } else {
    martlet_convolution_kernel kernel = martlet_convolution_choice(&s, NULL);
    prepared = buffer(martlet_convolution_weight_count(&s, kernel));
    scratch = buffer(martlet_convolution_scratch_count(&s, kernel, 2));
    martlet_convolution_prepare(pool, &s, kernel, weights, prepared);
    martlet_convolution_run(pool, &s, kernel, &extras, prepared, head ? parts[0] : x, y, scratch);
    over_residual(pool, &s, kernel, &extras, prepared, head ? parts[0] : x, y, scratch);
  }
  for (int probe = 0; probe < 200; probe++) {
    int sample = (int)number((unsigned)s.batch), channel = (int)number((unsigned)s.out_channels), place[3];
    for (int axis = 0; axis < 3; axis++) place[axis] = (int)number((unsigned)s.out[axis]);
    double value = expected(&s, is_depthwise, &extras, weights, x, sample, channel, place);
    double found = y[place_of(sample, channel, s.out_channels, s.plain_output, s.out, place)];
    expect_near(is_depthwise ? "depthwise" : "convolution", found, value, depth * taps + fabs(value));
  }
  check_statistics(&s, extras.statistics, y);
  release_extras(&extras), release(parts[0]), release(parts[1]);
  release(x), release(y), release(weights), release(prepared), release(scratch);
}

/// A tensor times function(z), z the one channel of another, is what the step that computes both stores.
static void expect_gated(
  const martlet_convolution *s, const martlet_convolution_extras *e, const float *z, const float *y) {
  size_t plane = plane_of(s->out), blocks = padded(e->gated_channels, 0) / 16;
  for (size_t i = 0; i < (size_t)s->batch * blocks * plane * 16; i++) {
    size_t sample = i / (blocks * plane * 16), position = i / 16 % plane;
    double value = e->gated[i] * applied(e->function, z[sample * plane + position]);
    expect_near("gate", y[i], value, fabs(value));
  }
}

/// Two convolutions of one tap as one step do what they do one by one.
static void pairs(martlet_thread_pool *pool) {
  martlet_convolution first = {.batch = between(1, 2), .in_channels = between(5, 70), .out_channels = between(5, 150)};
  for (int axis = 0; axis < 3; axis++) {
    first.in[axis] = first.out[axis] = between(1, 12);
    first.kernel[axis] = first.stride[axis] = first.dilation[axis] = 1;
  }
  martlet_convolution second = first;
  second.in_channels = first.out_channels, second.out_channels = number(4) ? between(1, 70) : 1, second.plain_output = second.out_channels <= 4 || number(2);
  size_t plane = plane_of(first.in), batch = (size_t)first.batch;
  float *x = buffer(batch * padded(first.in_channels, 0) * plane), *hidden = buffer(batch * padded(first.out_channels, 0) * plane);
  int gated = second.out_channels == 1 && number(2) ? between(1, 40) : 0;
  size_t count = batch * padded(second.out_channels, second.plain_output) * plane;
  float *y = buffer(gated ? batch * padded(gated, 0) * plane : count), *z = buffer(count), *prepared[2], *weights[2], *scratch[3];
  martlet_convolution *shapes[2] = {&first, &second};
  martlet_convolution_extras extras[2] = {random_extras(&first, 1, 0), random_extras(&second, 0, !gated)};
  // Loading by a scale and a shift alone goes another way.
  if (extras[0].load_slope && number(2))
    for (size_t i = 0; i < batch * padded(first.in_channels, 0); i++) ((float *)extras[0].load_slope)[i] = 1;
  for (int i = 0; i < 2; i++) {
    weights[i] = buffer((size_t)shapes[i]->in_channels * shapes[i]->out_channels);
    prepared[i] = buffer(martlet_convolution_weight_count(shapes[i], MARTLET_DIRECT));
    scratch[i] = buffer(martlet_convolution_scratch_count(shapes[i], MARTLET_DIRECT, 2));
    martlet_convolution_prepare(pool, shapes[i], MARTLET_DIRECT, weights[i], prepared[i]);
    martlet_convolution_run(pool, shapes[i], MARTLET_DIRECT, &extras[i], prepared[i], i ? hidden : x, i ? z : hidden, scratch[i]);
  }
  scratch[2] = buffer(martlet_pointwise_pair_scratch_count(&first, &second, 2));
  if (gated) {
    extras[1].gated = buffer(batch * padded(gated, 0) * plane), extras[1].gated_channels = gated;
    extras[1].function = (martlet_function_call){MARTLET_RECTIFY, 0.25f, 0};
  }
  martlet_pointwise_pair_run(pool, &first, &extras[0], prepared[0], &second, &extras[1], prepared[1], x, y, scratch[2]);
  if (gated)
    expect_gated(&second, &extras[1], z, y);
  else
    for (size_t i = 0; i < count; i++) expect_near("pair", y[i], z[i], first.out_channels + fabs(z[i]));
  check_statistics(&second, extras[1].statistics, y);
  for (int i = 0; i < 2; i++) release_extras(&extras[i]), release(weights[i]), release(prepared[i]);
  for (int i = 0; i < 3; i++) release(scratch[i]);
  release(x), release(hidden), release(y), release(z);
}

int main(void) {
  martlet_thread_pool *pool = martlet_thread_pool_create(2);
  static const char *const sets[] = {"AVX-512", "AVX2", "portable"};
  for (int set = 0; set < 3; set++) {
    martlet_restrict_instruction_set(sets[set]);
    for (int turn = 0; turn < 60; turn++) products(pool), attentions(pool), rows(pool), copies(pool), axes_along(pool), convolutions(pool), pairs(pool);
    printf("%s: %d failures\n", martlet_instruction_set(), failures);
  }
  martlet_thread_pool_destroy(pool);
  return failures != 0;
}
