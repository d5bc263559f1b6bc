// Matrix products and attention for one instruction set. Included by matrix_<set>.c, which defines NAME(f), and TILE_ROWS
// and TILE_PANELS: the rows and the panels of 16 columns whose sums the registers hold.

#include <math.h>
#include <string.h>

#include "functions.h"
#include "matrix_jobs.h"

/// sums[r][p * 16...] = Σ left(r, k) * right[p][k][...]; the left side is packed as [k][rows], or rows of `left_stride`.
INLINE void tile(
  const int rows, const int panels, const int is_packed, const float *left, size_t left_stride, const float *right,
  size_t panel_floats, int inner, float *sums, size_t sums_stride) {
  v16 total[TILE_ROWS][TILE_PANELS];
  UNROLL for (int r = 0; r < rows; r++) UNROLL for (int p = 0; p < panels; p++) total[r][p] = zero16();
  NO_UNROLL for (int k = 0; k < inner; k++) {
    v16 b[TILE_PANELS];
    UNROLL for (int p = 0; p < panels; p++) b[p] = load16(right + p * panel_floats + (size_t)k * LANES);
    UNROLL for (int r = 0; r < rows; r++) {
      v16 a = all16(is_packed ? left[(size_t)k * rows + r] : left[r * left_stride + k]);
      UNROLL for (int p = 0; p < panels; p++) total[r][p] += a * b[p];
    }
  }
  UNROLL for (int r = 0; r < rows; r++) UNROLL for (int p = 0; p < panels; p++)
    store16(sums + r * sums_stride + p * LANES, total[r][p]);
}

typedef void (*tile_function)(
  const float *left, size_t left_stride, const float *right, size_t panel_floats, int inner, float *sums,
  size_t sums_stride);

#define VARIANT(rows, panels, packed)                                                                             \
  static __attribute__((noinline)) void tile_##rows##_##panels##_##packed(                                        \
    const float *left, size_t left_stride, const float *right, size_t panel_floats, int inner, float *sums,       \
    size_t sums_stride) {                                                                                         \
    tile(rows, panels, packed, left, left_stride, right, panel_floats, inner, sums, sums_stride);                 \
  }
#if TILE_PANELS == 2
#define VARIANTS(rows) VARIANT(rows, 1, 0) VARIANT(rows, 1, 1) VARIANT(rows, 2, 0) VARIANT(rows, 2, 1)
#define ROW(rows) {{tile_##rows##_1_0, tile_##rows##_1_1}, {tile_##rows##_2_0, tile_##rows##_2_1}},
#else
#define VARIANTS(rows) VARIANT(rows, 1, 0) VARIANT(rows, 1, 1)
#define ROW(rows) {{tile_##rows##_1_0, tile_##rows##_1_1}},
#endif
VARIANTS(1) VARIANTS(2)
#if TILE_ROWS > 2
VARIANTS(3) VARIANTS(4) VARIANTS(5) VARIANTS(6)
#endif
#if TILE_ROWS > 6
VARIANTS(7) VARIANTS(8) VARIANTS(9) VARIANTS(10) VARIANTS(11) VARIANTS(12)
#endif

/// [rows - 1][panels - 1][is packed].
static const tile_function tiles[TILE_ROWS][TILE_PANELS][2] = {
  ROW(1) ROW(2)
#if TILE_ROWS > 2
  ROW(3) ROW(4) ROW(5) ROW(6)
#endif
#if TILE_ROWS > 6
  ROW(7) ROW(8) ROW(9) ROW(10) ROW(11) ROW(12)
#endif
};
#undef VARIANT
#undef VARIANTS
#undef ROW

INLINE ptrdiff_t offset_of(const martlet_matrices *m, long number) { return m->offsets ? m->offsets[number] : 0; }

/// Packs a right side: 16 columns together, zeros behind the last.
static void pack_panels(const float *values, ptrdiff_t row_stride, ptrdiff_t column_stride, int rows, int columns, float *packed) {
  for (int column = 0; column < columns; column += LANES, packed += (size_t)rows * LANES) {
    const float *source = values + column * column_stride;
    int count = columns - column < LANES ? columns - column : LANES;
    int row = 0;
    if (count == LANES && column_stride == 1) {
      for (; row < rows; row++) store16(packed + (size_t)row * LANES, load16u(source + row * row_stride));
    } else if (count == LANES && row_stride == 1) {
      for (; row + LANES <= rows; row += LANES) {
        v16 block[LANES];
        UNROLL for (int i = 0; i < LANES; i++) block[i] = load16u(source + i * column_stride + row);
        transpose16(block);
        UNROLL for (int i = 0; i < LANES; i++) store16(packed + (size_t)(row + i) * LANES, block[i]);
      }
    }
    for (; row < rows; row++)
      for (int lane = 0; lane < LANES; lane++)
        packed[(size_t)row * LANES + lane] = lane < count ? source[row * row_stride + lane * column_stride] : 0;
  }
}

