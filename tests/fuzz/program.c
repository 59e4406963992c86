/* program.c: bytes as a program of ops. Each instruction is a byte for the op and some for its inputs, which are tensors
 * that are there already or new ones that fit, and its options. Most programs are right; some bytes stand for what is not. */
#include "program.h"

#include <math.h>
#include <string.h>

#include <tarn/tarn.h>

#include "tests/peak.h"

#ifdef TN_DOUBLE
#define PROGRAM program_double
#else
#define PROGRAM program_float
#endif

enum { POOL = 12, LARGEST = 512, LEAVES = 48, IDS = 1024, STEPS = 24, SPECIAL = 240, MEMORY = 1 << 26 };

typedef struct program {
    const uint8_t  *at, *end;
    program_result *to;
    tn_tape        *t;
    tn_params      *ps;
    tn_tensor      *table, *mean, *var; /* of ps: (6, 4), (4), (4) */
    tn_tensor      *pool[POOL], *leaf[LEAVES];
    int             n, n_leaves;
    int32_t         id[IDS]; /* borrowed by the tape */
    int64_t         offset[IDS];
    int             ids, offsets;
    double          noise;
    uint64_t        seed;
} program;

/* ---- bytes ------------------------------------------------------------------------------------------------------- */

static int byte(program *p)
{
    return p->at < p->end ? *p->at++ : 0;
}

/* One of the numbers below n. */
static int one_of(program *p, int n)
{
    return byte(p) % n;
}

/* A number that both types have. */
static double number_of(int b)
{
    static const float special[256 - SPECIAL] = {0,       -0.0f, 1,     -1,        0x1p-30f, -0x1p-30f, 0x1p20f,     -0x1p20f,
                                                 0x1p60f, 88,    -104, 0x1p-140f, 0x1p127f, NAN,       -INFINITY, INFINITY};
    return b >= SPECIAL ? (double)special[b - SPECIAL] : (b - SPECIAL / 2) / 32.0;
}


/* For options: no wonder, and exact. */
static double small_number(program *p)
{
    return (one_of(p, 64) - 32) / 8.0;
}

static int64_t size_of(program *p)
{
    int b = byte(p);
    return b == 255 ? INT64_MAX / 3 : b == 254 ? -1 : b > 244 ? 0 : 1 + b % 5;
}

/* A dimension of x, from either end; a few are of none. */
static int64_t dim_of(program *p, const tn_tensor *x)
{
    int b = byte(p);
    return b > 250 || !x->rank ? b % 16 - 8 : b % x->rank - (b & 64 ? x->rank : 0);
}

static tn_dims dims_of(program *p, const tn_tensor *x)
{
    tn_dims dims = {one_of(p, 4), {0}};
    for (int i = 0; i < dims.n; i++) dims.at[i] = dim_of(p, x);
    return dims;
}

/* n ids below rows; a few are not. */
static tn_ids ids_of(program *p, int64_t n, int64_t rows)
{
    tn_ids ids = {p->id + p->ids, n};
    if (n > IDS - p->ids) return (tn_ids){NULL, 0};
    for (int64_t i = 0; i < n; i++) {
        int b = byte(p);
        p->id[p->ids++] = b > 253 || !rows ? (b == 255 ? INT32_MAX : -100) : (int32_t)(b % rows);
    }
    return ids;
}

static tn_bags bags_of(program *p, int64_t rows, bool last)
{
    tn_bags bags = {ids_of(p, one_of(p, 9), rows), p->offset + p->offsets, 0};
    int64_t at = 0, n = one_of(p, 5);
    if (n + 2 > IDS - p->offsets) return bags;
    for (bags.n = 0; bags.n < n; bags.n++) {
        p->offset[p->offsets++] = at;
        at += one_of(p, 4);
        if (at > bags.ids.n && byte(p) < 250) at = bags.ids.n;
    }
    if (last) p->offset[p->offsets++] = bags.ids.n;
    return bags;
}

/* ---- noise ------------------------------------------------------------------------------------------------------- */

typedef struct noise {
    double   relative, absolute;
    uint64_t seed;
} noise;

static double most; /* of this walk back until now, a gradient times a value: what its roundings are measured by */

