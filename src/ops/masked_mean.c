/* masked_mean.c: the mean over time of the steps that a mask keeps. */
#include <string.h>

#include "kernels/kernels.h"
#include <tarn/op.h>
#include <tarn/ops.h>

static bool masked_mean_shape(tn_tensor *y)
{
    const tn_tensor *x = y->in[0], *mask = y->in[1];
    if (x->rank != 3) return tn_op_fail(y, TN_ESHAPE, "x must be (batch, time, width), it is %s", TN_STR(x));
    if (mask->rank != 2 || mask->size[0] != x->size[0] || mask->size[1] != x->size[1])
        return tn_op_fail(y, TN_ESHAPE, "mask is %s, for x %s it must be (%lld, %lld)", TN_STR(mask), TN_STR(x),
                          (long long)x->size[0], (long long)x->size[1]);
    return tn_set_shape(y, 2, (int64_t[]){x->size[0], x->size[2]});
}

static tn_real mean_scale(int64_t n, const tn_real *mask)
{
    tn_real sum = tn__kernels_get()->sum(n, mask);
    return sum > 1 ? 1 / sum : 1;
}

/* What the mask hides is not read: it may hold infinities. */
static void masked_mean_forward(tn_tensor *y)
{
    const tn_tensor *x = y->in[0];
    int64_t steps = x->size[1], width = x->size[2];
    if (y->n) memset(y->data, 0, (size_t)y->n * sizeof *y->data);
    for (int64_t b = 0; b < x->size[0]; b++) {
        const tn_real *mask = y->in[1]->data + b * steps, *row = x->data + b * steps * width;
        tn_real *sum = y->data + b * width, scale = mean_scale(steps, mask);
        for (int64_t s = 0; s < steps; s++)
            if (mask[s] != 0) tn__kernels_get()->axpy(width, mask[s], row + s * width, sum);
        for (int64_t d = 0; d < width; d++) sum[d] *= scale;
    }
}

static void scale_row(int64_t n, tn_real scale, const tn_real *g, tn_real *gx, bool first)
{
    if (first)
        for (int64_t d = 0; d < n; d++) gx[d] = scale * g[d];
    else tn__kernels_get()->axpy(n, scale, g, gx);
}

static void masked_mean_backward(tn_tensor *y)
{
    const tn_tensor *x = y->in[0];
    const tn_real *g = tn_grad_out(y);
    int64_t steps = x->size[1], width = x->size[2];
    bool first;
    tn_real *gx = tn_grad(y, 0, &first);
    if (!gx) return;
    for (int64_t b = 0; b < x->size[0]; b++) {
        const tn_real *mask = y->in[1]->data + b * steps;
        tn_real scale = mean_scale(steps, mask);
        for (int64_t s = 0; s < steps; s++)
            scale_row(width, scale * mask[s], g + b * width, gx + (b * steps + s) * width, first);
    }
}

static tn_tensor *masked_mean_sample(tn_tape *t, int k)
{
    static const tn_real mask[] = {1, 0, 1, 1, 0, 0, 0, 0, 1, 0, 0, 0};
    static const int64_t size[][3] = {{3, 4, 5}, {1, 1, 1}, {2, 4, 1}, {0, 4, 3}, {2, 0, 3}, {2, 4, 0}};
    if (k >= (int)(sizeof size / sizeof *size)) return NULL;
    const int64_t *n = size[k];
    return tn_masked_mean(t, tn_sample(t, TN_DIMS(n[0], n[1], n[2]), -1, 1), tn_const(t, TN_DIMS(n[0], n[1]), mask));
}

const tn_op tn__op_masked_mean = {
    .name = "masked_mean",
    .n_in = 2,
    .constant = 1u << 1,
    .shape = masked_mean_shape,
    .forward = masked_mean_forward,
    .backward = masked_mean_backward,
    .sample = masked_mean_sample,
};

tn_tensor *tn_masked_mean(tn_tape *t, tn_tensor *x, tn_tensor *mask)
{
    return tn_apply(t, &tn__op_masked_mean, 2, (tn_tensor *[]){x, mask}, NULL);
}
