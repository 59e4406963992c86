/* softmax.c: softmax and log_softmax along any dimension. The last one goes by kernels, a row at a time; for another one,
 * columns that lie side by side are taken together, in blocks that stay in the first cache. */
#include "kernels/kernels.h"
#include "shape.h"

#include <tarn/ops.h>

enum { BLOCK = 128 };

/* y as (outer, n, inner); a column's next element is inner numbers on. */
typedef struct columns {
    int64_t outer, n, inner;
} columns;

static columns columns_of(const tn_tensor *y)
{
    int64_t dim = *(const int64_t *)y->attr;
    columns c;
    if (dim < 0) dim += y->rank;
    tn__split(y, dim, &c.outer, &c.inner);
    if (!y->n) c.outer = 0; /* as many columns of nothing as there may be: they take no time */
    c.n = y->size[dim];
    return c;
}

static bool softmax_shape(tn_tensor *y)
{
    int64_t dim = *(const int64_t *)y->attr;
    return tn_wrap_dim(y, y->in[0]->rank, &dim) && tn_set_shape_like(y, y->in[0]);
}

typedef void (*forward_block)(columns c, int64_t width, const tn_real *x, tn_real *y);
typedef void (*backward_block)(columns c, int64_t width, const tn_real *y, const tn_real *dy, tn_real *g, bool first);

static void each_block(tn_tensor *y, columns c, forward_block f)
{
    const tn_real *x = y->in[0]->data;
    for (int64_t o = 0; o < c.outer; o++)
        for (int64_t i = 0; i < c.inner; i += BLOCK) {
            int64_t at = o * c.n * c.inner + i, left = c.inner - i;
            f(c, left < BLOCK ? left : BLOCK, x + at, y->data + at);
        }
}

static void each_block_back(const tn_tensor *y, columns c, tn_real *g, bool first, backward_block f)
{
    const tn_real *dy = tn_grad_out(y);
    for (int64_t o = 0; o < c.outer; o++)
        for (int64_t i = 0; i < c.inner; i += BLOCK) {
            int64_t at = o * c.n * c.inner + i, left = c.inner - i;
            f(c, left < BLOCK ? left : BLOCK, y->data + at, dy + at, g + at, first);
        }
}

/* ---- a block of columns -------------------------------------------------------------------------------------------- */

static void block_max(columns c, int64_t width, const tn_real *x, tn_real *restrict max)
{
    for (int64_t i = 0; i < width; i++) max[i] = (tn_real)-HUGE_VAL;
    for (int64_t k = 0; k < c.n; k++, x += c.inner)
        for (int64_t i = 0; i < width; i++) max[i] = ((x[i] > max[i]) | (x[i] != x[i])) ? x[i] : max[i];
}

/* e = e^(x - m), and sum += e */
static void exp_row(int64_t width, const tn_real *x, const tn_real *m, tn_real *e, tn_real *restrict sum)
{
    for (int64_t i = 0; i < width; i++) e[i] = x[i] - m[i];
    tn__kernels_get()->exp(width, e, e);
    for (int64_t i = 0; i < width; i++) sum[i] += e[i];
}

static void softmax_block(columns c, int64_t width, const tn_real *x, tn_real *y)
{
    tn_real m[BLOCK], sum[BLOCK] = {0};
    block_max(c, width, x, m);
    for (int64_t i = 0; i < width; i++) m[i] = m[i] == (tn_real)-HUGE_VAL ? 0 : m[i]; /* such a column gives zeros */
    for (int64_t k = 0; k < c.n; k++) exp_row(width, x + k * c.inner, m, y + k * c.inner, sum);
    for (int64_t i = 0; i < width; i++) sum[i] = sum[i] == 0 ? 0 : 1 / sum[i];
    for (int64_t k = 0; k < c.n; k++)
        for (int64_t i = 0; i < width; i++) y[k * c.inner + i] *= sum[i];
}

/* y (dy - <dy, y>) */
static void softmax_block_back(columns c, int64_t width, const tn_real *y, const tn_real *dy, tn_real *g, bool first)
{
    tn_real sum[BLOCK] = {0};
    for (int64_t k = 0; k < c.n; k++)
        for (int64_t i = 0; i < width; i++) sum[i] += y[k * c.inner + i] * dy[k * c.inner + i];
    for (int64_t k = 0; k < c.n; k++, y += c.inner, dy += c.inner, g += c.inner)
        if (first) for (int64_t i = 0; i < width; i++) g[i] = y[i] * (dy[i] - sum[i]);
        else for (int64_t i = 0; i < width; i++) g[i] += y[i] * (dy[i] - sum[i]);
}

static void log_softmax_block(columns c, int64_t width, const tn_real *x, tn_real *y)
{
    tn_real m[BLOCK], sum[BLOCK] = {0};
    block_max(c, width, x, m);
    for (int64_t k = 0; k < c.n; k++) exp_row(width, x + k * c.inner, m, y + k * c.inner, sum);
    tn__kernels_get()->log(width, sum, sum);
    for (int64_t k = 0; k < c.n; k++)
        for (int64_t i = 0; i < width; i++) y[k * c.inner + i] = x[k * c.inner + i] - m[i] - sum[i];
}

