/* gather.c: rows of a tensor by id, and sums into rows by id: each is the other's gradient. */
#include <string.h>

#include "kernels/kernels.h"
#include "rows.h"

/* Numbers in one row. */
static int64_t row_width(const tn_tensor *x)
{
    int64_t width = 1;
    for (int d = 1; d < x->rank; d++) width *= x->size[d];
    return width;
}

static bool check_rows(const tn_tensor *y, tn_ids rows)
{
    const tn_tensor *x = y->in[0];
    if (x->rank < 1) return tn_op_fail(y, TN_ESHAPE, "x is a scalar, it has no rows");
    return tn__check_ids(y, rows, x->size[0]);
}

/* ---- gather ---------------------------------------------------------------------------------------------------- */

static bool gather_shape(tn_tensor *y)
{
    const tn_ids *rows = y->attr;
    int64_t size[TN_MAX_RANK];
    if (!check_rows(y, *rows)) return false;
    memcpy(size, y->in[0]->size, sizeof size);
    size[0] = rows->n;
    return tn_touch_rows(y, 0, *rows) && tn_set_shape(y, y->in[0]->rank, size);
}

static void gather_forward(tn_tensor *y)
{
    const tn_ids *rows = y->attr;
    int64_t width = row_width(y);
    for (int64_t k = 0; k < rows->n; k++)
        memcpy(y->data + k * width, y->in[0]->data + rows->id[k] * width, (size_t)width * sizeof *y->data);
}

static void gather_backward(tn_tensor *y)
{
    const tn_ids *rows = y->attr;
    const tn_real *g = tn_grad_out(y);
    int64_t width = row_width(y);
    if (!tn_wants(y, 0)) return;
    for (int64_t k = 0; k < rows->n; k++)
        tn__kernels_get()->axpy(width, 1, g + k * width, tn_grad_row(y, 0, k));
}

static tn_tensor *gather_sample(tn_tape *t, int k)
{
    static const int32_t rows[] = {3, 0, 0, 2, 3};
    switch (k) {
    case 0: return tn_gather_rows(t, tn_sample(t, TN_DIMS(4, 3), -1, 1), (tn_ids){rows, 5});
    case 1: return tn_gather_rows(t, tn_sample(t, TN_DIMS(4), -1, 1), (tn_ids){rows, 5});
    case 2: return tn_gather_rows(t, tn_sample(t, TN_DIMS(4, 2, 1, 3), -1, 1), (tn_ids){rows, 2});
    case 3: return tn_gather_rows(t, tn_sample(t, TN_DIMS(4, 3), -1, 1), (tn_ids){rows, 0});
    case 4: return tn_gather_rows(t, tn_sample(t, TN_DIMS(4, 0), -1, 1), (tn_ids){rows, 5});
    default: return NULL;
    }
}

const tn_op tn__op_gather_rows = {
    .name = "gather_rows",
    .n_in = 1,
    .attr_size = sizeof(tn_ids),
    .shape = gather_shape,
    .forward = gather_forward,
    .backward = gather_backward,
    .sample = gather_sample,
};

tn_tensor *tn_gather_rows(tn_tape *t, tn_tensor *x, tn_ids rows)
{
    return tn_apply(t, &tn__op_gather_rows, 1, &x, &rows);
}

/* ---- scatter-add ----------------------------------------------------------------------------------------------- */

static bool scatter_shape(tn_tensor *y)
{
    const tn_ids *rows = y->attr;
    const tn_tensor *x = y->in[0], *source = y->in[1];
    if (!check_rows(y, *rows)) return false;
    bool fits = source->rank == x->rank && source->size[0] == rows->n;
    for (int d = 1; d < x->rank && fits; d++) fits = source->size[d] == x->size[d];
    if (!fits)
        return tn_op_fail(y, TN_ESHAPE, "source is %s, for %lld rows of x %s", TN_STR(source), (long long)rows->n,
                          TN_STR(x));
    return tn_set_shape_like(y, x);
}

static void scatter_forward(tn_tensor *y)
{
    const tn_ids *rows = y->attr;
    int64_t width = row_width(y);
    memcpy(y->data, y->in[0]->data, (size_t)y->n * sizeof *y->data);
    for (int64_t k = 0; k < rows->n; k++)
        tn__kernels_get()->axpy(width, 1, y->in[1]->data + k * width, y->data + rows->id[k] * width);
}

static void take_or_add(int64_t n, const tn_real *g, tn_real *gx, bool first)
{
    if (first) memcpy(gx, g, (size_t)n * sizeof *gx);
    else tn__kernels_get()->axpy(n, 1, g, gx);
}

static void scatter_backward(tn_tensor *y)
{
    const tn_ids *rows = y->attr;
    const tn_real *g = tn_grad_out(y);
    int64_t width = row_width(y);
    bool first;
    tn_real *gx = tn_grad(y, 0, &first);
    if (gx) take_or_add(y->n, g, gx, first);
    tn_real *gs = tn_grad(y, 1, &first);
    for (int64_t k = 0; k < rows->n && gs; k++) take_or_add(width, g + rows->id[k] * width, gs + k * width, first);
}

static tn_tensor *scatter_sample(tn_tape *t, int k)
{
    static const int32_t rows[] = {3, 0, 0, 2};
    static const tn_dims x[] = {{2, {4, 3}}, {1, {4}}, {3, {4, 1, 2}}, {2, {4, 3}}, {2, {4, 0}}};
    static const tn_dims source[] = {{2, {4, 3}}, {1, {4}}, {3, {2, 1, 2}}, {2, {0, 3}}, {2, {4, 0}}};
    if (k >= (int)(sizeof x / sizeof *x)) return NULL;
    tn_tensor *added = tn_sample(t, source[k], -1, 1);
    return tn_scatter_add_rows(t, tn_sample(t, x[k], -1, 1), (tn_ids){rows, source[k].at[0]}, added);
}

const tn_op tn__op_scatter_add_rows = {
    .name = "scatter_add_rows",
    .n_in = 2,
    .attr_size = sizeof(tn_ids),
    .shape = scatter_shape,
    .forward = scatter_forward,
    .backward = scatter_backward,
    .sample = scatter_sample,
};

tn_tensor *tn_scatter_add_rows(tn_tape *t, tn_tensor *x, tn_ids rows, tn_tensor *source)
{
    return tn_apply(t, &tn__op_scatter_add_rows, 2, (tn_tensor *[]){x, source}, &rows);
}
