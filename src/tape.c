/* tape.c: one step's tensors in order of creation, and the door that ops come in by. */
#include <math.h>
#include <string.h>

#include "engine.h"

/* ---- a tape's life ------------------------------------------------------------------------------------------------- */

tn_tape *tn_tape_new(uint64_t seed, uint64_t stream, tn_error *err)
{
    if (!err || err->code) return NULL;
    tn_tape *t = tn_calloc(1, sizeof *t);
    if (!t) {
        tn_fail(err, TN_EMEMORY, "tn_tape_new: out of memory");
        return NULL;
    }
    t->err = err;
    t->seed = seed;
    t->stream = stream;
    return t;
}

void tn_tape_free(tn_tape *t)
{
    if (!t) return;
    tn__arena_free(&t->arena);
    tn__profile_free(&t->profile);
    tn_free(t->node);
    tn_free(t);
}

static void drop(tn_tape *t)
{
    tn__arena_rewind(&t->arena);
    t->n_nodes = 0;
    t->n_random = t->n_samples = 0;
    t->scratch = NULL;
    t->scratch_bytes = 0;
    t->proposals = NULL;
    t->state = TN__CLOSED;
}

void tn_tape_begin(tn_tape *t, unsigned mode)
{
    if (!tn_ok(t)) return;
    if (mode & ~(unsigned)(TN_GRAD | TN_TRAIN)) {
        tn_fail(t->err, TN_EUSAGE, "tn_tape_begin: mode %u is not TN_EVAL, TN_GRAD, TN_TRAIN or TN_GRAD | TN_TRAIN", mode);
        return;
    }
    drop(t);
    t->mode = mode;
    t->count += (mode & TN_TRAIN) != 0;
    t->state = TN__OPEN;
}

void tn_tape_trim(tn_tape *t)
{
    if (!t) return;
    tn__arena_free(&t->arena);
    drop(t);
    tn_free(t->node);
    t->node = NULL;
    t->capacity = 0;
}

unsigned tn_tape_mode(const tn_tape *t)
{
    return t ? t->mode : TN_EVAL;
}

tn_error *tn_tape_error(const tn_tape *t)
{
    return t ? t->err : NULL;
}

bool tn_ok(const tn_tape *t)
{
    return t && !t->err->code;
}

uint64_t tn_tape_count(const tn_tape *t)
{
    return t ? t->count : 0;
}

void tn_tape_set_count(tn_tape *t, uint64_t count)
{
    if (t) t->count = count;
}

size_t tn_tape_bytes(const tn_tape *t)
{
    return t ? t->arena.bytes + (size_t)t->capacity * sizeof *t->node : 0;
}

int64_t tn__tape_count_nodes(const tn_tape *t)
{
    return t ? t->n_nodes : 0;
}

tn_tensor *tn__tape_node(const tn_tape *t, int64_t i)
{
    return t && i >= 0 && i < t->n_nodes ? &t->node[i]->pub : NULL;
}

/* ---- nodes --------------------------------------------------------------------------------------------------------- */

static void *out_of_memory(tn_tape *t, const char *who, size_t bytes)
{
    tn_fail(t->err, TN_EMEMORY, "%s: out of memory (%zu bytes wanted, %zu in use)", who, bytes, t->arena.bytes);
    return NULL;
}

static void *take(tn_tape *t, const char *who, size_t bytes)
{
    void *p = tn__arena_alloc(&t->arena, bytes);
    return p ? p : out_of_memory(t, who, bytes);
}

static bool append(tn_tape *t, tn__node *v)
{
    if (t->n_nodes == t->capacity) {
        int64_t capacity = t->capacity ? 2 * t->capacity : 256;
        tn__node **node = tn_realloc(t->node, (size_t)capacity * sizeof *node);
        if (!node) return tn_fail(t->err, TN_EMEMORY, "tape: out of memory for %lld tensors", (long long)capacity);
        t->node = node;
        t->capacity = capacity;
    }
    v->index = t->n_nodes;
    t->node[t->n_nodes++] = v;
    return true;
}

/* A node with room for n inputs and attributes behind it. */
static tn__node *new_node(tn_tape *t, const char *who, int n, size_t attr_size)
{
    size_t inputs = ((size_t)n * sizeof(tn_tensor *) + 15) / 16 * 16;
    size_t bytes = sizeof(tn__node) + 16 + inputs + attr_size;
    tn__node *v = tn__arena_calloc(&t->arena, bytes);
    if (!v) return out_of_memory(t, who, bytes);
    char *behind = (char *)v + (sizeof *v + 15) / 16 * 16;
    v->pub.in = n ? (tn_tensor **)(void *)behind : NULL;
    v->pub.attr = attr_size ? behind + inputs : NULL;
    v->pub.n_in = n;
    v->pub.tape = t;
    v->root = v;
    return v;
}

