/* params.c: named leaves that outlive every tape, and the gradients that they hold between steps. */
#include <stdarg.h>
#include <string.h>

#include "engine.h"

static const uint64_t INIT_STREAM = UINT64_MAX; /* no tape's stream */

tn_init tn_constant(double value)
{
    return (tn_init){.kind = TN_INIT_CONSTANT, .a = value};
}

tn_init tn_uniform(double low, double high)
{
    return (tn_init){.kind = TN_INIT_UNIFORM, .a = low, .b = high};
}

tn_init tn_normal(double mean, double std)
{
    return (tn_init){.kind = TN_INIT_NORMAL, .a = mean, .b = std};
}

tn_init tn_copy_of(const tn_real *data)
{
    return (tn_init){.kind = TN_INIT_COPY, .data = data};
}

/* ---- a params' life ------------------------------------------------------------------------------------------------ */

tn_params *tn_params_new(uint64_t seed, tn_error *err)
{
    if (!err || err->code) return NULL;
    tn_params *ps = tn_calloc(1, sizeof *ps);
    if (!ps) {
        tn_fail(err, TN_EMEMORY, "tn_params_new: out of memory");
        return NULL;
    }
    ps->err = err;
    ps->seed = seed;
    return ps;
}

static void free_param(tn__param *p)
{
    tn_free(p->block);
    tn_free(p->node.grad);
    tn_free(p->row_grad);
    tn_free(p->row);
    tn_free(p->slot_of);
    tn_free(p->pending);
    tn_free(p);
}

void tn_params_free(tn_params *ps)
{
    if (!ps) return;
    for (int i = 0; i < ps->n; i++) free_param(ps->at[i]);
    tn_free(ps->at);
    tn_free(ps);
}

tn_error *tn_params_error(const tn_params *ps)
{
    return ps ? ps->err : NULL;
}

static bool check_name(const tn_params *ps, const char *name, int length)
{
    if (length < 1 || length >= TN_NAME)
        return tn_fail(ps->err, TN_EUSAGE, "tn_param: the name \"%.40s\" has %d bytes, 1 to %d are possible", name, length,
                       TN_NAME - 1);
    if (!strncmp(name, "optim.", 6))
        return tn_fail(ps->err, TN_EUSAGE, "tn_param: the name \"%s\" begins with \"optim.\", which is the optimiser's", name);
    if (tn_params_find(ps, name)) return tn_fail(ps->err, TN_EUSAGE, "tn_param: there is a \"%s\" already", name);
    return true;
}

static bool make_room(tn_params *ps)
{
    if (ps->n < ps->capacity) return true;
    int capacity = ps->capacity ? 2 * ps->capacity : 16;
    tn__param **at = tn_realloc(ps->at, (size_t)capacity * sizeof *at);
    if (!at) return false;
    ps->at = at;
    ps->capacity = capacity;
    return true;
}

/* Initial values: a function of the params' seed and the parameter's place. Zeros come from calloc, which need not touch
 * the pages: a model that is about to be loaded costs nothing before. */
static void draw(const tn_params *ps, const tn_tensor *x, tn_init init)
{
    tn_rng r = tn_rng_new(ps->seed, INIT_STREAM, 0, (uint64_t)ps->n);
    if (init.kind == TN_INIT_COPY) {
        if (x->n) memcpy(x->data, init.data, (size_t)x->n * sizeof *x->data);
        return;
    }
    if (init.kind == TN_INIT_CONSTANT && init.a == 0) return;
    for (int64_t i = 0; i < x->n; i++) {
        double value = init.a;
        if (init.kind == TN_INIT_UNIFORM) value += (init.b - init.a) * tn_rng_uniform(r, (uint64_t)i);
        if (init.kind == TN_INIT_NORMAL) value += init.b * tn_rng_normal(r, (uint64_t)i);
        x->data[i] = (tn_real)value;
    }
}

