/* layer_norm.c: layer normalisation (Ba, Kiros and Hinton 2016) over the last dimensions. */
#include "kernels/kernels.h"
#include <tarn/op.h>
#include <tarn/ops.h>

enum { X, WEIGHT, BIAS };

/* How many numbers are normalised together: as many as weight (or bias) has, else the last dimension. */
static int64_t row_width(const tn_tensor *y)
{
    const tn_tensor *like = y->in[WEIGHT] ? y->in[WEIGHT] : y->in[BIAS];
    return like ? like->n : y->in[X]->size[y->in[X]->rank - 1];
}

static int64_t count_rows(const tn_tensor *y)
{
    int64_t width = row_width(y);
    return width ? y->in[X]->n / width : 0;
}

/* Is like's shape the last part of x's? */
static bool is_tail(const tn_tensor *x, const tn_tensor *like)
{
    bool tail = like->rank >= 1 && like->rank <= x->rank;
    for (int d = 1; tail && d <= like->rank; d++) tail = x->size[x->rank - d] == like->size[like->rank - d];
    return tail;
}

static bool layer_norm_shape(tn_tensor *y)
{
    const tn_tensor *x = y->in[X], *weight = y->in[WEIGHT], *bias = y->in[BIAS];
    double eps = *(const double *)y->attr;
    if (x->rank < 1) return tn_op_fail(y, TN_ESHAPE, "x is a scalar, it has no dimension to normalise over");
    if (weight && !is_tail(x, weight))
        return tn_op_fail(y, TN_ESHAPE, "weight is %s, not the last sizes of x %s", TN_STR(weight), TN_STR(x));
    if (bias && (!is_tail(x, bias) || (weight && bias->rank != weight->rank)))
        return tn_op_fail(y, TN_ESHAPE, "bias is %s, not as weight %s or the last sizes of x %s", TN_STR(bias),
                          TN_STR(weight), TN_STR(x));
    if (!(eps >= 0)) return tn_op_fail(y, TN_EUSAGE, "eps is %g, it must be 0 or more", eps);
    return tn_alloc_saved(y, (size_t)(2 * count_rows(y)) * sizeof(tn_real)) && tn_set_shape_like(y, x);
}

static const tn_real *data_of(const tn_tensor *x)
{
    return x ? x->data : NULL;
}

/* saved: each row's mean and 1 / standard deviation. */
static void layer_norm_forward(tn_tensor *y)
{
    const tn_real *weight = data_of(y->in[WEIGHT]), *bias = data_of(y->in[BIAS]);
    tn_real eps = (tn_real) * (const double *)y->attr, *saved = y->saved;
    int64_t rows = count_rows(y), width = row_width(y);
    for (int64_t r = 0; r < rows; r++)
        tn__kernels_get()->layer_norm(width, y->in[X]->data + r * width, weight, bias, eps, y->data + r * width,
                                      &saved[2 * r], &saved[2 * r + 1]);
}

static void x_grad(const tn_tensor *y, tn_real *gx, bool first)
{
    const tn_real *weight = data_of(y->in[WEIGHT]), *x = y->in[X]->data, *g = tn_grad_out(y), *saved = y->saved;
    int64_t rows = count_rows(y), width = row_width(y);
    for (int64_t r = 0; r < rows; r++)
        tn__kernels_get()->layer_norm_grad(width, x + r * width, weight, saved[2 * r], saved[2 * r + 1],
                                           g + r * width, gx + r * width, first);
}

/* Of weight or of bias; the other is NULL, since the two may be one tensor. */
static void params_grad(const tn_tensor *y, tn_real *gweight, tn_real *gbias, bool first)
{
    const tn_real *x = y->in[X]->data, *g = tn_grad_out(y), *saved = y->saved;
    int64_t rows = count_rows(y), width = row_width(y);
    tn_real *to = gweight ? gweight : gbias;
    for (int64_t d = 0; d < width && first; d++) to[d] = 0;
    for (int64_t r = 0; r < rows; r++)
        tn__kernels_get()->layer_norm_grad_params(width, x + r * width, saved[2 * r], saved[2 * r + 1], g + r * width,
                                                  gweight, gbias);
}

static void layer_norm_backward(tn_tensor *y)
{
    bool first;
    tn_real *gx = tn_grad(y, X, &first);
    if (gx) x_grad(y, gx, first);
    tn_real *gweight = y->in[WEIGHT] ? tn_grad(y, WEIGHT, &first) : NULL;
    if (gweight) params_grad(y, gweight, NULL, first);
    tn_real *gbias = y->in[BIAS] ? tn_grad(y, BIAS, &first) : NULL;
    if (gbias) params_grad(y, NULL, gbias, first);
}

static tn_tensor *layer_norm_sample(tn_tape *t, int k)
{
    static const struct { tn_dims x; int tail; bool weight, bias; double eps; } sample[] = {
        {{2, {3, 5}}, 1, true, true, 1e-5},    {{2, {3, 5}}, 1, true, false, 1e-5},
        {{2, {3, 5}}, 1, false, false, 1e-5},  {{2, {3, 5}}, 1, false, true, 0.1},
        {{1, {4}}, 1, true, true, 1e-5},       {{3, {2, 3, 4}}, 2, true, true, 1e-5},
        {{3, {2, 3, 4}}, 3, true, true, 1e-5}, {{2, {3, 1}}, 1, true, true, 0.1},
        {{2, {0, 4}}, 1, true, true, 1e-5},    {{2, {3, 0}}, 1, true, true, 1e-5},
        {{2, {2, 67}}, 1, true, true, 1e-5},
    };
    if (k >= (int)(sizeof sample / sizeof *sample)) return NULL;
    tn_dims x = sample[k].x, tail = {.n = sample[k].tail};
    for (int d = 0; d < tail.n; d++) tail.at[d] = x.at[x.n - tail.n + d];
    return tn_layer_norm(t, tn_sample(t, x, -2, 2), sample[k].weight ? tn_sample(t, tail, 0.5, 1.5) : NULL,
                         sample[k].bias ? tn_sample(t, tail, -1, 1) : NULL, sample[k].eps);
}

const tn_op tn__op_layer_norm = {
    .name = "layer_norm",
    .n_in = 3,
    .optional = 1u << WEIGHT | 1u << BIAS,
    .attr_size = sizeof(double),
    .shape = layer_norm_shape,
    .forward = layer_norm_forward,
    .backward = layer_norm_backward,
    .sample = layer_norm_sample,
};

tn_tensor *tn_layer_norm(tn_tape *t, tn_tensor *x, tn_tensor *weight, tn_tensor *bias, double eps)
{
    return tn_apply(t, &tn__op_layer_norm, 3, (tn_tensor *[]){x, weight, bias}, &eps);
}
