/* permute.c: transpose and permute: the dimensions in another order, copied. */
#include "shape.h"

#include <tarn/ops.h>

enum { TILE = 16 }; /* numbers; a line of the cache is filled before it is left */

extern const tn_op tn__op_transpose;

typedef struct swap {
    int64_t dim0, dim1;
} swap;

static tn_dims swapped(int rank, swap s)
{
    tn_dims order = {.n = rank};
    int64_t dim0 = s.dim0 < 0 ? s.dim0 + rank : s.dim0, dim1 = s.dim1 < 0 ? s.dim1 + rank : s.dim1;
    for (int d = 0; d < rank; d++) order.at[d] = d == dim0 ? dim1 : d == dim1 ? dim0 : d;
    return order;
}

static bool set_order(tn_tensor *y, tn_dims order)
{
    int64_t size[TN_MAX_RANK];
    for (int d = 0; d < order.n; d++) size[d] = y->in[0]->size[order.at[d]];
    return tn_set_shape(y, order.n, size);
}

static bool transpose_shape(tn_tensor *y)
{
    swap s = *(const swap *)y->attr;
    int rank = y->in[0]->rank;
    return tn_wrap_dim(y, rank, &s.dim0) && tn_wrap_dim(y, rank, &s.dim1) && set_order(y, swapped(rank, s));
}

/* Which of x's dimensions each of y's is. */
static tn_dims order_of(const tn_tensor *y)
{
    if (y->op == &tn__op_transpose) return swapped(y->rank, *(const swap *)y->attr);
    tn_dims order = *(const tn_dims *)y->attr;
    for (int d = 0; d < order.n; d++) order.at[d] += order.at[d] < 0 ? order.n : 0;
    return order;
}

static bool permute_shape(tn_tensor *y)
{
    tn_dims order = *(const tn_dims *)y->attr;
    unsigned mask;
    if (order.n != y->in[0]->rank)
        return tn_op_fail(y, TN_EUSAGE, "the order has %d dimensions, x %s has %d", order.n, TN_STR(y->in[0]),
                          y->in[0]->rank);
    return tn__check_dims(y, order.n, order, &mask) && set_order(y, order_of(y));
}

/* ---- copying ------------------------------------------------------------------------------------------------------- */

static inline int64_t smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static void tile(int64_t rows, int64_t n, const tn_real *restrict from, int64_t from_step, tn_real *restrict to,
                 int64_t to_step, bool first)
{
    for (int64_t i = 0; i < rows; i++)
        if (first) for (int64_t j = 0; j < n; j++) to[i * to_step + j] = from[j * from_step + i];
        else for (int64_t j = 0; j < n; j++) to[i * to_step + j] += from[j * from_step + i];
}

/* A matrix, transposed: to[i * to_step + j] = from[j * from_step + i]. */
static void matrix(int64_t rows, int64_t n, const tn_real *from, int64_t from_step, tn_real *to, int64_t to_step,
                   bool first)
{
    for (int64_t i = 0; i < rows; i += TILE)
        for (int64_t j = 0; j < n; j += TILE)
            tile(smaller(rows - i, TILE), smaller(n - j, TILE), from + j * from_step + i, from_step,
                 to + i * to_step + j, to_step, first);
}

/* The dimension along which from goes by ones. */
static int inner_of(const tn__nest *w)
{
    int d = 0;
    while (d < w->rank - 1 && w->step[0][d] != 1) d++;
    return d;
}

/* to = or += from; to is in order with sizes size, from goes by step. */
static void copy(int rank, const int64_t *size, const int64_t *step, const tn_real *from, tn_real *to, bool first)
{
    tn__nest w;
    tn__nest_permute(&w, rank, size, step);
    int d = inner_of(&w);
    int64_t rows = w.size[d];
    if (d) w.size[d] = 1; /* a matrix at a time: d is done inside */
    do {
        const tn_real *at = from + w.at[0];
        if (!d) tn__put(first, w.n, at, to + w.at[1]);
        else matrix(rows, w.n, at, w.step[0][0], to + w.at[1], w.step[1][d], first);
    } while (tn__nest_next(&w));
}