/* From a cache line's begin, or a table's every row would lie across one more of them. */
static bool reserve_values(tn__param *p, int64_t n)
{
    enum { LINE = 64 };
    p->block = tn_calloc((size_t)n * sizeof(tn_real) + LINE, 1);
    p->node.pub.data = (tn_real *)(((uintptr_t)p->block + LINE - 1) & ~(uintptr_t)(LINE - 1));
    return p->block != NULL;
}

static tn_tensor *add(tn_params *ps, tn_dims shape, tn_init init, unsigned flags, const char *name)
{
    char fault[TN__SHAPE_FAULT];
    int64_t n = 0;
    if (!tn__count(shape.n, shape.at, &n)) {
        tn_fail(ps->err, tn__shape_fault(shape.n, shape.at, fault), "tn_param \"%s\": %s", name, fault);
        return NULL;
    }
    if (init.kind == TN_INIT_COPY && !init.data && n) {
        tn_fail(ps->err, TN_EUSAGE, "tn_param \"%s\": the data to copy is NULL", name);
        return NULL;
    }
    tn__param *p = make_room(ps) ? tn_calloc(1, sizeof *p) : NULL;
    if (!p || !reserve_values(p, n)) {
        tn_free(p);
        tn_fail(ps->err, TN_EMEMORY, "tn_param \"%s\": out of memory for %lld numbers", name, (long long)n);
        return NULL;
    }
    tn_tensor *x = &p->node.pub;
    x->n = n;
    x->rank = shape.n;
    for (int d = 0; d < shape.n; d++) x->size[d] = shape.at[d];
    x->name = strcpy(p->name, name);
    p->owner = ps;
    p->node.root = &p->node;
    p->node.flags = flags;
    p->node.index = ps->n;
    draw(ps, x, init);
    ps->at[ps->n++] = p;
    return x;
}

static tn_tensor *add_named(tn_params *ps, tn_dims shape, tn_init init, unsigned flags, const char *format, va_list args)
{
    char name[TN_NAME];
    if (!ps || ps->err->code) return NULL;
    if (!format) {
        tn_fail(ps->err, TN_EUSAGE, "tn_param: the name is NULL");
        return NULL;
    }
    int length = tn__format_with(name, sizeof name, format, args);
    return check_name(ps, name, length) ? add(ps, shape, init, flags, name) : NULL;
}

tn_tensor *tn_param(tn_params *ps, tn_dims shape, tn_init init, const char *name, ...)
{
    va_list args;
    va_start(args, name);
    tn_tensor *x = add_named(ps, shape, init, TN__WANTS, name, args);
    va_end(args);
    return x;
}

tn_tensor *tn_buffer(tn_params *ps, tn_dims shape, tn_init init, const char *name, ...)
{
    va_list args;
    va_start(args, name);
    tn_tensor *x = add_named(ps, shape, init, TN__BUFFER, name, args);
    va_end(args);
    return x;
}

/* ---- finding them -------------------------------------------------------------------------------------------------- */

int tn_params_count(const tn_params *ps)
{
    return ps ? ps->n : 0;
}

tn_tensor *tn_params_at(const tn_params *ps, int i)
{
    return ps && i >= 0 && i < ps->n ? &ps->at[i]->node.pub : NULL;
}

tn_tensor *tn_params_find(const tn_params *ps, const char *name)
{
    for (int i = 0; ps && name && i < ps->n; i++)
        if (!strcmp(ps->at[i]->name, name)) return &ps->at[i]->node.pub;
    return NULL;
}

bool tn_is_param(const tn_tensor *x)
{
    return tn__is_leaf_of_params(x) && !(tn__node_of(x)->flags & TN__BUFFER);
}

bool tn_is_buffer(const tn_tensor *x)
{
    return tn__is_leaf_of_params(x) && tn__node_of(x)->flags & TN__BUFFER;
}

bool tn_is_frozen(const tn_tensor *x)
{
    return tn__is_leaf_of_params(x) && tn__node_of(x)->flags & TN__FROZEN;
}

/* ---- gradients ----------------------------------------------------------------------------------------------------- */

int64_t tn__row_width(const tn_tensor *x)
{
    return x->rank && x->size[0] ? x->n / x->size[0] : x->n;
}

