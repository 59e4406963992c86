/* dropout.c: zeroes elements at random while training (Srivastava et al. 2014). The mask is a function of the op's
 * random stream and the element, so backward draws it again and nothing is saved. */
#include "kernels/kernels.h"
#include <tarn/op.h>
#include <tarn/ops.h>
#include <tarn/rng.h>

enum { BLOCK = 1024 };

static double drop_rate(const tn_tensor *y)
{
    return *(const double *)y->attr;
}

/* The stream is drawn in every case, so that the numbers of other random ops do not depend on p. */
static bool dropout_shape(tn_tensor *y)
{
    double p = drop_rate(y);
    if (!(p >= 0 && p <= 1)) return tn_op_fail(y, TN_EUSAGE, "p is %g, it must be from 0 to 1", p);
    tn_random(y);
    if ((!tn_training(y) || p == 0) && !tn_alias(y, 0)) return false;
    return tn_set_shape_like(y, y->in[0]);
}

/* to[i] = kept ? from[i] / (1 - p) : 0, for one block. */
static void drop(const tn_tensor *y, int64_t begin, int64_t n, const tn_real *from, tn_real *to)
{
    double p = drop_rate(y);
    uint32_t bits[BLOCK], threshold = p < 1 ? (uint32_t)(p * 0x1p32) : 0; /* bits below it are dropped */
    tn_real scale = p < 1 ? (tn_real)(1 / (1 - p)) : 0;
    tn_rng_fill(tn_op_rng(y), (uint64_t)begin, n, bits);
    for (int64_t i = 0; i < n; i++) to[i] = bits[i] >= threshold ? from[begin + i] * scale : 0;
    for (int64_t i = 0; i < n && p == 1; i++) to[i] = 0; /* infinities too */
}

static void forward_part(int64_t begin, int64_t end, void *arg)
{
    const tn_tensor *y = arg;
    drop(y, begin, end - begin, y->in[0]->data, y->data + begin);
}

static void dropout_forward(tn_tensor *y)
{
    tn_parallel_for(y->n, BLOCK, forward_part, y);
}

static void dropout_backward(tn_tensor *y)
{
    const tn_real *g = tn_grad_out(y);
    bool first;
    tn_real *gx = tn_grad(y, 0, &first), block[BLOCK];
    for (int64_t i = 0; i < y->n && gx; i += BLOCK) {
        int64_t n = y->n - i < BLOCK ? y->n - i : BLOCK;
        drop(y, i, n, g, first ? gx + i : block);
        if (!first) tn__kernels_get()->axpy(n, 1, block, gx + i);
    }
}

static tn_tensor *dropout_sample(tn_tape *t, int k)
{
    static const struct { tn_dims x; double p; } sample[] = {
        {{2, {5, 7}}, 0.5}, {{2, {5, 7}}, 0.1}, {{2, {5, 7}}, 0}, {{2, {5, 7}}, 1},
        {{0, {0}}, 0.5},    {{2, {0, 3}}, 0.5}, {{1, {1}}, 0.5},  {{1, {1500}}, 0.25},
    };
    if (k >= (int)(sizeof sample / sizeof *sample)) return NULL;
    return tn_dropout(t, tn_sample(t, sample[k].x, -1, 1), sample[k].p);
}

const tn_op tn__op_dropout = {
    .name = "dropout",
    .n_in = 1,
    .attr_size = sizeof(double),
    .shape = dropout_shape,
    .forward = dropout_forward,
    .backward = dropout_backward,
    .sample = dropout_sample,
};

tn_tensor *tn_dropout(tn_tape *t, tn_tensor *x, double p)
{
    return tn_apply(t, &tn__op_dropout, 1, &x, &p);
}
