/* The rules against a naive reference, dense and by rows; groups, clipping, schedules; what goes wrong, and a rule of
 * one's own. Gradients are given by an op of the test's, so that no other op has to be right. */
#include "misuse.h"

#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <tarn/op.h>

#ifdef TN_DOUBLE
static const double TOLERANCE = 1e-12;
#else
static const double TOLERANCE = 2e-5;
#endif

#if defined(__SANITIZE_ADDRESS__)
enum { SANITIZED = 1 };
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
enum { SANITIZED = 1 };
#else
enum { SANITIZED = 0 };
#endif
#else
enum { SANITIZED = 0 };
#endif

/* ---- an op whose gradient is given ----------------------------------------------------------------------------- */

/* data: the gradient; rows.id: the rows that it is of, NULL for the whole parameter. */
typedef struct given {
    const tn_real *data;
    tn_ids         rows;
} given;

static bool give_shape(tn_tensor *y)
{
    const given *g = y->attr;
    return tn_set_shape(y, 0, NULL) && (!g->rows.id || tn_touch_rows(y, 0, g->rows));
}

static void give_forward(tn_tensor *y)
{
    y->data[0] = 0;
}

static void give_backward(tn_tensor *y)
{
    const given *g = y->attr;
    const tn_tensor *p = y->in[0];
    bool first = false;
    tn_real *to = g->rows.id ? NULL : tn_grad(y, 0, &first);
    for (int64_t i = 0; to && i < p->n; i++) to[i] = first ? g->data[i] : to[i] + g->data[i];
    int64_t width = p->size[0] ? p->n / p->size[0] : 0;
    for (int64_t k = 0; g->rows.id && k < g->rows.n; k++) {
        tn_real *row = tn_grad_row(y, 0, k);
        for (int64_t j = 0; row && j < width; j++) row[j] += g->data[k * width + j];
    }
    to = tn_grad(y, 1, &first);
    if (to) *to = first ? tn_grad_out(y)[0] : *to + tn_grad_out(y)[0];
}

static const tn_op give_op = {.name = "give", .n_in = 2, .optional = 2, .attr_size = sizeof(given),
                              .shape = give_shape, .forward = give_forward, .backward = give_backward};

/* 0, with the gradient g for param. before: what other parameters were given with, or NULL. */
static tn_tensor *give(tn_tensor *before, tn_tensor *param, given g)
{
    return tn_apply(t, &give_op, 2, (tn_tensor *[]){param, before}, &g);
}

static void give_one(tn_tensor *param, given g)
{
    tn_tape_begin(t, TN_GRAD);
    tn_backward(t, give(NULL, param, g));
}

static void step(optim *o, tn_tensor *param, const tn_real *gradient)
{
    give_one(param, (given){.data = gradient});
    ck_assert_msg(optim_step(o), "%s", err.text);
}

/* Numbers in [-1, 1), the same in every run. */
static void draw(tn_real *to, int64_t n, uint64_t ordinal)
{
    tn_rng r = tn_rng_new(7, 7, 7, ordinal);
    for (int64_t i = 0; i < n; i++) to[i] = (tn_real)(2 * tn_rng_uniform(r, (uint64_t)i) - 1);
}

/* ---- the rules, and what they should do to one number ---------------------------------------------------------- */

typedef enum kind { SGD, ADAM, ADAMW, SPARSE_ADAM, ADAGRAD, RMSPROP } kind;

typedef struct config {
    kind                  rule;
    bool                  touched_rows_only;
    optim_sgd_options     sgd;
    optim_adam_options    adam;
    optim_adagrad_options adagrad;
    optim_rmsprop_options rmsprop;
} config;

static const config configs[] = {
    {.rule = SGD, .sgd = {.lr = 0.1}, .touched_rows_only = true},
    {.rule = SGD, .sgd = {.lr = 0.1, .weight_decay = 0.2}},
    {.rule = SGD, .sgd = {.lr = 0.1, .momentum = 0.9}},
    {.rule = SGD, .sgd = {.lr = 0.1, .momentum = 0.8, .dampening = 0.3, .weight_decay = 0.01}},
    {.rule = SGD, .sgd = {.lr = 0.1, .momentum = 0.9, .nesterov = true}},
    {.rule = SGD, .sgd = {.lr = 0.1, .momentum = 0.9, .weight_decay = 0.1, .nesterov = true}},
    {.rule = ADAM, .adam = {.lr = 0.01, .beta1 = 0.9, .beta2 = 0.999, .eps = 1e-8}},
    {.rule = ADAM, .adam = {.lr = 0.01, .beta1 = 0.5, .beta2 = 0.9, .eps = 1e-3, .weight_decay = 0.1}},
    {.rule = ADAM, .adam = {.lr = 0.01, .beta1 = 0.9, .beta2 = 0.5, .eps = 1e-8, .amsgrad = true}},
    {.rule = ADAM, .adam = {.lr = 0.01, .beta1 = 0, .beta2 = 0, .eps = 1e-2}},
    {.rule = ADAMW, .adam = {.lr = 0.01, .beta1 = 0.9, .beta2 = 0.999, .eps = 1e-8, .weight_decay = 0.5}},
    {.rule = ADAMW,
     .adam = {.lr = 0.01, .beta1 = 0.9, .beta2 = 0.7, .eps = 1e-8, .weight_decay = 0.5, .amsgrad = true}},
    {.rule = SPARSE_ADAM, .adam = {.lr = 0.01, .beta1 = 0.9, .beta2 = 0.999, .eps = 1e-3}, .touched_rows_only = true},
    {.rule = ADAGRAD, .adagrad = {.lr = 0.1, .eps = 1e-10}, .touched_rows_only = true},
    {.rule = ADAGRAD, .adagrad = {.lr = 0.1, .lr_decay = 0.1, .eps = 1e-3, .initial_accumulator = 0.5},
     .touched_rows_only = true},
    {.rule = ADAGRAD, .adagrad = {.lr = 0.1, .eps = 1e-10, .weight_decay = 0.3}},
    {.rule = RMSPROP, .rmsprop = {.lr = 0.01, .alpha = 0.99, .eps = 1e-8}},
    {.rule = RMSPROP, .rmsprop = {.lr = 0.01, .alpha = 0.9, .eps = 1e-3, .weight_decay = 0.1, .momentum = 0.9}},
    {.rule = RMSPROP, .rmsprop = {.lr = 0.01, .alpha = 0.5, .eps = 1e-3, .centered = true}},
    {.rule = RMSPROP, .rmsprop = {.lr = 0.01, .alpha = 0.9, .eps = 1e-3, .momentum = 0.5, .centered = true}},
};
enum { CONFIGS = sizeof configs / sizeof *configs };

static optim *make(tn_params *params, const config *c)
{
    switch (c->rule) {
    case SGD: return optim_sgd(params, c->sgd);
    case ADAM: return optim_adam(params, c->adam);
    case ADAMW: return optim_adamw(params, c->adam);
    case SPARSE_ADAM: return optim_sparse_adam(params, c->adam);
    case ADAGRAD: return optim_adagrad(params, c->adagrad);
    case RMSPROP: return optim_rmsprop(params, c->rmsprop);
    }
    return NULL;
}

typedef struct cell {
    double p, b, m, v, high, s;
} cell;

static void sgd_cell(cell *c, double g, double time, const optim_sgd_options *o)
{
    g += o->weight_decay * c->p;
    if (o->momentum > 0) {
        c->b = time == 1 ? g : o->momentum * c->b + (1 - o->dampening) * g;
        g = o->nesterov ? g + o->momentum * c->b : c->b;
    }
    c->p -= o->lr * g;
}

static void adam_cell(cell *c, double g, double time, const optim_adam_options *o, kind rule)
{
    if (rule == ADAMW) c->p *= 1 - o->lr * o->weight_decay;
    if (rule == ADAM) g += o->weight_decay * c->p;
    c->m = o->beta1 * c->m + (1 - o->beta1) * g;
    c->v = o->beta2 * c->v + (1 - o->beta2) * g * g;
    c->high = fmax(c->high, c->v);
    double correct1 = 1 - pow(o->beta1, time), correct2 = 1 - pow(o->beta2, time);
    double v = o->amsgrad ? c->high : c->v;
    if (rule == SPARSE_ADAM) c->p -= o->lr * sqrt(correct2) / correct1 * c->m / (sqrt(v) + o->eps);
    else c->p -= o->lr * (c->m / correct1) / (sqrt(v / correct2) + o->eps);
}

