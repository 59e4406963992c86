/* batch_norm.c: normalisation of each channel over the batch (Ioffe and Szegedy 2015). */
#include "kernels/kernels.h"
#include "shape.h"

#include <tarn/ops.h>

enum { X, WEIGHT, BIAS, MEAN, VAR, COUNT };

/* BLOCK: numbers that are centred at a time. */
enum { BLOCK = 512 };

/* x as (batch, channels, inner), and the numbers of one channel. */
typedef struct layout {
    int64_t batch, channels, inner, n;
} layout;

static layout layout_of(const tn_tensor *y)
{
    const tn_tensor *x = y->in[X];
    layout s = {.channels = x->size[1]};
    tn__split(x, 1, &s.batch, &s.inner);
    s.n = s.batch * s.inner;
    return s;
}

/* ---- shape ------------------------------------------------------------------------------------------------------- */

static bool check_options(const tn_tensor *y, const tn_batch_norm_options *o)
{
    if (!(o->eps >= 0)) return tn_op_fail(y, TN_EUSAGE, "eps is %g, it must be 0 or more", o->eps);
    if (!(o->momentum >= 0 && o->momentum <= 1))
        return tn_op_fail(y, TN_EUSAGE, "momentum is %g, it must be from 0 to 1", o->momentum);
    if (!y->in[MEAN] != !y->in[VAR]) return tn_op_fail(y, TN_EUSAGE, "the running mean and var come both, or neither of them");
    return o->training || y->in[MEAN] ||
           tn_op_fail(y, TN_EUSAGE, "there are no running statistics, so the batch's are needed: set training");
}

static bool check_channels(const tn_tensor *y)
{
    static const char *const names[] = {"x", "weight", "bias", "the running mean", "the running var"};
    for (int i = WEIGHT; i <= VAR; i++)
        if (y->in[i] && (y->in[i]->rank != 1 || y->in[i]->n != y->in[X]->size[1]))
            return tn_op_fail(y, TN_ESHAPE, "%s is %s, for x %s it must be (%lld,)", names[i], TN_STR(y->in[i]),
                              TN_STR(y->in[X]), (long long)y->in[X]->size[1]);
    return !y->in[COUNT] || y->in[COUNT]->n == 1 ||
           tn_op_fail(y, TN_ESHAPE, "the count is %s, it must be a single number", TN_STR(y->in[COUNT]));
}

/* What forward changes of the running statistics. */
static bool propose(tn_tensor *y)
{
    for (int i = MEAN; i <= COUNT; i++)
        if (y->in[i] && !tn_propose(y, i)) return false;
    return true;
}

/* saved: each channel's mean and 1 / standard deviation. scratch: two sums and three factors for each channel. */
static bool batch_norm_shape(tn_tensor *y)
{
    const tn_tensor *x = y->in[X];
    const tn_batch_norm_options *o = y->attr;
    if (x->rank < 2) return tn_op_fail(y, TN_ESHAPE, "x is %s, it must be (batch, channels, ...)", TN_STR(x));
    if (!check_options(y, o) || !check_channels(y)) return false;
    const layout s = layout_of(y);
    if (o->training && s.n == 1 && s.channels)
        return tn_op_fail(y, TN_ESHAPE, "x is %s: one value per channel has no variance to train with", TN_STR(x));
    const size_t channels = (size_t)s.channels;
    return (!o->training || propose(y)) && tn_alloc_saved(y, 2 * channels * sizeof(tn_real)) &&
           tn_alloc_scratch(y, channels * (2 * sizeof(double) + 3 * sizeof(tn_real))) && tn_set_shape_like(y, x);
}

/* ---- a pass over some channels ----------------------------------------------------------------------------------- */

/* Channels begin to end; the arrays hold a number for each channel. */
typedef struct pass {
    const tn_tensor *y;
    layout           s;
    int64_t          begin, end;
    tn_real         *mean, *rstd, *scale, *shift, *slope;
    double          *sum, *product;
    const tn_real   *g;  /* in backward */
    tn_real         *gx; /* NULL: not wanted */
    bool             first;
} pass;

