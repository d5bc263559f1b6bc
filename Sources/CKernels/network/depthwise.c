#include <string.h>

#include "depthwise_jobs.h"
#include "instruction_set.h"

typedef void (*piece_body)(void *context, long piece, int thread);

static int kernel_taps(const martlet_convolution *s) { return s->kernel[0] * s->kernel[1] * s->kernel[2]; }
static int block_count(int channels) { return (channels + LANES - 1) / LANES; }

size_t martlet_depthwise_weight_count(const martlet_convolution *s) {
  return (size_t)block_count(s->out_channels) * kernel_taps(s) * LANES;
}

void martlet_depthwise_prepare(const martlet_convolution *s, const float *weights, float *prepared) {
  int taps = kernel_taps(s);
  for (int block = 0; block < block_count(s->out_channels); block++)
    for (int tap = 0; tap < taps; tap++)
      for (int lane = 0; lane < LANES; lane++) {
        int channel = block * LANES + lane;
        *prepared++ = channel < s->out_channels ? weights[(size_t)channel * taps + tap] : 0;
      }
}

static depthwise_axis axis_plan(const martlet_convolution *s, int axis) {
  depthwise_axis plan = {0};
  int stride = s->stride[axis], pad = s->pad[axis], dilation = s->dilation[axis];
  plan.phases = plan.out_step = s->transposed ? stride : 1;
  plan.in_step = s->transposed ? 1 : stride;
  plan.positions = (s->out[axis] + plan.out_step - 1) / plan.out_step;
  int known = 0;
  for (int phase = 0; phase < plan.phases; phase++)
    for (int tap = 0; tap < s->kernel[axis]; tap++) {
      int offset = tap * dilation - pad;
      if (s->transposed) {
        int reach = phase + pad - tap * dilation;
        if (reach % stride != 0) continue;
        offset = reach / stride;
      }
      plan.tap[phase][plan.taps[phase]] = tap;
      plan.offset[phase][plan.taps[phase]++] = offset;
      if (!known || offset < plan.first_offset) plan.first_offset = offset;
      if (!known || offset > plan.last_offset) plan.last_offset = offset;
      known = 1;
    }
  return plan;
}

static depthwise_job depthwise_plan(const martlet_convolution *s) {
  depthwise_job job = {.shape = s, .blocks = block_count(s->out_channels), .taps = kernel_taps(s)};
  for (int axis = 0; axis < 3; axis++) job.axes[axis] = axis_plan(s, axis);
  const depthwise_axis *d = &job.axes[0], *h = &job.axes[1], *w = &job.axes[2];
  job.slices = d->last_offset - d->first_offset + 1;
  job.columns = (w->positions - 1) * w->in_step + w->last_offset - w->first_offset + 1;
  // Rows so that the copies stay in the second-level cache, and enough pieces to share out.
  int reach = h->last_offset - h->first_offset + 1;
  long row_floats = (long)job.columns * LANES * job.slices;
  long rows = 98304 / (row_floats > 0 ? row_floats : 1);
  long chunk = (rows - reach) / h->in_step + 1;
  if (chunk < 4) chunk = 4;
  if (chunk > h->positions) chunk = h->positions;
  job.height_chunks = (int)((h->positions + chunk - 1) / chunk);
  job.height_chunk = (h->positions + job.height_chunks - 1) / job.height_chunks;
  job.height_chunks = (h->positions + job.height_chunk - 1) / job.height_chunk;
  job.rows = (job.height_chunk - 1) * h->in_step + reach;
  long pieces = (long)s->batch * job.blocks * job.height_chunks;
  int parts = pieces >= 16 ? 1 : (int)(16 / (pieces > 0 ? pieces : 1));
  int most = d->positions / (2 * job.slices) + 1;
  if (parts > most) parts = most;
  job.depth_chunk = (d->positions + parts - 1) / parts;
  job.depth_chunks = (d->positions + job.depth_chunk - 1) / job.depth_chunk;
  size_t copied = (size_t)job.slices * job.rows * job.columns * LANES;
  size_t lists = ((size_t)job.taps * 2 * sizeof(void *) + (size_t)job.slices * sizeof(int)) / sizeof(float);
  job.thread_floats = copied + (lists + LANES) / LANES * LANES;
  return job;
}

static long pieces_per_block(const depthwise_job *job) { return (long)job->depth_chunks * job->height_chunks; }

static size_t partial_count(const depthwise_job *job) {
  return (size_t)job->shape->batch * job->blocks * pieces_per_block(job) * 2 * LANES;
}

size_t martlet_depthwise_scratch_count(const martlet_convolution *shape, int threads) {
  depthwise_job job = depthwise_plan(shape);
  return job.thread_floats * threads + partial_count(&job) * sizeof(double) / sizeof(float);
}

void martlet_depthwise_run(
  martlet_thread_pool *pool, const martlet_convolution *s, const martlet_convolution_extras *extras,
  const float *prepared, const float *input, float *output, float *scratch) {
  static const piece_body bodies[] = FUNCTIONS(depthwise_piece);
  depthwise_job job = depthwise_plan(s);
  job.extras = extras;
  job.weights = prepared;
  job.input = input;
  job.output = output;
  job.scratch = scratch + partial_count(&job) * sizeof(double) / sizeof(float);
  size_t plane = (size_t)s->out[0] * s->out[1] * s->out[2];
  job.is_streaming = (size_t)s->batch * job.blocks * plane * LANES * sizeof(float) > (24u << 20);
  if (extras->statistics) {
    job.partial = (double *)(void *)scratch;
    memset(job.partial, 0, partial_count(&job) * sizeof(double));
  }
  long blocks = (long)s->batch * job.blocks, pieces = pieces_per_block(&job);
  martlet_thread_pool_run(pool, blocks * pieces, bodies[martlet_current_set()], &job);
  if (!extras->statistics) return;
  // In the order of the pieces, so that the sums don't depend on who computed what.
  for (long block = 0; block < blocks; block++)
    for (int lane = 0; lane < LANES; lane++) {
      double sum = 0, squares = 0;
      for (long piece = 0; piece < pieces; piece++) {
        const double *partial = job.partial + (size_t)(block * pieces + piece) * 2 * LANES + lane;
        sum += partial[0], squares += partial[LANES];
      }
      extras->statistics[(block * LANES + lane) * 2] = sum;
      extras->statistics[(block * LANES + lane) * 2 + 1] = squares;
    }
}