static void adagrad_cell(cell *c, double g, double time, const optim_adagrad_options *o)
{
    if (time == 1) c->s = o->initial_accumulator;
    g += o->weight_decay * c->p;
    c->s += g * g;
    c->p -= o->lr / (1 + (time - 1) * o->lr_decay) * g / (sqrt(c->s) + o->eps);
}

static void rmsprop_cell(cell *c, double g, const optim_rmsprop_options *o)
{
    g += o->weight_decay * c->p;
    c->v = o->alpha * c->v + (1 - o->alpha) * g * g;
    c->m = o->alpha * c->m + (1 - o->alpha) * g;
    c->b = o->momentum * c->b + g / (sqrt(fmax(0, c->v - (o->centered ? c->m * c->m : 0))) + o->eps);
    c->p -= o->lr * c->b;
}

static void step_cell(cell *c, double g, double time, const config *how)
{
    switch (how->rule) {
    case SGD: sgd_cell(c, g, time, &how->sgd); break;
    case ADAM:
    case ADAMW:
    case SPARSE_ADAM: adam_cell(c, g, time, &how->adam, how->rule); break;
    case ADAGRAD: adagrad_cell(c, g, time, &how->adagrad); break;
    case RMSPROP: rmsprop_cell(c, g, &how->rmsprop); break;
    }
}

enum { ROWS = 7, WIDTH = 5, N = ROWS * WIDTH, STEPS = 20 };

static void assert_cells(const tn_tensor *p, const cell *c)
{
    for (int64_t i = 0; i < p->n; i++) {
        ck_assert_double_eq_tol((double)p->data[i], c[i].p, TOLERANCE * (1 + fabs(c[i].p)));
    }
}

START_TEST(dense)
{
    const config *how = &configs[_i];
    tn_real start[N], g[N];
    cell c[N] = {{0}};
    draw(start, N, 1000);
    tn_tensor *p = tn_param(ps, TN_DIMS(ROWS, WIDTH), tn_copy_of(start), "p");
    optim *o = make(ps, how);
    for (int i = 0; i < N; i++) c[i].p = (double)start[i];
    for (int k = 1; k <= STEPS; k++) {
        draw(g, N, (uint64_t)k);
        if (k % 5 == 0) memset(g, 0, sizeof g); /* zero is a gradient too */
        step(o, p, g);
        for (int i = 0; i < N; i++) step_cell(&c[i], (double)g[i], k, how);
        assert_cells(p, c);
    }
    ck_assert_int_eq(optim_steps(o), STEPS);
    optim_free(o);
}
END_TEST

/* Three ids a step, some of them twice. */
static void draw_ids(int32_t ids[3], int k)
{
    ids[0] = (int32_t)(k * 3 % ROWS);
    ids[1] = (int32_t)(k * 5 % 3);
    ids[2] = k % 2 ? ids[0] : (int32_t)(k % ROWS);
}

/* By rows, next to the same gradient held dense: the same bits, where the rules coincide. SparseAdam: next to cells
 * that only move when touched, with the table's count of steps. */
START_TEST(by_rows)
{
    const config *how = &configs[_i];
    tn_real start[N], g[3 * WIDTH], full[N];
    cell c[N] = {{0}};
    draw(start, N, 1000);
    tn_tensor *rows = tn_param(ps, TN_DIMS(ROWS, WIDTH), tn_copy_of(start), "rows");
    tn_tensor *whole = tn_param(ps, TN_DIMS(ROWS, WIDTH), tn_copy_of(start), "whole");
    optim *o = make(ps, how);
    for (int i = 0; i < N; i++) c[i].p = (double)start[i];
    for (int k = 1; k <= STEPS; k++) {
        int32_t ids[3];
        bool touched[ROWS] = {false};
        draw_ids(ids, k);
        draw(g, 3 * WIDTH, (uint64_t)k);
        memset(full, 0, sizeof full);
        for (int i = 0; i < 3 * WIDTH; i++) full[ids[i / WIDTH] * WIDTH + i % WIDTH] += g[i];
        for (int i = 0; i < 3; i++) touched[ids[i]] = true;
        tn_tape_begin(t, TN_GRAD);
        tn_tensor *y = give(NULL, rows, (given){g, {ids, 3}});
        ck_assert_msg(tn_backward(t, give(y, whole, (given){.data = full})), "%s", err.text);
        tn_gradient held;
        ck_assert(tn_param_gradient(rows, &held) && held.row != NULL);
        ck_assert(optim_step(o));
        for (int i = 0; i < N; i++)
            if (touched[i / WIDTH] || how->rule != SPARSE_ADAM) step_cell(&c[i], (double)full[i], k, how);
        assert_cells(rows, c);
        if (how->rule != SPARSE_ADAM) ck_assert_mem_eq(rows->data, whole->data, sizeof start);
    }
    optim_free(o);
}
END_TEST

/* ---- what a step visits ---------------------------------------------------------------------------------------- */

/* A table of which every page is locked that holds no touched row: a visit would crash. */
START_TEST(touched_rows_only)
{
    const config *how = &configs[_i];
    if (!how->touched_rows_only) return;
    const int64_t rows = 1000000, page = sysconf(_SC_PAGESIZE), width = 2;
    const int32_t ids[] = {0, 500000, 999999, 500000};
    tn_real g[8];
    draw(g, 8, 1);
    tn_tensor *p = tn_param(ps, TN_DIMS(rows, width), tn_constant(0), "table");
    optim *o = make(ps, how);
    char *begin[2], *end[2];
    for (int i = 0; i < 2; i++) {
        begin[i] = (char *)(((uintptr_t)(p->data + (ids[i] + 1) * width) / (uintptr_t)page + 1) * (uintptr_t)page);
        end[i] = (char *)((uintptr_t)(p->data + ids[i + 1] * width) / (uintptr_t)page * (uintptr_t)page);
        ck_assert_int_eq(mprotect(begin[i], (size_t)(end[i] - begin[i]), PROT_NONE), 0);
    }
    for (int k = 0; k < 3; k++) {
        give_one(p, (given){g, {ids, 4}});
        ck_assert_msg(optim_step(o), "%s", err.text);
    }
    for (int i = 0; i < 2; i++) mprotect(begin[i], (size_t)(end[i] - begin[i]), PROT_READ | PROT_WRITE);
    for (int i = 0; i < 3; i++) ck_assert(p->data[ids[i] * width] != 0);
    ck_assert(p->data[width] == 0 && p->data[400000] == 0);
    optim_free(o);
}
END_TEST

/* No rows at all is a gradient: momentum goes on, touched rows are none. */
START_TEST(no_rows)
{
    const tn_real g[] = {1, 1, 1, 1}, nothing = 0;
    const int32_t id = 0;
    tn_tensor *p = tn_param(ps, TN_DIMS(2, 2), tn_constant(0), "p");
    optim *o = optim_sgd(ps, (optim_sgd_options){.lr = 1, .momentum = 0.5});
    give_one(p, (given){&nothing, {&id, 0}});
    ck_assert_msg(optim_step(o), "%s", err.text);
    ck_assert(p->data[0] == 0);
    step(o, p, g);
    give_one(p, (given){&nothing, {&id, 0}});
    ck_assert(optim_step(o));
    ck_assert(p->data[0] == (tn_real)-1.5 && p->data[3] == (tn_real)-1.5);
    optim_free(o);
}
END_TEST

START_TEST(odd_shapes)
{
    const tn_real one = 1;
    tn_tensor *scalar = tn_param(ps, TN_SCALAR, tn_constant(2), "scalar");
    tn_tensor *empty = tn_param(ps, TN_DIMS(0, 3), tn_constant(0), "empty");
    tn_tensor *thin = tn_param(ps, TN_DIMS(3, 0), tn_constant(0), "thin");
    const int32_t id = 1;
    optim *o = optim_adam(ps, optim_adam_defaults());
    tn_tape_begin(t, TN_GRAD);
    tn_tensor *y = give(give(NULL, scalar, (given){.data = &one}), empty, (given){.data = &one});
    tn_backward(t, give(y, thin, (given){&one, {&id, 1}}));
    ck_assert_msg(optim_step(o), "%s", err.text);
    ck_assert(scalar->data[0] < 2);
    optim_free(o);
}
END_TEST

