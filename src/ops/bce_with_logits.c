/* bce_with_logits.c: binary cross-entropy of logits, one decision per number. With w = 1 + (pos_weight - 1) y the
 * loss is (1 - y) x + w log(1 + exp(-x)), and log(1 + exp(-x)) = max(-x, 0) + log(1 + exp(-|x|)): no term
 * overflows. */
#include <math.h>

#include "kernels/kernels.h"
#include "loss.h"

enum { X, TARGET, POS_WEIGHT };

static tn_reduction reduction_of(const tn_tensor *y)
{
    return *(const tn_reduction *)y->attr;
}

/* ---- pos_weight, broadcast ------------------------------------------------------------------------------------- */

static bool broadcasts(const tn_tensor *w, const tn_tensor *x)
{
    bool fits = w->rank <= x->rank;
    for (int d = 1; fits && d <= w->rank; d++) {
        int64_t size = w->size[w->rank - d];
        fits = size == 1 || size == x->size[x->rank - d];
    }
    return fits;
}

/* pos_weight's number for element i of x. */
static tn_real weight_at(const tn_tensor *w, const tn_tensor *x, int64_t i)
{
    int64_t at = 0, step = 1;
    for (int d = 1; d <= w->rank; d++) {
        int64_t size = w->size[w->rank - d];
        if (size > 1) at += i % x->size[x->rank - d] * step;
        step *= size;
        i /= x->size[x->rank - d];
    }
    return w->data[at];
}

/* scale[k] *= 1 + (pos_weight - 1) y */
static void scale_positive(const tn_tensor *y, int64_t from, int64_t n, tn_real *scale)
{
    const tn_tensor *w = y->in[POS_WEIGHT];
    const tn_real *target = y->in[TARGET]->data + from;
    for (int64_t k = 0; k < n && w; k++) scale[k] *= 1 + (weight_at(w, y->in[X], from + k) - 1) * target[k];
}

/* ---- loss and slope -------------------------------------------------------------------------------------------- */

/* log(1 + exp(-x)); the quotient makes up for what 1 + e rounds away. */
static void softplus_minus(int64_t n, const tn_real *x, tn_real *out)
{
    tn_real e[TN__LOSS_BLOCK];
    for (int64_t k = 0; k < n; k++) e[k] = x[k] < 0 ? x[k] : -x[k];
    tn__kernels_get()->exp(n, e, e);
    for (int64_t k = 0; k < n; k++) out[k] = 1 + e[k];
    tn__kernels_get()->log(n, out, out);
    for (int64_t k = 0; k < n; k++) {
        tn_real sum = 1 + e[k];
        out[k] = sum == 1 ? e[k] : out[k] * (e[k] / (sum - 1));
    }
    for (int64_t k = 0; k < n; k++) out[k] += x[k] < 0 ? -x[k] : 0;
}

static void bce_value(const tn_tensor *y, int64_t from, int64_t n, tn_real *out)
{
    const tn_real *x = y->in[X]->data + from, *target = y->in[TARGET]->data + from;
    softplus_minus(n, x, out);
    scale_positive(y, from, n, out);
    for (int64_t k = 0; k < n; k++) out[k] += (1 - target[k]) * x[k];
}

/* (1 - y) - w s(-x), s the sigmoid. */
static void bce_slope(const tn_tensor *y, int64_t from, int64_t n, tn_real *out)
{
    const tn_real *x = y->in[X]->data + from, *target = y->in[TARGET]->data + from;
    for (int64_t k = 0; k < n; k++) out[k] = -x[k];
    tn__kernels_get()->sigmoid(n, out, out);
    scale_positive(y, from, n, out);
    for (int64_t k = 0; k < n; k++) out[k] = (1 - target[k]) - out[k];
}

/* ---- the op ---------------------------------------------------------------------------------------------------- */

static bool bce_shape(tn_tensor *y)
{
    const tn_tensor *x = y->in[X], *w = y->in[POS_WEIGHT];
    if (!tn__pointwise_shape(y, reduction_of(y), false)) return false;
    return !w || broadcasts(w, x) ||
           tn_op_fail(y, TN_ESHAPE, "pos_weight is %s, it does not broadcast to x %s", TN_STR(w), TN_STR(x));
}

static void bce_forward(tn_tensor *y)
{
    tn__pointwise_forward(y, reduction_of(y), bce_value);
}

static void bce_backward(tn_tensor *y)
{
    tn__pointwise_backward(y, reduction_of(y), X, bce_slope);
}

static tn_tensor *bce_sample(tn_tape *t, int k)
{
    static const struct { tn_dims x, weight; bool weighted; tn_reduction reduction; } sample[] = {
        {{2, {3, 5}}, {0, {0}}, false, TN_MEAN},       {{2, {3, 5}}, {1, {5}}, true, TN_SUM},
        {{2, {3, 5}}, {2, {3, 1}}, true, TN_NONE},     {{3, {2, 3, 4}}, {3, {2, 1, 4}}, true, TN_MEAN},
        {{2, {3, 5}}, {0, {0}}, true, TN_MEAN},        {{0, {0}}, {0, {0}}, true, TN_NONE},
        {{2, {0, 5}}, {1, {5}}, true, TN_SUM},         {{1, {1100}}, {1, {1100}}, true, TN_NONE},
    };
    if (k >= (int)(sizeof sample / sizeof *sample)) return NULL;
    tn_tensor *x = tn_sample(t, sample[k].x, -3, 3), *target = tn_detach(t, tn_sample(t, sample[k].x, 0, 1));
    tn_tensor *weight = sample[k].weighted ? tn_detach(t, tn_sample(t, sample[k].weight, 0.5, 3)) : NULL;
    return tn_bce_with_logits(t, x, target, weight, sample[k].reduction);
}

const tn_op tn__op_bce_with_logits = {
    .name = "bce_with_logits",
    .n_in = 3,
    .optional = 1u << POS_WEIGHT,
    .constant = 1u << TARGET | 1u << POS_WEIGHT,
    .attr_size = sizeof(tn_reduction),
    .shape = bce_shape,
    .forward = bce_forward,
    .backward = bce_backward,
    .sample = bce_sample,
};

tn_tensor *tn_bce_with_logits(tn_tape *t, tn_tensor *x, tn_tensor *target, tn_tensor *pos_weight, tn_reduction r)
{
    return tn_apply(t, &tn__op_bce_with_logits, 3, (tn_tensor *[]){x, target, pos_weight}, &r);
}
