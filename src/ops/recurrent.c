/* recurrent.c: GRU (Cho et al. 2014) and LSTM (Hochreiter and Schmidhuber 1997) over all steps of a sequence. The rows of a
 * batch know nothing of each other, so some of them go through all steps as a piece of the work; the gradient of the
 * weight is one product at the end, over all rows and steps. */
#include "kernels/kernels.h"
#include "shape.h"

#include <tarn/ops.h>

/* ALONE: multiplications that are not worth waking a thread for. LEAST: rows of the batch in a piece. */
enum { X, STATE, WEIGHT, BIAS, MOST_STATES = 2, ALONE = 1 << 17, LEAST = 4 };

/* One row at one step; n is the hidden size. Of the gates come n numbers each, one gate behind the other. */
typedef struct row {
    int64_t        n;
    const tn_real *x, *bias;
    tn_real       *kept; /* in forward, the gates of weight h at first; what backward needs of the step then */
    const tn_real *old[MOST_STATES];
    tn_real       *now[MOST_STATES];
    const tn_real *dy[MOST_STATES];    /* the gradient of now from outside, */
    tn_real       *carry[MOST_STATES]; /* and from the next step; becomes that of old, without its part by weight */
    tn_real       *d, *dx;             /* the gradients of the gates of weight h, and of x; dx NULL: not wanted */
    bool           first;
} row;

typedef struct cell {
    int64_t gates, states, kept; /* kept: times n */
    void    (*forward)(const row *z);
    void    (*backward)(const row *z);
} cell;

typedef struct attributes {
    const cell *cell;
    tn_ids      lengths;
} attributes;

/* ---- GRU: kept are r, z, n, and what r multiplies -------------------------------------------------------------------- */

static void gru_row(const row *w)
{
    const int64_t n = w->n;
    tn_real *r = w->kept, *z = r + n, *fresh = z + n, *inner = fresh + n;
    for (int64_t i = 0; i < 2 * n; i++) r[i] += w->x[i] + w->bias[i];
    tn__kernels_get()->sigmoid(2 * n, r, r);
    for (int64_t i = 0; i < n; i++) inner[i] = fresh[i] + w->bias[2 * n + i];
    for (int64_t i = 0; i < n; i++) fresh[i] = w->x[2 * n + i] + r[i] * inner[i];
    tn__kernels_get()->tanh(n, fresh, fresh);
    for (int64_t i = 0; i < n; i++) w->now[0][i] = (1 - z[i]) * fresh[i] + z[i] * w->old[0][i];
}

static void gru_row_grad(const row *w)
{
    const int64_t n = w->n;
    const tn_real *r = w->kept, *z = r + n, *fresh = z + n, *inner = fresh + n;
    tn_real *dr = w->d, *dz = dr + n, *dfresh = dz + n;
    for (int64_t i = 0; i < n; i++) {
        const tn_real dh = w->dy[0][i] + w->carry[0][i];
        dfresh[i] = dh * (1 - z[i]) * (1 - fresh[i] * fresh[i]);
        dz[i] = dh * (w->old[0][i] - fresh[i]) * z[i] * (1 - z[i]);
        dr[i] = dfresh[i] * inner[i] * r[i] * (1 - r[i]);
        w->carry[0][i] = dh * z[i];
    }
    if (w->dx) tn__put(w->first, 3 * n, w->d, w->dx);
    for (int64_t i = 0; i < n; i++) dfresh[i] *= r[i];
}

/* ---- LSTM: kept are i, f, g, o ----------------------------------------------------------------------------------------- */

static void lstm_row(const row *w)
{
    const int64_t n = w->n;
    tn_real *in = w->kept, *forget = in + n, *fresh = forget + n, *out = fresh + n, *h = w->now[0], *c = w->now[1];
    for (int64_t i = 0; i < 4 * n; i++) in[i] += w->x[i] + w->bias[i];
    tn__kernels_get()->sigmoid(2 * n, in, in);
    tn__kernels_get()->tanh(n, fresh, fresh);
    tn__kernels_get()->sigmoid(n, out, out);
    for (int64_t i = 0; i < n; i++) c[i] = forget[i] * w->old[1][i] + in[i] * fresh[i];
    tn__kernels_get()->tanh(n, c, h);
    for (int64_t i = 0; i < n; i++) h[i] *= out[i];
}