/// One panel of a matrix.
void NAME(pack_piece)(void *context, long piece, int thread) {
  (void)thread;
  const pack_job *job = context;
  const martlet_matrices *m = job->matrix;
  int column = (int)piece * LANES, count = job->columns - column < LANES ? job->columns - column : LANES;
  pack_panels(
    m->values + offset_of(m, 0) + column * m->column_stride, m->row_stride, m->column_stride, job->rows, count,
    job->packed + (size_t)column * job->rows);
}

/// Packs rows of a left side: [k][rows].
static void pack_rows(const float *values, ptrdiff_t row_stride, ptrdiff_t column_stride, int rows, int inner, float *packed) {
  for (int k = 0; k < inner; k++)
    for (int r = 0; r < rows; r++) *packed++ = values[r * row_stride + k * column_stride];
}

/// Finishes a row of sums and stores it.
INLINE void finish_row(
  const martlet_product *p, const float *sums, int column, int count, size_t place) {
  for (int i = 0; i < count; i += LANES) {
    int lanes = count - i < LANES ? count - i : LANES;
    v16 x = load16(sums + i) * p->scale;
    if (lanes == LANES) {
      if (p->bias) x += load16u(p->bias + column + i);
      if (p->function.function != MARTLET_IDENTITY) x = function16(&p->function, x);
      if (p->residual) x += load16u(p->residual + place + i);
      store16u(p->target + place + i, x);
    } else {
      if (p->bias) x += load_part(p->bias + column + i, (size_t)lanes, 0);
      if (p->function.function != MARTLET_IDENTITY) x = function16(&p->function, x);
      if (p->residual) x += load_part(p->residual + place + i, (size_t)lanes, 0);
      store_part(p->target + place + i, x, (size_t)lanes);
    }
  }
}

void NAME(product_piece)(void *context, long piece, int thread) {
  const product_job *job = context;
  const martlet_product *p = job->product;
  int column_chunk = (int)(piece % job->column_chunks);
  int row_chunk = (int)(piece / job->column_chunks % job->row_chunks);
  long number = piece / job->column_chunks / job->row_chunks;
  int first_row = (int)((long)p->rows * row_chunk / job->row_chunks);
  int rows = (int)((long)p->rows * (row_chunk + 1) / job->row_chunks) - first_row;
  int panels = (p->columns + LANES - 1) / LANES;
  int first_panel = (int)((long)panels * column_chunk / job->column_chunks);
  int last_panel = (int)((long)panels * (column_chunk + 1) / job->column_chunks);
  size_t panel_floats = (size_t)p->inner * LANES;
  float *scratch = job->scratch + (size_t)thread * job->thread_floats;

  const float *left = p->left.values + offset_of(&p->left, number) + first_row * p->left.row_stride;
  int tile_count = (rows + TILE_ROWS - 1) / TILE_ROWS;
  if (job->is_left_packed)
    for (int t = 0; t < tile_count; t++) {
      int from = (int)((long)rows * t / tile_count), to = (int)((long)rows * (t + 1) / tile_count);
      pack_rows(
        left + from * p->left.row_stride, p->left.row_stride, p->left.column_stride, to - from, p->inner,
        scratch + (size_t)from * p->inner);
    }
  const float *right = p->packed ? p->packed + first_panel * panel_floats : scratch + job->right_start;
  if (!p->packed)
    pack_panels(
      p->right.values + offset_of(&p->right, number) + first_panel * LANES * p->right.column_stride, p->right.row_stride,
      p->right.column_stride, p->inner,
      (last_panel * LANES < p->columns ? last_panel * LANES : p->columns) - first_panel * LANES,
      scratch + job->right_start);

  _Alignas(64) float sums[TILE_ROWS * TILE_PANELS * LANES];
  for (int panel = first_panel; panel < last_panel; panel += TILE_PANELS) {
    int count = last_panel - panel < TILE_PANELS ? last_panel - panel : TILE_PANELS;
    int column = panel * LANES, columns = p->columns - column < count * LANES ? p->columns - column : count * LANES;
    for (int t = 0; t < tile_count; t++) {
      int from = (int)((long)rows * t / tile_count), to = (int)((long)rows * (t + 1) / tile_count);
      const float *tile_left =
        job->is_left_packed ? scratch + (size_t)from * p->inner : left + from * p->left.row_stride;
      tiles[to - from - 1][count - 1][job->is_left_packed](
        tile_left, (size_t)p->left.row_stride, right + (size_t)(panel - first_panel) * panel_floats, panel_floats,
        p->inner, sums, TILE_PANELS * LANES);
      size_t place = ((size_t)number * p->rows + first_row + from) * p->columns + column;
      for (int r = from; r < to; r++, place += p->columns)
        finish_row(p, sums + (r - from) * TILE_PANELS * LANES, column, columns, place);
    }
  }
}

