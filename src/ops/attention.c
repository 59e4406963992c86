/* attention.c: softmax(scale q k^T) v for each head. The queries come in blocks: a block's scores stand in scratch, where
 * they become probabilities, and only the columns up to the diagonal are made if causal. Two numbers of each row are saved,
 * and backward makes the block again (Dao et al. 2022, "FlashAttention", without its blocks of keys: on a processor, a
 * block's rows stay in the cache whole). */
#include <math.h>
#include <stdatomic.h>
#include <string.h>

#include <tarn/op.h>
#include <tarn/ops.h>

#include "kernels/kernels.h"

/* ROWS of queries make a block. ALONE: multiplications that are not worth waking a thread for. */
enum { Q, K, V, MASK, ROWS = 64, ALONE = 1 << 17 };

/* Where the heads of q, k, v or y stand: head h of row i of batch b is width numbers from offset + (b rows + i) stride +
 * h width on. */
typedef struct side {
    int64_t rows, stride, width, offset;
} side;

static int64_t at(const side *s, int64_t b, int64_t h, int64_t i)
{
    return s->offset + (b * s->rows + i) * s->stride + h * s->width;
}

static bool is_packed(const tn_tensor *y)
{
    return !y->in[K];
}

static int place_of(const tn_tensor *y, int i)
{
    return is_packed(y) ? Q : i;
}

/* Of q, k or v. */
static side side_of(const tn_tensor *y, int i)
{
    const tn_attention_options *o = y->attr;
    const tn_tensor *x = y->in[place_of(y, i)];
    const int64_t width = x->size[2] / o->heads / (is_packed(y) ? 3 : 1);
    return (side){x->size[1], x->size[2], width, is_packed(y) ? i * o->heads * width : 0};
}