static void lstm_row_grad(const row *w)
{
    const int64_t n = w->n;
    const tn_real *in = w->kept, *forget = in + n, *fresh = forget + n, *out = fresh + n;
    tn_real *din = w->d, *dforget = din + n, *dfresh = dforget + n, *dout = dfresh + n;
    tn__kernels_get()->tanh(n, w->now[1], dout);
    for (int64_t i = 0; i < n; i++) {
        const tn_real dh = w->dy[0][i] + w->carry[0][i], tanh_c = dout[i];
        const tn_real dc = w->dy[1][i] + w->carry[1][i] + dh * out[i] * (1 - tanh_c * tanh_c);
        din[i] = dc * fresh[i] * in[i] * (1 - in[i]);
        dforget[i] = dc * w->old[1][i] * forget[i] * (1 - forget[i]);
        dfresh[i] = dc * in[i] * (1 - fresh[i] * fresh[i]);
        dout[i] = dh * tanh_c * out[i] * (1 - out[i]);
        w->carry[0][i] = 0;
        w->carry[1][i] = dc * forget[i];
    }
    if (w->dx) tn__put(w->first, 4 * n, w->d, w->dx);
}

static const cell gru_cell = {3, 1, 4, gru_row, gru_row_grad}, lstm_cell = {4, 2, 4, lstm_row, lstm_row_grad};

/* ---- shape --------------------------------------------------------------------------------------------------------- */

typedef struct sizes {
    int64_t steps, batch, n, gates; /* gates: times n */
} sizes;

static const cell *cell_of(const tn_tensor *y)
{
    return ((const attributes *)y->attr)->cell;
}

static sizes sizes_of(const tn_tensor *y)
{
    const int64_t *x = y->in[X]->size;
    return (sizes){x[0], x[1], x[2] / cell_of(y)->gates, x[2]};
}

static bool check_shape(const tn_tensor *y, int i, const char *name, tn_tensor wanted)
{
    const tn_tensor *x = y->in[i];
    bool same = x->rank == wanted.rank;
    for (int d = 0; d < wanted.rank && same; d++) same = x->size[d] == wanted.size[d];
    return same || tn_op_fail(y, TN_ESHAPE, "%s is %s, for x %s it must be %s", name, TN_STR(x), TN_STR(y->in[X]),
                              TN_STR(&wanted));
}

static bool check_inputs(const tn_tensor *y)
{
    const cell *c = cell_of(y);
    const tn_tensor *x = y->in[X];
    if (x->rank != 3 || x->size[2] % c->gates)
        return tn_op_fail(y, TN_ESHAPE, "x is %s, it must be (steps, batch, %lld * hidden)", TN_STR(x), (long long)c->gates);
    if (!x->size[0]) return tn_op_fail(y, TN_ESHAPE, "x is %s, it must have a step at least", TN_STR(x));
    const sizes s = sizes_of(y);
    const tn_tensor one = {.rank = 2, .size = {s.batch, s.n}}, both = {.rank = 3, .size = {2, s.batch, s.n}};
    return check_shape(y, STATE, "state", c->states == 1 ? one : both) &&
           check_shape(y, WEIGHT, "weight", (tn_tensor){.rank = 2, .size = {s.gates, s.n}}) &&
           check_shape(y, BIAS, "bias", (tn_tensor){.rank = 1, .size = {s.gates}});
}

static bool check_lengths(const tn_tensor *y, tn_ids lengths)
{
    const sizes s = sizes_of(y);
    if (!lengths.id && !lengths.n) return true;
    if (!lengths.id || lengths.n != s.batch)
        return tn_op_fail(y, TN_ESHAPE, "there are %lld lengths%s for a batch of %lld", (long long)lengths.n,
                          lengths.id ? "" : " at NULL", (long long)s.batch);
    for (int64_t b = 0; b < s.batch; b++)
        if (lengths.id[b] < 1 || lengths.id[b] > s.steps)
            return tn_op_fail(y, TN_EINDEX, "length %d at position %lld is outside [1, %lld]", (int)lengths.id[b],
                              (long long)b, (long long)s.steps);
    return true;
}