/* May something be added to t now? */
static bool is_open(const tn_tape *t, const char *who)
{
    if (t->state == TN__OPEN) return true;
    if (t->state == TN__SPENT)
        return tn_fail(t->err, TN_EUSAGE, "%s: this tape is spent: tn_backward has walked it; "
                       "begin the next step with tn_tape_begin", who);
    return tn_fail(t->err, TN_EUSAGE, "%s: no step has begun on this tape: call tn_tape_begin first, with "
                   "TN_GRAD | TN_TRAIN to train or TN_EVAL to predict", who);
}

/* Is x of this tape and step? Leaves of params are of every tape. Reads x before anything says that it is alive: under
 * AddressSanitizer a stale tensor is caught right here. */
static bool is_current(const tn_tape *t, const tn_tensor *x)
{
    return tn__is_leaf_of_params(x) || tn__is_on(t, x);
}

static bool check_current(const tn_tape *t, const char *who, const tn_tensor *x, int i)
{
    if (is_current(t, x)) return true;
    if (x->tape != t)
        return tn_fail(t->err, TN_EUSAGE, "%s: input %d %s is of another tape; copy it with tn_input", who, i, TN_STR(x));
    return tn_fail(t->err, TN_EUSAGE, "%s: input %d %s is of an earlier step, and gone; copy its data before "
                   "tn_tape_begin, and give it to tn_input after", who, i, TN_STR(x));
}

/* ---- the door ------------------------------------------------------------------------------------------------------ */

static bool wants_gradient(const tn_tape *t, const tn_tensor *x)
{
    return t->mode & TN_GRAD && tn__wants(x);
}

static bool check_input(const tn_tape *t, const tn_op *op, int i, tn_tensor *x)
{
    unsigned bit = i < 32 ? 1u << i : 0;
    if (!x) {
        if (op->optional & bit) return true;
        return tn_fail(t->err, TN_EUSAGE, "%s: input %d is NULL, and no earlier error says why: is a layer used "
                       "before its _init?", op->name, i);
    }
    if (!check_current(t, op->name, x, i)) return false;
    if (op->constant & bit && wants_gradient(t, x))
        return tn_fail(t->err, TN_EUSAGE, "%s: input %d %s wants a gradient, and gets none here: give tn_detach(t, x)",
                       op->name, i, TN_STR(x));
    return true;
}

/* May op be applied to these inputs? *wanted: does one of them want a gradient? */
static bool check_call(const tn_tape *t, const tn_op *op, int n, tn_tensor *const *in, bool *wanted)
{
    if (!op || !op->name || !op->shape) return tn_fail(t->err, TN_EUSAGE, "tn_apply: the op needs a name and a shape function");
    if (!is_open(t, op->name)) return false;
    if (op->n_in >= 0 && n != op->n_in)
        return tn_fail(t->err, TN_EUSAGE, "%s: takes %d inputs, was given %d", op->name, op->n_in, n);
    if (n < 0 || (n && !in)) return tn_fail(t->err, TN_EUSAGE, "%s: %d inputs%s", op->name, n, n < 0 ? "" : ", at NULL");
    for (int i = 0; i < n; i++) {
        if (!check_input(t, op, i, in[i])) return false;
        *wanted = *wanted || wants_gradient(t, in[i]);
    }
    return true;
}

/* Refuses a gradient that nobody could compute. */
static bool mark_wanted(tn__node *v)
{
    if (!v->pub.op->backward && v->pub.op->forward)
        return tn_op_fail(&v->pub, TN_EUSAGE, "has no gradient, and an input wants one: give it tn_detach(t, x)");
    v->flags |= TN__WANTS;
    return true;
}

static bool fill(tn__node *v)
{
    tn_tensor *y = &v->pub;
    if (v->root != v) {
        y->data = v->root->pub.data;
        return true;
    }
    y->data = take(y->tape, y->op->name, (size_t)y->n * sizeof *y->data);
    if (!y->data) return false;
    if (y->op->forward) tn__run(y, y->op->forward);
    return true;
}