bool tn__reserve_dense(tn__param *p)
{
    if (!p->node.grad) p->node.grad = tn_malloc((size_t)p->node.pub.n * sizeof(tn_real));
    return p->node.grad != NULL;
}

bool tn__reserve_rows(tn__param *p, int64_t more)
{
    const tn_tensor *x = &p->node.pub;
    int64_t wanted = p->n_rows + more;
    if (wanted > x->size[0]) wanted = x->size[0];
    if (!p->slot_of) p->slot_of = tn_calloc((size_t)x->size[0], sizeof *p->slot_of);
    if (!p->slot_of) return false;
    if (p->row && wanted <= p->row_capacity) return true;
    int64_t capacity = 2 * p->row_capacity > wanted ? 2 * p->row_capacity : wanted;
    if (capacity > x->size[0]) capacity = x->size[0];
    int32_t *row = tn_realloc(p->row, (size_t)(capacity + 1) * sizeof *row); /* one more for tn__touch_rows to write */
    if (!row) return false;
    p->row = row;
    tn_real *grad = tn_realloc(p->row_grad, (size_t)(capacity * tn__row_width(x)) * sizeof *grad);
    if (!grad) return false;
    p->row_grad = grad;
    p->row_capacity = capacity;
    return true;
}

/* Ids lie anywhere in slot_of, and half of them are new: so its places are asked for ahead, and there is no branch to
 * guess. */
void tn__touch_rows(tn__param *p, tn_ids ids, int32_t *slot)
{
    enum { AHEAD = 16 };
    int64_t width = tn__row_width(&p->node.pub), before = p->n_rows, n = before;
    for (int64_t k = 0; k < ids.n; k++) {
        int32_t id = ids.id[k], s = p->slot_of[id], is_new = s == 0;
        __builtin_prefetch(&p->slot_of[ids.id[k + AHEAD < ids.n ? k + AHEAD : k]], 1);
        p->row[n] = id; /* written again unless it is new */
        n += is_new;
        s |= -is_new & (int32_t)n;
        p->slot_of[id] = s;
        slot[k] = s - 1;
    }
    p->n_rows = n;
    memset(p->row_grad + before * width, 0, (size_t)((n - before) * width) * sizeof *p->row_grad);
}

void tn__drop_rows(tn__param *p, int64_t from)
{
    for (int64_t s = from; s < p->n_rows; s++) p->slot_of[p->row[s]] = 0;
    p->n_rows = from;
}

void tn__make_dense(tn__param *p)
{
    int64_t width = tn__row_width(&p->node.pub);
    memset(p->node.grad, 0, (size_t)p->node.pub.n * sizeof(tn_real));
    for (int64_t s = 0; s < p->n_rows; s++)
        memcpy(p->node.grad + p->row[s] * width, p->row_grad + s * width, (size_t)width * sizeof(tn_real));
    tn__drop_rows(p, 0);
    p->kind = TN__DENSE_GRAD;
}

void tn__forget_gradient(tn__param *p)
{
    if (p->kind == TN__ROW_GRAD) tn__drop_rows(p, 0);
    p->kind = TN__NO_GRAD;
}

tn_real *tn_grad_rows(tn_tensor *y, int i, const int32_t **at)
{
    const tn__rows *rows = y ? tn__node_of(y)->rows : NULL;
    if (!rows || !at || !tn_wants(y, i)) return NULL;
    const tn__node *root = tn__node_of(y->in[i])->root;
    bool compact = tn__is_leaf_of_params(&root->pub) && !((const tn__param *)root)->plan_dense;
    *at = compact ? rows->slot : rows->ids.id;
    return compact ? ((const tn__param *)root)->row_grad : root->grad;
}