START_TEST(without_gradient_nothing_moves)
{
    tn_real g[2][4];
    for (int k = 0; k < 2; k++) draw(g[k], 4, (uint64_t)k);
    tn_tensor *often = tn_param(ps, TN_DIMS(4), tn_constant(1), "often");
    tn_tensor *rare = tn_param(ps, TN_DIMS(4), tn_constant(1), "rare");
    tn_tensor *never = tn_param(ps, TN_DIMS(4), tn_constant(1), "never");
    tn_tensor *twice = tn_param(ps, TN_DIMS(4), tn_constant(1), "twice");
    optim *o = optim_adam(ps, (optim_adam_options){.lr = 0.1, .beta1 = 0.9, .beta2 = 0.99, .weight_decay = 0.1});
    for (int k = 0; k < 5; k++) { /* rare has a gradient in steps 0 and 4, twice in 0 and 1: the same to both */
        tn_tape_begin(t, TN_GRAD);
        tn_tensor *y = give(NULL, often, (given){.data = g[k % 2]});
        if (k % 4 == 0) y = give(y, rare, (given){.data = g[k / 4]});
        if (k < 2) y = give(y, twice, (given){.data = g[k]});
        tn_backward(t, y);
        ck_assert_msg(optim_step(o), "%s", err.text);
    }
    ck_assert_mem_eq(rare->data, twice->data, 4 * sizeof(tn_real));
    ck_assert_mem_ne(rare->data, often->data, 4 * sizeof(tn_real));
    for (int i = 0; i < 4; i++) ck_assert(never->data[i] == 1);
    optim_free(o);
}
END_TEST

/* ---- groups ---------------------------------------------------------------------------------------------------- */

static const tn_real one = 1;

static tn_tensor *scalar_param(const char *name)
{
    return tn_param(ps, TN_SCALAR, tn_constant(1), "%s", name);
}

static double moved(optim *o, tn_tensor *p)
{
    p->data[0] = 1;
    step(o, p, &one);
    return 1 - (double)p->data[0];
}

#define ck_near(a, b) ck_assert_double_eq_tol(a, b, 1e-6)

START_TEST(groups)
{
    tn_tensor *words = scalar_param("words.weight"), *w = scalar_param("out.weight"), *b = scalar_param("out.bias");
    optim *o = optim_sgd(ps, (optim_sgd_options){.lr = 0.1, .weight_decay = 1});
    ck_assert_int_eq(optim_set_lr_scale(o, "words.*", 2), 1);
    ck_assert_int_eq(optim_set_weight_decay(o, "*.bias", 0), 1);
    ck_near(moved(o, words), 0.4);
    ck_near(moved(o, w), 0.2);
    ck_near(moved(o, b), 0.1);
    optim_set_lr(o, 0.01); /* what a schedule does: all follow */
    ck_near(optim_lr(o), 0.01);
    ck_near(moved(o, words), 0.04);
    ck_near(moved(o, b), 0.01);
    ck_assert_int_eq(optim_set_lr_scale(o, "*", 1), 3); /* the later call wins, for the rate alone */
    ck_assert_int_eq(optim_set_weight_decay(o, "o?t.[bw]*", 3), 2);
    ck_near(moved(o, words), 0.02);
    ck_near(moved(o, b), 0.04);
    tn_tensor *later = scalar_param("later.weight");
    ck_near(moved(o, later), 0.02);
    ck_no_error();
    optim_free(o);
}
END_TEST

START_TEST(decay_of_a_group_visits_all_rows)
{
    const int32_t id = 1;
    tn_tensor *a = tn_param(ps, TN_DIMS(3, 1), tn_constant(1), "a");
    tn_tensor *b = tn_param(ps, TN_DIMS(3, 1), tn_constant(1), "b");
    optim *o = optim_sgd(ps, (optim_sgd_options){.lr = 0.5});
    optim_set_weight_decay(o, "b", 0.5);
    tn_tape_begin(t, TN_GRAD);
    tn_backward(t, give(give(NULL, a, (given){&one, {&id, 1}}), b, (given){&one, {&id, 1}}));
    ck_assert(optim_step(o));
    ck_assert(a->data[0] == 1 && a->data[1] == (tn_real)0.5 && a->data[2] == 1);
    ck_assert(b->data[0] == (tn_real)0.75 && b->data[1] == (tn_real)0.25 && b->data[2] == (tn_real)0.75);
    optim_free(o);
}
END_TEST

START_TEST(freezing)
{
    tn_tensor *a = scalar_param("a.weight"), *b = scalar_param("b.weight");
    optim *o = optim_sgd(ps, (optim_sgd_options){.lr = 0.5});
    ck_assert_int_eq(optim_set_frozen(o, "a.*", true), 1);
    ck_assert(tn_is_frozen(a) && !tn_is_frozen(b));
    tn_tape_begin(t, TN_GRAD);
    tn_backward(t, give(give(NULL, a, (given){.data = &one}), b, (given){.data = &one}));
    ck_assert(optim_step(o));
    ck_assert(a->data[0] == 1 && b->data[0] == (tn_real)0.5);
    ck_assert_int_eq(optim_set_frozen(o, "*", false), 2);
    step(o, a, &one);
    ck_assert(a->data[0] == (tn_real)0.5);
    optim_free(o);
}
END_TEST

/* ---- clipping -------------------------------------------------------------------------------------------------- */

/* A dense gradient of norm 5 and one by rows of norm 12 (row 1 twice): 13 together. */
static void give_13(tn_tensor *a, tn_tensor *b)
{
    static const tn_real dense_part[] = {3, 4}, row_part[] = {2, 0, 2, 8, 8, 0};
    static const int32_t ids[] = {1, 1, 0};
    tn_tape_begin(t, TN_GRAD);
    tn_backward(t, give(give(NULL, a, (given){.data = dense_part}), b, (given){row_part, {ids, 3}}));
    ck_no_error();
}

START_TEST(clip_norm)
{
    tn_tensor *a = tn_param(ps, TN_DIMS(2), tn_constant(0), "a");
    tn_tensor *b = tn_param(ps, TN_DIMS(2, 2), tn_constant(0), "b");
    ck_near(optim_clip_norm(ps, 1), 0); /* no gradient, no norm */
    give_13(a, b);
    ck_near(optim_clip_norm(ps, INFINITY), 13);
    ck_near(optim_clip_norm(ps, 14), 13);
    ck_assert(tn_grad_data(a)[1] == 4);
    ck_near(optim_clip_norm(ps, 6.5), 13);
    ck_near((double)tn_grad_data(a)[0], 1.5);
    ck_near(optim_clip_norm(ps, 100), 6.5);
    tn_gradient held;
    ck_assert(tn_param_gradient(b, &held) && held.row != NULL && held.n_rows == 2);
    ck_near((double)held.data[0], 2);
    ck_near((double)held.data[1], 4);
    ck_near((double)held.data[2], 4);
    optim_clip_norm(ps, 0);
    ck_assert(tn_grad_data(a)[0] == 0);
    tn_params_zero_grad(ps);
    tn_tape_begin(t, TN_GRAD);
    tn_backward(t, tn_sum(t, a, TN_ALL, false)); /* b has no gradient */
    ck_near(optim_clip_norm(ps, 0.5), sqrt(2));
    ck_near((double)tn_grad_data(a)[1], 0.5 / sqrt(2));
    ck_no_error();
}
END_TEST

/* Enough numbers for every lane, next to a plain sum. */
START_TEST(clip_norm_of_many)
{
    tn_real g[1003];
    double sum = 0;
    draw(g, 1003, 3);
    for (int i = 0; i < 1003; i++) sum += (double)g[i] * (double)g[i];
    tn_tensor *p = tn_param(ps, TN_DIMS(17, 59), tn_constant(0), "p");
    give_one(p, (given){.data = g});
    ck_assert_double_eq_tol(optim_clip_norm(ps, 1), sqrt(sum), 1e-12 * sum);
    ck_near(optim_clip_norm(ps, 1), 1);
}
END_TEST

START_TEST(clip_norm_not_finite)
{
    const tn_real good[] = {3, 4}, bad[] = {1, INFINITY, 2}, worse[] = {NAN, 1, 1};
    tn_tensor *a = tn_param(ps, TN_DIMS(2), tn_constant(0), "a.weight");
    tn_tensor *b = tn_param(ps, TN_DIMS(3), tn_constant(0), "b.weight");
    tn_tape_begin(t, TN_GRAD);
    tn_backward(t, give(give(NULL, a, (given){.data = good}), b, (given){.data = bad}));
    ck_assert_double_nan(optim_clip_norm(ps, 1));
    ck_misuse("optim_clip_norm: a norm that is not finite",
              TN_ENONFINITE, "optim_clip_norm: the gradient of \"b.weight\" (3,) has the norm inf");
    ck_assert(tn_grad_data(a)[0] == 3 && tn_grad_data(a)[1] == 4);
    tn_params_zero_grad(ps);
    give_one(b, (given){.data = worse});
    optim_clip_norm(ps, 1);
    ck_assert_int_eq(err.code, TN_ENONFINITE);
}
END_TEST

