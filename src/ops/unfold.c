/* unfold.c: the windows that a convolution slides over, side by side, so that it is a product of matrices. */
#include "kernels/kernels.h"
#include "shape.h"

#include <tarn/ops.h>

static bool check_options(const tn_tensor *y, const tn_unfold_options *o)
{
    if (o->kernel < 1 || o->stride < 1 || o->dilation < 1)
        return tn_op_fail(y, TN_EUSAGE, "kernel %lld, stride %lld, dilation %lld: each must be at least 1",
                          (long long)o->kernel, (long long)o->stride, (long long)o->dilation);
    return o->padding >= 0 || tn_op_fail(y, TN_EUSAGE, "padding is %lld, it must be 0 or more", (long long)o->padding);
}

static int64_t window_of(const tn_unfold_options *o)
{
    return (o->kernel - 1) * o->dilation + 1;
}

static int64_t padded_length(const tn_tensor *y)
{
    return y->in[0]->size[2] + 2 * ((const tn_unfold_options *)y->attr)->padding;
}

static bool check_overflow(const tn_tensor *y, const tn_unfold_options *o)
{
    const int64_t most = INT64_MAX / 4, *size = y->in[0]->size;
    return (o->padding <= most && size[2] <= most && o->kernel <= most / o->dilation && size[1] <= most / o->kernel) ||
           tn_op_fail(y, TN_EMEMORY, "kernel %lld, dilation %lld and padding %lld on x %s overflow", (long long)o->kernel,
                      (long long)o->dilation, (long long)o->padding, TN_STR(y->in[0]));
}

static bool unfold_shape(tn_tensor *y)
{
    const tn_unfold_options *o = y->attr;
    const tn_tensor *x = y->in[0];
    if (x->rank != 3) return tn_op_fail(y, TN_ESHAPE, "x is %s, it must be (batch, channels, length)", TN_STR(x));
    if (!check_options(y, o) || !check_overflow(y, o)) return false;
    const int64_t left = padded_length(y) - window_of(o);
    if (left < 0)
        return tn_op_fail(y, TN_ESHAPE, "x %s has a length of %lld with its padding, the kernel spans %lld", TN_STR(x),
                          (long long)padded_length(y), (long long)window_of(o));
    if (o->kernel == 1 && o->stride == 1 && !o->padding && !tn_alias(y, 0)) return false;
    return tn_set_shape(y, 3, (int64_t[]){x->size[0], x->size[1] * o->kernel, left / o->stride + 1});
}

/* Row k of a channel's windows: its numbers begin to end are x[from], x[from + stride], ...; padding is around them. */
typedef struct row {
    int64_t begin, end, from;
} row;

static row row_of(const tn_tensor *y, int64_t k)
{
    const tn_unfold_options *o = y->attr;
    const int64_t out = y->size[2], shift = k * o->dilation - o->padding, left = y->in[0]->size[2] - shift;
    row r = {shift < 0 ? (-shift - 1) / o->stride + 1 : 0, left > 0 ? (left - 1) / o->stride + 1 : 0, 0};
    if (r.end > out) r.end = out;
    if (r.begin > r.end) r.begin = r.end;
    r.from = r.begin * o->stride + shift;
    return r;
}

static void copy_row(const row *r, int64_t out, int64_t stride, const tn_real *x, tn_real *y)
{
    tn__zero(r->begin, y);
    if (stride == 1) tn__put(true, r->end - r->begin, x + r->from, y + r->begin);
    else for (int64_t i = r->begin; i < r->end; i++) y[i] = x[r->from + (i - r->begin) * stride];
    tn__zero(out - r->end, y + r->end);
}

static void add_row(const row *r, int64_t stride, const tn_real *g, tn_real *gx)
{
    if (stride == 1) tn__put(false, r->end - r->begin, g + r->begin, gx + r->from);
    else for (int64_t i = r->begin; i < r->end; i++) gx[r->from + (i - r->begin) * stride] += g[i];
}

/* Channels of all samples, begin to end. */
static void forward_channels(int64_t begin, int64_t end, void *arg)
{
    const tn_tensor *y = arg, *x = y->in[0];
    const tn_unfold_options *o = y->attr;
    const int64_t out = y->size[2];
    for (int64_t k = 0; k < o->kernel; k++) {
        const row r = row_of(y, k);
        for (int64_t c = begin; c < end; c++)
            copy_row(&r, out, o->stride, x->data + c * x->size[2], y->data + (c * o->kernel + k) * out);
    }
}

typedef struct back {
    const tn_tensor *y;
    tn_real         *gx;
    bool             first;
} back;

static void backward_channels(int64_t begin, int64_t end, void *arg)
{
    const back *j = arg;
    const tn_tensor *y = j->y;
    const tn_unfold_options *o = y->attr;
    const int64_t out = y->size[2], length = y->in[0]->size[2];
    if (j->first) tn__zero((end - begin) * length, j->gx + begin * length);
    for (int64_t k = 0; k < o->kernel; k++) {
        const row r = row_of(y, k);
        for (int64_t c = begin; c < end; c++)
            add_row(&r, o->stride, tn_grad_out(y) + (c * o->kernel + k) * out, j->gx + c * length);
    }
}

static void each_channel(const tn_tensor *y, void (*f)(int64_t begin, int64_t end, void *arg), void *arg)
{
    const tn_unfold_options *o = y->attr;
    tn_parallel_for(y->in[0]->size[0] * y->in[0]->size[1], 1 + TN__GRAIN / o->kernel / y->size[2], f, arg);
}

static void unfold_forward(tn_tensor *y)
{
    each_channel(y, forward_channels, y);
}

static void unfold_backward(tn_tensor *y)
{
    back j = {.y = y};
    j.gx = tn_grad(y, 0, &j.first);
    if (j.gx) each_channel(y, backward_channels, &j);
}

static tn_tensor *unfold_sample(tn_tape *t, int k)
{
    static const struct { int64_t size[3]; tn_unfold_options options; } sample[] = {
        {{2, 3, 5}, {1, 1, 0, 1}}, {{2, 3, 5}, {3, 1, 0, 1}}, {{2, 3, 5}, {3, 1, 1, 1}}, {{2, 2, 7}, {3, 2, 0, 1}},
        {{2, 2, 7}, {3, 2, 2, 2}}, {{1, 2, 7}, {2, 3, 1, 4}}, {{1, 1, 4}, {1, 2, 0, 1}}, {{1, 2, 2}, {4, 1, 3, 1}},
        {{1, 1, 1}, {2, 3, 4, 2}}, {{0, 2, 5}, {3, 1, 0, 1}}, {{2, 0, 5}, {3, 1, 0, 1}}, {{2, 2, 0}, {2, 1, 1, 1}},
        {{1, 1, 3}, {2, 5, 6, 1}}, {{1, 2, 3}, {1, 1, 2, 1}},
    };
    if (k >= (int)(sizeof sample / sizeof *sample)) return NULL;
    const int64_t *n = sample[k].size;
    return tn_unfold(t, tn_sample(t, TN_DIMS(n[0], n[1], n[2]), -1, 1), sample[k].options);
}

const tn_op tn__op_unfold = {
    .name = "unfold",
    .n_in = 1,
    .attr_size = sizeof(tn_unfold_options),
    .shape = unfold_shape,
    .forward = unfold_forward,
    .backward = unfold_backward,
    .sample = unfold_sample,
};

tn_tensor *tn_unfold(tn_tape *t, tn_tensor *x, tn_unfold_options options)
{
    return tn_apply(t, &tn__op_unfold, 1, &x, &options);
}
