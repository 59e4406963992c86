/* kl_div.c: the Kullback-Leibler divergence of log-probabilities from a target distribution. */
#include "kernels/kernels.h"
#include "loss.h"

enum { LOGP, TARGET };

static tn_reduction reduction_of(const tn_tensor *y)
{
    return *(const tn_reduction *)y->attr;
}

/* log of the target, 0 where there is none. */
static void log_target(const tn_real *target, int64_t n, tn_real *out)
{
    for (int64_t k = 0; k < n; k++) out[k] = target[k] > 0 ? target[k] : 1;
    tn__kernels_get()->log(n, out, out);
}

static void kl_value(const tn_tensor *y, int64_t from, int64_t n, tn_real *out)
{
    const tn_real *logp = y->in[LOGP]->data + from, *target = y->in[TARGET]->data + from;
    log_target(target, n, out);
    for (int64_t k = 0; k < n; k++) out[k] = target[k] > 0 ? target[k] * (out[k] - logp[k]) : 0;
}

static void kl_slope(const tn_tensor *y, int64_t from, int64_t n, tn_real *out)
{
    const tn_real *target = y->in[TARGET]->data + from;
    for (int64_t k = 0; k < n; k++) out[k] = target[k] > 0 ? -target[k] : 0;
}

static void kl_target_slope(const tn_tensor *y, int64_t from, int64_t n, tn_real *out)
{
    const tn_real *logp = y->in[LOGP]->data + from, *target = y->in[TARGET]->data + from;
    log_target(target, n, out);
    for (int64_t k = 0; k < n; k++) out[k] = target[k] > 0 ? out[k] + 1 - logp[k] : 0;
}

static bool kl_shape(tn_tensor *y)
{
    return tn__pointwise_shape(y, reduction_of(y), true);
}

static void kl_forward(tn_tensor *y)
{
    tn__pointwise_forward(y, reduction_of(y), kl_value);
}

static void kl_backward(tn_tensor *y)
{
    tn__pointwise_backward(y, reduction_of(y), LOGP, kl_slope);
    tn__pointwise_backward(y, reduction_of(y), TARGET, kl_target_slope);
}

static tn_tensor *kl_sample(tn_tape *t, int k)
{
    static const struct { tn_dims shape; tn_reduction reduction; } sample[] = {
        {{2, {3, 5}}, TN_MEAN},  {{2, {3, 5}}, TN_BATCHMEAN}, {{2, {3, 5}}, TN_SUM}, {{2, {3, 5}}, TN_NONE},
        {{0, {0}}, TN_MEAN},     {{2, {0, 3}}, TN_SUM},       {{1, {1}}, TN_NONE},   {{1, {1100}}, TN_BATCHMEAN},
    };
    if (k >= (int)(sizeof sample / sizeof *sample)) return NULL;
    tn_tensor *target = tn_sample(t, sample[k].shape, 0.1, 1);
    return tn_kl_div(t, tn_sample(t, sample[k].shape, -3, -0.1), target, sample[k].reduction);
}

const tn_op tn__op_kl_div = {
    .name = "kl_div",
    .n_in = 2,
    .attr_size = sizeof(tn_reduction),
    .shape = kl_shape,
    .forward = kl_forward,
    .backward = kl_backward,
    .sample = kl_sample,
};

tn_tensor *tn_kl_div(tn_tape *t, tn_tensor *logp, tn_tensor *target, tn_reduction r)
{
    return tn_apply(t, &tn__op_kl_div, 2, (tn_tensor *[]){logp, target}, &r);
}