tn_tensor *tn_apply(tn_tape *t, const tn_op *op, int n, tn_tensor *const *in, const void *attr)
{
    bool wanted = false;
    if (!tn_ok(t) || !check_call(t, op, n, in, &wanted)) return NULL;
    tn__node *v = new_node(t, op->name, n, op->attr_size);
    if (!v) return NULL;
    tn_tensor *y = &v->pub;
    for (int i = 0; i < n; i++) y->in[i] = in[i];
    if (attr && op->attr_size) memcpy((void *)(uintptr_t)y->attr, attr, op->attr_size);
    y->op = op;
    y->n = -1; /* until shape sets it */
    if ((wanted && !mark_wanted(v)) || !op->shape(y) || t->err->code) return NULL;
    if (y->n < 0) {
        tn_op_fail(y, TN_EUSAGE, "its shape function sets no shape: call tn_set_shape");
        return NULL;
    }
    return fill(v) && (!t->checking || tn__check_forward(y)) && append(t, v) ? y : NULL;
}

/* ---- what shape functions call ------------------------------------------------------------------------------------- */

bool tn_set_shape(tn_tensor *y, int rank, const int64_t *size)
{
    char fault[TN__SHAPE_FAULT];
    if (!y || (rank > 0 && !size)) return tn_op_fail(y, TN_EUSAGE, "the sizes of its shape are NULL");
    if (!tn__count(rank, size, &y->n)) return tn_op_fail(y, tn__shape_fault(rank, size, fault), "%s", fault);
    y->rank = rank;
    for (int d = 0; d < rank; d++) y->size[d] = size[d];
    return true;
}

bool tn_set_shape_like(tn_tensor *y, const tn_tensor *x)
{
    if (!y || !x) return tn_op_fail(y, TN_EUSAGE, "the tensor that gives its shape is NULL");
    y->rank = x->rank;
    y->n = x->n;
    memcpy(y->size, x->size, sizeof y->size);
    return true;
}

static bool has_input(const tn_tensor *y, int i)
{
    return tn__input(y, i) || tn_op_fail(y, TN_EUSAGE, "there is no input %d", i);
}

bool tn_alias(tn_tensor *y, int i)
{
    if (!has_input(y, i)) return false;
    tn__node_of(y)->root = tn__node_of(y->in[i])->root;
    return true;
}

bool tn_alloc_saved(tn_tensor *y, size_t bytes)
{
    if (!y) return false;
    y->saved = take(y->tape, y->op->name, bytes);
    return y->saved != NULL;
}

bool tn_alloc_scratch(tn_tensor *y, size_t bytes)
{
    tn_tape *t = y ? y->tape : NULL;
    if (!t || (t->scratch && bytes <= t->scratch_bytes)) return t != NULL;
    void *p = take(t, y->op->name, bytes < 64 ? 64 : bytes);
    if (!p) return false;
    t->scratch = p;
    t->scratch_bytes = bytes;
    return true;
}

bool tn_touch_rows(tn_tensor *y, int i, tn_ids ids)
{
    tn__rows *rows = has_input(y, i) ? take(y->tape, y->op->name, sizeof *rows) : NULL;
    if (!rows) return false;
    *rows = (tn__rows){.input = i, .ids = ids};
    tn__node_of(y)->rows = rows;
    return true;
}

/* Does v look rows of table up, and nothing more? Then it has copied what it needs. */
static bool only_looks_up(const tn__node *v, const tn__node *table)
{
    for (int i = 0; i < v->pub.n_in; i++)
        if (v->pub.in[i] && (!v->rows || i != v->rows->input || tn__node_of(v->pub.in[i])->root != table)) return false;
    return true;
}

/* Does v's value or its backward stand on the values of table, which are about to change? */
static bool needs_values(const tn__node *v, const tn__node *table)
{
    for (int i = 0; i < v->pub.n_in; i++)
        if (v->pub.in[i] && tn__node_of(v->pub.in[i])->root == table) return !only_looks_up(v, table);
    return false;
}

bool tn_write_input(tn_tensor *y, int i)
{
    const tn_tape *t = y ? y->tape : NULL;
    const tn_tensor *x = tn__input(y, i);
    const tn__node *table = x ? tn__node_of(x)->root : NULL;
    if (!x || !tn__is_leaf_of_params(&table->pub))
        return tn_op_fail(y, TN_EUSAGE, "changes input %d in place, so that must be a parameter", i);
    for (int64_t k = 0; k < t->n_nodes; k++)
        if (needs_values(t->node[k], table))
            return tn_op_fail(y, TN_EUSAGE, "changes its table in place, and an earlier %s on this tape needs the old "
                              "values: do the lookup first", t->node[k]->pub.op ? t->node[k]->pub.op->name : "tensor");
    return true;
}

void tn_random(tn_tensor *y)
{
    if (y) tn__node_of(y)->ordinal = y->tape->n_random++;
}