START_TEST(clip_value)
{
    tn_tensor *a = tn_param(ps, TN_DIMS(2), tn_constant(0), "a");
    tn_tensor *b = tn_param(ps, TN_DIMS(2, 2), tn_constant(0), "b");
    const tn_real g[] = {-9, NAN};
    give_13(a, b);
    optim_clip_value(ps, 3.5);
    ck_assert(tn_grad_data(a)[0] == 3 && tn_grad_data(a)[1] == (tn_real)3.5);
    ck_assert(tn_grad_data(b)[0] == (tn_real)3.5 && tn_grad_data(b)[1] == 0);
    tn_params_zero_grad(ps);
    give_one(a, (given){.data = g});
    optim_clip_value(ps, 2);
    ck_assert(tn_grad_data(a)[0] == -2 && isnan(tn_grad_data(a)[1]));
    ck_no_error();
}
END_TEST

/* ---- schedules ------------------------------------------------------------------------------------------------- */

START_TEST(schedules)
{
    ck_assert(optim_step_lr(1, 0, 3, 0.5) == 1 && optim_step_lr(1, 2, 3, 0.5) == 1);
    ck_assert(optim_step_lr(1, 3, 3, 0.5) == 0.5 && optim_step_lr(1, 8, 3, 0.5) == 0.25);
    ck_assert(optim_exponential_lr(2, 0, 0.5) == 2 && optim_exponential_lr(2, 3, 0.5) == 0.25);
    ck_assert(optim_cosine_lr(0.3, 0, 10, 0.1) == 0.3 && optim_cosine_lr(0.3, 10, 10, 0.1) == 0.1);
    ck_near(optim_cosine_lr(0.3, 5, 10, 0.1), 0.2);
    ck_near(optim_cosine_lr(1, 1, 3, 0), 0.75);
    ck_near(optim_cosine_lr(1, 20, 10, 0), 1); /* it goes on: up again */
    ck_assert(optim_linear_lr(2, 0, 4, 1, 0) == 2 && optim_linear_lr(2, 1, 4, 1, 0) == 1.5);
    ck_assert(optim_linear_lr(2, 4, 4, 1, 0.25) == 0.5 && optim_linear_lr(2, 99, 4, 1, 0.25) == 0.5);
    ck_assert(optim_warm_up(1, 0, 4) == 0.25 && optim_warm_up(1, 3, 4) == 1 && optim_warm_up(1, 4, 4) == 1);
    ck_assert(optim_warm_up(3, 0, 0) == 3 && optim_warm_up(3, 7, -1) == 3);
    ck_assert(optim_warm_up(optim_exponential_lr(2, 1, 0.5), 1, 4) == 0.5);
}
END_TEST

START_TEST(schedules_out_of_range)
{
    ck_assert(optim_step_lr(1, -5, 3, 0.5) == 1 && optim_exponential_lr(1, -5, 0.5) == 1);
    ck_assert(optim_cosine_lr(1, -5, 3, 0) == 1 && optim_linear_lr(1, -5, 4, 0.5, 0) == 0.5);
    ck_assert(optim_warm_up(1, -5, 4) == 0.25);
    ck_assert_double_nan(optim_step_lr(1, 1, 0, 0.5));
    ck_assert_double_nan(optim_cosine_lr(1, 1, 0, 0));
    ck_assert_double_nan(optim_linear_lr(1, 1, 0, 1, 0));
    ck_assert(optim_step_lr(1, INT64_MAX, 1, 0.5) == 0 && optim_linear_lr(1, INT64_MAX, 4, 1, 0) == 0);
}
END_TEST

/* ---- what goes wrong ------------------------------------------------------------------------------------------- */

static optim *plain_sgd(void)
{
    return optim_sgd(ps, (optim_sgd_options){.lr = 0.5});
}

static optim *adam_with(double lr, double beta1, double beta2, double eps)
{
    return optim_adam(ps, (optim_adam_options){.lr = lr, .beta1 = beta1, .beta2 = beta2, .eps = eps});
}

static optim *adagrad_with(double lr_decay, double initial, double eps)
{
    return optim_adagrad(ps, (optim_adagrad_options){1, lr_decay, 0, initial, eps});
}

static optim *rmsprop_with(double alpha, double eps, double momentum)
{
    return optim_rmsprop(ps, (optim_rmsprop_options){.lr = 1, .alpha = alpha, .eps = eps, .momentum = momentum});
}

static void do_nothing(const optim_update *u)
{
    (void)u;
}

static int five_states(const void *options)
{
    (void)options;
    return 5;
}

static int less_than_no_states(const void *options)
{
    (void)options;
    return -1;
}

static const optim_rule without_name = {.update = do_nothing};
static const optim_rule with_less = {.name = "mine", .n_state = less_than_no_states, .update = do_nothing};
static const optim_rule without_update = {.name = "lazy"};
static const optim_rule with_options = {.name = "mine", .options_size = 8, .update = do_nothing};
static const optim_rule with_five_states = {.name = "mine", .n_state = five_states, .update = do_nothing};

MISUSE(sgd_lr, ck_assert_ptr_null(optim_sgd(ps, (optim_sgd_options){.lr = -1})))
MISUSE(sgd_nan, ck_assert_ptr_null(optim_sgd(ps, (optim_sgd_options){.lr = NAN})))
MISUSE(sgd_decay, ck_assert_ptr_null(optim_sgd(ps, (optim_sgd_options){.lr = 1, .weight_decay = -0.5})))
MISUSE(sgd_momentum, ck_assert_ptr_null(optim_sgd(ps, (optim_sgd_options){.lr = 1, .momentum = -0.1})))
MISUSE(sgd_dampening, ck_assert_ptr_null(optim_sgd(ps, (optim_sgd_options){.lr = 1, .momentum = 0.1, .dampening = INFINITY})))
MISUSE(sgd_nesterov, ck_assert_ptr_null(optim_sgd(ps, (optim_sgd_options){.lr = 1, .nesterov = true})))
MISUSE(sgd_damped, ck_assert_ptr_null(optim_sgd(ps, (optim_sgd_options){.lr = 1, .momentum = 0.9, .dampening = 0.1, .nesterov = true})))
MISUSE(adam_lr, ck_assert_ptr_null(adam_with(INFINITY, 0.9, 0.99, 1e-8)))
MISUSE(adam_beta1, ck_assert_ptr_null(adam_with(1, 1, 0.99, 1e-8)))
MISUSE(adam_beta2, ck_assert_ptr_null(adam_with(1, 0.9, -0.01, 1e-8)))
MISUSE(adam_eps, ck_assert_ptr_null(adam_with(1, 0.9, 0.99, -1e-8)))
MISUSE(adamw_beta1, ck_assert_ptr_null(optim_adamw(ps, (optim_adam_options){.lr = 1, .beta1 = 2})))
MISUSE(sparse_decay, ck_assert_ptr_null(optim_sparse_adam(ps, (optim_adam_options){.lr = 1, .weight_decay = 0.01})))
MISUSE(sparse_amsgrad, ck_assert_ptr_null(optim_sparse_adam(ps, (optim_adam_options){.lr = 1, .amsgrad = true})))
MISUSE(sparse_beta1, ck_assert_ptr_null(optim_sparse_adam(ps, (optim_adam_options){.lr = 1, .beta1 = 1})))
MISUSE(sparse_beta2, ck_assert_ptr_null(optim_sparse_adam(ps, (optim_adam_options){.lr = 1, .beta2 = 1})))
MISUSE(sparse_eps, ck_assert_ptr_null(optim_sparse_adam(ps, (optim_adam_options){.lr = 1, .eps = -1})))
MISUSE(adagrad_lr_decay, ck_assert_ptr_null(adagrad_with(-1, 0, 0)))
MISUSE(adagrad_initial, ck_assert_ptr_null(adagrad_with(0, -1, 0)))
MISUSE(adagrad_eps, ck_assert_ptr_null(adagrad_with(0, 0, -1)))
MISUSE(rmsprop_alpha, ck_assert_ptr_null(rmsprop_with(-0.5, 0, 0)))
MISUSE(rmsprop_eps, ck_assert_ptr_null(rmsprop_with(0.5, -1, 0)))
MISUSE(rmsprop_momentum, ck_assert_ptr_null(rmsprop_with(0.5, 0, -1)))
MISUSE(no_rule, ck_assert_ptr_null(optim_new(ps, NULL, NULL, 1, 0)))
MISUSE(no_update, ck_assert_ptr_null(optim_new(ps, &without_update, NULL, 1, 0)))
MISUSE(no_options, ck_assert_ptr_null(optim_new(ps, &with_options, NULL, 1, 0)))
MISUSE(no_name, ck_assert_ptr_null(optim_new(ps, &without_name, NULL, 1, 0)))
MISUSE(minus_states, ck_assert_ptr_null(optim_new(ps, &with_less, NULL, 1, 0)))
MISUSE(many_states, ck_assert_ptr_null(optim_new(ps, &with_five_states, NULL, 1, 0)))

