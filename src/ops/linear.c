/* linear.c: y = x W^T + b, the fully connected layer. */
#include "kernels/kernels.h"
#include <tarn/op.h>
#include <tarn/ops.h>

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
    return tn_alloc_scratch(y, tn__gemm_scratch(rows, out, in)) &&
           tn_alloc_scratch(y, tn__gemm_scratch(rows, in, out)) &&
           tn_alloc_scratch(y, tn__gemm_scratch(out, in, rows));
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

static void linear_forward(tn_tensor *y)
{
    const tn__kernels *kernels = tn__kernels_get();
    const tn_tensor *weight = y->in[WEIGHT], *bias = y->in[BIAS];
    int64_t rows = count_rows(y), out = weight->size[0], in = weight->size[1];
    kernels->gemm(false, true, rows, out, in, y->in[X]->data, in, weight->data, in, y->data, out, false,
                  tn_scratch(y));
    for (int64_t r = 0; r < rows && bias; r++) kernels->axpy(out, 1, bias->data, y->data + r * out);
}

static void bias_grad(const tn_tensor *y, tn_real *gb, bool first)
{
    const tn_real *g = tn_grad_out(y);
    int64_t rows = count_rows(y), out = y->size[y->rank - 1];
    for (int64_t j = 0; j < out && first; j++) gb[j] = 0;
    for (int64_t r = 0; r < rows; r++) tn__kernels_get()->axpy(out, 1, g + r * out, gb);
}

static void linear_backward(tn_tensor *y)
{
    const tn__kernels *kernels = tn__kernels_get();
    const tn_tensor *x = y->in[X], *weight = y->in[WEIGHT];
    const tn_real *g = tn_grad_out(y);
    int64_t rows = count_rows(y), out = weight->size[0], in = weight->size[1];
    bool first;
    tn_real *gx = tn_grad(y, X, &first);
    if (gx) kernels->gemm(false, false, rows, in, out, g, out, weight->data, in, gx, in, !first, tn_scratch(y));
    tn_real *gw = tn_grad(y, WEIGHT, &first);
    if (gw) kernels->gemm(true, false, out, in, rows, g, out, x->data, in, gw, in, !first, tn_scratch(y));
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
    return tn_linear(t, tn_sample(t, x, -1, 1), tn_sample(t, TN_DIMS(out, x.at[x.n - 1]), -1, 1), bias);
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
