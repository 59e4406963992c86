/* gradcheck.c: an op's backward against central differences of its forward.
 *
 * Each sample is tried in several ways, which stand for what a graph can do to an op: every subset of its inputs
 * constant, the same tensor in two places, and inputs that another op has given a gradient already. */
#include <math.h>
#include <string.h>

#include "engine.h"

#ifdef TN_DOUBLE
static const double TOLERANCE = 1e-6, STEP = 1e-5;
#else
static const double TOLERANCE = 1e-2, STEP = 1e-2;
#endif

enum { MAX_INPUTS = 16 };

typedef struct trial {
    const tn_op *op;
    int          sample;
    unsigned     wanted;     /* bit i: input i asks for a gradient */
    int          same, as;   /* input `same` is the tensor of input `as`; -1: none */
    bool         fan_out;    /* a later op uses the inputs too */
    tn_tensor   *in[MAX_INPUTS], *y;
} trial;

/* Fixed numbers in [0.5, 1.5), of both signs: no sum of gradients cancels by chance. */
static double weight(int64_t i)
{
    double u = 0.5 + tn_rng_uniform(tn_rng_new(1, 2, 3, 4), (uint64_t)i);
    return i & 1 ? -u : u;
}

tn_tensor *tn_sample(tn_tape *t, tn_dims shape, double low, double high)
{
    tn_tensor *x = tn_input(t, shape, NULL, true);
    if (!x) return NULL;
    tn_rng r = tn_rng_new(5, 6, 7, t->n_samples++);
    /* rounded to float, so that both builds see the same number */
    for (int64_t i = 0; i < x->n; i++) x->data[i] = (tn_real)(float)(low + (high - low) * tn_rng_uniform(r, (uint64_t)i));
    return x;
}

/* ---- a later op that uses the inputs: all its inputs' elements, one after the other ---------------------------------- */

static bool join_shape(tn_tensor *y)
{
    int64_t n = 0;
    for (int i = 0; i < y->n_in; i++) n += y->in[i]->n;
    return tn_set_shape(y, 1, &n);
}

static void join_forward(tn_tensor *y)
{
    tn_real *to = y->data;
    for (int i = 0; i < y->n_in; to += y->in[i++]->n)
        if (y->in[i]->n) memcpy(to, y->in[i]->data, (size_t)y->in[i]->n * sizeof *to);
}

static void join_backward(tn_tensor *y)
{
    const tn_real *g = tn_grad_out(y);
    bool first;
    for (int i = 0; i < y->n_in; g += y->in[i++]->n) {
        tn_real *gx = tn_grad(y, i, &first);
        for (int64_t k = 0; gx && k < y->in[i]->n; k++) gx[k] = first ? g[k] : gx[k] + g[k];
    }
}

static const tn_op join = {.name = "join", .n_in = -1, .shape = join_shape, .forward = join_forward,
                           .backward = join_backward};

/* ---- one trial ----------------------------------------------------------------------------------------------------- */

static double loss_of(const trial *r)
{
    double sum = 0;
    if (r->op->forward) r->op->forward(r->y);
    for (int64_t k = 0; k < r->y->n; k++) sum += weight(k) * (double)r->y->data[k];
    return sum;
}

/* (L(x + h) - L(x - h)) / 2h for element k, h as the number type has it. */
static double numeric(const trial *r, tn_tensor *x, int64_t k)
{
    const tn_real old = x->data[k];
    const double h = STEP * fmax(1, fabs((double)old));
    volatile tn_real above = (tn_real)((double)old + h), below = (tn_real)((double)old - h);
    x->data[k] = above;
    double high = loss_of(r);
    x->data[k] = below;
    double low = loss_of(r);
    x->data[k] = old;
    return (high - low) / ((double)above - (double)below);
}

/* What the later op adds to the gradient of an input's element. */
static double fan_out_part(const trial *r, int input, int64_t k)
{
    int64_t at = r->y->n;
    if (!r->fan_out) return 0;
    for (int i = 0; i < input; i++) at += r->in[i] ? r->in[i]->n : 0;
    double part = weight(at + k);
    if (r->as == input) { /* the same tensor stands in two places */
        for (at = r->y->n, input = 0; input < r->same; input++) at += r->in[input] ? r->in[input]->n : 0;
        part += weight(at + k);
    }
    return (double)(tn_real)part;
}

static bool compare(tn_tape *t, const trial *r, int input)
{
    tn_tensor *x = r->in[input];
    const tn_real *grad = tn_grad_data(x);
    for (int64_t k = 0; k < x->n; k++) {
        double a = (grad ? (double)grad[k] : 0) - fan_out_part(r, input, k), n = numeric(r, x, k);
        if (fabs(a - n) <= TOLERANCE * fmax(1, fmax(fabs(a), fabs(n)))) continue;
        return tn_fail(t->err, TN_EUSAGE,
                       "gradcheck: %s, sample %d: input %d %s, element %lld: backward gives %.9g, differences give %.9g%s%s",
                       r->op->name, r->sample, input, TN_STR(x), (long long)k, a, n,
                       r->same >= 0 ? " (the same tensor as two inputs)" : "",
                       r->fan_out ? " (the input has other uses)" : "");
    }
    return true;
}