/// Scales a row of scores, adds the masks and takes the exponentials; returns 1 over their sum.
INLINE float soften(const martlet_attention *a, float *scores, const float *first_mask, const float *second_mask) {
  int whole = a->keys / LANES * LANES, rest = a->keys - whole;
  v16 highest = all16(-INFINITY);
  for (int i = 0; i < whole; i += LANES) {
    v16 x = load16(scores + i) * a->scale;
    if (first_mask) x += load16u(first_mask + i);
    if (second_mask) x += load16u(second_mask + i);
    store16(scores + i, x);
    highest = max16(highest, x);
  }
  if (rest) {
    v16 x = load_part(scores + whole, (size_t)rest, 0) * a->scale;
    if (first_mask) x += load_part(first_mask + whole, (size_t)rest, 0);
    if (second_mask) x += load_part(second_mask + whole, (size_t)rest, 0);
    store16(scores + whole, x);
    x = load_part(scores + whole, (size_t)rest, -INFINITY);
    store16(scores + whole, x);
    highest = max16(highest, x);
  }
  v16 top = all16(max_of16(highest)), sum = zero16();
  for (int i = 0; i < whole; i += LANES) {
    v16 x = exp16(load16(scores + i) - top);
    store16(scores + i, x);
    sum += x;
  }
  if (rest) {
    v16 x = exp16(load16(scores + whole) - top);
    store16(scores + whole, x);
    sum += load_part(scores + whole, (size_t)rest, 0);
  }
  return 1 / sum_of16(sum);
}

void NAME(attention_piece)(void *context, long piece, int thread) {
  const attention_job *job = context;
  const martlet_attention *a = job->attention;
  long number = piece / job->query_chunks;
  int chunk = (int)(piece % job->query_chunks);
  int first = (int)((long)a->queries * chunk / job->query_chunks);
  int last = (int)((long)a->queries * (chunk + 1) / job->query_chunks);
  float *keys = job->scratch + (size_t)thread * job->thread_floats;
  float *values = keys + job->value_start, *scores = keys + job->score_start, *left = keys + job->left_start;
  pack_panels(
    a->key.values + offset_of(&a->key, number), a->key.column_stride, a->key.row_stride, a->depth, a->keys, keys);
  pack_panels(
    a->value.values + offset_of(&a->value, number), a->value.row_stride, a->value.column_stride, a->keys, a->value_depth,
    values);
  const float *query = a->query.values + offset_of(&a->query, number);
  const float *masks[2];
  for (int m = 0; m < 2; m++) masks[m] = a->masks[m].values ? a->masks[m].values + offset_of(&a->masks[m], number) : NULL;
  int is_packed = a->query.column_stride != 1;
  int key_panels = (a->keys + LANES - 1) / LANES, value_panels = (a->value_depth + LANES - 1) / LANES;
  size_t key_floats = (size_t)a->depth * LANES, value_floats = (size_t)a->keys * LANES;
  _Alignas(64) float sums[TILE_ROWS * TILE_PANELS * LANES];
  int tile_count = (last - first + TILE_ROWS - 1) / TILE_ROWS;
  for (int t = 0; t < tile_count; t++) {
    int from = first + (int)((long)(last - first) * t / tile_count);
    int rows = first + (int)((long)(last - first) * (t + 1) / tile_count) - from;
    const float *tile_query = query + from * a->query.row_stride;
    if (is_packed) {
      pack_rows(tile_query, a->query.row_stride, a->query.column_stride, rows, a->depth, left);
      tile_query = left;
    }
    for (int panel = 0; panel < key_panels; panel += TILE_PANELS) {
      int count = key_panels - panel < TILE_PANELS ? key_panels - panel : TILE_PANELS;
      tiles[rows - 1][count - 1][is_packed](
        tile_query, (size_t)a->query.row_stride, keys + panel * key_floats, key_floats, a->depth,
        scores + panel * LANES, job->score_stride);
    }
    float factors[TILE_ROWS];
    for (int r = 0; r < rows; r++)
      factors[r] = soften(
        a, scores + r * job->score_stride, masks[0] ? masks[0] + (from + r) * a->masks[0].row_stride : NULL,
        masks[1] ? masks[1] + (from + r) * a->masks[1].row_stride : NULL);
    float *target = a->target + a->target_offsets[number] + from * a->target_row_stride;
    for (int panel = 0; panel < value_panels; panel += TILE_PANELS) {
      int count = value_panels - panel < TILE_PANELS ? value_panels - panel : TILE_PANELS;
      tiles[rows - 1][count - 1][0](
        scores, job->score_stride, values + panel * value_floats, value_floats, a->keys, sums, TILE_PANELS * LANES);
      for (int r = 0; r < rows; r++)
        for (int p = 0; p < count; p++) {
          int column = (panel + p) * LANES, lanes = a->value_depth - column < LANES ? a->value_depth - column : LANES;
          v16 x = load16(sums + (r * TILE_PANELS + p) * LANES) * factors[r];
          float *place = target + r * a->target_row_stride + column;
          if (lanes == LANES)
            store16u(place, x);
          else
            store_part(place, x, (size_t)lanes);
        }
    }
  }
}
