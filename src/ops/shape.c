/* shape.c: broadcasting, lists of dimensions, nests of loops. */
#include "shape.h"

/* ---- broadcasting -------------------------------------------------------------------------------------------------- */

/* x's size at dimension d of rank, counted from the right; 1 where x has no dimension. */
static int64_t size_at(const tn_tensor *x, int rank, int d)
{
    int own = d - (rank - x->rank);
    return own < 0 ? 1 : x->size[own];
}

static bool same_shape(const tn_tensor *a, const tn_tensor *b)
{
    return a->rank == b->rank && !memcmp(a->size, b->size, (size_t)a->rank * sizeof *a->size);
}

/* The two inputs that differ at dimension d, counted from the end. */
static bool mismatch(const tn_tensor *y, const char *const *names, int i, int j, int rank, int d)
{
    const tn_tensor *a = y->in[i], *b = y->in[j];
    return tn_op_fail(y, TN_ESHAPE, "sizes do not broadcast: %s %s x %s %s: dimension %d is %lld and %lld; equal "
                      "sizes or a 1 go together", names[i], TN_STR(a), names[j], TN_STR(b), d - rank,
                      (long long)size_at(a, rank, d), (long long)size_at(b, rank, d));
}

/* Does x change nothing of y's shape beside like: the same shape, or a single number? */
static bool fits_in(const tn_tensor *x, const tn_tensor *like)
{
    return (x->n == 1 && x->rank <= like->rank) || same_shape(x, like);
}

bool tn__broadcast(tn_tensor *y, const char *const *names)
{
    int rank = y->in[0]->rank;
    int64_t size[TN_MAX_RANK];
    bool fit = true;
    for (int i = 1; i < y->n_in; i++) {
        if (y->in[i]->rank > rank) rank = y->in[i]->rank;
        fit = fit && fits_in(y->in[i], y->in[0]);
    }
    if (fit) return tn_set_shape_like(y, y->in[0]);
    for (int d = 0; d < rank; d++) {
        int from = 0; /* the input that the size is of */
        for (int i = 0; i < y->n_in; i++) {
            int64_t s = size_at(y->in[i], rank, d), so_far = size_at(y->in[from], rank, d);
            if (s != so_far && s != 1 && so_far != 1) return mismatch(y, names, from, i, rank, d);
            if (so_far == 1) from = i;
        }
        size[d] = size_at(y->in[from], rank, d);
    }
    return tn_set_shape(y, rank, size);
}

/* ---- dimensions ---------------------------------------------------------------------------------------------------- */

unsigned tn__dim_mask(tn_dims dims, int rank)
{
    unsigned mask = 0;
    if (!dims.n) return (1u << rank) - 1;
    for (int i = 0; i < dims.n; i++) mask |= 1u << (dims.at[i] < 0 ? dims.at[i] + rank : dims.at[i]);
    return mask;
}

bool tn__check_dims(const tn_tensor *y, int rank, tn_dims dims, unsigned *mask)
{
    if (dims.n < 0 || dims.n > TN_MAX_RANK)
        return tn_op_fail(y, TN_EUSAGE, "a list of %d dimensions; it has 0 (all) to %d", dims.n, TN_MAX_RANK);
    *mask = dims.n ? 0 : tn__dim_mask(dims, rank);
    for (int i = 0; i < dims.n; i++) {
        int64_t d = dims.at[i];
        if (!tn_wrap_dim(y, rank, &d)) return false;
        if (*mask >> d & 1) return tn_op_fail(y, TN_EUSAGE, "dimension %lld is named twice", (long long)d);
        *mask |= 1u << d;
    }
    return true;
}

void tn__split(const tn_tensor *x, int64_t dim, int64_t *outer, int64_t *inner)
{
    *outer = *inner = 1;
    for (int d = 0; d < dim; d++) *outer *= x->size[d];
    for (int d = (int)dim + 1; d < x->rank; d++) *inner *= x->size[d];
}

