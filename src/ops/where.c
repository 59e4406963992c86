/* where.c: a where the condition holds, else b; all three broadcast. */
#include "shape.h"

#include <tarn/ops.h>

enum { CONDITION, A, B };

static bool where_shape(tn_tensor *y)
{
    static const char *const names[] = {"condition", "a", "b"};
    return tn__broadcast(y, names);
}

static inline void pick(int64_t n, const tn_real *c, const tn_real *a, int64_t a_step, const tn_real *b, int64_t b_step,
                        tn_real *restrict y)
{
    for (int64_t i = 0; i < n; i++) {
        tn_real yes = a[i * a_step], no = b[i * b_step];
        y[i] = c[i] != 0 ? yes : no;
    }
}

static void where_row(int64_t n, const tn_real *c, int64_t c_step, const tn_real *a, int64_t a_step, const tn_real *b,
                      int64_t b_step, tn_real *y)
{
    if (!c_step) {
        const tn_real *x = *c != 0 ? a : b;
        int64_t step = *c != 0 ? a_step : b_step;
        for (int64_t i = 0; i < n; i++) y[i] = x[i * step];
    } else if (a_step && b_step) pick(n, c, a, 1, b, 1, y);
    else if (a_step) pick(n, c, a, 1, b, 0, y);
    else if (b_step) pick(n, c, a, 0, b, 1, y);
    else pick(n, c, a, 0, b, 0, y);
}

static void where_forward(tn_tensor *y)
{
    tn__nest w;
    const tn_real *c = y->in[CONDITION]->data, *a = y->in[A]->data, *b = y->in[B]->data;
    if (!y->n) return;
    tn__nest_broadcast(&w, y);
    do where_row(w.n, c + w.at[CONDITION], w.step[CONDITION][0], a + w.at[A], w.step[A][0], b + w.at[B], w.step[B][0],
                 y->data + w.row * w.n);
    while (tn__nest_next(&w));
}

/* What of dy goes to a (k == A) or to b. */
TN__INLINE tn_real share(tn_real c, int k, tn_real dy)
{
    return k == A ? (c != 0 ? dy : 0) : (c != 0 ? 0 : dy);
}

TN__INLINE void put_row(int k, int64_t n, const tn_real *c, int64_t c_step, const tn_real *dy, tn_real *restrict g,
                        bool first)
{
    if (first) for (int64_t i = 0; i < n; i++) g[i] = share(c[i * c_step], k, dy[i]);
    else for (int64_t i = 0; i < n; i++) g[i] += share(c[i * c_step], k, dy[i]);
}

/* The gradient of a number that the whole row was given. */
TN__INLINE tn_real sum_row(int k, int64_t n, const tn_real *c, int64_t c_step, const tn_real *dy)
{
    tn_real lane[TN__LANES] = {0}, rest = 0;
    int64_t i = 0;
    for (; i + TN__LANES <= n; i += TN__LANES)
        for (int l = 0; l < TN__LANES; l++) lane[l] += share(c[(i + l) * c_step], k, dy[i + l]);
    for (; i < n; i++) rest += share(c[i * c_step], k, dy[i]);
    return n < TN__LANES ? rest : rest + tn__sum_lanes(lane);
}

TN__INLINE void pull(tn_tensor *y, int k)
{
    bool first;
    tn__nest w;
    tn_real *g = tn_grad(y, k, &first);
    const tn_real *dy = tn_grad_out(y);
    if (!g) return;
    if (!y->n) {
        if (first) tn__zero(y->in[k]->n, g);
        return;
    }
    tn__nest_broadcast(&w, y);
    do {
        const tn_real *c = y->in[CONDITION]->data + w.at[CONDITION], *dy_row = dy + w.row * w.n;
        const int64_t c_step = w.step[CONDITION][0];
        tn_real *to = g + w.at[k];
        bool is_new = first && tn__nest_is_new(&w, k);
        if (!w.step[k][0]) *to = sum_row(k, w.n, c, c_step, dy_row) + (is_new ? 0 : *to);
        else if (c_step) put_row(k, w.n, c, 1, dy_row, to, is_new);
        else put_row(k, w.n, c, 0, dy_row, to, is_new);
    } while (tn__nest_next(&w));
}

static void where_backward(tn_tensor *y)
{
    pull(y, A);
    pull(y, B);
}

static tn_tensor *where_sample(tn_tape *t, int k)
{
    static const tn_real condition[] = {1, 0, 0, 1, 1, 0, 1, 0, 0, 0, 1, 1};
    static const struct {
        tn_dims c, a, b;
    } shape[] = {
        {{2, {3, 4}}, {2, {3, 4}}, {2, {3, 4}}},          {{2, {3, 4}}, {2, {3, 4}}, {0, {0}}},
        {{2, {3, 4}}, {0, {0}}, {2, {3, 4}}},             {{2, {3, 4}}, {0, {0}}, {1, {1}}},
        {{2, {3, 1}}, {2, {3, 40}}, {1, {40}}},           {{2, {3, 1}}, {2, {3, 1}}, {2, {1, 5}}},
        {{0, {0}}, {2, {2, 3}}, {1, {3}}},                {{1, {4}}, {2, {3, 1}}, {3, {2, 1, 4}}},
        {{2, {1, 3}}, {2, {0, 3}}, {1, {3}}},             {{3, {2, 1, 3}}, {3, {2, 4, 1}}, {3, {1, 4, 3}}},
    };
    if (k >= (int)(sizeof shape / sizeof *shape)) return NULL;
    tn_tensor *c = tn_const(t, shape[k].c, condition);
    tn_tensor *a = tn_sample(t, shape[k].a, -2, 2);
    return tn_where(t, c, a, tn_sample(t, shape[k].b, -2, 2));
}

const tn_op tn__op_where = {.name = "where", .n_in = 3, .constant = 1u << CONDITION, .shape = where_shape,
                            .forward = where_forward, .backward = where_backward, .sample = where_sample};

tn_tensor *tn_where(tn_tape *t, tn_tensor *condition, tn_tensor *a, tn_tensor *b)
{
    return tn_apply(t, &tn__op_where, 3, (tn_tensor *[]){condition, a, b}, NULL);
}
