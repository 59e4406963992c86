/* linear.c: y = x W^T + b, the fully connected layer. */
#include <tarn/ops.h>

#include "kernels/kernels.h"
#include "product.h"

enum { X, WEIGHT, BIAS };

/* x as a matrix of rows: all dimensions but the last. */
static int64_t count_rows(const tn_tensor *x)
{
    int64_t rows = 1;
    for (int d = 0; d < x->rank - 1; d++) rows *= x->size[d];
    return rows;
}

static bool reserve(tn_tensor *y, int64_t rows, int64_t in, int64_t out)
{
    return tn__product_reserve(y, 1, rows, out, in) && tn__product_reserve(y, 1, rows, in, out) &&
           tn__product_reserve(y, 1, out, in, rows);
}

static bool linear_shape(tn_tensor *y)
{
    const tn_tensor *x = y->in[X], *weight = y->in[WEIGHT], *bias = y->in[BIAS];
    if (weight->rank != 2) return tn_op_fail(y, TN_ESHAPE, "weight must be (out, in), it is %s", TN_STR(weight));
    if (x->rank < 1 || x->size[x->rank - 1] != weight->size[1])
        return tn_op_fail(y, TN_ESHAPE, "x is %s, and weight %s wants a last size of %lld", TN_STR(x), TN_STR(weight),
                          (long long)weight->size[1]);
    if (bias && (bias->rank != 1 || bias->n != weight->size[0]))
        return tn_op_fail(y, TN_ESHAPE, "bias is %s, for weight %s it must be (%lld,)", TN_STR(bias), TN_STR(weight),
                          (long long)weight->size[0]);
    int64_t size[TN_MAX_RANK];
    for (int d = 0; d < x->rank; d++) size[d] = x->size[d];
    size[x->rank - 1] = weight->size[0];
    return reserve(y, count_rows(x), weight->size[1], weight->size[0]) && tn_set_shape(y, x->rank, size);
}

/* The bias in forward and backward: a pass over the rows of y or of its gradient, shared out if it is long. */
enum { PIECE = 1 << 15 };

typedef struct bias_job {
    const tn_real *from;
    tn_real       *to;
    int64_t        rows, out;
} bias_job;

static void add_bias(int64_t begin, int64_t end, void *arg)
{
    const bias_job *w = arg;
    for (int64_t r = begin; r < end; r++) tn__kernels_get()->axpy(w->out, 1, w->from, w->to + r * w->out);
}

static void add_rows(int64_t begin, int64_t end, void *arg)
{
    const bias_job *w = arg;
    for (int64_t r = 0; r < w->rows; r++)
        tn__kernels_get()->axpy(end - begin, 1, w->from + r * w->out + begin, w->to + begin);
}

static void linear_forward(tn_tensor *y)
{
    const tn_tensor *weight = y->in[WEIGHT], *bias = y->in[BIAS];
    const int64_t rows = count_rows(y), out = weight->size[0], in = weight->size[1];
    tn__product_run(y, &(tn__product){.tb = true, .m = rows, .n = out, .k = in, .a = y->in[X]->data, .b = weight->data,
                                      .c = y->data});
    if (!bias) return;
    bias_job w = {bias->data, y->data, rows, out};
    tn_parallel_for(rows, 1 + PIECE / (out + 1), add_bias, &w);
}

static void bias_grad(const tn_tensor *y, tn_real *gb, bool first)
{
    bias_job w = {tn_grad_out(y), gb, count_rows(y), y->size[y->rank - 1]};
    for (int64_t j = 0; j < w.out && first; j++) gb[j] = 0;
    tn_parallel_for(w.out, 64 + PIECE / (w.rows + 1), add_rows, &w);
}

static void linear_backward(tn_tensor *y)
{
    const tn_tensor *x = y->in[X], *weight = y->in[WEIGHT];
    const tn_real *g = tn_grad_out(y);
    const int64_t rows = count_rows(y), out = weight->size[0], in = weight->size[1];
    bool first;
    tn_real *gx = tn_grad(y, X, &first);
    if (gx)
        tn__product_run(y, &(tn__product){.m = rows, .n = in, .k = out, .a = g, .b = weight->data, .c = gx,
                                          .add = !first});
    tn_real *gw = tn_grad(y, WEIGHT, &first);
    if (gw)
        tn__product_run(y, &(tn__product){.ta = true, .m = out, .n = in, .k = rows, .a = g, .b = x->data,
                                          .c = gw, .add = !first});
    tn_real *gb = y->in[BIAS] ? tn_grad(y, BIAS, &first) : NULL;
    if (gb) bias_grad(y, gb, first);
}

static tn_tensor *linear_sample(tn_tape *t, int k)
{
    static const struct { tn_dims x; int64_t out; bool bias; } sample[] = {
        {{2, {4, 3}}, 5, true},  {{2, {4, 3}}, 5, false}, {{1, {3}}, 2, true},     {{3, {2, 3, 3}}, 3, true},
        {{2, {1, 1}}, 1, true},  {{2, {0, 3}}, 2, true},  {{2, {2, 0}}, 3, true},  {{2, {2, 3}}, 0, true},
        {{2, {3, 3}}, 3, false}, {{2, {9, 35}}, 17, true},
    };
    if (k >= (int)(sizeof sample / sizeof *sample)) return NULL;
    tn_dims x = sample[k].x;
    int64_t out = sample[k].out;
    tn_tensor *bias = sample[k].bias ? tn_sample(t, TN_DIMS(out), -1, 1) : NULL;
    tn_tensor *weight = tn_sample(t, TN_DIMS(out, x.at[x.n - 1]), -1, 1);
    return tn_linear(t, tn_sample(t, x, -1, 1), weight, bias);
}

const tn_op tn__op_linear = {
    .name = "linear",
    .n_in = 3,
    .optional = 1u << BIAS,
    .shape = linear_shape,
    .forward = linear_forward,
    .backward = linear_backward,
    .sample = linear_sample,
};

tn_tensor *tn_linear(tn_tape *t, tn_tensor *x, tn_tensor *weight, tn_tensor *bias)
{
    return tn_apply(t, &tn__op_linear, 3, (tn_tensor *[]){x, weight, bias}, NULL);
}