static pass pass_of(const tn_tensor *y)
{
    pass p = {.y = y, .s = layout_of(y), .mean = y->saved, .sum = tn_scratch(y)};
    p.rstd = p.mean + p.s.channels;
    p.product = p.sum + p.s.channels;
    p.scale = (tn_real *)(void *)(p.product + p.s.channels);
    p.shift = p.scale + p.s.channels;
    p.slope = p.shift + p.s.channels;
    return p;
}

static pass part(const pass *p, int64_t begin, int64_t end)
{
    pass q = *p;
    q.begin = begin, q.end = end;
    return q;
}

/* Channels of one piece; where a channel's numbers stand apart, some more side by side. */
static int64_t grain(const layout *s)
{
    const int64_t least = s->inner == 1 ? 64 : 1, share = TN__GRAIN / (s->n + 1);
    return share > least ? share : least;
}

/* Channel c of sample b stands here. The loops below know an inner of 1 when they are compiled: then their channels are
 * side by side, and become vectors. */
static int64_t at(const pass *p, int64_t b, int64_t c, int64_t inner)
{
    return (b * p->s.channels + c) * inner;
}

static tn_real weight_of(const pass *p, int64_t c)
{
    return p->y->in[WEIGHT] ? p->y->in[WEIGHT]->data[c] : 1;
}

/* sum (x - mean) g; g may be x, less its mean too. */
static double centred_dot(int64_t n, const tn_real *x, tn_real mean, const tn_real *g)
{
    tn_real block[BLOCK];
    double sum = 0;
    for (int64_t i = 0; i < n; i += BLOCK) {
        const int64_t m = n - i < BLOCK ? n - i : BLOCK;
        for (int64_t k = 0; k < m; k++) block[k] = x[i + k] - mean;
        sum += (double)tn__kernels_get()->dot(m, block, g + i);
    }
    return sum;
}

/* ---- forward ----------------------------------------------------------------------------------------------------- */

static void add_to_sums(const pass *p, const tn_real *x)
{
    for (int64_t b = 0; b < p->s.batch; b++)
        if (p->s.inner == 1)
            for (int64_t c = p->begin; c < p->end; c++) p->sum[c] += (double)x[at(p, b, c, 1)];
        else
            for (int64_t c = p->begin; c < p->end; c++)
                p->sum[c] += (double)tn__kernels_get()->sum(p->s.inner, x + at(p, b, c, p->s.inner));
}

static double square(double x)
{
    return x * x;
}

static void add_squares(const pass *p, const tn_real *x)
{
    for (int64_t b = 0; b < p->s.batch; b++)
        if (p->s.inner == 1)
            for (int64_t c = p->begin; c < p->end; c++) p->product[c] += square((double)(x[at(p, b, c, 1)] - p->mean[c]));
        else
            for (int64_t c = p->begin; c < p->end; c++)
                p->product[c] += (double)tn__kernels_get()->sum_sq_diff(p->s.inner, x + at(p, b, c, p->s.inner), p->mean[c]);
}

static void zero_sums(const pass *p)
{
    for (int64_t c = p->begin; c < p->end; c++) p->sum[c] = p->product[c] = 0;
}

/* The next running value. Of nothing, it is the last one; the running var is that of a sample (n - 1). */
static void move(const pass *p, int i, int64_t c, double value)
{
    const double old = (double)p->y->in[i]->data[c], m = ((const tn_batch_norm_options *)p->y->attr)->momentum;
    tn_proposal(p->y, i)[c] = (tn_real)(p->s.n ? old + m * (value - old) : old);
}

static void take_batch_statistics(const pass *p, double eps)
{
    const tn_real *x = p->y->in[X]->data;
    const double n = p->s.n ? (double)p->s.n : 1;
    zero_sums(p);
    add_to_sums(p, x);
    for (int64_t c = p->begin; c < p->end; c++) p->mean[c] = (tn_real)(p->sum[c] / n);
    add_squares(p, x);
    for (int64_t c = p->begin; c < p->end; c++) {
        p->rstd[c] = (tn_real)(1 / sqrt(p->product[c] / n + eps));
        if (!p->y->in[MEAN]) continue;
        move(p, MEAN, c, p->sum[c] / n);
        move(p, VAR, c, p->product[c] / (n - 1));
    }
}