bool tn_param_gradient(const tn_tensor *param, tn_gradient *g)
{
    const tn__param *p = tn__param_of(param);
    if (!g || !tn_is_param(param) || p->kind == TN__NO_GRAD) return false;
    if (p->kind == TN__ROW_GRAD) *g = (tn_gradient){p->row_grad, p->row, p->slot_of, p->n_rows, tn__row_width(param)};
    else if (param->rank) *g = (tn_gradient){p->node.grad, NULL, NULL, param->size[0], tn__row_width(param)};
    else *g = (tn_gradient){p->node.grad, NULL, NULL, 1, 1};
    return true;
}

void tn_freeze(tn_tensor *param, bool frozen)
{
    if (!tn_is_param(param)) return;
    tn__forget_gradient(tn__param_of(param));
    if (frozen) tn__node_of(param)->flags |= TN__FROZEN;
    else tn__node_of(param)->flags &= ~(unsigned)TN__FROZEN;
}

void tn_params_zero_grad(tn_params *ps)
{
    for (int i = 0; ps && i < ps->n; i++) {
        tn__forget_gradient(ps->at[i]);
        ps->at[i]->has_pending = false;
    }
}

void tn_params_commit(tn_params *ps)
{
    for (int i = 0; ps && i < ps->n; i++) {
        tn_tensor *x = &ps->at[i]->node.pub;
        if (ps->at[i]->has_pending) memcpy(x->data, ps->at[i]->pending, (size_t)x->n * sizeof *x->data);
    }
    tn_params_zero_grad(ps);
}

/* ---- snapshots ----------------------------------------------------------------------------------------------------- */

struct tn_snapshot {
    const tn_params *owner;
    int              n;
    tn_real         *values; /* of all parameters and buffers, in order */
};

static int64_t count_values(const tn_params *ps)
{
    int64_t n = 0;
    for (int i = 0; i < ps->n; i++) n += ps->at[i]->node.pub.n;
    return n;
}

tn_snapshot *tn_params_snapshot(const tn_params *ps)
{
    if (!ps || ps->err->code) return NULL;
    tn_snapshot *s = tn_calloc(1, sizeof *s);
    if (s) s->values = tn_malloc((size_t)count_values(ps) * sizeof *s->values);
    if (!s || !s->values) {
        tn_free(s);
        tn_fail(ps->err, TN_EMEMORY, "tn_params_snapshot: out of memory for %lld numbers", (long long)count_values(ps));
        return NULL;
    }
    s->owner = ps;
    s->n = ps->n;
    tn_snapshot_update(s, ps);
    return s;
}

static bool check_snapshot(const tn_snapshot *s, const tn_params *ps)
{
    if (!ps || ps->err->code) return false;
    if (!s) return tn_fail(ps->err, TN_EUSAGE, "snapshot: it is NULL, and no earlier error says why");
    if (s->owner != ps || s->n != ps->n)
        return tn_fail(ps->err, TN_EUSAGE, "snapshot: it is of %s", s->owner != ps ? "other params" : "fewer parameters: "
                       "take it after the last tn_param");
    return true;
}

bool tn_params_restore(tn_params *ps, const tn_snapshot *s)
{
    if (!check_snapshot(s, ps)) return false;
    const tn_real *from = s->values;
    for (int i = 0; i < ps->n; i++) {
        tn_tensor *x = &ps->at[i]->node.pub;
        memcpy(x->data, from, (size_t)x->n * sizeof *from);
        from += x->n;
    }
    return true;
}

bool tn_snapshot_update(tn_snapshot *s, const tn_params *ps)
{
    return tn_snapshot_average(s, ps, 1);
}

bool tn_snapshot_average(tn_snapshot *s, const tn_params *ps, double weight)
{
    if (!check_snapshot(s, ps)) return false;
    tn_real *to = s->values, w = (tn_real)weight;
    for (int i = 0; i < ps->n; i++) {
        const tn_tensor *x = &ps->at[i]->node.pub;
        if (w == 1) memcpy(to, x->data, (size_t)x->n * sizeof *to);
        else for (int64_t k = 0; k < x->n; k++) to[k] += w * (x->data[k] - to[k]);
        to += x->n;
    }
    return true;
}

void tn_snapshot_free(tn_snapshot *s)
{
    if (s) tn_free(s->values);
    tn_free(s);
}