/* ---- nests --------------------------------------------------------------------------------------------------------- */

static void nest_start(tn__nest *w, int operands)
{
    w->rank = 0;
    w->operands = operands;
    w->row = 0;
    for (int k = 0; k < operands; k++) w->at[k] = 0;
}

/* Puts a dimension around those that are there, merged with the outermost of them if all operands go on evenly. */
static void nest_wrap(tn__nest *w, int64_t size, const int64_t *step)
{
    int top = w->rank - 1;
    bool even = top >= 0;
    if (size == 1) return;
    for (int k = 0; k < w->operands && even; k++) even = step[k] == w->step[k][top] * w->size[top];
    if (even) {
        w->size[top] *= size;
        return;
    }
    w->size[w->rank] = size;
    w->index[w->rank] = 0;
    for (int k = 0; k < w->operands; k++) w->step[k][w->rank] = step[k];
    w->rank++;
}

static void nest_end(tn__nest *w)
{
    if (!w->rank) { /* a single element */
        w->rank = 1;
        w->size[0] = 1;
        for (int k = 0; k < w->operands; k++) w->step[k][0] = 1;
    }
    w->n = w->size[0];
}

/* Most calls are one row: inputs of one shape, but for single numbers. */
static bool nest_is_one_row(tn__nest *w, const tn_tensor *y)
{
    w->rank = 1;
    w->size[0] = w->n = y->n;
    for (int k = 0; k < y->n_in; k++) {
        w->step[k][0] = y->in[k]->n == y->n;
        if (y->in[k]->n != y->n && y->in[k]->n != 1) return false;
    }
    return true;
}

void tn__nest_broadcast(tn__nest *w, const tn_tensor *y)
{
    int64_t stride[TN__OPERANDS], step[TN__OPERANDS];
    nest_start(w, y->n_in);
    if (nest_is_one_row(w, y)) return;
    w->rank = 0;
    for (int k = 0; k < y->n_in; k++) stride[k] = 1;
    for (int d = y->rank - 1; d >= 0; d--) {
        for (int k = 0; k < y->n_in; k++) {
            int64_t size = size_at(y->in[k], y->rank, d);
            step[k] = size == 1 ? 0 : stride[k];
            stride[k] *= size;
        }
        nest_wrap(w, y->size[d], step);
    }
    nest_end(w);
}

void tn__nest_reduce(tn__nest *w, const tn_tensor *x, unsigned mask)
{
    int64_t stride = 1;
    nest_start(w, 1);
    for (int d = x->rank - 1; d >= 0; d--) {
        int64_t step = mask >> d & 1 ? 0 : stride;
        if (step) stride *= x->size[d];
        nest_wrap(w, x->size[d], &step);
    }
    nest_end(w);
}

void tn__nest_permute(tn__nest *w, int rank, const int64_t *size, const int64_t *from)
{
    int64_t stride = 1;
    nest_start(w, 2);
    for (int d = rank - 1; d >= 0; d--) {
        int64_t step[2] = {from[d], stride};
        stride *= size[d];
        nest_wrap(w, size[d], step);
    }
    nest_end(w);
}

bool tn__nest_next(tn__nest *w)
{
    w->row++;
    for (int d = 1; d < w->rank; d++) {
        bool more = ++w->index[d] < w->size[d];
        for (int k = 0; k < w->operands; k++) w->at[k] += more ? w->step[k][d] : -w->step[k][d] * (w->size[d] - 1);
        if (more) return true;
        w->index[d] = 0;
    }
    return false;
}

bool tn__nest_is_new(const tn__nest *w, int k)
{
    for (int d = 1; d < w->rank; d++)
        if (!w->step[k][d] && w->index[d]) return false;
    return true;
}

tn_real tn__sum_lanes(tn_real *lane)
{
    for (int half = TN__LANES / 2; half; half /= 2)
        for (int l = 0; l < half; l++) lane[l] += lane[l + half];
    return lane[0];
}