static int64_t greater(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static int64_t smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* ---- shape ------------------------------------------------------------------------------------------------------- */

static bool check_widths(const tn_tensor *y)
{
    const tn_attention_options *o = y->attr;
    const tn_tensor *q = y->in[Q], *v = y->in[V];
    const int64_t parts = is_packed(y) ? 3 : 1;
    if (o->heads < 1) return tn_op_fail(y, TN_EUSAGE, "heads is %lld, it must be at least 1", (long long)o->heads);
    if (!isfinite(o->scale)) return tn_op_fail(y, TN_EUSAGE, "scale is %g, it must be finite", o->scale);
    if (q->size[2] % parts || q->size[2] / parts % o->heads)
        return tn_op_fail(y, TN_ESHAPE, "q is %s, its last size must be a multiple of %s%lld heads", TN_STR(q),
                          parts == 3 ? "3 times " : "",
                          (long long)o->heads);
    if (v && v->size[2] % o->heads)
        return tn_op_fail(y, TN_ESHAPE, "v is %s, its last size must be a multiple of %lld heads", TN_STR(v),
                          (long long)o->heads);
    return true;
}

static bool check_sides(const tn_tensor *y)
{
    const tn_tensor *q = y->in[Q], *k = y->in[K], *v = y->in[V];
    if (q->rank != 3) return tn_op_fail(y, TN_ESHAPE, "q is %s, it must be (batch, length, heads * head)", TN_STR(q));
    if (!k != !v) return tn_op_fail(y, TN_EUSAGE, "k and v come both, or neither of them");
    if (k && (k->rank != 3 || k->size[0] != q->size[0] || k->size[2] != q->size[2]))
        return tn_op_fail(y, TN_ESHAPE, "k is %s, for q %s it must be (%lld, source, %lld)", TN_STR(k), TN_STR(q),
                          (long long)q->size[0], (long long)q->size[2]);
    if (v && (v->rank != 3 || v->size[0] != k->size[0] || v->size[1] != k->size[1]))
        return tn_op_fail(y, TN_ESHAPE, "v is %s, for k %s it must be (%lld, %lld, heads * head)", TN_STR(v), TN_STR(k),
                          (long long)k->size[0], (long long)k->size[1]);
    return check_widths(y);
}

/* The mask's step along each of (batch, heads, length, source); 0 where it is broadcast. */
typedef struct steps {
    int64_t at[4];
} steps;

static steps mask_steps(const tn_tensor *mask)
{
    steps s = {{0}};
    for (int64_t d = mask->rank - 1, n = 1; d >= 0; n *= mask->size[d--])
        if (mask->size[d] != 1) s.at[d + 4 - mask->rank] = n;
    return s;
}

static bool check_mask(const tn_tensor *y)
{
    const tn_attention_options *o = y->attr;
    const tn_tensor *mask = y->in[MASK];
    const side q = side_of(y, Q), k = side_of(y, K);
    const int64_t size[4] = {y->in[Q]->size[0], o->heads, q.rows, k.rows};
    bool fits = !mask || mask->rank <= 4;
    for (int d = 0; mask && fits && d < mask->rank; d++)
        fits = mask->size[d] == 1 || mask->size[d] == size[d + 4 - mask->rank];
    return fits || tn_op_fail(y, TN_ESHAPE, "mask is %s, it must broadcast to (batch, heads, length, source) = "
                              "(%lld, %lld, %lld, %lld)", TN_STR(mask), (long long)size[0], (long long)size[1],
                              (long long)size[2], (long long)size[3]);
}

/* What forward leaves: how many workers there is scratch for; the maximum of each row's scores, and 1 / the sum of their
 * exponentials. */
typedef struct kept {
    int     workers;
    tn_real row[];
} kept;

/* A row of n scores goes by whole lanes (kernels.h). */
static int64_t width_of(int64_t n)
{
    return (n + TN_LANES - 1) / TN_LANES * TN_LANES;
}

/* A worker's scratch: two blocks of scores, and what the products need. */
static size_t scores_bytes(const tn_tensor *y)
{
    return (size_t)(ROWS * width_of(side_of(y, K).rows)) * sizeof(tn_real);
}

static size_t worker_bytes(const tn_tensor *y)
{
    const side k = side_of(y, K), v = side_of(y, V);
    const int64_t most = greater(greater(k.rows, ROWS), greater(k.width, v.width));
    return 2 * scores_bytes(y) + (tn__gemm_scratch(most, most, most) + 63) / 64 * 64;
}

static bool reserve(tn_tensor *y)
{
    const int64_t units = y->in[Q]->size[0] * ((const tn_attention_options *)y->attr)->heads, rows = side_of(y, Q).rows;
    const double work = (double)y->n * (double)side_of(y, K).rows;
    if (!tn_alloc_saved(y, sizeof(kept) + (size_t)(2 * units * rows) * sizeof(tn_real))) return false;
    kept *saved = y->saved;
    saved->workers = work > ALONE ? tn_threads() : 1;
    return tn_alloc_scratch(y, (size_t)saved->workers * worker_bytes(y));
}

static bool attention_shape(tn_tensor *y)
{
    if (!check_sides(y) || !check_mask(y)) return false;
    const tn_attention_options *o = y->attr;
    const tn_tensor *q = y->in[Q];
    const int64_t size[] = {q->size[0], q->size[1], o->heads * side_of(y, V).width};
    return tn_set_shape(y, 3, size) && (!y->n || reserve(y));
}

/* ---- a pass ------------------------------------------------------------------------------------------------------ */

/* What the blocks of a pass have in common; grad is NULL where none is wanted. */
typedef struct pass {
    const tn__kernels *kernels;
    const tn_tensor   *y;
    kept              *saved;
    side               side[3], out; /* of q, k, v; of y */
    const tn_real     *data[3];
    tn_real           *grad[3];
    bool               first[3];
    int64_t            heads;
    tn_real            scale;
    bool               causal;
    steps              mask;
} pass;

static pass pass_of(const tn_tensor *y)
{
    const tn_attention_options *o = y->attr;
    pass p = {.kernels = tn__kernels_get(), .y = y, .saved = y->saved, .heads = o->heads, .causal = o->causal};
    for (int i = Q; i <= V; i++) {
        p.side[i] = side_of(y, i);
        p.data[i] = y->in[place_of(y, i)]->data;
    }
    p.out = (side){y->size[1], y->size[2], p.side[V].width, 0};
    p.scale = (tn_real)(o->scale != 0 || !p.side[Q].width ? o->scale : 1 / sqrt((double)p.side[Q].width));
    if (y->in[MASK]) p.mask = mask_steps(y->in[MASK]);
    return p;
}

static int64_t count_blocks(const pass *p)
{
    return (p->out.rows + ROWS - 1) / ROWS;
}

/* Queries i .. i + m of head h of batch b, which look at the first n keys. */
typedef struct block {
    int64_t  b, h, i, m, n, width;
    tn_real *scores, *grads; /* m rows of width */
    void    *scratch;
} block;

static block block_of(const pass *p, int64_t head, int64_t i, char *scratch)
{
    const size_t bytes = scores_bytes(p->y);
    block z = {.b = head / p->heads, .h = head % p->heads, .i = i * ROWS, .n = p->side[K].rows};
    z.m = smaller(ROWS, p->out.rows - z.i);
    if (p->causal) z.n = smaller(z.n, z.i + z.m);
    z.width = width_of(z.n);
    z.scores = (tn_real *)(void *)scratch;
    z.grads = (tn_real *)(void *)(scratch + bytes);
    z.scratch = scratch + 2 * bytes;
    return z;
}

/* Where the block's queries stand in q, its keys in k and v. */
static int64_t begin_of(const pass *p, int i, const block *z)
{
    return at(&p->side[i], z->b, z->h, i == Q ? z->i : 0);
}

/* How many keys row r of the block may look at, and their mask (NULL: ones). */
static int64_t open_keys(const pass *p, const block *z, int64_t r, const tn_real **mask)
{
    const int64_t n = p->causal ? smaller(z->n, z->i + r + 1) : z->n, *step = p->mask.at;
    *mask = NULL;
    if (!p->y->in[MASK]) return n;
    const tn_real *row = p->y->in[MASK]->data + z->b * step[0] + z->h * step[1] + (z->i + r) * step[2];
    if (!step[3]) return *row != 0 ? n : 0;
    *mask = row;
    return n;
}

/* The two numbers that are kept of row r. */
static tn_real *kept_row(const pass *p, const block *z, int64_t r)
{
    return p->saved->row + 2 * ((z->b * p->heads + z->h) * p->out.rows + z->i + r);
}

static void make_scores(const pass *p, const block *z)
{
    const side *q = &p->side[Q], *k = &p->side[K];
    p->kernels->gemm(false, true, z->m, z->n, q->width, p->data[Q] + begin_of(p, Q, z), q->stride,
                     p->data[K] + begin_of(p, K, z), k->stride, z->scores, z->width, false, z->scratch);
}

static void zero(int64_t n, tn_real *x)
{
    if (n > 0) memset(x, 0, (size_t)n * sizeof *x);
}

/* Workers, each with scratch of its own, take units until none is left. */
typedef void unit_function(const pass *p, int64_t unit, char *scratch);

typedef struct job {
    const pass    *p;
    unit_function *run;
    int64_t        units;
    size_t         bytes; /* of scratch for each worker */
    atomic_llong   next;
} job;

static void run_worker(int64_t me, int64_t end, void *arg)
{
    job *j = arg;
    char *scratch = (char *)tn_scratch(j->p->y) + (size_t)me * j->bytes;
    (void)end;
    for (int64_t unit; (unit = atomic_fetch_add(&j->next, 1)) < j->units;) j->run(j->p, unit, scratch);
}

static void run_units(const pass *p, int64_t units, int64_t workers, unit_function *run)
{
    job j = {.p = p, .run = run, .units = units, .bytes = worker_bytes(p->y)};
    tn_parallel_for(smaller(workers, units), 1, run_worker, &j);
}

/* ---- forward ----------------------------------------------------------------------------------------------------- */

static void make_probabilities(const pass *p, const block *z)
{
    const tn_real *mask;
    for (int64_t r = 0; r < z->m; r++) {
        const int64_t n = open_keys(p, z, r, &mask);
        p->kernels->attend(n, z->width, p->scale, mask, z->scores + r * z->width, kept_row(p, z, r));
    }
}

static void forward_block(const pass *p, int64_t unit, char *scratch)
{
    const int64_t blocks = count_blocks(p);
    const block z = block_of(p, unit / blocks, unit % blocks, scratch);
    const side *v = &p->side[V], *out = &p->out;
    make_scores(p, &z);
    make_probabilities(p, &z);
    p->kernels->gemm(false, false, z.m, v->width, z.n, z.scores, z.width, p->data[V] + begin_of(p, V, &z), v->stride,
                     p->y->data + at(out, z.b, z.h, z.i), out->stride, false, z.scratch);
}

static void attention_forward(tn_tensor *y)
{
    if (!y->n) return;
    const pass p = pass_of(y);
    run_units(&p, y->size[0] * p.heads * count_blocks(&p), p.saved->workers, forward_block);
}

/* ---- backward ---------------------------------------------------------------------------------------------------- */

/* With P the probabilities and dP = dy v^T: d scores = scale P (dP - <dP, P>), and <dP, P> = <dy, y>. Leaves P in
 * scores, d scores in grads. */
static void make_grads(const pass *p, const block *z)
{
    const side *v = &p->side[V], *out = &p->out;
    const tn_real *dy = tn_grad_out(p->y) + at(out, z->b, z->h, z->i), *y = p->y->data + at(out, z->b, z->h, z->i), *mask;
    p->kernels->gemm(false, true, z->m, z->n, v->width, dy, out->stride, p->data[V] + begin_of(p, V, z), v->stride, z->grads,
                     z->width, false, z->scratch);
    for (int64_t r = 0; r < z->m; r++, y += out->stride, dy += out->stride) {
        const int64_t n = open_keys(p, z, r, &mask);
        p->kernels->attend_grad(n, z->width, p->scale, mask, kept_row(p, z, r), p->kernels->dot(v->width, dy, y),
                                z->scores + r * z->width, z->grads + r * z->width);
    }
}

static void add_grads(const pass *p, const block *z, bool last)
{
    const side *q = &p->side[Q], *k = &p->side[K], *v = &p->side[V];
    const tn_real *dy = tn_grad_out(p->y) + at(&p->out, z->b, z->h, z->i);
    if (p->grad[Q])
        p->kernels->gemm(false, false, z->m, q->width, z->n, z->grads, z->width, p->data[K] + begin_of(p, K, z), k->stride,
                         p->grad[Q] + begin_of(p, Q, z), q->stride, !p->first[Q], z->scratch);
    if (p->grad[K])
        p->kernels->gemm(true, false, z->n, k->width, z->m, z->grads, z->width, p->data[Q] + begin_of(p, Q, z), q->stride,
                         p->grad[K] + begin_of(p, K, z), k->stride, !(p->first[K] && last), z->scratch);
    if (p->grad[V])
        p->kernels->gemm(true, false, z->n, v->width, z->m, z->scores, z->width, dy, p->out.stride,
                         p->grad[V] + begin_of(p, V, z), v->stride, !(p->first[V] && last), z->scratch);
}

/* Keys that no query looks at: those behind the last query's, if causal. */
static void zero_unseen(const pass *p, int i, const block *last)
{
    if (!p->grad[i] || !p->first[i]) return;
    for (int64_t key = last->n; key < p->side[i].rows; key++)
        zero(p->side[i].width, p->grad[i] + at(&p->side[i], last->b, last->h, key));
}

/* The last block comes first: it looks at all keys that any of them does, so it writes where the others add. */
static void backward_head(const pass *p, int64_t head, char *scratch)
{
    const int64_t last = count_blocks(p) - 1;
    for (int64_t i = last; i >= 0; i--) {
        const block z = block_of(p, head, i, scratch);
        make_scores(p, &z);
        make_grads(p, &z);
        add_grads(p, &z, i == last);
        if (i != last) continue;
        zero_unseen(p, K, &z);
        zero_unseen(p, V, &z);
    }
}

/* Takes the gradients of q, k and v. Is one of them another's too? Then they are begun with zeros. */
static bool take_grads(tn_tensor *y, pass *p)
{
    bool shared = false;
    for (int i = Q; i <= V; i++) {
        const bool again = is_packed(y) && i != Q;
        p->first[i] = again && p->first[Q];
        p->grad[i] = again ? p->grad[Q] : tn_grad(y, i, &p->first[i]);
        for (int j = Q; j < i && !again; j++) shared = shared || (p->grad[i] && p->grad[i] == p->grad[j]);
    }
    for (int i = Q; i <= V; i++)
        if (p->grad[i] && p->first[i] && (shared || !y->n)) {
            zero(y->in[place_of(y, i)]->n, p->grad[i]);
            p->first[i] = false;
        }
    return shared;
}

static void attention_backward(tn_tensor *y)
{
    pass p = pass_of(y);
    const bool shared = take_grads(y, &p);
    if (!y->n) return;
    run_units(&p, y->size[0] * p.heads, shared ? 1 : p.saved->workers, backward_head);
}

/* ---- the op ------------------------------------------------------------------------------------------------------ */

typedef struct example {
    tn_dims              q, k, v, mask; /* k of no dimensions: packed */
    tn_attention_options options;
} example;

static const example examples[] = {
    {{3, {2, 3, 4}}, {3, {2, 3, 4}}, {3, {2, 3, 4}}, {0}, {1, false, 0}},
    {{3, {2, 3, 4}}, {3, {2, 3, 4}}, {3, {2, 3, 4}}, {0}, {2, true, 0}},
    {{3, {1, 2, 6}}, {3, {1, 5, 6}}, {3, {1, 5, 3}}, {0}, {3, false, 0.5}},
    {{3, {1, 2, 4}}, {3, {1, 5, 4}}, {3, {1, 5, 6}}, {0}, {2, true, 0}},
    {{3, {1, 5, 2}}, {3, {1, 2, 2}}, {3, {1, 2, 2}}, {0}, {1, true, -1}},
    {{3, {2, 3, 12}}, {0}, {0}, {0}, {2, false, 0}},
    {{3, {2, 3, 12}}, {0}, {0}, {2, {3, 3}}, {2, true, 0}},
    {{3, {2, 3, 4}}, {3, {2, 5, 4}}, {3, {2, 5, 4}}, {4, {2, 1, 1, 5}}, {2, false, 0}},
    {{3, {2, 3, 4}}, {3, {2, 5, 4}}, {3, {2, 5, 4}}, {4, {2, 2, 3, 5}}, {2, true, 0}},
    {{3, {2, 3, 4}}, {3, {2, 5, 4}}, {3, {2, 5, 4}}, {3, {2, 3, 1}}, {2, false, 0}},
    {{3, {1, 1, 1}}, {3, {1, 1, 1}}, {3, {1, 1, 1}}, {0}, {1, true, 0}},
    {{3, {0, 3, 2}}, {3, {0, 2, 2}}, {3, {0, 2, 2}}, {0}, {1, false, 0}},
    {{3, {1, 0, 2}}, {3, {1, 2, 2}}, {3, {1, 2, 2}}, {0}, {1, true, 0}},
    {{3, {1, 2, 2}}, {3, {1, 0, 2}}, {3, {1, 0, 2}}, {0}, {1, false, 0}},
    {{3, {1, 2, 0}}, {3, {1, 3, 0}}, {3, {1, 3, 2}}, {0}, {1, true, 0}},
    {{3, {1, 2, 2}}, {3, {1, 3, 2}}, {3, {1, 3, 0}}, {0}, {1, true, 0}},
    {{3, {1, ROWS + 1, 2}}, {3, {1, 3, 2}}, {3, {1, 3, 2}}, {0}, {1, true, 0}},
};

/* Zeros and ones, the first row of them all zeros. */
static tn_tensor *sample_mask(tn_tape *t, tn_dims shape)
{
    tn_tensor *mask = shape.n ? tn_input(t, shape, NULL, false) : NULL;
    for (int64_t i = mask ? mask->size[mask->rank - 1] : 0; mask && i < mask->n; i++) mask->data[i] = i % 3 != 1;
    return mask;
}

static tn_tensor *attention_sample(tn_tape *t, int k)
{
    if (k >= (int)(sizeof examples / sizeof *examples)) return NULL;
    const example *e = &examples[k];
    tn_tensor *keys = e->k.n ? tn_sample(t, e->k, -1, 1) : NULL, *values = e->v.n ? tn_sample(t, e->v, -1, 1) : NULL;
    return tn_attention(t, tn_sample(t, e->q, -1, 1), keys, values, sample_mask(t, e->mask), e->options);
}

const tn_op tn__op_attention = {
    .name = "attention",
    .n_in = 4,
    .optional = 1u << K | 1u << V | 1u << MASK,
    .constant = 1u << MASK,
    .attr_size = sizeof(tn_attention_options),
    .shape = attention_shape,
    .forward = attention_forward,
    .backward = attention_backward,
    .sample = attention_sample,
};

tn_attention_options tn_attention_defaults(void)
{
    return (tn_attention_options){.heads = 1};
}

tn_tensor *tn_attention(tn_tape *t, tn_tensor *q, tn_tensor *k, tn_tensor *v, tn_tensor *mask, tn_attention_options options)
{
    return tn_apply(t, &tn__op_attention, 4, (tn_tensor *[]){q, k, v, mask}, &options);
}