static bool is_taken(const trial *r, int i)
{
    return r->in[i] && r->wanted >> i & 1 && i != r->same;
}

static bool walk_back(tn_tape *t, const trial *r)
{
    tn_tensor *part[MAX_INPUTS + 1] = {r->y}, *y = r->y;
    int n = 1;
    for (int i = 0; i < r->y->n_in; i++)
        if (r->in[i]) part[n++] = r->in[i];
    if (r->fan_out) y = tn_apply(t, &join, n, part, NULL);
    tn_tensor *w = y ? tn_input(t, TN_DIMS(y->n), NULL, false) : NULL;
    for (int64_t k = 0; w && k < w->n; k++) w->data[k] = (tn_real)weight(k);
    return w && tn_backward_from(t, y, w->data);
}

/* The sample once more, on copies of its inputs. */
static bool build(tn_tape *t, trial *r)
{
    tn_tape_begin(t, TN_GRAD | TN_TRAIN);
    tn_tensor *y = r->op->sample(t, r->sample);
    if (!y) return false;
    for (int i = 0; i < y->n_in; i++) {
        const tn_tensor *x = y->in[i];
        tn_dims shape = {.n = x ? x->rank : 0};
        if (x) memcpy(shape.at, x->size, sizeof shape.at);
        r->in[i] = !x ? NULL : i == r->same ? r->in[r->as] : tn_input(t, shape, x->data, r->wanted >> i & 1);
    }
    r->y = tn_apply(t, r->op, y->n_in, r->in, y->attr);
    return r->y != NULL;
}

static bool try_one(tn_tape *t, trial r)
{
    if (!build(t, &r) || !walk_back(t, &r)) return false;
    for (int i = 0; i < r.y->n_in; i++)
        if (is_taken(&r, i) && !compare(t, &r, i)) return false;
    return true;
}

/* ---- all trials ---------------------------------------------------------------------------------------------------- */

typedef struct inputs {
    int      n;
    unsigned able;                       /* bit i: input i is there and can have a gradient */
    unsigned same[MAX_INPUTS];           /* bit j: input j > i has input i's shape */
} inputs;

static bool same_shape(const tn_tensor *a, const tn_tensor *b)
{
    return a->rank == b->rank && !memcmp(a->size, b->size, sizeof a->size);
}

static inputs describe(const tn_tensor *y)
{
    inputs s = {.n = y->n_in};
    for (int i = 0; i < s.n; i++)
        if (y->in[i] && !(y->op->constant >> i & 1)) s.able |= 1u << i;
    for (int i = 0; i < s.n; i++)
        for (int j = i + 1; j < s.n; j++)
            if (s.able >> i & s.able >> j & 1 && same_shape(y->in[i], y->in[j])) s.same[i] |= 1u << j;
    return s;
}

static bool try_all(tn_tape *t, const tn_op *op, int sample, inputs s)
{
    const trial plain = {.op = op, .sample = sample, .wanted = s.able, .same = -1, .as = -1};
    for (unsigned wanted = s.able; wanted; wanted = (wanted - 1) & s.able) {
        trial r = plain;
        r.wanted = wanted;
        if (!try_one(t, r)) return false;
    }
    trial r = plain;
    r.fan_out = true;
    if (s.able && !try_one(t, r)) return false;
    for (int i = 0; i < s.n; i++)
        for (int j = i + 1; j < s.n; j++) {
            trial twice = plain;
            twice.as = i;
            twice.same = j;
            if (s.same[i] >> j & 1 && !try_one(t, twice)) return false;
            twice.fan_out = true;
            if (s.same[i] >> j & 1 && !try_one(t, twice)) return false;
        }
    return true;
}

bool tn_gradcheck(tn_tape *t, const tn_op *op)
{
    if (!tn_ok(t)) return false;
    if (!op) return tn_fail(t->err, TN_EUSAGE, "gradcheck: the op is NULL");
    if (!op->sample || (!op->backward && op->forward))
        return tn_fail(t->err, TN_EUSAGE, "gradcheck: %s has no %s", op->name, op->sample ? "backward" : "sample");
    for (int k = 0;; k++) {
        tn_tape_begin(t, TN_GRAD | TN_TRAIN);
        const tn_tensor *y = op->sample(t, k);
        if (!tn_ok(t)) return false;
        if (!y && k) return true;
        if (!y || y->op != op || y->n_in > MAX_INPUTS)
            return tn_fail(t->err, TN_EUSAGE, "gradcheck: %s, sample %d is %s", op->name, k,
                           !y ? "NULL: give at least one" : y->op != op ? "not this op's result" : "of too many inputs");
        if (!try_all(t, op, k, describe(y))) return false;
    }
}
