/* slice.c: x[begin:end:step] along one dimension. */
#include "shape.h"

#include <tarn/ops.h>

typedef struct range {
    int64_t dim, begin, end, step;
} range;

static int64_t clamped(int64_t at, int64_t size)
{
    if (at < 0) at += size;
    return at < 0 ? 0 : at > size ? size : at;
}

/* The range as it applies to x, its ends counted from 0. */
static range resolved(const tn_tensor *x, range r)
{
    if (r.dim < 0) r.dim += x->rank;
    r.begin = clamped(r.begin, x->size[r.dim]);
    r.end = clamped(r.end, x->size[r.dim]);
    return r;
}

static bool slice_shape(tn_tensor *y)
{
    range r = *(const range *)y->attr;
    const tn_tensor *x = y->in[0];
    int64_t size[TN_MAX_RANK];
    if (!tn_wrap_dim(y, x->rank, &r.dim)) return false;
    if (r.step < 1) return tn_op_fail(y, TN_EUSAGE, "a step of %lld: it must be 1 or more", (long long)r.step);
    r = resolved(x, r);
    for (int d = 0; d < x->rank; d++) size[d] = x->size[d];
    size[r.dim] = r.end > r.begin ? (r.end - r.begin - 1) / r.step + 1 : 0;
    return tn_set_shape(y, x->rank, size);
}

static void slice_forward(tn_tensor *y)
{
    const tn_tensor *x = y->in[0];
    const range r = resolved(x, *(const range *)y->attr);
    int64_t outer, inner, size = x->size[r.dim], count = y->size[r.dim];
    tn__split(x, r.dim, &outer, &inner);
    if (!y->n) return;
    for (int64_t o = 0; o < outer; o++) {
        const tn_real *from = x->data + (o * size + r.begin) * inner;
        tn_real *to = y->data + o * count * inner;
        if (r.step == 1) tn__put(true, count * inner, from, to);
        else if (inner == 1) for (int64_t k = 0; k < count; k++) to[k] = from[k * r.step];
        else for (int64_t k = 0; k < count; k++) tn__put(true, inner, from + k * r.step * inner, to + k * inner);
    }
}

/* One outer part of the gradient. When it is the first contribution, what the slice left out is 0. */
static void put_back(range r, int64_t size, int64_t inner, int64_t count, const tn_real *dy, tn_real *g, bool first)
{
    int64_t at = 0, rows = r.step == 1 ? count : 1; /* without a step all rows go at once */
    for (int64_t k = 0; k < count; k += rows) {
        int64_t next = r.begin + k * r.step;
        if (first) tn__zero((next - at) * inner, g + at * inner);
        tn__put(first, rows * inner, dy + k * inner, g + next * inner);
        at = next + rows;
    }
    if (first) tn__zero((size - at) * inner, g + at * inner);
}

static void slice_backward(tn_tensor *y)
{
    bool first;
    const tn_tensor *x = y->in[0];
    const range r = resolved(x, *(const range *)y->attr);
    int64_t outer, inner, size = x->size[r.dim], count = y->size[r.dim];
    const tn_real *dy = tn_grad_out(y);
    tn_real *g = tn_grad(y, 0, &first);
    if (!g || !x->n) return;
    tn__split(x, r.dim, &outer, &inner);
    for (int64_t o = 0; o < outer; o++)
        put_back(r, size, inner, count, dy + o * count * inner, g + o * size * inner, first);
}

static tn_tensor *slice_sample(tn_tape *t, int k)
{
    switch (k) {
    case 0: return tn_slice(t, tn_sample(t, TN_DIMS(5), -2, 2), 0, 1, 4, 1);
    case 1: return tn_slice(t, tn_sample(t, TN_DIMS(4, 3), -2, 2), 0, -3, -1, 1);
    case 2: return tn_slice(t, tn_sample(t, TN_DIMS(2, 7), -2, 2), -1, 1, 100, 3);
    case 3: return tn_slice(t, tn_sample(t, TN_DIMS(2, 5, 2), -2, 2), 1, 0, 5, 2);
    case 4: return tn_slice(t, tn_sample(t, TN_DIMS(3, 2), -2, 2), 0, 2, 1, 1);
    case 5: return tn_slice(t, tn_sample(t, TN_DIMS(0, 2), -2, 2), 1, 0, 1, 1);
    default: return NULL;
    }
}

const tn_op tn__op_slice = {.name = "slice", .n_in = 1, .attr_size = sizeof(range), .shape = slice_shape,
                            .forward = slice_forward, .backward = slice_backward, .sample = slice_sample};

tn_tensor *tn_slice(tn_tape *t, tn_tensor *x, int64_t dim, int64_t begin, int64_t end, int64_t step)
{
    range r = {dim, begin, end, step};
    return tn_apply(t, &tn__op_slice, 1, &x, &r);
}