/* dy - e^y sum dy */
static void log_softmax_block_back(columns c, int64_t width, const tn_real *y, const tn_real *dy, tn_real *g, bool first)
{
    tn_real e[BLOCK], sum[BLOCK] = {0};
    for (int64_t k = 0; k < c.n; k++)
        for (int64_t i = 0; i < width; i++) sum[i] += dy[k * c.inner + i];
    for (int64_t k = 0; k < c.n; k++, y += c.inner, dy += c.inner, g += c.inner) {
        tn__kernels_get()->exp(width, y, e);
        if (first) for (int64_t i = 0; i < width; i++) g[i] = dy[i] - e[i] * sum[i];
        else for (int64_t i = 0; i < width; i++) g[i] += dy[i] - e[i] * sum[i];
    }
}

/* ---- the ops ------------------------------------------------------------------------------------------------------- */

/* Along the last dimension: rows, by the kernels, in pieces. */
typedef struct rows {
    const tn_tensor *y;
    const tn_real   *dy;
    tn_real         *g;
    bool             first;
    void (*gradient)(int64_t n, const tn_real *y, const tn_real *dy, tn_real *g, bool first);
} rows;

static int64_t rows_per_piece(columns c)
{
    return 1 + TN__GRAIN / (c.n + 1);
}

static void softmax_rows(int64_t begin, int64_t end, void *arg)
{
    const tn_tensor *y = arg;
    const int64_t n = columns_of(y).n;
    for (int64_t at = begin * n; at < end * n; at += n) tn__kernels_get()->softmax(n, y->in[0]->data + at, y->data + at);
}

static void log_softmax_rows(int64_t begin, int64_t end, void *arg)
{
    const tn_tensor *y = arg;
    const int64_t n = columns_of(y).n;
    for (int64_t at = begin * n; at < end * n; at += n)
        tn__kernels_get()->log_softmax(n, y->in[0]->data + at, y->data + at);
}

static void rows_back(int64_t begin, int64_t end, void *arg)
{
    const rows *j = arg;
    const int64_t n = columns_of(j->y).n;
    for (int64_t at = begin * n; at < end * n; at += n)
        j->gradient(n, j->y->data + at, j->dy + at, j->g + at, j->first);
}

static void softmax_forward(tn_tensor *y)
{
    columns c = columns_of(y);
    if (c.inner != 1) each_block(y, c, softmax_block);
    else tn_parallel_for(c.outer, rows_per_piece(c), softmax_rows, y);
}

static void log_softmax_forward(tn_tensor *y)
{
    columns c = columns_of(y);
    if (c.inner != 1) each_block(y, c, log_softmax_block);
    else tn_parallel_for(c.outer, rows_per_piece(c), log_softmax_rows, y);
}

static void softmax_backward(tn_tensor *y)
{
    columns c = columns_of(y);
    rows j = {.y = y, .dy = tn_grad_out(y), .gradient = tn__kernels_get()->softmax_grad};
    j.g = tn_grad(y, 0, &j.first);
    if (!j.g) return;
    if (c.inner != 1) each_block_back(y, c, j.g, j.first, softmax_block_back);
    else tn_parallel_for(c.outer, rows_per_piece(c), rows_back, &j);
}

static void log_softmax_backward(tn_tensor *y)
{
    columns c = columns_of(y);
    rows j = {.y = y, .dy = tn_grad_out(y), .gradient = tn__kernels_get()->log_softmax_grad};
    j.g = tn_grad(y, 0, &j.first);
    if (!j.g) return;
    if (c.inner != 1) each_block_back(y, c, j.g, j.first, log_softmax_block_back);
    else tn_parallel_for(c.outer, rows_per_piece(c), rows_back, &j);
}

static tn_tensor *sample(tn_tape *t, int k, tn_tensor *(*f)(tn_tape *, tn_tensor *, int64_t))
{
    switch (k) {
    case 0: return f(t, tn_sample(t, TN_DIMS(3, 5), -2, 2), 1);
    case 1: return f(t, tn_sample(t, TN_DIMS(3, 5), -2, 2), 0);
    case 2: return f(t, tn_sample(t, TN_DIMS(2, 3, 4), -2, 2), -2);
    case 3: return f(t, tn_sample(t, TN_DIMS(35), -2, 2), -1);
    case 4: return f(t, tn_sample(t, TN_DIMS(2, 1), -2, 2), -1);
    case 5: return f(t, tn_sample(t, TN_DIMS(2, 0), -2, 2), 1);
    case 6: return f(t, tn_sample(t, TN_DIMS(0, 2), -2, 2), 1);
    case 7: return f(t, tn_sample(t, TN_DIMS(2, 130), -2, 2), 0);
    default: return NULL;
    }
}

static tn_tensor *softmax_sample(tn_tape *t, int k)
{
    return sample(t, k, tn_softmax);
}

static tn_tensor *log_softmax_sample(tn_tape *t, int k)
{
    return sample(t, k, tn_log_softmax);
}

const tn_op tn__op_softmax = {.name = "softmax", .n_in = 1, .attr_size = sizeof(int64_t), .shape = softmax_shape,
                              .forward = softmax_forward, .backward = softmax_backward, .sample = softmax_sample};

const tn_op tn__op_log_softmax = {.name = "log_softmax", .n_in = 1, .attr_size = sizeof(int64_t),
                                  .shape = softmax_shape, .forward = log_softmax_forward,
                                  .backward = log_softmax_backward, .sample = log_softmax_sample};

tn_tensor *tn_softmax(tn_tape *t, tn_tensor *x, int64_t dim)
{
    return tn_apply(t, &tn__op_softmax, 1, &x, &dim);
}

tn_tensor *tn_log_softmax(tn_tape *t, tn_tensor *x, int64_t dim)
{
    return tn_apply(t, &tn__op_log_softmax, 1, &x, &dim);
}
