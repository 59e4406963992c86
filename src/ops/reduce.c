/* reduce.c: over dimensions: sum, mean, max, min, var, logsumexp. x is gone through once, in order, as rows that either
 * fold into one number of y (the last dimensions) or go element by element into a part of it (the first ones). */
#include "kernels/kernels.h"
#include "shape.h"

#include <tarn/ops.h>

typedef struct reduction {
    tn_dims dims;
    bool    keep;
} reduction;

static unsigned mask_of(const tn_tensor *y)
{
    return tn__dim_mask(((const reduction *)y->attr)->dims, y->in[0]->rank);
}

/* The numbers that become one. */
static int64_t count_of(const tn_tensor *y)
{
    const tn_tensor *x = y->in[0];
    unsigned mask = mask_of(y);
    int64_t n = 1;
    for (int d = 0; d < x->rank; d++) n *= mask >> d & 1 ? x->size[d] : 1;
    return n;
}

static bool reduce_shape(tn_tensor *y)
{
    const reduction *r = y->attr;
    const tn_tensor *x = y->in[0];
    int64_t size[TN_MAX_RANK];
    unsigned mask;
    int rank = 0;
    if (!tn__check_dims(y, x->rank, r->dims, &mask)) return false;
    for (int d = 0; d < x->rank; d++) {
        bool reduced = mask >> d & 1;
        if (!reduced || r->keep) size[rank++] = reduced ? 1 : x->size[d];
    }
    return tn_set_shape(y, rank, size);
}

static bool reduce_shape_scratch(tn_tensor *y)
{
    return reduce_shape(y) && tn_alloc_scratch(y, (size_t)y->n * sizeof *y->data);
}

static bool reduce_shape_saved(tn_tensor *y)
{
    return reduce_shape_scratch(y) && tn_alloc_saved(y, (size_t)y->n * sizeof *y->data);
}

static bool reduce_shape_nonempty(tn_tensor *y)
{
    if (!reduce_shape_scratch(y)) return false;
    return count_of(y) > 0 || tn_op_fail(y, TN_ESHAPE, "x %s has nothing to choose from in the dimensions given",
                                         TN_STR(y->in[0]));
}

/* ---- folding ------------------------------------------------------------------------------------------------------- */

/* What is done with the number so far and the next x; m is what an earlier pass left for this element of y. */
typedef tn_real (*step_rule)(tn_real so_far, tn_real x, tn_real m);
typedef tn_real (*merge_rule)(tn_real a, tn_real b);

/* A whole row at once, where it is long enough for lanes; by a kernel where there is one. */
typedef tn_real (*row_rule)(int64_t n, const tn_real *x, tn_real m);

TN__INLINE tn_real fold_lanes(int64_t n, const tn_real *restrict x, tn_real m, tn_real start, step_rule step,
                              merge_rule merge)
{
    tn_real lane[TN__LANES], rest = start;
    int64_t i = 0;
    for (int l = 0; l < TN__LANES; l++) lane[l] = start;
    for (; i + TN__LANES <= n; i += TN__LANES)
        for (int l = 0; l < TN__LANES; l++) lane[l] = step(lane[l], x[i + l], m);
    for (; i < n; i++) rest = step(rest, x[i], m);
    for (int half = TN__LANES / 2; half; half /= 2)
        for (int l = 0; l < half; l++) lane[l] = merge(lane[l], lane[l + half]);
    return merge(lane[0], rest);
}

TN__INLINE tn_real fold_row(int64_t n, const tn_real *restrict x, tn_real m, tn_real start, step_rule step, row_rule row)
{
    if (n >= TN__LANES) return row(n, x, m);
    for (int64_t i = 0; i < n; i++) start = step(start, x[i], m);
    return start;
}

TN__INLINE void step_row(int64_t n, const tn_real *restrict x, const tn_real *restrict m, tn_real start,
                         tn_real *restrict to, bool is_new, step_rule step)
{
    if (is_new) for (int64_t i = 0; i < n; i++) to[i] = step(start, x[i], m[i]);
    else for (int64_t i = 0; i < n; i++) to[i] = step(to[i], x[i], m[i]);
}

typedef struct folding {
    tn_real    start;
    step_rule  step;
    row_rule   row;
    merge_rule merge;
} folding;