bool tn_propose(tn_tensor *y, int i)
{
    if (!tn_is_buffer(tn__input(y, i))) return tn_op_fail(y, TN_EUSAGE, "input %d is not a buffer (tn_buffer)", i);
    tn__proposal *p = take(y->tape, y->op->name, sizeof *p);
    tn_real *data = take(y->tape, y->op->name, (size_t)y->in[i]->n * sizeof *data);
    if (!p || !data) return false;
    *p = (tn__proposal){y->tape->proposals, y, y->in[i], data};
    y->tape->proposals = p;
    return true;
}

tn_real *tn_proposal(const tn_tensor *y, int i)
{
    for (tn__proposal *p = y ? y->tape->proposals : NULL; p; p = p->next)
        if (p->y == y && p->buffer == tn__input(y, i)) return p->data;
    return NULL;
}

bool tn_wrap_dim(const tn_tensor *y, int rank, int64_t *dim)
{
    if (!dim) return tn_op_fail(y, TN_EUSAGE, "its dimension is NULL");
    if (*dim < -rank || *dim >= rank) {
        if (!rank) return tn_op_fail(y, TN_EINDEX, "a scalar has no dimension %lld", (long long)*dim);
        return tn_op_fail(y, TN_EINDEX, "dimension %lld is outside [%d, %d)", (long long)*dim, -rank, rank);
    }
    if (*dim < 0) *dim += rank;
    return true;
}

void *tn_scratch(const tn_tensor *y)
{
    return y ? y->tape->scratch : NULL;
}

bool tn_training(const tn_tensor *y)
{
    return y && (y->tape->mode & TN_TRAIN) != 0;
}

/* ---- data in and out ----------------------------------------------------------------------------------------------- */

static tn__node *new_leaf(tn_tape *t, const char *who, tn_dims shape)
{
    char fault[TN__SHAPE_FAULT];
    int64_t n = 0;
    if (!tn_ok(t) || !is_open(t, who)) return NULL;
    if (!tn__count(shape.n, shape.at, &n)) {
        tn_fail(t->err, tn__shape_fault(shape.n, shape.at, fault), "%s: %s", who, fault);
        return NULL;
    }
    tn__node *v = new_node(t, who, 0, 0);
    if (!v) return NULL;
    v->pub.rank = shape.n;
    v->pub.n = n;
    for (int d = 0; d < shape.n; d++) v->pub.size[d] = shape.at[d];
    return v;
}

static tn_tensor *input(tn_tape *t, const char *who, tn_dims shape, const tn_real *data, bool grad)
{
    tn__node *v = new_leaf(t, who, shape);
    if (!v) return NULL;
    size_t bytes = (size_t)v->pub.n * sizeof *data;
    v->pub.data = take(t, who, bytes);
    if (!v->pub.data) return NULL;
    if (data && bytes) memcpy(v->pub.data, data, bytes);
    else memset(v->pub.data, 0, bytes);
    if (grad) v->flags |= TN__WANTS | TN__KEEP;
    return append(t, v) ? &v->pub : NULL;
}

tn_tensor *tn_input(tn_tape *t, tn_dims shape, const tn_real *data, bool grad)
{
    return input(t, "tn_input", shape, data, grad);
}

tn_tensor *tn_const(tn_tape *t, tn_dims shape, const tn_real *data)
{
    tn__node *v = new_leaf(t, "tn_const", shape);
    if (!v) return NULL;
    if (!data && v->pub.n) {
        tn_fail(t->err, TN_EUSAGE, "tn_const: data is NULL");
        return NULL;
    }
    v->pub.data = (tn_real *)(uintptr_t)data; /* constants are never written */
    return append(t, v) ? &v->pub : NULL;
}

tn_tensor *tn_scalar(tn_tape *t, double value)
{
    tn_real number = (tn_real)value;
    return input(t, "tn_scalar", TN_SCALAR, &number, false);
}

double tn_item(const tn_tensor *x)
{
    return x && x->n == 1 ? (double)x->data[0] : (double)NAN;
}

tn_tensor *tn_detach(tn_tape *t, tn_tensor *x)
{
    if (!tn_ok(t)) return NULL;
    if (!x) {
        tn_fail(t->err, TN_EUSAGE, "tn_detach: input 0 is NULL, and no earlier error says why");
        return NULL;
    }
    if (!check_current(t, "tn_detach", x, 0)) return NULL;
    tn_dims shape = {.n = x->rank};
    memcpy(shape.at, x->size, sizeof shape.at);
    tn__node *v = new_leaf(t, "tn_detach", shape);
    if (!v) return NULL;
    v->pub.data = x->data;
    return append(t, v) ? &v->pub : NULL;
}