static double random_of(uint64_t seed, int64_t i)
{
    uint64_t x = (seed + (uint64_t)i) * 0x9E3779B97F4A7C15u;
    x = (x ^ x >> 29) * 0xBF58476D1CE4E5B9u;
    x = (x ^ x >> 32) * 0x94D049BB133111EBu;
    return (double)(x >> 11) * 0x1p-52 - 1; /* in [-1, 1) */
}

/* x as a float might have it: what is too small for a normal one may be anything as small. */
static tn_real disturb(double x, noise a, int64_t i)
{
    double y = x + a.relative * x * random_of(a.seed, 3 * i) + (a.absolute + 0x1p-126) * random_of(a.seed, 3 * i + 1);
    return (tn_real)(x == 0 && a.absolute == 0 ? x : fabs(y) < 0x1p-126 ? (double)(float)y : y);
}

static bool noise_shape(tn_tensor *y)
{
    return tn_set_shape_like(y, y->in[0]);
}

static void noise_forward(tn_tensor *y)
{
    for (int64_t i = 0; i < y->n; i++) y->data[i] = disturb((double)y->in[0]->data[i], *(const noise *)y->attr, i);
}

static double largest(const tn_real *x, int64_t n, double than)
{
    for (int64_t i = 0; i < n; i++) than = fmax(than, fabs((double)x[i]));
    return than;
}

/* What op, whose backward is next, multiplies gradients by, and takes away from each other, can be this large. */
static double largest_input(const tn_tensor *op)
{
    double value = 1;
    for (int i = 0; i < op->n_in; i++)
        if (op->in[i]) value = largest(op->in[i]->data, op->in[i]->n, value);
    return value;
}

static void noise_backward(tn_tensor *y)
{
    const tn_real *g = tn_grad_out(y);
    noise          a = *(const noise *)y->attr;
    bool           first;
    tn_real       *gx = tn_grad(y, 0, &first);
    most = fmax(most, largest(g, y->n, 0) * largest_input(y->in[0]));
    a.seed++;
    a.absolute = a.relative * most;
    for (int64_t i = 0; i < y->n && gx; i++) {
        tn_real d = disturb((double)g[i], a, i);
        gx[i] = first ? d : gx[i] + d;
    }
}

static const tn_op noise_op = {.name = "noise", .n_in = 1, .attr_size = sizeof(noise), .shape = noise_shape,
                               .forward = noise_forward, .backward = noise_backward};

static noise next_noise(program *p)
{
    return (noise){p->noise * 0x1p-23, 0, p->seed += 0x632BE59BD9B4E019u};
}

/* Ops that take numbers of about 1 from each other, and are as exact as these: a logarithm's sum less 1, a gelu's erf and
 * 1, 1 less a gate of a gru, a bag's rows once max_norm has made them equally long. */
static bool is_near_one(const char *op)
{
    static const char *const names[] = {"log", "entropy", "softplus", "nll", "gelu", "gru", "bag"};
    bool is = false;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) is = is || strstr(op, names[i]);
    return is;
}

static tn_tensor *with_noise(program *p, tn_tensor *y)
{
    noise a = next_noise(p);
    if (!p->noise || !y) return y;
    if (y->op && is_near_one(y->op->name)) a.absolute = a.relative;
    return tn_apply(p->t, &noise_op, 1, &y, &a);
}

/* ---- tensors ----------------------------------------------------------------------------------------------------- */

static void record(program *p, const char *what, const tn_real *value, int64_t n, double off)
{
    program_result *r = p->to;
    if (r->n_parts == PROGRAM_PARTS || n > PROGRAM_VALUES - r->n_values) return;
    program_part *part = &r->part[r->n_parts++];
    snprintf(part->what, sizeof part->what, "%s", what);
    part->at = r->n_values;
    part->n = n;
    for (int64_t i = 0; i < n; i++) r->value[part->at + i] = (value ? (double)value[i] : 0) + off;
    r->n_values += n;
}

static void put(program *p, tn_tensor *x)
{
    p->pool[p->n < POOL ? p->n++ : one_of(p, POOL)] = x;
}