/* to, of y's shape = x folded. Where no m is looked at, any array of y's shape does. */
TN__INLINE void fold(const tn_tensor *y, const tn_real *m, tn_real *to, folding f)
{
    tn__nest w;
    const tn_tensor *x = y->in[0];
    if (!x->n) {
        for (int64_t i = 0; i < y->n; i++) to[i] = f.start;
        return;
    }
    tn__nest_reduce(&w, x, mask_of(y));
    do {
        const tn_real *row = x->data + w.row * w.n;
        tn_real *at = to + w.at[0];
        bool is_new = tn__nest_is_new(&w, 0);
        if (w.step[0][0]) {
            step_row(w.n, row, m + w.at[0], f.start, at, is_new, f.step);
            continue;
        }
        tn_real part = fold_row(w.n, row, m[w.at[0]], f.start, f.step, f.row);
        *at = is_new ? part : f.merge(*at, part);
    } while (tn__nest_next(&w));
}

/* ---- spreading back ------------------------------------------------------------------------------------------------ */

/* A slope is dL/dx from an x, its y, and of that y: dy (or a share of it) and m. */
typedef struct element {
    tn_real x, y, dy, m;
} element;
typedef tn_real (*rule)(element e);

TN__INLINE void spread_row(int64_t n, const tn_real *x, const tn_real *y, const tn_real *dy, const tn_real *m,
                           int64_t step, rule slope, tn_real *restrict g, bool first)
{
    if (first) for (int64_t i = 0; i < n; i++) g[i] = slope((element){x[i], y[i * step], dy[i * step], m[i * step]});
    else for (int64_t i = 0; i < n; i++) g[i] += slope((element){x[i], y[i * step], dy[i * step], m[i * step]});
}

TN__INLINE void spread(tn_tensor *y, const tn_real *dy, const tn_real *m, rule slope)
{
    tn__nest w;
    bool first;
    tn_real *g = tn_grad(y, 0, &first);
    const tn_tensor *x = y->in[0];
    if (!g || !x->n) return;
    tn__nest_reduce(&w, x, mask_of(y));
    do {
        int64_t row = w.row * w.n, at = w.at[0];
        if (w.step[0][0])
            spread_row(w.n, x->data + row, y->data + at, dy + at, m + at, 1, slope, g + row, first);
        else
            spread_row(w.n, x->data + row, y->data + at, dy + at, m + at, 0, slope, g + row, first);
    } while (tn__nest_next(&w));
}

static void scale(int64_t n, const tn_real *x, tn_real by, tn_real *y)
{
    for (int64_t i = 0; i < n; i++) y[i] = x[i] * by;
}

static void divide(int64_t n, const tn_real *x, tn_real by, tn_real *y)
{
    for (int64_t i = 0; i < n; i++) y[i] = x[i] / by;
}

/* ---- sum, mean ----------------------------------------------------------------------------------------------------- */

static inline tn_real plus(tn_real a, tn_real b) { return a + b; }
static inline tn_real step_sum(tn_real so_far, tn_real x, tn_real m) { return (void)m, so_far + x; }
static tn_real row_sum(int64_t n, const tn_real *x, tn_real m) { return (void)m, tn__kernels_get()->sum(n, x); }
static inline tn_real pass_slope(element e) { return e.dy; }

static const folding SUM = {0, step_sum, row_sum, plus};

static void sum_forward(tn_tensor *y)
{
    fold(y, y->data, y->data, SUM);
}

static void sum_backward(tn_tensor *y)
{
    spread(y, tn_grad_out(y), y->data, pass_slope);
}

static void mean_forward(tn_tensor *y)
{
    sum_forward(y);
    divide(y->n, y->data, (tn_real)count_of(y), y->data);
}

static void mean_backward(tn_tensor *y)
{
    tn_real *share = tn_scratch(y);
    divide(y->n, tn_grad_out(y), (tn_real)count_of(y), share);
    spread(y, share, y->data, pass_slope);
}

/* ---- max, min: NaN wins, ties share -------------------------------------------------------------------------------- */

static inline tn_real larger(tn_real a, tn_real b) { return ((b > a) | (b != b)) ? b : a; }
static inline tn_real smaller(tn_real a, tn_real b) { return ((b < a) | (b != b)) ? b : a; }
static inline tn_real step_max(tn_real so_far, tn_real x, tn_real m) { return (void)m, larger(so_far, x); }
static inline tn_real step_min(tn_real so_far, tn_real x, tn_real m) { return (void)m, smaller(so_far, x); }
static tn_real row_max(int64_t n, const tn_real *x, tn_real m) { return (void)m, tn__kernels_get()->max(n, x); }
static tn_real row_min(int64_t n, const tn_real *x, tn_real m)
{
    return fold_lanes(n, x, m, (tn_real)HUGE_VAL, step_min, smaller);
}

static inline tn_real step_count(tn_real so_far, tn_real x, tn_real m) { return so_far + (tn_real)(x == m); }
static tn_real row_count(int64_t n, const tn_real *x, tn_real m) { return fold_lanes(n, x, m, 0, step_count, plus); }
static inline tn_real tie_slope(element e) { return (tn_real)(e.x == e.y) * e.dy; } /* NaN where the share is */