/* How the work is cut, and what forward leaves of each row at each step. */
typedef struct kept {
    int64_t pieces;
    tn_real row[];
} kept;

static int64_t count_pieces(const sizes *s)
{
    const double work = (double)s->steps * (double)s->batch * (double)s->gates * (double)s->n;
    const int64_t most = 1 + s->batch / LEAST, threads = tn_threads();
    return work <= ALONE ? 1 : threads < most ? threads : most;
}

static size_t product_bytes(const sizes *s)
{
    int64_t most = s->gates > s->batch ? s->gates : s->batch;
    if (s->steps * s->batch > most) most = s->steps * s->batch;
    return (tn__gemm_scratch(most, most, most) + 63) / 64 * 64;
}

/* scratch: for backward the gradients of the gates at all steps and those of the states; for the products of a piece. */
static size_t gradient_bytes(const sizes *s)
{
    return ((size_t)(s->batch * (s->steps * s->gates + MOST_STATES * s->n)) * sizeof(tn_real) + 63) / 64 * 64;
}

static bool recurrent_shape(tn_tensor *y)
{
    const cell *c = cell_of(y);
    if (!check_inputs(y) || !check_lengths(y, ((const attributes *)y->attr)->lengths)) return false;
    const sizes s = sizes_of(y);
    const int64_t size[] = {c->states, s.steps, s.batch, s.n};
    const size_t row_bytes = (size_t)(c->kept * s.n) * sizeof(tn_real);
    if (!tn_alloc_saved(y, sizeof(kept) + (size_t)(s.steps * s.batch) * row_bytes)) return false;
    ((kept *)y->saved)->pieces = count_pieces(&s);
    return tn_alloc_scratch(y, gradient_bytes(&s) + (size_t)count_pieces(&s) * product_bytes(&s)) &&
           (c->states == 1 ? tn_set_shape(y, 3, size + 1) : tn_set_shape(y, 4, size));
}

/* ---- a pass -------------------------------------------------------------------------------------------------------- */

typedef struct pass {
    const tn_tensor *y;
    const cell      *cell;
    const int32_t   *length; /* NULL: all steps */
    sizes            s;
    const tn_real   *dy;
    tn_real         *d, *carry, *dx, *dweight, *dbias;
    bool             first, first_weight, first_bias;
} pass;

static pass pass_of(const tn_tensor *y)
{
    pass p = {.y = y, .cell = cell_of(y), .length = ((const attributes *)y->attr)->lengths.id, .s = sizes_of(y)};
    p.d = tn_scratch(y);
    p.carry = p.d + p.s.batch * p.s.steps * p.s.gates;
    return p;
}

/* [0, n) in as many pieces as there is scratch for; f finds its own by where it begins. */
static int64_t grain(const pass *p, int64_t n)
{
    const int64_t pieces = ((const kept *)p->y->saved)->pieces;
    return (n + pieces - 1) / pieces;
}

static void each_piece(pass *p, int64_t n, void (*f)(int64_t begin, int64_t end, void *arg))
{
    if (n) tn_parallel_for(n, grain(p, n), f, p);
}

/* Rows of no units have nothing to do at any step, and may be given 2^60 steps. */
static int64_t count_rows(const pass *p)
{
    return p->s.n ? p->s.batch : 0;
}

static void *product_scratch(const pass *p, int64_t begin, int64_t n)
{
    return (char *)tn_scratch(p->y) + gradient_bytes(&p->s) + (size_t)(begin / grain(p, n)) * product_bytes(&p->s);
}

/* State k of row b before and after a step. */
static const tn_real *old_state(const pass *p, int64_t k, int64_t step, int64_t b)
{
    const sizes *s = &p->s;
    if (!step) return p->y->in[STATE]->data + (k * s->batch + b) * s->n;
    return p->y->data + ((k * s->steps + step - 1) * s->batch + b) * s->n;
}