/* A new leaf: its numbers are the bytes from one of them on. */
static tn_tensor *leaf(program *p, tn_dims shape)
{
    int        b = byte(p);
    tn_tensor *x = tn_input(p->t, shape, NULL, b & 1);
    noise      a = next_noise(p);
    for (int64_t i = 0; x && i < x->n; i++)
        x->data[i] = (tn_real)number_of(b & 2 ? byte(p) : (int)((b + i * (37 + b)) % SPECIAL));
    if (x) record(p, "leaf", x->data, x->n, 0);
    for (int64_t i = 0; x && p->noise && i < x->n; i++) x->data[i] = disturb((double)x->data[i], a, i);
    if (x && b & 1 && p->n_leaves < LEAVES) p->leaf[p->n_leaves++] = x;
    if (x && x->n <= LARGEST) put(p, x);
    return x;
}

static tn_tensor *any(program *p)
{
    int     b = byte(p);
    tn_dims shape = {b % 5, {0}};
    if (p->n && b < 224) return with_noise(p, p->pool[b % p->n]);
    if (b == 255) return p->table;
    for (int i = 0; i < shape.n; i++) shape.at[i] = size_of(p);
    return leaf(p, shape);
}

static bool has_shape(const tn_tensor *x, tn_dims shape)
{
    return x->rank == shape.n && memcmp(x->size, shape.at, (size_t)shape.n * sizeof *shape.at) == 0;
}

/* One of this shape, there already or new; sometimes anything. */
static tn_tensor *fitting(program *p, tn_dims shape)
{
    int b = byte(p);
    if (b > 248) return any(p);
    for (int i = 0; i < p->n && b & 1; i++)
        if (has_shape(p->pool[i], shape)) return with_noise(p, p->pool[i]);
    return leaf(p, shape);
}

static tn_tensor *fitting_or_null(program *p, tn_dims shape)
{
    return byte(p) & 1 ? fitting(p, shape) : NULL;
}

static tn_tensor *like(program *p, const tn_tensor *x)
{
    tn_dims shape = {x->rank, {0}};
    memcpy(shape.at, x->size, sizeof shape.at);
    return fitting(p, shape);
}

static int64_t last(const tn_tensor *x)
{
    return x->rank ? x->size[x->rank - 1] : 1;
}

static int64_t rows(const tn_tensor *x)
{
    return last(x) ? x->n / last(x) : 0;
}

/* ---- instructions ------------------------------------------------------------------------------------------------ */

static tn_tensor *unary(program *p)
{
    static tn_tensor *(*const f[])(tn_tape *, tn_tensor *) = {
        tn_neg,  tn_abs,  tn_exp,     tn_expm1,    tn_log,  tn_log1p, tn_sqrt,      tn_rsqrt, tn_square, tn_reciprocal, tn_sin,
        tn_cos,  tn_tanh, tn_sigmoid, tn_softplus, tn_relu, tn_gelu,  tn_gelu_tanh, tn_silu,  tn_erf,    tn_sign};
    int k = one_of(p, (int)(sizeof f / sizeof *f));
    return f[k](p->t, f[k] == tn_sign ? tn_detach(p->t, any(p)) : any(p));
}

static tn_tensor *unary_number(program *p)
{
    tn_tensor *x = any(p);
    double     k = small_number(p);
    switch (one_of(p, 7)) {
    case 0: return tn_leaky_relu(p->t, x, k);
    case 1: return tn_elu(p->t, x, k);
    case 2: return tn_clamp(p->t, x, k, k + small_number(p));
    case 3: return tn_pow_number(p->t, x, k);
    case 4: return tn_add_number(p->t, x, k);
    case 5: return tn_mul_number(p->t, x, k);
    default: return tn_dropout(p->t, x, k < 0 ? -k / 4 : k / 4);
    }
}

static tn_tensor *binary(program *p)
{
    static tn_tensor *(*const f[])(tn_tape *, tn_tensor *, tn_tensor *) = {tn_add, tn_sub,     tn_mul,     tn_div,
                                                                           tn_pow, tn_maximum, tn_minimum, tn_matmul};
    int        k = one_of(p, (int)(sizeof f / sizeof *f));
    tn_tensor *a = any(p), *b = any(p);
    return f[k](p->t, a, b);
}