static const folding MAX = {(tn_real)-HUGE_VAL, step_max, row_max, larger};
static const folding MIN = {(tn_real)HUGE_VAL, step_min, row_min, smaller};
static const folding COUNT = {0, step_count, row_count, plus};

static void max_forward(tn_tensor *y)
{
    fold(y, y->data, y->data, MAX);
}

static void min_forward(tn_tensor *y)
{
    fold(y, y->data, y->data, MIN);
}

static void extreme_backward(tn_tensor *y)
{
    tn_real *share = tn_scratch(y);
    const tn_real *dy = tn_grad_out(y);
    fold(y, y->data, share, COUNT);
    for (int64_t i = 0; i < y->n; i++) share[i] = dy[i] / share[i];
    spread(y, share, y->data, tie_slope);
}

/* ---- var: about the mean, in two passes ---------------------------------------------------------------------------- */

static inline tn_real step_squares(tn_real so_far, tn_real x, tn_real m) { return so_far + (x - m) * (x - m); }
static tn_real row_squares(int64_t n, const tn_real *x, tn_real m) { return tn__kernels_get()->sum_sq_diff(n, x, m); }
static const folding SQUARES = {0, step_squares, row_squares, plus};
static inline tn_real var_slope(element e) { return e.dy * (e.x - e.m); }

/* n - 1; 0 for n == 0 too, so that 0 / 0 gives the NaN that is wanted */
static tn_real freedom(const tn_tensor *y)
{
    int64_t n = count_of(y);
    return (tn_real)(n > 1 ? n - 1 : 0);
}

static void var_forward(tn_tensor *y)
{
    tn_real *mean = y->saved;
    fold(y, mean, mean, SUM);
    divide(y->n, mean, (tn_real)count_of(y), mean);
    fold(y, mean, y->data, SQUARES);
    divide(y->n, y->data, freedom(y), y->data);
}

static void var_backward(tn_tensor *y)
{
    tn_real *share = tn_scratch(y);
    scale(y->n, tn_grad_out(y), 2 / freedom(y), share);
    spread(y, share, y->saved, var_slope);
}

/* ---- logsumexp: e^(x - max) in pieces that stay in the first cache ------------------------------------------------- */

enum { PIECE = 256 };

static inline int64_t piece_of(int64_t left)
{
    return left < PIECE ? left : PIECE;
}

/* e = e^(x - m), m going by step */
static void exp_piece(int64_t n, const tn_real *x, const tn_real *m, int64_t step, tn_real *restrict e)
{
    if (step) for (int64_t i = 0; i < n; i++) e[i] = x[i] - m[i];
    else for (int64_t i = 0; i < n; i++) e[i] = x[i] - *m;
    tn__kernels_get()->exp(n, e, e);
}

static void exp_sum_row(int64_t n, const tn_real *x, const tn_real *m, int64_t step, tn_real *to, bool is_new)
{
    tn_real e[PIECE];
    for (int64_t i = 0; i < n; i += PIECE) {
        int64_t k = piece_of(n - i);
        exp_piece(k, x + i, m + i * step, step, e);
        if (step) tn__put(is_new, k, e, to + i);
        else *to = tn__kernels_get()->sum(k, e) + (is_new && !i ? 0 : *to);
    }
}

static void exp_sum(tn_tensor *y, const tn_real *m)
{
    tn__nest w;
    const tn_tensor *x = y->in[0];
    if (!x->n) {
        tn__zero(y->n, y->data);
        return;
    }
    tn__nest_reduce(&w, x, mask_of(y));
    do exp_sum_row(w.n, x->data + w.row * w.n, m + w.at[0], w.step[0][0], y->data + w.at[0], tn__nest_is_new(&w, 0));
    while (tn__nest_next(&w));
}

static void logsumexp_forward(tn_tensor *y)
{
    tn_real *m = tn_scratch(y);
    fold(y, m, m, MAX);
    for (int64_t i = 0; i < y->n; i++)
        if (isinf(m[i])) m[i] = 0;
    exp_sum(y, m);
    tn__kernels_get()->log(y->n, y->data, y->data);
    for (int64_t i = 0; i < y->n; i++) y->data[i] += m[i];
}

static void exp_spread_row(int64_t n, const tn_real *x, const tn_real *y, const tn_real *dy, int64_t step, tn_real *g,
                           bool first)
{
    tn_real e[PIECE];
    for (int64_t i = 0; i < n; i += PIECE) {
        int64_t k = piece_of(n - i);
        exp_piece(k, x + i, y + i * step, step, e);
        for (int64_t j = 0; j < k; j++) e[j] *= dy[(i + j) * step];
        tn__put(first, k, e, g + i);
    }
}