static tn_real *kept_row(const pass *p, int64_t step, int64_t b)
{
    return ((kept *)p->y->saved)->row + (step * p->s.batch + b) * p->cell->kept * p->s.n;
}

static row row_of(const pass *p, int64_t step, int64_t b)
{
    const sizes *s = &p->s;
    const int64_t at = (step * s->batch + b) * s->gates;
    row z = {.n = s->n, .x = p->y->in[X]->data + at, .bias = p->y->in[BIAS]->data, .kept = kept_row(p, step, b)};
    for (int64_t k = 0; k < p->cell->states; k++) {
        const int64_t place = ((k * s->steps + step) * s->batch + b) * s->n;
        z.old[k] = old_state(p, k, step, b);
        z.now[k] = p->y->data + place;
        z.dy[k] = p->dy ? p->dy + place : NULL;
        z.carry[k] = p->carry + (k * s->batch + b) * s->n;
    }
    z.d = p->d + at;
    z.dx = p->dx ? p->dx + at : NULL;
    z.first = p->first;
    return z;
}

static bool is_over(const pass *p, int64_t step, int64_t b)
{
    return p->length && step >= p->length[b];
}

/* ---- forward ------------------------------------------------------------------------------------------------------- */

static void forward_row(const pass *p, int64_t step, int64_t b)
{
    const row z = row_of(p, step, b);
    if (!is_over(p, step, b)) p->cell->forward(&z);
    else for (int64_t k = 0; k < p->cell->states; k++) tn__put(true, z.n, z.old[k], z.now[k]);
}

static void forward_rows(int64_t begin, int64_t end, void *arg)
{
    const pass *p = arg;
    const sizes *s = &p->s;
    for (int64_t step = 0; step < s->steps; step++) {
        tn__kernels_get()->gemm(false, true, end - begin, s->gates, s->n, old_state(p, 0, step, begin), s->n,
                                p->y->in[WEIGHT]->data, s->n, kept_row(p, step, begin), p->cell->kept * s->n, false,
                                product_scratch(p, begin, s->batch));
        for (int64_t b = begin; b < end; b++) forward_row(p, step, b);
    }
}

static void recurrent_forward(tn_tensor *y)
{
    pass p = pass_of(y);
    each_piece(&p, count_rows(&p), forward_rows);
}

/* ---- backward ------------------------------------------------------------------------------------------------------ */

/* Of a row that is over, the state is the last one, and nothing else had a part in it. */
static void pass_on(const pass *p, const row *z)
{
    for (int64_t k = 0; k < p->cell->states; k++) tn__put(false, z->n, z->dy[k], z->carry[k]);
    tn__zero(p->s.gates, z->d);
    if (z->dx && z->first) tn__zero(p->s.gates, z->dx);
}

static void backward_rows(int64_t begin, int64_t end, void *arg)
{
    const pass *p = arg;
    const sizes *s = &p->s;
    for (int64_t k = 0; k < p->cell->states; k++) tn__zero((end - begin) * s->n, p->carry + (k * s->batch + begin) * s->n);
    for (int64_t step = s->steps - 1; step >= 0; step--) {
        for (int64_t b = begin; b < end; b++) {
            const row z = row_of(p, step, b);
            if (is_over(p, step, b)) pass_on(p, &z);
            else p->cell->backward(&z);
        }
        tn__kernels_get()->gemm(false, false, end - begin, s->n, s->gates, p->d + (step * s->batch + begin) * s->gates,
                                s->gates, p->y->in[WEIGHT]->data, s->n, p->carry + begin * s->n, s->n, true,
                                product_scratch(p, begin, s->batch));
    }
}

/* Rows of the weight's gradient: the gates' gradients at all steps, times the states before them. */
static void weight_rows(int64_t begin, int64_t end, void *arg)
{
    const pass *p = arg;
    const sizes *s = &p->s;
    const int64_t later = (s->steps - 1) * s->batch;
    tn_real *to = p->dweight + begin * s->n;
    void *scratch = product_scratch(p, begin, s->gates);
    tn__kernels_get()->gemm(true, false, end - begin, s->n, s->batch, p->d + begin, s->gates, old_state(p, 0, 0, 0), s->n, to,
                            s->n, !p->first_weight, scratch);
    tn__kernels_get()->gemm(true, false, end - begin, s->n, later, p->d + s->batch * s->gates + begin, s->gates, p->y->data,
                            s->n, to, s->n, true, scratch);
}