static tn_tensor *where(program *p)
{
    tn_tensor *condition = tn_detach(p->t, any(p)), *a = any(p), *b = any(p);
    return tn_where(p->t, condition, a, b);
}

static tn_tensor *reduce(program *p)
{
    static tn_tensor *(*const f[])(tn_tape *, tn_tensor *, tn_dims, bool) = {tn_sum, tn_mean, tn_max,
                                                                             tn_min, tn_var,  tn_logsumexp};
    int        k = one_of(p, (int)(sizeof f / sizeof *f));
    tn_tensor *x = any(p);
    if (!x) return NULL;
    tn_dims dims = dims_of(p, x);
    return f[k](p->t, x, dims, one_of(p, 2));
}

static tn_tensor *along(program *p)
{
    int32_t    index[LARGEST];
    tn_tensor *x = any(p);
    if (!x) return NULL;
    int64_t dim = dim_of(p, x);
    int     k = one_of(p, 3);
    if (k == 0 && x->n <= LARGEST) tn_argmax(p->t, x, dim, index);
    return k == 2 ? tn_log_softmax(p->t, x, dim) : tn_softmax(p->t, x, dim);
}

static tn_tensor *matmul(program *p)
{
    tn_tensor *a = any(p);
    unsigned   trans = (unsigned)one_of(p, 4);
    if (!a) return NULL;
    int64_t inner = a->rank > 1 && trans & TN_TRANS_A ? a->size[a->rank - 2] : last(a), n = size_of(p);
    return tn_matmul_trans(p->t, a, fitting(p, trans & TN_TRANS_B ? TN_DIMS(n, inner) : TN_DIMS(inner, n)), trans);
}

static tn_tensor *linear(program *p)
{
    tn_tensor *x = any(p);
    int64_t    out = size_of(p);
    tn_tensor *weight = x ? fitting(p, TN_DIMS(out, last(x))) : NULL;
    return tn_linear(p->t, x, weight, fitting_or_null(p, TN_DIMS(out)));
}

static tn_tensor *unfold(program *p)
{
    tn_tensor *x = byte(p) < 32 ? any(p) : fitting(p, TN_DIMS(size_of(p), size_of(p), 2 + size_of(p)));
    tn_unfold_options o = {size_of(p), size_of(p), one_of(p, 4), size_of(p)};
    return tn_unfold(p->t, x, o);
}

/* Into two sizes, or one, or with ones in front. */
static tn_tensor *reshape(program *p)
{
    tn_tensor *x = any(p);
    int        k = one_of(p, 5);
    int64_t    a = size_of(p);
    if (!x) return NULL;
    return tn_reshape(p->t, x, k == 0   ? TN_DIMS(-1)
                               : k == 1 ? TN_DIMS(a, -1)
                               : k == 2 ? TN_DIMS(1, x->n, 1)
                               : k == 3 ? TN_DIMS(a, size_of(p), -1)
                                        : TN_DIMS(rows(x), last(x)));
}

static tn_tensor *permute(program *p)
{
    tn_tensor *x = any(p);
    if (!x) return NULL;
    if (one_of(p, 2)) {
        int64_t a = dim_of(p, x), b = dim_of(p, x);
        return tn_transpose(p->t, x, a, b);
    }
    tn_dims order = {x->rank, {0}};
    int     turn = byte(p);
    for (int i = 0; i < x->rank; i++) order.at[i] = (i + turn) % x->rank;
    if (turn > 250) order.at[0] = dim_of(p, x);
    return tn_permute(p->t, x, order);
}

static tn_tensor *join(program *p)
{
    tn_tensor *x[4];
    int        n = 1 + one_of(p, 4);
    x[0] = any(p);
    if (!x[0]) return NULL;
    for (int i = 1; i < n; i++)
        if (!(x[i] = like(p, x[0]))) return NULL;
    int64_t dim = dim_of(p, x[0]);
    return one_of(p, 2) ? tn_concat(p->t, n, x, dim) : tn_stack(p->t, n, x, dim);
}