static void take_running_statistics(const pass *p, double eps)
{
    for (int64_t c = p->begin; c < p->end; c++) {
        p->mean[c] = p->y->in[MEAN]->data[c];
        p->rstd[c] = (tn_real)(1 / sqrt((double)p->y->in[VAR]->data[c] + eps));
    }
}

TN__INLINE void write_values(const pass *p, int64_t inner)
{
    const tn_real *restrict x = p->y->in[X]->data;
    tn_real *restrict y = p->y->data;
    for (int64_t b = 0; b < p->s.batch; b++)
        for (int64_t c = p->begin; c < p->end; c++)
            for (int64_t l = 0, i = at(p, b, c, inner); l < inner; l++)
                y[i + l] = (x[i + l] - p->mean[c]) * p->scale[c] + p->shift[c];
}

static void forward_channels(int64_t begin, int64_t end, void *arg)
{
    const pass p = part(arg, begin, end);
    const tn_batch_norm_options *o = p.y->attr;
    if (o->training) take_batch_statistics(&p, o->eps);
    else take_running_statistics(&p, o->eps);
    for (int64_t c = begin; c < end; c++) {
        p.scale[c] = p.rstd[c] * weight_of(&p, c);
        p.shift[c] = p.y->in[BIAS] ? p.y->in[BIAS]->data[c] : 0;
    }
    if (p.s.inner == 1) write_values(&p, 1);
    else write_values(&p, p.s.inner);
}

static void batch_norm_forward(tn_tensor *y)
{
    pass p = pass_of(y);
    tn_parallel_for(p.s.channels, grain(&p.s), forward_channels, &p);
    if (((const tn_batch_norm_options *)y->attr)->training && y->in[COUNT])
        *tn_proposal(y, COUNT) = *y->in[COUNT]->data + 1;
}

/* ---- backward ---------------------------------------------------------------------------------------------------- */

static void add_products(const pass *p, const tn_real *x)
{
    for (int64_t b = 0; b < p->s.batch; b++)
        if (p->s.inner == 1)
            for (int64_t c = p->begin; c < p->end; c++)
                p->product[c] += (double)p->g[at(p, b, c, 1)] * (double)(x[at(p, b, c, 1)] - p->mean[c]);
        else
            for (int64_t c = p->begin; c < p->end; c++)
                p->product[c] += centred_dot(p->s.inner, x + at(p, b, c, p->s.inner), p->mean[c],
                                             p->g + at(p, b, c, p->s.inner));
}

TN__INLINE void write_grads(const pass *p, int64_t inner)
{
    const tn_real *restrict x = p->y->in[X]->data, *restrict g = p->g;
    tn_real *restrict gx = p->gx;
    for (int64_t b = 0; b < p->s.batch; b++)
        for (int64_t c = p->begin; c < p->end; c++)
            for (int64_t l = 0, i = at(p, b, c, inner); l < inner; l++) {
                const tn_real d = (g[i + l] - p->shift[c]) * p->scale[c] - (x[i + l] - p->mean[c]) * p->slope[c];
                gx[i + l] = p->first ? d : gx[i + l] + d;
            }
}

/* With h = (x - mean) rstd: gx = weight rstd (g - avg(g) - h avg(g h)); where the statistics are given, they are no
 * functions of x, and it is weight rstd g. */
static void backward_channels(int64_t begin, int64_t end, void *arg)
{
    const pass p = part(arg, begin, end);
    const bool training = ((const tn_batch_norm_options *)p.y->attr)->training;
    zero_sums(&p);
    add_to_sums(&p, p.g);
    add_products(&p, p.y->in[X]->data);
    if (!p.gx) return;
    for (int64_t c = begin; c < end; c++) {
        const double rstd = (double)p.rstd[c], n = (double)p.s.n;
        p.scale[c] = p.rstd[c] * weight_of(&p, c);
        p.shift[c] = training && p.s.n ? (tn_real)(p.sum[c] / n) : 0;
        p.slope[c] = training && p.s.n ? (tn_real)((double)p.scale[c] * rstd * rstd * p.product[c] / n) : 0;
    }
    if (p.s.inner == 1) write_grads(&p, 1);
    else write_grads(&p, p.s.inner);
}