MISUSE(sgd_minus, ck_assert_ptr_null(optim_new(ps, &with_options, &one, -2, 0)))
MISUSE(adamw_beta2, ck_assert_ptr_null(optim_adamw(ps, (optim_adam_options){.lr = 1, .beta2 = 1})))
MISUSE(adamw_eps, ck_assert_ptr_null(optim_adamw(ps, (optim_adam_options){.lr = 1, .eps = -1})))
MISUSE(adamw_lr, ck_assert_ptr_null(optim_adamw(ps, (optim_adam_options){.lr = -1})))
MISUSE(adagrad_lr, ck_assert_ptr_null(optim_adagrad(ps, (optim_adagrad_options){.lr = -1})))
MISUSE(rmsprop_lr, ck_assert_ptr_null(optim_rmsprop(ps, (optim_rmsprop_options){.lr = -1})))
MISUSE(option_outside, ck_assert(!optim_check_option(&err, "mine", "option", 7, 0, 1)))
MISUSE(option_infinite, ck_assert(!optim_check_option(&err, "mine", "option", INFINITY, 0, INFINITY)))

static const misuse misuses[] = {
    {"optim_new: lr below 0", sgd_minus, TN_EUSAGE, "mine: lr is -2, it must be at least 0"},
    {"optim_adamw: beta2 outside [0, 1)", adamw_beta2, TN_EUSAGE, "adamw: beta2 is 1, it must be in [0, 1)"},
    {"optim_adamw: eps below 0", adamw_eps, TN_EUSAGE, "adamw: eps is -1, it must be at least 0"},
    {"optim_adamw: optim_new's", adamw_lr, TN_EUSAGE, "adamw: lr is -1, it must be at least 0"},
    {"optim_adagrad: optim_new's", adagrad_lr, TN_EUSAGE, "adagrad: lr is -1, it must be at least 0"},
    {"optim_rmsprop: optim_new's", rmsprop_lr, TN_EUSAGE, "rmsprop: lr is -1, it must be at least 0"},
    {"optim_check_option: a value outside", option_outside, TN_EUSAGE, "mine: option is 7, it must be in [0, 1)"},
    {"optim_check_option: a value that is not finite", option_infinite, TN_EUSAGE, "mine: option is inf, it must be finite"},
    {"optim_sgd: optim_new's", sgd_lr, TN_EUSAGE, "sgd: lr is -1, it must be at least 0"},
    {"optim_new: lr not finite", sgd_nan, TN_EUSAGE, "sgd: lr is nan, it must be finite"},
    {"optim_new: weight_decay below 0 or not finite", sgd_decay, TN_EUSAGE,
     "sgd: weight_decay is -0.5, it must be at least 0"},
    {"optim_sgd: momentum below 0", sgd_momentum, TN_EUSAGE, "sgd: momentum is -0.1, it must be at least 0"},
    {"optim_sgd: dampening that is not finite", sgd_dampening, TN_EUSAGE, "sgd: dampening is inf, it must be finite"},
    {"optim_sgd: nesterov without momentum or with dampening", sgd_nesterov, TN_EUSAGE,
     "sgd: nesterov needs momentum above 0 and dampening 0, they are 0 and 0"},
    {"optim_sgd: nesterov without momentum or with dampening", sgd_damped, TN_EUSAGE,
     "sgd: nesterov needs momentum above 0 and dampening 0, they are 0.9 and 0.1"},
    {"optim_adam: optim_new's", adam_lr, TN_EUSAGE, "adam: lr is inf, it must be finite"},
    {"optim_adam: beta1 outside [0, 1)", adam_beta1, TN_EUSAGE, "adam: beta1 is 1, it must be in [0, 1)"},
    {"optim_adam: beta2 outside [0, 1)", adam_beta2, TN_EUSAGE, "adam: beta2 is -0.01, it must be in [0, 1)"},
    {"optim_adam: eps below 0", adam_eps, TN_EUSAGE, "adam: eps is -1e-08, it must be at least 0"},
    {"optim_adamw: beta1 outside [0, 1)", adamw_beta1, TN_EUSAGE, "adamw: beta1 is 2, it must be in [0, 1)"},
    {"optim_sparse_adam: weight_decay other than 0", sparse_decay, TN_EUSAGE,
     "sparse_adam: weight_decay is 0.01, it must be 0: it would move every row"},
    {"optim_sparse_adam: amsgrad", sparse_amsgrad, TN_EUSAGE, "sparse_adam: amsgrad is true, it must be false"},
    {"optim_sparse_adam: optim_adam's", sparse_eps, TN_EUSAGE, "sparse_adam: eps is -1, it must be at least 0"},
    {"optim_sparse_adam: optim_adam's", sparse_beta1, TN_EUSAGE, "sparse_adam: beta1 is 1, it must be in [0, 1)"},
    {"optim_sparse_adam: optim_adam's", sparse_beta2, TN_EUSAGE, "sparse_adam: beta2 is 1, it must be in [0, 1)"},
    {"optim_adagrad: lr_decay below 0", adagrad_lr_decay, TN_EUSAGE, "adagrad: lr_decay is -1, it must be at least 0"},
    {"optim_adagrad: initial_accumulator below 0", adagrad_initial, TN_EUSAGE,
     "adagrad: initial_accumulator is -1, it must be at least 0"},
    {"optim_adagrad: eps below 0", adagrad_eps, TN_EUSAGE, "adagrad: eps is -1, it must be at least 0"},
    {"optim_rmsprop: alpha outside [0, 1)", rmsprop_alpha, TN_EUSAGE, "rmsprop: alpha is -0.5, it must be in [0, 1)"},
    {"optim_rmsprop: eps below 0", rmsprop_eps, TN_EUSAGE, "rmsprop: eps is -1, it must be at least 0"},
    {"optim_rmsprop: momentum below 0", rmsprop_momentum, TN_EUSAGE, "rmsprop: momentum is -1, it must be at least 0"},
    {"optim_new: a rule that is NULL", no_rule, TN_EUSAGE, "optim_new: the rule needs a name and an update"},
    {"optim_new: a rule without name or update", no_update, TN_EUSAGE, "optim_new: the rule needs a name and an update"},
    {"optim_new: a rule without name or update", no_name, TN_EUSAGE, "optim_new: the rule needs a name and an update"},
    {"optim_new: options at NULL", no_options, TN_EUSAGE, "mine: options is NULL"},
    {"optim_new: more than OPTIM_MAX_STATE states", many_states, TN_EUSAGE,
     "mine: the rule wants 5 states, it may have 0 to 4"},
    {"optim_new: more than OPTIM_MAX_STATE states", minus_states, TN_EUSAGE,
     "mine: the rule wants -1 states, it may have 0 to 4"},
};
enum { MISUSES = sizeof misuses / sizeof *misuses };

START_TEST(impossible_options)
{
    check_misuse(&misuses[_i]);
}
END_TEST

