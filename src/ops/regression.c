/* regression.c: losses of the difference d = x - target: squared, absolute, Huber's (1964). */
#include "loss.h"

/* A loss f(d), and its derivative. */
typedef struct family {
    tn__loss_loop *value, *slope;
} family;

typedef struct regression {
    const family *family;
    tn_reduction  reduction;
    double        delta;
} regression;


static const tn_real *x_at(const tn_tensor *y, int64_t from)
{
    return y->in[0]->data + from;
}

static const tn_real *target_at(const tn_tensor *y, int64_t from)
{
    return y->in[1]->data + from;
}

/* ---- the family ------------------------------------------------------------------------------------------------ */

static void mse_value(const tn_tensor *y, int64_t from, int64_t n, tn_real *out)
{
    const tn_real *x = x_at(y, from), *target = target_at(y, from);
    for (int64_t i = 0; i < n; i++) out[i] = (x[i] - target[i]) * (x[i] - target[i]);
}

static void mse_slope(const tn_tensor *y, int64_t from, int64_t n, tn_real *out)
{
    const tn_real *x = x_at(y, from), *target = target_at(y, from);
    for (int64_t i = 0; i < n; i++) out[i] = 2 * (x[i] - target[i]);
}

static tn_real absolute(tn_real d)
{
    return d < 0 ? -d : d;
}

static void l1_value(const tn_tensor *y, int64_t from, int64_t n, tn_real *out)
{
    const tn_real *x = x_at(y, from), *target = target_at(y, from);
    for (int64_t i = 0; i < n; i++) out[i] = absolute(x[i] - target[i]);
}

static void l1_slope(const tn_tensor *y, int64_t from, int64_t n, tn_real *out)
{
    const tn_real *x = x_at(y, from), *target = target_at(y, from);
    for (int64_t i = 0; i < n; i++) out[i] = (tn_real)(x[i] > target[i]) - (tn_real)(x[i] < target[i]);
}

static void huber_value(const tn_tensor *y, int64_t from, int64_t n, tn_real *out)
{
    const tn_real *x = x_at(y, from), *target = target_at(y, from);
    tn_real delta = (tn_real)((const regression *)y->attr)->delta;
    for (int64_t i = 0; i < n; i++) {
        tn_real d = absolute(x[i] - target[i]);
        out[i] = d <= delta ? d * d / 2 : delta * (d - delta / 2);
    }
}

static void huber_slope(const tn_tensor *y, int64_t from, int64_t n, tn_real *out)
{
    const tn_real *x = x_at(y, from), *target = target_at(y, from);
    tn_real delta = (tn_real)((const regression *)y->attr)->delta;
    for (int64_t i = 0; i < n; i++) {
        tn_real d = x[i] - target[i];
        out[i] = d > delta ? delta : d < -delta ? -delta : d;
    }
}

static const family mse = {mse_value, mse_slope}, l1 = {l1_value, l1_slope}, huber = {huber_value, huber_slope};

/* ---- the ops --------------------------------------------------------------------------------------------------- */

static bool shape(tn_tensor *y)
{
    const regression *r = y->attr;
    if (!(r->delta > 0)) return tn_op_fail(y, TN_EUSAGE, "delta is %g, it must be more than 0", r->delta);
    return tn__pointwise_shape(y, r->reduction, false);
}

static void forward(tn_tensor *y)
{
    const regression *r = y->attr;
    tn__pointwise_forward(y, r->reduction, r->family->value);
}

/* By the target: the other sign. */
static void target_slope(const tn_tensor *y, int64_t from, int64_t n, tn_real *out)
{
    ((const regression *)y->attr)->family->slope(y, from, n, out);
    for (int64_t i = 0; i < n; i++) out[i] = -out[i];
}

static void backward(tn_tensor *y)
{
    const regression *r = y->attr;
    tn__pointwise_backward(y, r->reduction, 0, r->family->slope);
    tn__pointwise_backward(y, r->reduction, 1, target_slope);
}

static const struct { tn_dims shape; tn_reduction reduction; } samples[] = {
    {{2, {3, 5}}, TN_MEAN}, {{2, {3, 5}}, TN_SUM}, {{2, {3, 5}}, TN_NONE}, {{0, {0}}, TN_MEAN},
    {{3, {1, 1, 1}}, TN_NONE}, {{2, {0, 3}}, TN_SUM}, {{2, {0, 3}}, TN_NONE}, {{1, {1100}}, TN_NONE},
};
enum { SAMPLES = sizeof samples / sizeof *samples };

/* x and target of either order, apart: l1 has a kink where they meet. target is NULL after the last. */
static tn_tensor *sample_x(tn_tape *t, int k)
{
    return tn_sample(t, samples[k].shape, k % 2 ? 0.2 : -2, k % 2 ? 2 : -0.2);
}

static tn_tensor *sample_target(tn_tape *t, int k)
{
    return k < SAMPLES ? tn_sample(t, samples[k].shape, k % 2 ? -2 : 0.2, k % 2 ? -0.2 : 2) : NULL;
}

static tn_tensor *mse_sample(tn_tape *t, int k)
{
    tn_tensor *target = sample_target(t, k);
    return target ? tn_mse(t, sample_x(t, k), target, samples[k].reduction) : NULL;
}

static tn_tensor *l1_sample(tn_tape *t, int k)
{
    tn_tensor *target = sample_target(t, k);
    return target ? tn_l1(t, sample_x(t, k), target, samples[k].reduction) : NULL;
}

static tn_tensor *huber_sample(tn_tape *t, int k)
{
    double delta = k % 2 ? 0.5 : 1.75;
    tn_tensor *target = sample_target(t, k);
    return target ? tn_huber(t, sample_x(t, k), target, delta, samples[k].reduction) : NULL;
}

#define REGRESSION(op, examples)                                                                        \
    {                                                                                                   \
        .name = (op), .n_in = 2, .attr_size = sizeof(regression), .shape = shape, .forward = forward,   \
        .backward = backward, .sample = (examples),                                                     \
    }
const tn_op tn__op_mse = REGRESSION("mse", mse_sample);
const tn_op tn__op_l1 = REGRESSION("l1", l1_sample);
const tn_op tn__op_huber = REGRESSION("huber", huber_sample);

static tn_tensor *apply(tn_tape *t, const tn_op *op, tn_tensor *x, tn_tensor *target, regression r)
{
    return tn_apply(t, op, 2, (tn_tensor *[]){x, target}, &r);
}

tn_tensor *tn_mse(tn_tape *t, tn_tensor *x, tn_tensor *target, tn_reduction r)
{
    return apply(t, &tn__op_mse, x, target, (regression){&mse, r, 1});
}

tn_tensor *tn_l1(tn_tape *t, tn_tensor *x, tn_tensor *target, tn_reduction r)
{
    return apply(t, &tn__op_l1, x, target, (regression){&l1, r, 1});
}

tn_tensor *tn_huber(tn_tape *t, tn_tensor *x, tn_tensor *target, double delta, tn_reduction r)
{
    return apply(t, &tn__op_huber, x, target, (regression){&huber, r, delta});
}