static void logsumexp_backward(tn_tensor *y)
{
    tn__nest w;
    bool first;
    const tn_tensor *x = y->in[0];
    const tn_real *dy = tn_grad_out(y);
    tn_real *g = tn_grad(y, 0, &first);
    if (!g || !x->n) return;
    tn__nest_reduce(&w, x, mask_of(y));
    do exp_spread_row(w.n, x->data + w.row * w.n, y->data + w.at[0], dy + w.at[0], w.step[0][0], g + w.row * w.n, first);
    while (tn__nest_next(&w));
}

/* ---- the ops ------------------------------------------------------------------------------------------------------- */

/* From -3 up by steps of 6 / n, in a mixed order: no two are within the differences that a gradient check takes. */
static void set_apart(tn_tensor *x)
{
    for (int64_t i = 0; x && i < x->n; i++)
        x->data[i] = (tn_real)(6 * (double)(i * 37 % x->n) / (double)x->n - 3) + x->data[i] / 128;
}

/* x and what to reduce, for the k-th sample. */
static tn_tensor *sample_input(tn_tape *t, int k, bool apart, reduction *r)
{
    static const struct {
        tn_dims   shape;
        reduction r;
    } sample[] = {
        {{2, {3, 5}}, {{0, {0}}, false}},          {{2, {2, 40}}, {{1, {1}}, false}},
        {{2, {40, 2}}, {{1, {0}}, true}},          {{3, {2, 3, 4}}, {{1, {-2}}, false}},
        {{3, {2, 3, 4}}, {{2, {0, -1}}, true}},    {{4, {2, 3, 2, 2}}, {{2, {1, 3}}, false}},
        {{1, {70}}, {{1, {0}}, false}},            {{2, {0, 3}}, {{1, {1}}, false}},
        {{3, {1, 3, 1}}, {{1, {1}}, true}},
    };
    if (k >= (int)(sizeof sample / sizeof *sample)) return NULL;
    tn_tensor *x = tn_sample(t, sample[k].shape, -1, 1);
    if (apart) set_apart(x);
    *r = sample[k].r;
    return x;
}

/* One row of the family. */
#define ROW(f, apart, shape_f, forward_f, backward_f) \
    static tn_tensor *f##_sample(tn_tape *t, int k) \
    { \
        reduction r; \
        tn_tensor *x = sample_input(t, k, apart, &r); \
        return x ? tn_##f(t, x, r.dims, r.keep) : NULL; \
    } \
    const tn_op tn__op_##f = {.name = #f, .n_in = 1, .attr_size = sizeof(reduction), .shape = shape_f, \
                              .forward = forward_f, .backward = backward_f, .sample = f##_sample}

ROW(sum, false, reduce_shape, sum_forward, sum_backward);
ROW(mean, false, reduce_shape_scratch, mean_forward, mean_backward);
ROW(max, true, reduce_shape_nonempty, max_forward, extreme_backward);
ROW(min, true, reduce_shape_nonempty, min_forward, extreme_backward);
ROW(var, false, reduce_shape_saved, var_forward, var_backward);
ROW(logsumexp, false, reduce_shape_scratch, logsumexp_forward, logsumexp_backward);

static tn_tensor *apply(tn_tape *t, const tn_op *op, tn_tensor *x, tn_dims dims, bool keep)
{
    reduction r = {dims, keep};
    return tn_apply(t, op, 1, &x, &r);
}

tn_tensor *tn_sum(tn_tape *t, tn_tensor *x, tn_dims dims, bool keep) { return apply(t, &tn__op_sum, x, dims, keep); }
tn_tensor *tn_mean(tn_tape *t, tn_tensor *x, tn_dims dims, bool keep) { return apply(t, &tn__op_mean, x, dims, keep); }
tn_tensor *tn_max(tn_tape *t, tn_tensor *x, tn_dims dims, bool keep) { return apply(t, &tn__op_max, x, dims, keep); }
tn_tensor *tn_min(tn_tape *t, tn_tensor *x, tn_dims dims, bool keep) { return apply(t, &tn__op_min, x, dims, keep); }
tn_tensor *tn_var(tn_tape *t, tn_tensor *x, tn_dims dims, bool keep) { return apply(t, &tn__op_var, x, dims, keep); }
tn_tensor *tn_logsumexp(tn_tape *t, tn_tensor *x, tn_dims dims, bool keep)
{
    return apply(t, &tn__op_logsumexp, x, dims, keep);
}