START_TEST(impossible_settings)
{
    scalar_param("a.weight");
    tn_buffer(ps, TN_SCALAR, tn_constant(0), "mean");
    optim *o = plain_sgd(), *sparse = optim_sparse_adam(ps, optim_sparse_adam_defaults());
    ck_assert_int_eq(optim_set_lr_scale(o, "b.*", 2), 0);
    ck_misuse("optim_set_lr_scale: no parameter matches", TN_EUSAGE, "sgd: no parameter matches the pattern \"b.*\"");
    ck_assert_int_eq(optim_set_frozen(o, "mean", true), 0); /* a buffer */
    ck_misuse("optim_set_frozen: no parameter matches", TN_EUSAGE, "sgd: no parameter matches the pattern \"mean\"");
    ck_assert_int_eq(optim_set_lr_scale(o, NULL, 2), 0);
    ck_misuse("optim_set_lr_scale: pattern is NULL", TN_EUSAGE, "sgd: no parameter matches the pattern \"NULL\"");
    ck_assert_int_eq(optim_set_lr_scale(o, "*", -2), 0);
    ck_misuse("optim_set_lr_scale: a scale that is negative or not finite",
              TN_EUSAGE, "sgd: lr_scale is -2, it must be at least 0");
    ck_assert_int_eq(optim_set_weight_decay(o, "*", NAN), 0);
    ck_misuse("optim_set_weight_decay: a decay that is negative or not finite",
              TN_EUSAGE, "sgd: weight_decay is nan, it must be finite");
    ck_assert_int_eq(optim_set_weight_decay(sparse, "*", 0.5), 0);
    ck_misuse("optim_set_weight_decay: one that the rule has no use for",
              TN_EUSAGE, "sparse_adam: weight_decay is 0.5, it must be 0: it would move every row");
    optim_set_lr(o, optim_cosine_lr(1, 0, 0, 0));
    ck_misuse("optim_set_lr: a rate that is not finite", TN_EUSAGE, "sgd: lr is nan, it must be finite");
    optim_set_lr(o, -1);
    ck_misuse("optim_set_lr: a rate that is negative", TN_EUSAGE, "sgd: lr is -1, it must be at least 0");
    optim_set_frozen(o, NULL, true);
    ck_misuse("optim_set_frozen: pattern is NULL", TN_EUSAGE, "sgd: no parameter matches the pattern \"NULL\"");
    optim_set_weight_decay(o, NULL, 0);
    ck_misuse("optim_set_weight_decay: pattern is NULL", TN_EUSAGE, "sgd: no parameter matches the pattern \"NULL\"");
    optim_set_weight_decay(o, "b.*", 0);
    ck_misuse("optim_set_weight_decay: no parameter matches", TN_EUSAGE, "sgd: no parameter matches the pattern \"b.*\"");
    ck_near(optim_lr(o), 0.5);
    optim_clip_norm(ps, -1);
    ck_misuse("optim_clip_norm: max is negative or NaN", TN_EUSAGE, "optim_clip_norm: max is -1, it must be at least 0");
    optim_clip_value(ps, NAN);
    ck_misuse("optim_clip_value: max is negative or NaN", TN_EUSAGE, "optim_clip_value: max is nan, it must be at least 0");
    optim_free(o);
    optim_free(sparse);
}
END_TEST

START_TEST(null_and_earlier_errors)
{
    tn_tensor *a = scalar_param("a");
    optim *o = plain_sgd();
    give_one(a, (given){.data = &one});
    tn_fail(&err, TN_EIO, "earlier");
    ck_assert_ptr_null(plain_sgd());
    ck_assert(!optim_step(o));
    ck_assert_int_eq(optim_set_lr_scale(o, "*", 2) + optim_set_weight_decay(o, "*", 1), 0);
    ck_assert_int_eq(optim_set_frozen(o, "*", true), 0);
    optim_set_lr(o, 7);
    ck_assert_double_nan(optim_clip_norm(ps, 0));
    optim_clip_value(ps, 0);
    ck_error(TN_EIO, "earlier");
    ck_assert(a->data[0] == 1 && optim_steps(o) == 0 && optim_lr(o) == 0.5);
    ck_assert(optim_step(o)); /* the gradient was kept */
    ck_assert(a->data[0] == (tn_real)0.5 && optim_steps(o) == 1);
    optim_free(o);
    optim_free(NULL);
    ck_assert(!optim_step(NULL) && optim_steps(NULL) == 0 && isnan(optim_lr(NULL)));
    ck_assert_int_eq(optim_set_lr_scale(NULL, "*", 2) + optim_set_weight_decay(NULL, "*", 1), 0);
    ck_assert_int_eq(optim_set_frozen(NULL, "*", true), 0);
    optim_set_lr(NULL, 1);
    ck_assert_double_nan(optim_clip_norm(NULL, 1));
    optim_clip_value(NULL, 1);
    ck_assert_ptr_null(optim_sgd(NULL, optim_sgd_defaults()));
    ck_no_error();
}
END_TEST

START_TEST(no_gradient)
{
    static const char *text = "optim_step: no gradient since the last step: call tn_backward first";
    tn_buffer(ps, TN_SCALAR, tn_constant(0), "mean");
    tn_tensor *a = scalar_param("a");
    optim *o = plain_sgd();
    ck_assert(!optim_step(o));
    ck_misuse("optim_step: no parameter has a gradient", TN_EUSAGE, text);
    step(o, a, &one);
    ck_assert(!optim_step(o)); /* the step used and forgot it */
    ck_error(TN_EUSAGE, text);
    ck_assert_int_eq(optim_steps(o), 1);
    optim_free(o);
}
END_TEST

/* Room for one state of b but not for two: a, which comes first and has room, must not move either. */
START_TEST(no_memory)
{
    if (SANITIZED) return; /* the sanitizer takes more address space than any limit */
    const int64_t n = 1 << 24;
    struct rlimit before, low;
    tn_tensor *a = scalar_param("a"), *b = tn_param(ps, TN_DIMS(n), tn_constant(1), "b");
    tn_real *g = calloc((size_t)n, sizeof *g);
    optim *o = optim_adamw(ps, (optim_adam_options){.lr = 0.1, .eps = 1e-8, .weight_decay = 1});
    tn_tape_begin(t, TN_GRAD);
    tn_backward(t, give(give(NULL, a, (given){.data = &one}), b, (given){.data = g}));
    getrlimit(RLIMIT_AS, &before);
    FILE *f = fopen("/proc/self/statm", "r");
    unsigned long pages = 0;
    if (!f || fscanf(f, "%lu", &pages) != 1) return;
    fclose(f);
    low = before;
    low.rlim_cur = pages * (rlim_t)sysconf(_SC_PAGESIZE) + (rlim_t)n * sizeof(tn_real) * 3 / 2;
    setrlimit(RLIMIT_AS, &low);
    void *volatile more = malloc((size_t)n * sizeof(tn_real) * 2); /* qemu's user mode gives it: no limit there, and no test */
    bool done = !more && optim_step(o);
    setrlimit(RLIMIT_AS, &before);
    free(more);
    ck_assert(!done);
    if (more) return;
    ck_misuse("optim_step: no room for a state", TN_EMEMORY, "adamw: no memory for the state of \"b\" (16777216,)");
    ck_assert(a->data[0] == 1 && b->data[0] == 1 && b->data[n - 1] == 1 && optim_steps(o) == 0);
    ck_assert(optim_step(o)); /* with memory, the same gradient */
    ck_assert(a->data[0] < (tn_real)0.9 && b->data[n - 1] == (tn_real)0.9);
    free(g);
    optim_free(o);
}
END_TEST

/* ---- a checkpoint ---------------------------------------------------------------------------------------------- */

static const char *checkpoint_path(void)
{
    static char path[60];
    snprintf(path, sizeof path, "/tmp/tarn-optim-%ld.safetensors", (long)getpid());
    return path;
}

/* A table that gets rows, a matrix, one that gets no gradient before step 3, and a buffer. */
static void add_model(tn_params *to)
{
    tn_param(to, TN_DIMS(ROWS, WIDTH), tn_normal(0, 1), "words.weight");
    tn_param(to, TN_DIMS(2, 3), tn_normal(0, 1), "out.weight");
    tn_param(to, TN_DIMS(3), tn_constant(1), "late");
    tn_buffer(to, TN_DIMS(2), tn_constant(0), "mean");
}

/* Steps from + 1 to to. */
static void advance(tn_params *with, optim *o, int from, int to)
{
    for (int k = from + 1; k <= to; k++) {
        int32_t ids[3];
        tn_real rows[3 * WIDTH], out[6], late[3];
        draw_ids(ids, k);
        draw(rows, 3 * WIDTH, (uint64_t)k);
        draw(out, 6, (uint64_t)k + 100);
        draw(late, 3, (uint64_t)k + 200);
        optim_set_lr(o, optim_linear_lr(0.1, optim_steps(o), 20, 1, 0));
        tn_tape_begin(t, TN_GRAD);
        tn_tensor *y = give(NULL, tn_params_find(with, "words.weight"), (given){rows, {ids, 3}});
        y = give(y, tn_params_find(with, "out.weight"), (given){.data = out});
        if (k > 2) y = give(y, tn_params_find(with, "late"), (given){.data = late});
        tn_backward(t, y);
        tn_params_find(with, "mean")->data[0] += 1;
        ck_assert_msg(optim_step(o), "%s", err.text);
    }
}

static void assert_same(const tn_params *a, const tn_params *b)
{
    for (int i = 0; i < tn_params_count(a); i++) {
        const tn_tensor *x = tn_params_at(a, i), *y = tn_params_at(b, i);
        ck_assert_msg(memcmp(x->data, y->data, (size_t)x->n * sizeof *x->data) == 0, "%s differs", x->name);
    }
}