static int64_t place(program *p)
{
    int b = byte(p);
    return b == 255 ? INT64_MAX : b == 254 ? INT64_MIN : b % 12 - 5;
}

static tn_tensor *cut(program *p)
{
    tn_tensor *x = any(p);
    if (!x) return NULL;
    int64_t dim = dim_of(p, x), a = place(p), b = place(p);
    return one_of(p, 2) ? tn_slice(p->t, x, dim, a, b, size_of(p))
                        : tn_pad(p->t, x, dim, a < 0 ? -(a + 1) : a, b < 0 ? -(b + 1) : b, small_number(p));
}

static tn_tensor *gather(program *p)
{
    tn_tensor *x = any(p);
    if (!x || !x->rank) return x;
    tn_dims shape = {x->rank, {0}};
    memcpy(shape.at, x->size, sizeof shape.at);
    shape.at[0] = one_of(p, 6);
    tn_ids ids = ids_of(p, shape.at[0], x->size[0]);
    return one_of(p, 2) ? tn_gather_rows(p->t, x, ids) : tn_scatter_add_rows(p->t, x, ids, fitting(p, shape));
}

static tn_tensor *table(program *p)
{
    return byte(p) & 1 ? p->table : fitting(p, TN_DIMS(1 + one_of(p, 6), size_of(p)));
}

static tn_embedding_options embedding_options(program *p)
{
    int                  b = byte(p);
    tn_embedding_options o = tn_embedding_defaults();
    if (b & 1) o.padding_idx = b % 8 - 4;
    if (b & 2) o.max_norm = (b % 32) / 8.0;
    if (b & 32) o.norm_type = b & 64 ? 1 : 3;
    o.scale_grad_by_freq = b & 128;
    return o;
}

static tn_tensor *embedding(program *p)
{
    tn_tensor *x = table(p);
    if (!x) return NULL;
    tn_embedding_options o = embedding_options(p);
    return tn_embedding(p->t, x, ids_of(p, one_of(p, 9), x->rank ? x->size[0] : 0), o);
}

static tn_tensor *embedding_bag(program *p)
{
    tn_tensor *x = table(p);
    if (!x) return NULL;
    tn_embedding_bag_options o = {(tn_bag_mode)one_of(p, 3), byte(p) & 1, embedding_options(p)};
    tn_bags bags = bags_of(p, x->rank ? x->size[0] : 0, o.include_last_offset);
    return tn_embedding_bag(p->t, x, bags, o.mode == TN_BAG_SUM ? fitting_or_null(p, TN_DIMS(bags.ids.n)) : NULL, o);
}

static tn_tensor *masked_mean(program *p)
{
    int64_t    b = size_of(p), n = size_of(p);
    tn_tensor *x = fitting(p, TN_DIMS(b, n, size_of(p))), *mask = fitting(p, TN_DIMS(b, n));
    return tn_masked_mean(p->t, x, tn_detach(p->t, mask));
}

static tn_tensor *recurrent(program *p)
{
    int64_t    steps = size_of(p), batch = size_of(p), hidden = size_of(p);
    bool       lstm = byte(p) & 1;
    int64_t    gates = lstm ? 4 : 3;
    if (hidden > 8) return NULL;
    tn_tensor *x = fitting(p, TN_DIMS(steps, batch, gates * hidden));
    tn_tensor *state = fitting(p, lstm ? TN_DIMS(2, batch, hidden) : TN_DIMS(batch, hidden));
    tn_tensor *weight = fitting(p, TN_DIMS(gates * hidden, hidden)), *bias = fitting(p, TN_DIMS(gates * hidden));
    tn_ids     lengths = {NULL, 0};
    if (byte(p) & 1 && batch > 0 && batch < 9) {
        lengths = ids_of(p, batch, steps);
        for (int64_t i = 0; i < lengths.n; i++) p->id[p->ids - 1 - i] += p->id[p->ids - 1 - i] < INT32_MAX;
    }
    return (lstm ? tn_lstm : tn_gru)(p->t, x, state, weight, bias, lengths);
}