static void batch_norm_backward(tn_tensor *y)
{
    pass p = pass_of(y);
    p.g = tn_grad_out(y);
    p.gx = tn_grad(y, X, &p.first);
    tn_parallel_for(p.s.channels, grain(&p.s), backward_channels, &p);
    bool first;
    tn_real *gw = y->in[WEIGHT] ? tn_grad(y, WEIGHT, &first) : NULL;
    for (int64_t c = 0; c < p.s.channels && gw; c++)
        gw[c] = (first ? 0 : gw[c]) + (tn_real)(p.product[c] * (double)p.rstd[c]);
    tn_real *gb = y->in[BIAS] ? tn_grad(y, BIAS, &first) : NULL;
    for (int64_t c = 0; c < p.s.channels && gb; c++) gb[c] = (first ? 0 : gb[c]) + (tn_real)p.sum[c];
}

/* ---- the op ------------------------------------------------------------------------------------------------------ */

static tn_tensor *given(tn_tape *t, bool is, int64_t n, double low, double high)
{
    return is ? tn_sample(t, TN_DIMS(n), low, high) : NULL;
}

/* Without running statistics where they would be changed: a sample's inputs are no buffers. */
static tn_tensor *batch_norm_sample(tn_tape *t, int k)
{
    static const struct { tn_dims x; bool weight, bias, training; double eps; } sample[] = {
        {{2, {5, 3}}, true, true, true, 1e-5},     {{2, {5, 3}}, true, true, false, 1e-5},
        {{2, {4, 2}}, false, false, true, 0.1},    {{2, {4, 2}}, false, true, false, 0.1},
        {{3, {2, 3, 4}}, true, true, true, 1e-5},  {{3, {2, 3, 4}}, true, false, false, 1e-5},
        {{4, {2, 2, 1, 2}}, true, true, true, 0.1}, {{2, {1, 3}}, true, true, false, 1e-5},
        {{3, {1, 2, 3}}, true, true, true, 0.1},   {{2, {0, 3}}, true, true, true, 1e-5},
        {{2, {3, 0}}, true, true, true, 1e-5},     {{3, {2, 3, 0}}, true, true, false, 1e-5},
        {{2, {3, 70}}, true, true, true, 0.1},     {{3, {1, 1, BLOCK + 2}}, true, true, true, 0.1},
    };
    if (k >= (int)(sizeof sample / sizeof *sample)) return NULL;
    const tn_dims x = sample[k].x;
    const int64_t n = x.at[1];
    const tn_batch_norm_options options = {sample[k].training, 0.1, sample[k].eps};
    const bool running = !options.training;
    tn_tensor *mean = given(t, running, n, -1, 1), *var = given(t, running, n, 0.5, 2);
    const tn_batch_statistics statistics = {mean ? tn_detach(t, mean) : NULL, var ? tn_detach(t, var) : NULL, NULL};
    tn_tensor *bias = given(t, sample[k].bias, n, -1, 1), *weight = given(t, sample[k].weight, n, 0.5, 1.5);
    return tn_batch_norm(t, tn_sample(t, x, -2, 2), weight, bias, statistics, options);
}

const tn_op tn__op_batch_norm = {
    .name = "batch_norm",
    .n_in = 6,
    .optional = 1u << WEIGHT | 1u << BIAS | 1u << MEAN | 1u << VAR | 1u << COUNT,
    .constant = 1u << MEAN | 1u << VAR | 1u << COUNT,
    .attr_size = sizeof(tn_batch_norm_options),
    .shape = batch_norm_shape,
    .forward = batch_norm_forward,
    .backward = batch_norm_backward,
    .sample = batch_norm_sample,
};

tn_batch_norm_options tn_batch_norm_defaults(void)
{
    return (tn_batch_norm_options){.training = true, .momentum = 0.1, .eps = 1e-5};
}

tn_tensor *tn_batch_norm(tn_tape *t, tn_tensor *x, tn_tensor *weight, tn_tensor *bias, tn_batch_statistics running,
                         tn_batch_norm_options options)
{
    tn_tensor *in[] = {x, weight, bias, running.mean, running.var, running.count};
    return tn_apply(t, &tn__op_batch_norm, 6, in, &options);
}
