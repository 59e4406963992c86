/* binary.c: the ops of two inputs, broadcast by NumPy's rules. One loop for all of them, and one for their gradients,
 * which are summed back to the input's shape on the way. */
#include "shape.h"

#include <tarn/ops.h>

/* What a value (a, b) and a slope (all of it) may look at. A slope is dL/da or dL/db, dy multiplied in. */
typedef struct element {
    tn_real a, b, y, dy;
} element;
typedef tn_real (*rule)(element e);

/* n elements in which a and b move by 0 or 1, and the gradients with them; g[k] is NULL if input k wants none. */
typedef struct row {
    int64_t        n, a_step, b_step;
    const tn_real *a, *b, *dy;
    tn_real       *y, *g[2];
    bool           first[2];
} row;
typedef void piece(int64_t begin, int64_t end, void *r);

static bool shape_broadcast(tn_tensor *y)
{
    static const char *const names[] = {"a", "b"};
    return tn__broadcast(y, names);
}

/* All of y, where each input has y's shape or is a single number. */
static inline row whole(const tn_tensor *y)
{
    const tn_tensor *a = y->in[0], *b = y->in[1];
    return (row){.n = y->n, .a_step = a->n == y->n, .b_step = b->n == y->n, .a = a->data, .b = b->data, .y = y->data};
}

/* Equal shapes and few elements: the case that even a single number must be fast in. */
static inline bool is_small(const tn_tensor *y)
{
    return y->n <= TN__GRAIN && y->in[0]->n == y->n && y->in[1]->n == y->n;
}

static inline bool is_one_row(const tn_tensor *y)
{
    const tn_tensor *a = y->in[0], *b = y->in[1];
    return (a->n == y->n || a->n == 1) && (b->n == y->n || b->n == 1);
}

/* The row of y that the nest is at. */
static row part(const tn_tensor *y, const tn__nest *w)
{
    return (row){.n = w->n, .a_step = w->step[0][0], .b_step = w->step[1][0], .a = y->in[0]->data + w->at[0],
                 .b = y->in[1]->data + w->at[1], .y = y->data + w->row * w->n};
}

/* ---- forward ------------------------------------------------------------------------------------------------------- */

TN__INLINE void value_loop(rule value, const row *r, int64_t begin, int64_t end, int64_t a_step, int64_t b_step)
{
    const tn_real *restrict a = r->a, *restrict b = r->b;
    tn_real *restrict y = r->y;
    for (int64_t i = begin; i < end; i++) y[i] = value((element){.a = a[i * a_step], .b = b[i * b_step]});
}

TN__INLINE void value_piece(rule value, const row *r, int64_t begin, int64_t end)
{
    if (r->a_step && r->b_step) value_loop(value, r, begin, end, 1, 1);
    else if (r->a_step) value_loop(value, r, begin, end, 1, 0);
    else value_loop(value, r, begin, end, 0, 1);
}

static void forward_rows(tn_tensor *y, piece *values)
{
    tn__nest w;
    if (!y->n) return;
    if (is_one_row(y)) {
        row r = whole(y);
        tn_parallel_for(r.n, TN__GRAIN, values, &r);
        return;
    }
    tn__nest_broadcast(&w, y);
    do {
        row r = part(y, &w);
        values(0, r.n, &r);
    } while (tn__nest_next(&w));
}

TN__INLINE void forward(tn_tensor *y, rule value, piece *values)
{
    row r = whole(y);
    if (is_small(y)) value_loop(value, &r, 0, r.n, 1, 1);
    else forward_rows(y, values);
}

/* ---- backward ------------------------------------------------------------------------------------------------------ */

TN__INLINE tn_real slope_at(rule slope, const row *r, int64_t i, int64_t a_step, int64_t b_step)
{
    return slope((element){r->a[i * a_step], r->b[i * b_step], r->y[i], r->dy[i]});
}

TN__INLINE void slope_loop(rule slope, const row *r, int k, int64_t begin, int64_t end, int64_t a_step, int64_t b_step)
{
    tn_real *restrict g = r->g[k];
    const row q = *r; /* which no store to g can change */
    if (q.first[k]) for (int64_t i = begin; i < end; i++) g[i] = slope_at(slope, &q, i, a_step, b_step);
    else for (int64_t i = begin; i < end; i++) g[i] += slope_at(slope, &q, i, a_step, b_step);
}

/* The gradient of a number that the whole row was given. */
TN__INLINE void slope_sum(rule slope, const row *r, int k, int64_t a_step, int64_t b_step)
{
    tn_real lane[TN__LANES] = {0}, rest = 0;
    int64_t i = 0;
    for (; i + TN__LANES <= r->n; i += TN__LANES)
        for (int l = 0; l < TN__LANES; l++) lane[l] += slope_at(slope, r, i + l, a_step, b_step);
    for (; i < r->n; i++) rest += slope_at(slope, r, i, a_step, b_step);
    if (r->n >= TN__LANES) rest += tn__sum_lanes(lane);
    *r->g[k] = r->first[k] ? rest : *r->g[k] + rest;
}