static tn_tensor *attention(program *p)
{
    int64_t    heads = 1 + one_of(p, 2), b = size_of(p), n = size_of(p), s = size_of(p), head = size_of(p), width = size_of(p);
    if (head > 8 || width > 8) return NULL;
    tn_attention_options o = {heads, byte(p) & 1, byte(p) & 1 ? small_number(p) : 0};
    bool       packed = byte(p) & 1;
    tn_tensor *q = fitting(p, TN_DIMS(b, n, (packed ? 3 : 1) * heads * head)), *k = NULL, *v = NULL;
    if (packed) s = n;
    else k = fitting(p, TN_DIMS(b, s, heads * head)), v = fitting(p, TN_DIMS(b, s, heads * width));
    tn_tensor *mask = fitting_or_null(p, TN_DIMS(byte(p) & 1 ? b : 1, 1, byte(p) & 1 ? n : 1, s));
    return tn_attention(p->t, q, k, v, mask ? tn_detach(p->t, mask) : NULL, o);
}

static tn_tensor *normalise(program *p)
{
    tn_tensor *x = any(p);
    if (!x) return NULL;
    double     eps = ldexp(1, -one_of(p, 17));
    tn_tensor *weight = fitting_or_null(p, TN_DIMS(last(x)));
    if (one_of(p, 2)) return tn_rms_norm(p->t, x, weight, eps);
    return tn_layer_norm(p->t, x, weight, weight ? fitting_or_null(p, TN_DIMS(last(x))) : NULL, eps);
}

static tn_tensor *batch_norm(program *p)
{
    bool       running = byte(p) & 1;
    int64_t    c = running ? 4 : size_of(p);
    tn_tensor *x = fitting(p, byte(p) & 1 ? TN_DIMS(size_of(p), c) : TN_DIMS(size_of(p), c, size_of(p)));
    tn_tensor *weight = fitting_or_null(p, TN_DIMS(c)), *bias = fitting_or_null(p, TN_DIMS(c));
    tn_batch_statistics  s = {running ? p->mean : NULL, running ? p->var : NULL, NULL};
    tn_batch_norm_options o = {byte(p) & 1, one_of(p, 9) / 8.0, ldexp(1, -one_of(p, 17))};
    return tn_batch_norm(p->t, x, weight, bias, s, o);
}

static tn_tensor *detached_like(program *p, const tn_tensor *x)
{
    return tn_detach(p->t, like(p, x));
}

static tn_tensor *labels_loss(program *p)
{
    tn_tensor *x = any(p);
    if (!x) return NULL;
    tn_cross_entropy_options o = {(tn_reduction)one_of(p, 3), byte(p) & 1 ? -100 : 1, 0};
    tn_tensor *weight = tn_detach(p->t, fitting_or_null(p, TN_DIMS(last(x))));
    if (byte(p) & 1) o.label_smoothing = one_of(p, 9) / 8.0;
    switch (one_of(p, 3)) {
    case 0: return tn_cross_entropy_prob(p->t, x, detached_like(p, x), weight, o);
    case 1: return tn_nll(p->t, x, ids_of(p, rows(x), last(x)), weight, o);
    default: return tn_cross_entropy_with(p->t, x, ids_of(p, rows(x), last(x)), weight, o);
    }
}

static tn_tensor *loss(program *p)
{
    tn_tensor   *x = any(p);
    tn_reduction r = (tn_reduction)one_of(p, 4);
    if (!x) return NULL;
    switch (one_of(p, 5)) {
    case 0: return tn_bce_with_logits(p->t, x, detached_like(p, x), tn_detach(p->t, fitting_or_null(p, TN_DIMS(last(x)))), r);
    case 1: return tn_mse(p->t, x, like(p, x), r);
    case 2: return tn_l1(p->t, x, like(p, x), r);
    case 3: return tn_huber(p->t, x, like(p, x), small_number(p), r);
    default: return tn_kl_div(p->t, x, detached_like(p, x), r);
    }
}

static tn_tensor *fresh(program *p)
{
    tn_dims shape = {one_of(p, 5), {0}};
    if (byte(p) == 255) shape.n = 9;
    for (int i = 0; i < shape.n && i < TN_MAX_RANK; i++) shape.at[i] = size_of(p);
    return leaf(p, shape);
}