/* 2k steps at once, or k, a checkpoint, and k in another params and optim that were somewhere else: the same bits. */
START_TEST(checkpoint)
{
    for (int k = 0; k <= 4; k += 2) {
        tn_params *two = tn_params_new(1, &err), *other = tn_params_new(2, &err);
        add_model(two);
        add_model(other);
        optim *a = make(two, &configs[_i]), *b = make(two, &configs[_i]), *c = make(other, &configs[_i]);
        tn_snapshot *start = tn_params_snapshot(two);
        advance(two, a, 0, k);
        ck_assert_msg(optim_save(a, checkpoint_path(), 1, (tn_meta[]){{"note", "k"}}), "%s", err.text);
        tn_params_restore(two, start);
        advance(two, b, 0, 2 * k);
        advance(other, c, 5, 8); /* all of it is forgotten */
        ck_assert_msg(optim_load(c, checkpoint_path()), "%s", err.text);
        ck_assert_int_eq(optim_steps(c), k);
        advance(other, c, k, 2 * k);
        assert_same(two, other);
        tn_snapshot_free(start);
        optim_free(a);
        optim_free(b);
        optim_free(c);
        tn_params_free(two);
        tn_params_free(other);
    }
    unlink(checkpoint_path());
    ck_no_error();
}
END_TEST

/* It is a model file, with the caller's pairs; the same state gives the same bytes. */
START_TEST(what_a_checkpoint_is)
{
    add_model(ps);
    optim *o = optim_adam(ps, optim_adam_defaults());
    advance(ps, o, 0, 2);
    ck_assert(optim_save(o, checkpoint_path(), 1, (tn_meta[]){{"note", "a"}}));
    tn_file *f = tn_file_open(checkpoint_path(), &err);
    ck_assert_str_eq(tn_file_meta(f, "note"), "a");
    ck_assert_str_eq(tn_file_meta(f, "optim.rule"), "adam");
    ck_assert_str_eq(tn_file_meta(f, "optim.steps"), "2");
    ck_assert_str_eq(tn_file_meta(f, "optim.out.weight.steps"), "2");
    ck_assert_ptr_null(tn_file_meta(f, "optim.late.steps"));
    ck_assert_int_eq(tn_file_count(f), 4 + 2 * 2);
    tn_real m[6], first[6], second[6];
    ck_assert(tn_file_read(f, "optim.out.weight.0", m, 6)); /* the first moment */
    draw(first, 6, 101);
    draw(second, 6, 102);
    for (int i = 0; i < 6; i++) ck_near((double)m[i], 0.09 * (double)first[i] + 0.1 * (double)second[i]);
    tn_file_close(f);
    ck_assert(tn_load(ps, checkpoint_path(), TN_STRICT));
    optim_free(o);
    unlink(checkpoint_path());
    ck_no_error();
}
END_TEST

/* The two moments of adam, with amsgrad the largest second one. */
START_TEST(states_of_amsgrad)
{
    scalar_param("a");
    optim *o = optim_adam(ps, (optim_adam_options){.lr = 1, .beta1 = 0.9, .beta2 = 0.99, .amsgrad = true});
    step(o, tn_params_at(ps, 0), &one);
    ck_assert(optim_save(o, checkpoint_path(), 0, NULL));
    tn_file *f = tn_file_open(checkpoint_path(), &err);
    ck_assert_int_eq(tn_file_count(f), 1 + 3);
    tn_file_close(f);
    optim_free(o);
    unlink(checkpoint_path());
    ck_no_error();
}
END_TEST

/* ---- checkpoints that are refused */

static void save_other_rule(tn_params *with)
{
    optim *o = optim_adamw(with, optim_adamw_defaults());
    optim_save(o, checkpoint_path(), 0, NULL);
    optim_free(o);
}

static void save_model(tn_params *with)
{
    tn_save(with, checkpoint_path(), 0, NULL);
}

static void save_pairs(tn_params *with, const char *steps, const char *late)
{
    tn_save(with, checkpoint_path(), 3, (tn_meta[]){{"optim.rule", "adam"}, {"optim.steps", steps}, {"optim.late.steps", late}});
}

static void save_no_count(tn_params *with)
{
    save_pairs(with, "0x3", "3");
}

static void save_negative(tn_params *with)
{
    save_pairs(with, "3", "-3");
}

static void save_huge(tn_params *with)
{
    save_pairs(with, "3", "9223372036854775808");
}

static void save_no_steps(tn_params *with)
{
    tn_save(with, checkpoint_path(), 1, (tn_meta[]){{"optim.rule", "adam"}});
}

static void save_no_state(tn_params *with)
{
    save_pairs(with, "3", "3");
}

static void save_other_shape(tn_params *with)
{
    tn_real four[4] = {0};
    const tn_tensor more[] = {{.name = "optim.late.0", .data = four, .n = 4, .rank = 1, .size = {4}}};
    tn_save_with(with, checkpoint_path(), 1, more, 3,
                 (tn_meta[]){{"optim.rule", "adam"}, {"optim.steps", "3"}, {"optim.late.steps", "3"}});
}

/* All is well but for one parameter, which comes last. */
static void save_other_model(tn_params *with)
{
    tn_params *few = tn_params_new(1, &err);
    for (int i = 0; i < 3; i++) tn_param(few, TN_DIMS(1), tn_constant(1), "%s", tn_params_at(with, i)->name);
    optim *o = optim_adam(few, optim_adam_defaults());
    optim_save(o, checkpoint_path(), 0, NULL);
    optim_free(o);
    tn_params_free(few);
}

static const struct refusal {
    const char *what;
    void      (*save)(tn_params *with);
    tn_code     code;
    const char *text; /* after `load "path": ` */
} refusals[] = {
    {"optim_load: a file without an optimiser's state",
     save_model, TN_EFORMAT, "it holds no optimiser's state: optim_save writes it"},
    {"optim_load: the state of another rule",
     save_other_rule, TN_EFORMAT, "it holds the state of adamw, this optimiser is adam"},
    {"optim_load: only a part of a state",
     save_no_steps, TN_EFORMAT, "\"optim.steps\" is \"\", not a count of steps"},
    {"optim_load: only a part of a state",
     save_no_count, TN_EFORMAT, "\"optim.steps\" is \"0x3\", not a count of steps"},
    {"optim_load: only a part of a state",
     save_negative, TN_EFORMAT, "\"optim.late.steps\" is \"-3\", not a count of steps"},
    {"optim_load: only a part of a state",
     save_huge, TN_EFORMAT, "\"optim.late.steps\" is \"9223372036854775808\", not a count of steps"},
    {"optim_load: only a part of a state",
     save_no_state, TN_EFORMAT, "there is no tensor \"optim.late.0\""},
    {"optim_load: a state of another size",
     save_other_shape, TN_ESHAPE, "tensor \"optim.late.0\" has 4 numbers, the room is for 3"},
    {"optim_load: tn_load's, strictly",
     save_other_model, TN_EFORMAT, "tensor \"words.weight\" is (1,), the model wants (7, 5); tensor \"out.weight\" is (1,), "
                                   "the model wants (2, 3); tensor \"late\" is (1,), the model wants (3,); tensor \"mean\" is "
                                   "missing"},
};

/* What is refused changes nothing: the steps after it are those that there would have been. */
START_TEST(refused_checkpoints)
{
    char text[400];
    tn_params *twin = tn_params_new(1, &err);
    add_model(twin);
    add_model(ps);
    refusals[_i].save(twin);
    ck_no_error();
    optim *a = optim_adam(twin, optim_adam_defaults()), *b = optim_adam(ps, optim_adam_defaults());
    advance(twin, a, 0, 3);
    advance(ps, b, 0, 3);
    ck_assert(!optim_load(b, checkpoint_path()));
    snprintf(text, sizeof text, "load \"%s\": %s", checkpoint_path(), refusals[_i].text);
    ck_error(refusals[_i].code, text);
    advance(twin, a, 3, 6);
    advance(ps, b, 3, 6);
    assert_same(twin, ps);
    optim_free(a);
    optim_free(b);
    tn_params_free(twin);
    unlink(checkpoint_path());
}
END_TEST