/* Input k's gradient; of a number, from the whole row. */
TN__INLINE void slope_piece(int k, rule slope, const row *r, int64_t begin, int64_t end)
{
    if (!r->g[k]) return;
    if (r->a_step && r->b_step) slope_loop(slope, r, k, begin, end, 1, 1);
    else if (r->a_step && k == 0) slope_loop(slope, r, k, begin, end, 1, 0);
    else if (r->a_step) slope_sum(slope, r, k, 1, 0);
    else if (k == 1) slope_loop(slope, r, k, begin, end, 0, 1);
    else slope_sum(slope, r, k, 0, 1);
}

/* Only input k's gradient: the other's memory may be the same, by an alias of another shape. */
static void backward_nest(tn_tensor *y, int k, tn_real *g, bool first, piece *slopes)
{
    tn__nest w;
    const tn_real *dy = tn_grad_out(y);
    if (!g) return;
    tn__nest_broadcast(&w, y);
    do {
        row r = part(y, &w);
        r.dy = dy + w.row * w.n;
        r.g[k] = g + w.at[k];
        r.first[k] = first && tn__nest_is_new(&w, k);
        slopes(0, r.n, &r);
    } while (tn__nest_next(&w));
}

static void backward_rows(tn_tensor *y, row r, piece *slopes)
{
    if (y->n && is_one_row(y)) {
        bool sums = (r.g[0] && !r.a_step) || (r.g[1] && !r.b_step); /* all in one piece */
        tn_parallel_for(r.n, sums ? r.n : TN__GRAIN, slopes, &r);
        return;
    }
    for (int k = 0; k < 2; k++)
        if (y->n) backward_nest(y, k, r.g[k], r.first[k], slopes);
        else if (r.g[k] && r.first[k]) tn__zero(y->in[k]->n, r.g[k]);
}

TN__INLINE void backward(tn_tensor *y, rule da, rule db, piece *slopes)
{
    row r = whole(y);
    r.dy = tn_grad_out(y);
    for (int k = 0; k < 2; k++) r.g[k] = tn_grad(y, k, &r.first[k]);
    if (!is_small(y)) {
        backward_rows(y, r, slopes);
        return;
    }
    if (r.g[0]) slope_loop(da, &r, 0, 0, r.n, 1, 1);
    if (r.g[1]) slope_loop(db, &r, 1, 0, r.n, 1, 1);
}

/* ---- samples ------------------------------------------------------------------------------------------------------- */

/* One pair of every kind of broadcast. */
static bool sample_shapes(int k, tn_dims *a, tn_dims *b)
{
    switch (k) {
    case 0: *a = TN_DIMS(3, 5), *b = TN_DIMS(3, 5); return true;
    case 1: *a = TN_DIMS(3, 5), *b = TN_SCALAR; return true;
    case 2: *a = TN_DIMS(1), *b = TN_DIMS(2, 20); return true;
    case 3: *a = TN_DIMS(2, 3, 4), *b = TN_DIMS(4); return true;
    case 4: *a = TN_DIMS(3, 1), *b = TN_DIMS(1, 35); return true;
    case 5: *a = TN_DIMS(2, 1, 3), *b = TN_DIMS(2, 4, 1); return true;
    case 6: *a = TN_DIMS(2, 1, 2, 1, 2), *b = TN_DIMS(1, 2, 2, 3, 1); return true;
    case 7: *a = TN_DIMS(1, 3), *b = TN_DIMS(0, 3); return true;
    case 8: *a = TN_SCALAR, *b = TN_SCALAR; return true;
    default: return false;
    }
}

/* low.. and high..: half a unit apart where spread, for functions with a kink at a == b. */
static bool sample_inputs(tn_tape *t, int k, double low, double high, bool spread, tn_tensor *in[2])
{
    tn_dims a, b;
    if (!sample_shapes(k, &a, &b)) return false;
    in[0] = tn_sample(t, a, low, high);
    in[1] = tn_sample(t, b, low, high);
    if (!spread || !in[0] || !in[1]) return true;
    for (int64_t i = 0; i < in[0]->n; i++) in[0]->data[i] += (tn_real)(i % 3);
    for (int64_t i = 0; i < in[1]->n; i++) in[1]->data[i] += (tn_real)(i % 3) - (tn_real)0.5;
    return true;
}

/* ---- the family ---------------------------------------------------------------------------------------------------- */