/* ---- a program --------------------------------------------------------------------------------------------------- */

static tn_tensor *step(program *p)
{
    static tn_tensor *(*const f[])(program *) = {
        fresh,  unary,  unary_number, binary,        binary,      where,     reduce,    along,     matmul,     linear,      unfold, reshape,
        permute, join,  cut,          gather,        embedding,   embedding_bag, masked_mean, recurrent, attention, normalise, batch_norm,
        labels_loss, loss};
    return f[one_of(p, (int)(sizeof f / sizeof *f))](p);
}

/* What a step gives, small enough to go on with. */
static tn_tensor *taken(program *p, tn_tensor *y)
{
    if (!y) return NULL;
    const char *what = y->op ? y->op->name : "leaf";
    y = with_noise(p, y);
    if (y) record(p, what, y->data, y->n, 0);
    return y && y->n > LARGEST ? with_noise(p, tn_mean(p->t, y, TN_ALL, false)) : y;
}

static void walk_back(program *p, tn_tensor *y)
{
    tn_real dy[LARGEST];
    noise   a = next_noise(p);
    p->to->n_tensors = p->to->n_parts;
    for (int64_t i = 0; i < y->n; i++) dy[i] = p->noise ? disturb((double)(i % 7 - 2), a, i) : (tn_real)(i % 7 - 2);
    most = 4;
    if (!tn_backward_from(p->t, y, dy)) return;
    double off = a.relative * most; /* what an op takes away from a gradient of 1 is as exact as the 1 */
    for (int i = 0; i < p->n_leaves; i++) record(p, "gradient", tn_grad_data(p->leaf[i]), p->leaf[i]->n, off);
    record(p, "the table's gradient", tn_grad_data(p->table), p->table->n, off);
    tn_params_commit(p->ps);
    record(p, "the running mean", p->mean->data, p->mean->n, 0);
    record(p, "the running variance", p->var->data, p->var->n, 0);
}

static void run(program *p)
{
    tn_tensor *y = NULL, *next;
    tn_tape_begin(p->t, (byte(p) & 1 ? TN_TRAIN : 0) | TN_GRAD);
    tn_tape_set_count(p->t, 1);
    for (int i = 0; i < STEPS && p->at < p->end; i++) {
        next = taken(p, step(p));
        if (!tn_ok(p->t)) break;
        if (!next) continue;
        put(p, next);
        y = next;
    }
    p->to->n_tensors = p->to->n_parts;
    if (y && tn_ok(p->t)) walk_back(p, y);
}

/* The same parameters and buffers for each program. */
static void reset(program *p)
{
    noise a = next_noise(p);
    tn_params_zero_grad(p->ps);
    for (int i = 0; i < 24; i++) p->table->data[i] = (tn_real)number_of(5 + 9 * i);
    for (int i = 0; i < 24 && p->noise; i++) p->table->data[i] = disturb((double)p->table->data[i], a, i);
    for (int i = 0; i < 4; i++) {
        p->mean->data[i] = (tn_real)i / 4;
        p->var->data[i] = (tn_real)(1 + i);
    }
}

void PROGRAM(program_result *r, const uint8_t *bytes, size_t n, double noise_, uint64_t seed)
{
    static peak     memory;
    static program  p;
    static tn_error err;
    if (!p.ps) {
        peak_begin(&memory, MEMORY);
        p.ps = tn_params_new(1, &err);
        p.t = tn_tape_new(1, 0, &err);
        p.table = tn_param(p.ps, TN_DIMS(6, 4), tn_constant(0), "table");
        p.mean = tn_buffer(p.ps, TN_DIMS(4), tn_constant(0), "mean");
        p.var = tn_buffer(p.ps, TN_DIMS(4), tn_constant(1), "var");
    }
    p.at = bytes;
    p.end = bytes + n;
    p.to = r;
    p.n = p.n_leaves = p.ids = p.offsets = 0;
    p.noise = noise_;
    p.seed = seed;
    r->n_parts = r->n_tensors = 0;
    r->n_values = 0;
    reset(&p);
    run(&p);
    r->err = err;
    tn_error_clear(&err);
}
