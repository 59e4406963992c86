/* pad.c: a constant before and after x along one dimension. */
#include "shape.h"

#include <tarn/ops.h>

typedef struct padding {
    int64_t dim, before, after;
    double  value;
} padding;

static bool pad_shape(tn_tensor *y)
{
    padding p = *(const padding *)y->attr;
    const tn_tensor *x = y->in[0];
    int64_t size[TN_MAX_RANK];
    if (!tn_wrap_dim(y, x->rank, &p.dim)) return false;
    if (p.before < 0 || p.after < 0)
        return tn_op_fail(y, TN_EUSAGE, "%lld before and %lld after: counts are 0 or more (tn_slice takes away)",
                          (long long)p.before, (long long)p.after);
    for (int d = 0; d < x->rank; d++) size[d] = x->size[d];
    if (p.before > INT64_MAX - size[p.dim] || p.after > INT64_MAX - size[p.dim] - p.before)
        return tn_op_fail(y, TN_EMEMORY, "%lld before and %lld after x %s overflow", (long long)p.before,
                          (long long)p.after, TN_STR(x));
    size[p.dim] += p.before + p.after;
    return tn_set_shape(y, x->rank, size);
}

static void fill(int64_t n, tn_real value, tn_real *to)
{
    for (int64_t i = 0; i < n; i++) to[i] = value;
}

/* Numbers before, of and after x in each of y's outer parts. */
typedef struct widths {
    int64_t outer, before, x, after, all;
} widths;

static widths widths_of(const tn_tensor *y)
{
    padding p = *(const padding *)y->attr;
    int64_t dim = p.dim < 0 ? p.dim + y->rank : p.dim, outer, inner;
    tn__split(y, dim, &outer, &inner);
    return (widths){outer, p.before * inner, y->in[0]->size[dim] * inner, p.after * inner, y->size[dim] * inner};
}

static void pad_forward(tn_tensor *y)
{
    if (!y->n) return;
    const widths w = widths_of(y);
    const tn_real value = (tn_real)((const padding *)y->attr)->value, *x = y->in[0]->data;
    for (int64_t o = 0; o < w.outer; o++) {
        tn_real *to = y->data + o * w.all;
        fill(w.before, value, to);
        tn__put(true, w.x, x + o * w.x, to + w.before);
        fill(w.after, value, to + w.before + w.x);
    }
}

static void pad_backward(tn_tensor *y)
{
    bool first;
    const tn_real *dy = tn_grad_out(y);
    tn_real *g = tn_grad(y, 0, &first);
    if (!g || !y->in[0]->n) return;
    const widths w = widths_of(y);
    for (int64_t o = 0; o < w.outer; o++) tn__put(first, w.x, dy + o * w.all + w.before, g + o * w.x);
}

static tn_tensor *pad_sample(tn_tape *t, int k)
{
    switch (k) {
    case 0: return tn_pad(t, tn_sample(t, TN_DIMS(2, 3), -2, 2), 1, 1, 2, 0);
    case 1: return tn_pad(t, tn_sample(t, TN_DIMS(2, 3), -2, 2), -2, 2, 0, -1.5);
    case 2: return tn_pad(t, tn_sample(t, TN_DIMS(2, 1, 2), -2, 2), 1, 0, 1, 7);
    case 3: return tn_pad(t, tn_sample(t, TN_DIMS(0, 2), -2, 2), 0, 1, 1, 3);
    case 4: return tn_pad(t, tn_sample(t, TN_DIMS(3), -2, 2), 0, 0, 0, 3);
    default: return NULL;
    }
}

const tn_op tn__op_pad = {.name = "pad", .n_in = 1, .attr_size = sizeof(padding), .shape = pad_shape,
                          .forward = pad_forward, .backward = pad_backward, .sample = pad_sample};

tn_tensor *tn_pad(tn_tape *t, tn_tensor *x, int64_t dim, int64_t before, int64_t after, double value)
{
    padding p = {dim, before, after, value};
    return tn_apply(t, &tn__op_pad, 1, &x, &p);
}