/* One row: the op of f_value, f_da and f_db, with the range of its samples. */
#define ROW(f, low, high, spread) \
    static void f##_values(int64_t begin, int64_t end, void *r) { value_piece(f##_value, r, begin, end); } \
    static void f##_forward(tn_tensor *y) { forward(y, f##_value, f##_values); } \
    static void f##_slopes(int64_t begin, int64_t end, void *r) \
    { \
        slope_piece(0, f##_da, r, begin, end); \
        slope_piece(1, f##_db, r, begin, end); \
    } \
    static void f##_backward(tn_tensor *y) { backward(y, f##_da, f##_db, f##_slopes); } \
    static tn_tensor *f##_sample(tn_tape *t, int k) \
    { \
        tn_tensor *in[2]; \
        return sample_inputs(t, k, low, high, spread, in) ? tn_##f(t, in[0], in[1]) : NULL; \
    } \
    const tn_op tn__op_##f = {.name = #f, .n_in = 2, .shape = shape_broadcast, .forward = f##_forward, \
                              .backward = f##_backward, .sample = f##_sample}

static inline tn_real add_value(element e) { return e.a + e.b; }
static inline tn_real add_da(element e) { return e.dy; }
static inline tn_real add_db(element e) { return e.dy; }
ROW(add, -2, 2, false);

static inline tn_real sub_value(element e) { return e.a - e.b; }
static inline tn_real sub_da(element e) { return e.dy; }
static inline tn_real sub_db(element e) { return -e.dy; }
ROW(sub, -2, 2, false);

static inline tn_real mul_value(element e) { return e.a * e.b; }
static inline tn_real mul_da(element e) { return e.dy * e.b; }
static inline tn_real mul_db(element e) { return e.dy * e.a; }
ROW(mul, -2, 2, false);

static inline tn_real div_value(element e) { return e.a / e.b; }
static inline tn_real div_da(element e) { return e.dy / e.b; }
static inline tn_real div_db(element e) { return -e.dy * (e.y / e.b); }
ROW(div, 0.5, 2, false);

static inline tn_real pow_value(element e) { return TN__M(pow)(e.a, e.b); }
static inline tn_real pow_da(element e)
{
    return e.b == 0 ? 0 : e.dy * (e.b * TN__M(pow)(e.a, e.b - 1)); /* 0 even where a^-1 is infinite */
}
static inline tn_real pow_db(element e)
{
    return (e.a == 0 && e.b >= 0) ? 0 : e.dy * (e.y * TN__M(log)(e.a));
}
ROW(pow, 0.5, 2, false);

/* dy, 0, or half of it for a tie: by a weight, since a choice of choices would be a branch in the loop. An infinite dy
 * still gives 0 to the one that loses. */
static inline tn_real share(tn_real dy, bool loses, bool loses_or_ties)
{
    tn_real weight = 1 - (tn_real)0.5 * (tn_real)(loses + loses_or_ties);
    return weight * (weight == 0 ? 0 : dy);
}

/* NaN wins, and passes the gradient to both, as in PyTorch. */
static inline tn_real maximum_value(element e) { return ((e.a > e.b) | (e.a != e.a)) ? e.a : e.b; }
static inline tn_real maximum_da(element e) { return share(e.dy, e.a < e.b, e.a <= e.b); }
static inline tn_real maximum_db(element e) { return share(e.dy, e.b < e.a, e.b <= e.a); }
ROW(maximum, 0, 0.4, true);

static inline tn_real minimum_value(element e) { return ((e.a < e.b) | (e.a != e.a)) ? e.a : e.b; }
static inline tn_real minimum_da(element e) { return share(e.dy, e.a > e.b, e.a >= e.b); }
static inline tn_real minimum_db(element e) { return share(e.dy, e.b > e.a, e.b >= e.a); }
ROW(minimum, 0, 0.4, true);

static tn_tensor *apply(tn_tape *t, const tn_op *op, tn_tensor *a, tn_tensor *b)
{
    return tn_apply(t, op, 2, (tn_tensor *[]){a, b}, NULL);
}

tn_tensor *tn_add(tn_tape *t, tn_tensor *a, tn_tensor *b) { return apply(t, &tn__op_add, a, b); }
tn_tensor *tn_sub(tn_tape *t, tn_tensor *a, tn_tensor *b) { return apply(t, &tn__op_sub, a, b); }
tn_tensor *tn_mul(tn_tape *t, tn_tensor *a, tn_tensor *b) { return apply(t, &tn__op_mul, a, b); }
tn_tensor *tn_div(tn_tape *t, tn_tensor *a, tn_tensor *b) { return apply(t, &tn__op_div, a, b); }
tn_tensor *tn_pow(tn_tape *t, tn_tensor *a, tn_tensor *b) { return apply(t, &tn__op_pow, a, b); }
tn_tensor *tn_maximum(tn_tape *t, tn_tensor *a, tn_tensor *b) { return apply(t, &tn__op_maximum, a, b); }
tn_tensor *tn_minimum(tn_tape *t, tn_tensor *a, tn_tensor *b) { return apply(t, &tn__op_minimum, a, b); }
