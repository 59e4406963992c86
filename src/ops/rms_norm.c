/* rms_norm.c: normalisation by the root mean square (Zhang and Sennrich 2019) over the last dimension. */
#include <math.h>

#include "kernels/kernels.h"
#include <tarn/op.h>
#include <tarn/ops.h>

enum { X, WEIGHT };

static int64_t row_width(const tn_tensor *y)
{
    return y->size[y->rank - 1];
}

static int64_t count_rows(const tn_tensor *y)
{
    return y->n ? y->n / row_width(y) : 0;
}

static bool rms_norm_shape(tn_tensor *y)
{
    const tn_tensor *x = y->in[X], *weight = y->in[WEIGHT];
    double eps = *(const double *)y->attr;
    if (x->rank < 1) return tn_op_fail(y, TN_ESHAPE, "x is a scalar, it has no dimension to normalise over");
    if (weight && (weight->rank != 1 || weight->n != x->size[x->rank - 1]))
        return tn_op_fail(y, TN_ESHAPE, "weight is %s, for x %s it must be (%lld,)", TN_STR(weight), TN_STR(x),
                          (long long)x->size[x->rank - 1]);
    if (!(eps >= 0)) return tn_op_fail(y, TN_EUSAGE, "eps is %g, it must be 0 or more", eps);
    tn_set_shape_like(y, x);
    size_t width = (size_t)row_width(y), rows = (size_t)count_rows(y);
    return tn_alloc_saved(y, rows * sizeof(tn_real)) && tn_alloc_scratch(y, 2 * width * sizeof(tn_real));
}

/* saved: 1 / root mean square of each row. */
static void rms_norm_forward(tn_tensor *y)
{
    const tn_real *weight = y->in[WEIGHT] ? y->in[WEIGHT]->data : NULL;
    tn_real *scale = y->saved;
    int64_t rows = count_rows(y), width = row_width(y);
    double eps = *(const double *)y->attr;
    for (int64_t r = 0; r < rows; r++) {
        const tn_real *x = y->in[X]->data + r * width;
        tn_real *out = y->data + r * width;
        scale[r] = (tn_real)(1 / sqrt((double)tn__kernels_get()->dot(width, x, x) / (double)width + eps));
        for (int64_t d = 0; d < width; d++) out[d] = x[d] * scale[r];
        for (int64_t d = 0; d < width && weight; d++) out[d] *= weight[d];
    }
}

/* With d = g weight and s the scale: gx = s d - x s^3 avg(d x). */
static void x_grad(const tn_tensor *y, tn_real *gx, bool first)
{
    const tn_real *weight = y->in[WEIGHT] ? y->in[WEIGHT]->data : NULL, *scale = y->saved;
    int64_t rows = count_rows(y), width = row_width(y);
    tn_real *scaled = tn_scratch(y), *row = scaled + width;
    for (int64_t r = 0; r < rows; r++, gx += width) {
        const tn_real *x = y->in[X]->data + r * width, *g = tn_grad_out(y) + r * width;
        for (int64_t d = 0; d < width; d++) scaled[d] = weight ? g[d] * weight[d] : g[d];
        tn_real s = scale[r], pull = s * s * s * tn__kernels_get()->dot(width, scaled, x) / (tn_real)width;
        for (int64_t d = 0; d < width; d++) row[d] = s * scaled[d] - pull * x[d];
        for (int64_t d = 0; d < width; d++) gx[d] = first ? row[d] : gx[d] + row[d];
    }
}

static void weight_grad(const tn_tensor *y, tn_real *gw, bool first)
{
    const tn_real *scale = y->saved;
    int64_t rows = count_rows(y), width = row_width(y);
    for (int64_t d = 0; d < width && first; d++) gw[d] = 0;
    for (int64_t r = 0; r < rows; r++) {
        const tn_real *x = y->in[X]->data + r * width, *g = tn_grad_out(y) + r * width;
        for (int64_t d = 0; d < width; d++) gw[d] += g[d] * (x[d] * scale[r]);
    }
}

static void rms_norm_backward(tn_tensor *y)
{
    bool first;
    tn_real *gx = tn_grad(y, X, &first);
    if (gx) x_grad(y, gx, first);
    tn_real *gw = y->in[WEIGHT] ? tn_grad(y, WEIGHT, &first) : NULL;
    if (gw) weight_grad(y, gw, first);
}

static tn_tensor *rms_norm_sample(tn_tape *t, int k)
{
    static const struct { tn_dims x; bool weight; double eps; } sample[] = {
        {{2, {3, 5}}, true, 1e-5},    {{2, {3, 5}}, false, 1e-5},
        {{1, {4}}, true, 0.1},        {{3, {2, 3, 4}}, true, 1e-5},
        {{2, {3, 1}}, true, 0.1},     {{2, {0, 4}}, true, 1e-5},
        {{2, {3, 0}}, true, 0.1},     {{2, {2, 67}}, true, 1e-5},
    };
    if (k >= (int)(sizeof sample / sizeof *sample)) return NULL;
    tn_dims x = sample[k].x;
    tn_tensor *weight = sample[k].weight ? tn_sample(t, TN_DIMS(x.at[x.n - 1]), 0.5, 1.5) : NULL;
    return tn_rms_norm(t, tn_sample(t, x, -2, 2), weight, sample[k].eps);
}

const tn_op tn__op_rms_norm = {
    .name = "rms_norm",
    .n_in = 2,
    .optional = 1u << WEIGHT,
    .attr_size = sizeof(double),
    .shape = rms_norm_shape,
    .forward = rms_norm_forward,
    .backward = rms_norm_backward,
    .sample = rms_norm_sample,
};

tn_tensor *tn_rms_norm(tn_tape *t, tn_tensor *x, tn_tensor *weight, double eps)
{
    return tn_apply(t, &tn__op_rms_norm, 2, (tn_tensor *[]){x, weight}, &eps);
}