START_TEST(checkpoints_that_cannot_be)
{
    tn_tensor *a = scalar_param("a");
    optim *o = plain_sgd();
    ck_assert(!optim_save(NULL, "x", 0, NULL) && !optim_load(NULL, "x"));
    ck_assert(!optim_load(o, "/nosuch/c"));
    ck_error(TN_EIO, "load \"/nosuch/c\": cannot open: No such file or directory");
    ck_assert(!optim_load(o, NULL));
    ck_misuse("optim_load: tn_load's, strictly", TN_EUSAGE, "load: the path is NULL");
    ck_assert(!optim_save(o, "/nosuch/c", 0, NULL));
    ck_assert_int_eq(err.code, TN_EIO);
    tn_error_clear(&err);
    ck_assert(!optim_save(o, "x", -1, NULL));
    ck_misuse("optim_save: tn_save's", TN_EUSAGE, "save \"x\": -1 pairs, at NULL");
    ck_assert(!optim_save(o, "x", 1, NULL));
    ck_error(TN_EUSAGE, "save \"x\": 1 pairs, at NULL");
    ck_assert(!optim_save(o, "x", 1, (tn_meta[]){{"optim.rule", "mine"}}));
    ck_error(TN_EUSAGE, "save \"x\": the key \"optim.rule\" is given twice");
    tn_fail(&err, TN_EIO, "earlier");
    ck_assert(!optim_save(o, checkpoint_path(), 0, NULL) && !optim_load(o, checkpoint_path()));
    ck_error(TN_EIO, "earlier");
    ck_assert_int_eq(access(checkpoint_path(), F_OK), -1);
    step(o, a, &one);
    optim_free(o);
}
END_TEST

/* Settings are the program's own: a load leaves them. */
START_TEST(a_load_keeps_settings)
{
    tn_tensor *a = scalar_param("a");
    optim *o = plain_sgd();
    ck_assert(optim_save(o, checkpoint_path(), 0, NULL));
    optim_set_lr_scale(o, "a", 0.5);
    optim_set_weight_decay(o, "a", 2);
    optim_set_lr(o, 0.25);
    ck_assert(optim_load(o, checkpoint_path()));
    ck_assert(optim_lr(o) == 0.25);
    step(o, a, &one); /* 1 - 0.25 * 0.5 * (1 + 2 * 1) */
    ck_near((double)a->data[0], 0.625);
    optim_free(o);
    unlink(checkpoint_path());
}
END_TEST

/* ---- a rule of one's own --------------------------------------------------------------------------------------- */

/* sign descent, which counts its visits in its state */
typedef struct sign_options {
    double scale;
    bool   rows_only;
    int   *spans;
} sign_options;

static bool sign_check(const void *options, double weight_decay, tn_error *e)
{
    (void)weight_decay;
    return optim_check_option(e, "sign", "scale", ((const sign_options *)options)->scale, 1, 3);
}

static int sign_states(const void *options)
{
    (void)options;
    return 2;
}

static double sign_initial(const void *options, int state)
{
    (void)options;
    return state == 1 ? 10 : 0;
}

static bool sign_rows(const void *options, double weight_decay)
{
    return ((const sign_options *)options)->rows_only && weight_decay == 0;
}

static void sign_update(const optim_update *u)
{
    const sign_options *o = u->options;
    for (optim_span s = {0}; optim_next(u, &s); ++*o->spans) {
        for (int64_t i = 0; i < s.n; i++) {
            s.param[i] -= (tn_real)(u->lr * o->scale) * (tn_real)((s.grad[i] > 0) - (s.grad[i] < 0));
            s.state[0][i] += 1;
            s.state[1][i] += s.state[0][i];
            s.param[i] += s.state[1][i] >= 13 ? 100 : 0; /* on the second visit: 10 + 1 + 2 */
        }
    }
}

static const optim_rule sign_rule = {.name = "sign", .options_size = sizeof(sign_options), .check = sign_check,
                                     .n_state = sign_states, .initial = sign_initial, .touched_rows_only = sign_rows,
                                     .update = sign_update};

START_TEST(own_rule)
{
    const int32_t ids[] = {2, 0, 2};
    const tn_real g[] = {1, -1, 1, 1, 1, -1, 5, 5, 5, 5, 5, 5};
    int spans = 0;
    tn_tensor *p = tn_param(ps, TN_DIMS(4, 2), tn_constant(0), "p");
    sign_options options = {.scale = 2, .rows_only = true, .spans = &spans};
    optim *o = optim_new(ps, &sign_rule, &options, 0.5, 0);
    options.scale = 0; /* it was copied */
    give_one(p, (given){g, {ids, 3}});
    ck_assert_msg(optim_step(o), "%s", err.text);
    ck_assert_int_eq(spans, 2);
    ck_assert(p->data[0] == -1 && p->data[2] == 0 && p->data[4] == -1 && p->data[5] == 1);
    give_one(p, (given){g, {ids, 1}});
    ck_assert(optim_step(o));
    ck_assert_int_eq(spans, 3);
    ck_assert(p->data[0] == -1 && p->data[4] == 98 && p->data[5] == 102);
    optim_set_weight_decay(o, "p", 1); /* now it may not leave rows alone */
    give_one(p, (given){g, {ids, 3}});
    ck_assert(optim_step(o));
    ck_assert_int_eq(spans, 7);
    ck_assert(p->data[2] == 0 && p->data[6] == 0); /* first visit, gradient 0 */
    ck_assert(p->data[0] == 98 && p->data[4] == 197);
    step(o, p, g);
    ck_assert_int_eq(spans, 8);
    ck_assert(p->data[2] == 99 && p->data[6] == 99);
    options.scale = 3;
    ck_assert_ptr_null(optim_new(ps, &sign_rule, &options, 0.5, 0));
    ck_misuse("optim_new: those of check", TN_EUSAGE, "sign: scale is 3, it must be in [1, 3)");
    optim_free(o);
}
END_TEST

/* In a table of which many rows are touched the next ones are asked for ahead. */
START_TEST(own_rule_on_many_rows)
{
    enum { MANY = 40, TOUCHED = 13 };
    int32_t ids[TOUCHED];
    tn_real g[2 * TOUCHED];
    int spans = 0;
    tn_tensor *p = tn_param(ps, TN_DIMS(MANY, 2), tn_constant(0), "p");
    optim *o = optim_new(ps, &sign_rule, &(sign_options){.scale = 2, .rows_only = true, .spans = &spans}, 0.5, 0);
    for (int i = 0; i < TOUCHED; i++) {
        ids[i] = i * 7 % MANY;
        g[2 * i] = 1, g[2 * i + 1] = -1;
    }
    give_one(p, (given){g, {ids, TOUCHED}});
    ck_assert_msg(optim_step(o), "%s", err.text);
    ck_assert_int_eq(spans, TOUCHED);
    for (int i = 0; i < TOUCHED; i++) ck_assert(p->data[2 * ids[i]] == -1 && p->data[2 * ids[i] + 1] == 1);
    ck_assert(p->data[2 * 1] == 0 && p->data[2 * 39] == 0);
    optim_free(o);
}
END_TEST

/* ... and one that has no states, and does nothing. */
START_TEST(own_rule_without_states)
{
    static const optim_rule idle = {.name = "idle", .update = do_nothing};
    tn_tensor *p = scalar_param("p");
    const tn_real before = p->data[0];
    optim *o = optim_new(ps, &idle, NULL, 1, 0);
    ck_no_error();
    step(o, p, &one);
    ck_assert(p->data[0] == before);
    optim_free(o);
}
END_TEST

static void add(TCase *c)
{
    tcase_add_loop_test(c, dense, 0, CONFIGS);
    tcase_add_loop_test(c, by_rows, 0, CONFIGS);
    tcase_add_loop_test(c, touched_rows_only, 0, CONFIGS);
    tcase_add_test(c, no_rows);
    tcase_add_test(c, odd_shapes);
    tcase_add_test(c, without_gradient_nothing_moves);
    tcase_add_test(c, groups);
    tcase_add_test(c, decay_of_a_group_visits_all_rows);
    tcase_add_test(c, freezing);
    tcase_add_test(c, clip_norm);
    tcase_add_test(c, clip_norm_of_many);
    tcase_add_test(c, clip_norm_not_finite);
    tcase_add_test(c, clip_value);
    tcase_add_test(c, schedules);
    tcase_add_test(c, schedules_out_of_range);
    tcase_add_loop_test(c, impossible_options, 0, MISUSES);
    tcase_add_test(c, impossible_settings);
    tcase_add_test(c, null_and_earlier_errors);
    tcase_add_test(c, no_gradient);
    tcase_add_test(c, no_memory);
    tcase_add_loop_test(c, checkpoint, 0, CONFIGS);
    tcase_add_test(c, what_a_checkpoint_is);
    tcase_add_test(c, states_of_amsgrad);
    tcase_add_loop_test(c, refused_checkpoints, 0, sizeof refusals / sizeof *refusals);
    tcase_add_test(c, checkpoints_that_cannot_be);
    tcase_add_test(c, a_load_keeps_settings);
    tcase_add_test(c, own_rule);
    tcase_add_test(c, own_rule_on_many_rows);
    tcase_add_test(c, own_rule_without_states);
}

int main(void)
{
    return run_case("optim", add);
}
