/* argmax.c: where the largest stands, into the caller's integers. No tensor, no tape op, no gradient. */
#include "shape.h"

#include <tarn/ops.h>

static int32_t argmax(int64_t n, int64_t step, const tn_real *x)
{
    tn_real best = x[0];
    int64_t at = 0;
    for (int64_t k = 1; k < n && best == best; k++) {
        tn_real v = x[k * step];
        if (v > best || v != v) {
            best = v;
            at = k;
        }
    }
    return (int32_t)at;
}

static bool check(tn_error *e, const tn_tensor *x, int64_t *dim, const int32_t *index)
{
    if (!x) return tn_fail(e, TN_EUSAGE, "argmax: x is NULL, and no earlier error says why");
    if (*dim < -x->rank || *dim >= x->rank)
        return tn_fail(e, TN_EINDEX, "argmax: dimension %lld of x %s is outside [%d, %d)", (long long)*dim, TN_STR(x),
                       -x->rank, x->rank);
    if (*dim < 0) *dim += x->rank;
    if (!x->size[*dim])
        return tn_fail(e, TN_ESHAPE, "argmax: x %s has nothing to choose from at dimension %lld", TN_STR(x),
                       (long long)*dim);
    if (x->size[*dim] > INT32_MAX)
        return tn_fail(e, TN_ESHAPE, "argmax: x %s: an index at dimension %lld may pass int32_t", TN_STR(x),
                       (long long)*dim);
    return index || !x->n || tn_fail(e, TN_EUSAGE, "argmax: index is NULL: it takes x.n / size[dim] numbers");
}

bool tn_argmax(tn_tape *t, const tn_tensor *x, int64_t dim, int32_t *index)
{
    int64_t outer, inner;
    if (!tn_ok(t) || !check(tn_tape_error(t), x, &dim, index)) return false;
    tn__split(x, dim, &outer, &inner);
    for (int64_t o = 0; o < outer; o++)
        for (int64_t i = 0; i < inner; i++)
            *index++ = argmax(x->size[dim], inner, x->data + o * x->size[dim] * inner + i);
    return true;
}