static void bias_rows(int64_t begin, int64_t end, void *arg)
{
    const pass *p = arg;
    if (p->first_bias) tn__zero(end - begin, p->dbias + begin);
    for (int64_t r = 0; r < p->s.steps * p->s.batch; r++)
        tn__kernels_get()->axpy(end - begin, 1, p->d + r * p->s.gates + begin, p->dbias + begin);
}

static void recurrent_backward(tn_tensor *y)
{
    pass p = pass_of(y);
    p.dy = tn_grad_out(y);
    p.dx = tn_grad(y, X, &p.first);
    each_piece(&p, count_rows(&p), backward_rows);
    bool first;
    tn_real *dstate = tn_grad(y, STATE, &first);
    if (dstate) tn__put(first, y->in[STATE]->n, p.carry, dstate);
    p.dweight = tn_grad(y, WEIGHT, &p.first_weight);
    if (p.dweight) each_piece(&p, p.s.gates, weight_rows);
    p.dbias = tn_grad(y, BIAS, &p.first_bias);
    if (p.dbias) each_piece(&p, p.s.gates, bias_rows);
}

/* ---- the ops ------------------------------------------------------------------------------------------------------- */

static tn_tensor *sample_of(tn_tape *t, int k, const cell *c, const tn_op *op)
{
    static const int32_t lengths[] = {2, 4, 1, 3};
    static const struct { int64_t steps, batch, n; bool lengths; } sample[] = {
        {1, 1, 1, false}, {1, 2, 3, false}, {4, 2, 3, false}, {4, 4, 2, true}, {3, 1, 5, false}, {4, 2, 1, true},
        {2, 0, 3, false}, {2, 3, 0, false}, {4, 0, 2, true},
    };
    if (k >= (int)(sizeof sample / sizeof *sample)) return NULL;
    const int64_t steps = sample[k].steps, batch = sample[k].batch, n = sample[k].n;
    const attributes attr = {c, {sample[k].lengths ? lengths : NULL, sample[k].lengths ? batch : 0}};
    tn_tensor *in[] = {tn_sample(t, TN_DIMS(steps, batch, c->gates * n), -1, 1),
                       tn_sample(t, c->states == 1 ? TN_DIMS(batch, n) : TN_DIMS(2, batch, n), -1, 1),
                       tn_sample(t, TN_DIMS(c->gates * n, n), -1, 1), tn_sample(t, TN_DIMS(c->gates * n), -1, 1)};
    return tn_apply(t, op, 4, in, &attr);
}

#define OP(f) \
    static tn_tensor *f##_sample(tn_tape *t, int k); \
    const tn_op tn__op_##f = {.name = #f, .n_in = 4, .attr_size = sizeof(attributes), .shape = recurrent_shape, \
                              .forward = recurrent_forward, .backward = recurrent_backward, .sample = f##_sample}; \
    static tn_tensor *f##_sample(tn_tape *t, int k) { return sample_of(t, k, &f##_cell, &tn__op_##f); }
OP(gru)
OP(lstm)

tn_tensor *tn_gru(tn_tape *t, tn_tensor *x, tn_tensor *state, tn_tensor *weight, tn_tensor *bias, tn_ids lengths)
{
    const attributes attr = {&gru_cell, lengths};
    return tn_apply(t, &tn__op_gru, 4, (tn_tensor *[]){x, state, weight, bias}, &attr);
}

tn_tensor *tn_lstm(tn_tape *t, tn_tensor *x, tn_tensor *state, tn_tensor *weight, tn_tensor *bias, tn_ids lengths)
{
    const attributes attr = {&lstm_cell, lengths};
    return tn_apply(t, &tn__op_lstm, 4, (tn_tensor *[]){x, state, weight, bias}, &attr);
}