static void strides_of(const tn_tensor *x, int64_t *stride)
{
    int64_t n = 1;
    for (int d = x->rank - 1; d >= 0; d--) {
        stride[d] = n;
        n *= x->size[d];
    }
}

static void permute_forward(tn_tensor *y)
{
    const tn_dims order = order_of(y);
    int64_t stride[TN_MAX_RANK], step[TN_MAX_RANK];
    if (!y->n) return;
    strides_of(y->in[0], stride);
    for (int d = 0; d < y->rank; d++) step[d] = stride[order.at[d]];
    copy(y->rank, y->size, step, y->in[0]->data, y->data, true);
}

static void permute_backward(tn_tensor *y)
{
    bool first;
    const tn_dims order = order_of(y);
    int64_t stride[TN_MAX_RANK], step[TN_MAX_RANK];
    tn_real *g = tn_grad(y, 0, &first);
    if (!g || !y->n) return;
    strides_of(y, stride);
    for (int d = 0; d < y->rank; d++) step[order.at[d]] = stride[d];
    copy(y->rank, y->in[0]->size, step, tn_grad_out(y), g, first);
}

/* ---- the ops ------------------------------------------------------------------------------------------------------- */

static tn_tensor *transpose_sample(tn_tape *t, int k)
{
    switch (k) {
    case 0: return tn_transpose(t, tn_sample(t, TN_DIMS(3, 5), -2, 2), 0, 1);
    case 1: return tn_transpose(t, tn_sample(t, TN_DIMS(2, 3, 4), -2, 2), -1, 0);
    case 2: return tn_transpose(t, tn_sample(t, TN_DIMS(2, 3, 2, 2), -2, 2), 1, 2);
    case 3: return tn_transpose(t, tn_sample(t, TN_DIMS(3), -2, 2), 0, 0);
    case 4: return tn_transpose(t, tn_sample(t, TN_DIMS(0, 3), -2, 2), 0, 1);
    case 5: return tn_transpose(t, tn_sample(t, TN_DIMS(17, 19), -2, 2), 0, 1);
    case 6: return tn_transpose(t, tn_sample(t, TN_DIMS(1, 4), -2, 2), 0, 1);
    default: return NULL;
    }
}

static tn_tensor *permute_sample(tn_tape *t, int k)
{
    switch (k) {
    case 0: return tn_permute(t, tn_sample(t, TN_DIMS(2, 3, 4), -2, 2), TN_DIMS(2, 0, 1));
    case 1: return tn_permute(t, tn_sample(t, TN_DIMS(2, 3, 2, 3), -2, 2), TN_DIMS(3, 1, -2, 0));
    case 2: return tn_permute(t, tn_sample(t, TN_DIMS(2, 3, 2, 2), -2, 2), TN_DIMS(1, 0, 2, 3));
    case 3: return tn_permute(t, tn_sample(t, TN_SCALAR, -2, 2), TN_SCALAR);
    case 4: return tn_permute(t, tn_sample(t, TN_DIMS(2, 0, 1), -2, 2), TN_DIMS(1, 2, 0));
    case 5: return tn_permute(t, tn_sample(t, TN_DIMS(2, 1, 2, 1, 2, 1, 2, 2), -2, 2), TN_DIMS(7, 6, 4, 2, 0, 1, 3, 5));
    default: return NULL;
    }
}

const tn_op tn__op_transpose = {.name = "transpose", .n_in = 1, .attr_size = sizeof(swap), .shape = transpose_shape,
                                .forward = permute_forward, .backward = permute_backward, .sample = transpose_sample};

const tn_op tn__op_permute = {.name = "permute", .n_in = 1, .attr_size = sizeof(tn_dims), .shape = permute_shape,
                              .forward = permute_forward, .backward = permute_backward, .sample = permute_sample};

tn_tensor *tn_transpose(tn_tape *t, tn_tensor *x, int64_t dim0, int64_t dim1)
{
    swap s = {dim0, dim1};
    return tn_apply(t, &tn__op_transpose, 1, &x, &s);
}

tn_tensor *tn_permute(tn_tape *t, tn_tensor *x, tn_dims order)
{
    return tn_apply(t, &tn__op_permute, 1, &x, &order);
}
