/* backward.c: one reverse loop. First a plan, which reserves every byte that the walk will write and may fail; then the
 * walk, which cannot: so a step adds its whole gradient or none.
 *
 * The plan goes the walk's way and hands gradient buffers of temporaries on as soon as the walk will have spent them, so
 * the peak is the activations and a little more. */
#include <string.h>

#include "engine.h"

/* Spent buffers wait here, by size class: eight classes between powers of two, so at most an eighth is wasted. */
enum { CLASSES = 64 * 8 };

typedef struct spare {
    struct spare *next;
} spare;

typedef struct plan {
    tn_tape   *tape;
    tn__node  *from;   /* its gradient is the caller's, unless it is kept */
    tn__param *params; /* that the walk will write */
    int        n_lists;
    spare     *list[CLASSES]; /* the first n_lists are set: a small step never comes to the others */
} plan;

static int size_class(size_t units, size_t *rounded)
{
    if (units < 16) {
        *rounded = units;
        return (int)units;
    }
    int shift = 0;
    while (units >> shift >= 16) shift++;
    size_t top = (units + ((size_t)1 << shift) - 1) >> shift; /* 8 to 16 */
    *rounded = top << shift;
    return 8 * shift + (int)top;
}

/* The spares of v's class. Its size is in units of 16 bytes: what a spare needs, and what a block of the arena is aligned
 * to. */
static spare **list_of(plan *p, const tn__node *v, size_t *rounded)
{
    size_t bytes = (size_t)v->pub.n * sizeof(tn_real);
    int c = size_class(bytes ? (bytes + 15) / 16 : 1, rounded);
    while (p->n_lists <= c) p->list[p->n_lists++] = NULL;
    return &p->list[c];
}

static bool take_buffer(plan *p, tn__node *v)
{
    size_t rounded;
    spare **list = list_of(p, v, &rounded);
    if (*list) {
        v->grad = (tn_real *)(void *)*list;
        *list = (*list)->next;
        return true;
    }
    v->grad = tn__arena_alloc(&p->tape->arena, rounded * 16);
    return v->grad || tn_fail(p->tape->err, TN_EMEMORY, "backward: out of memory for the gradient of a %s of %s",
                              v->pub.op ? v->pub.op->name : "tensor", TN_STR(&v->pub));
}

static void give_back(plan *p, tn__node *v)
{
    size_t rounded;
    spare **list = list_of(p, v, &rounded);
    spare *s = (spare *)(void *)v->grad;
    s->next = *list;
    *list = s;
}

/* ---- the plan for a parameter -------------------------------------------------------------------------------------- */

static void enlist(plan *p, tn__param *q)
{
    if (q->planned) return;
    q->planned = true;
    q->plan_dense = q->kind == TN__DENSE_GRAD;
    q->plan_rows = q->n_rows;
    q->plan_last = NULL;
    q->plan_next = p->params;
    p->params = q;
}

/* The mean of a text's rows and their maximum, for one, look the same ids up: borrowed, they are as they were. */
static bool same_ids(tn_ids a, tn_ids b)
{
    return a.id == b.id && a.n == b.n;
}

static bool plan_rows(plan *p, tn__param *q, tn__rows *rows)
{
    if (q->plan_dense) return true;
    if (q->plan_last && same_ids(q->plan_last->ids, rows->ids)) {
        rows->slot = q->plan_last->slot;
        return true;
    }
    rows->slot = tn__arena_alloc(&p->tape->arena, (size_t)rows->ids.n * sizeof *rows->slot);
    if (!rows->slot || !tn__reserve_rows(q, rows->ids.n)) return false;
    tn__touch_rows(q, rows->ids, rows->slot);
    q->plan_last = rows;
    return true;
}

static bool plan_param(plan *p, tn__param *q, tn__rows *rows)
{
    enlist(p, q);
    bool ok = rows ? plan_rows(p, q, rows) : tn__reserve_dense(q);
    if (!rows) q->plan_dense = true;
    return ok || tn_fail(p->tape->err, TN_EMEMORY, "backward: out of memory for the gradient of \"%s\" %s", q->name,
                         TN_STR(&q->node.pub));
}

/* Rows and a dense gradient on one step: what the rows hold (from earlier steps too) becomes dense before the walk, which
 * then adds. */
static void commit_param(tn__param *q)
{
    q->planned = false;
    if (!q->plan_dense) {
        q->kind = TN__ROW_GRAD;
        return;
    }
    if (q->n_rows > 0) tn__make_dense(q);
    if (q->kind == TN__DENSE_GRAD) q->node.flags |= TN__WRITTEN;
    else q->node.flags &= ~(unsigned)TN__WRITTEN;
}

static void take_back(plan *p)
{
    for (tn__param *q = p->params; q; q = q->plan_next) {
        tn__drop_rows(q, q->plan_rows);
        q->planned = false;
    }
}

/* ---- the plan ------------------------------------------------------------------------------------------------------ */

static bool plan_input(plan *p, tn__node *v, int i)
{
    tn_tensor *x = v->pub.in[i];
    tn__node *root = tn__node_of(x)->root;
    bool by_rows = v->rows && v->rows->input == i;
    if (tn__is_leaf_of_params(&root->pub))
        return plan_param(p, (tn__param *)root, by_rows && root == tn__node_of(x) ? v->rows : NULL);
    root->flags |= TN__REACHED;
    return root->grad || take_buffer(p, root);
}

static bool plan_node(plan *p, tn__node *v)
{
    for (int i = 0; i < v->pub.n_in; i++)
        if (tn__wants(v->pub.in[i]) && !(i < 32 && v->pub.op->constant & 1u << i) && !plan_input(p, v, i)) return false;
    if (!(v->flags & TN__KEEP) && v != p->from) give_back(p, v);
    return true;
}

static bool reserve_pending(plan *p)
{
    for (tn__proposal *w = p->tape->proposals; w; w = w->next) {
        tn__param *q = tn__param_of(w->buffer);
        if (!q->pending) q->pending = tn_malloc((size_t)w->buffer->n * sizeof(tn_real));
        if (!q->pending) return tn_fail(p->tape->err, TN_EMEMORY, "backward: out of memory for \"%s\"", q->name);
    }
    return true;
}

/* Nothing that the walk visits adds to the gradient that it starts from. */
static bool plan_start(plan *p, const tn_real *dy)
{
    if (!(p->from->flags & TN__KEEP)) p->from->grad = (tn_real *)(uintptr_t)dy;
    else if (!take_buffer(p, p->from)) return false;
    else memcpy(p->from->grad, dy, (size_t)p->from->pub.n * sizeof *dy);
    return true;
}

static bool make_plan(plan *p, const tn_real *dy)
{
    tn__node *from = p->from;
    if (!plan_start(p, dy)) return false;
    from->flags |= TN__REACHED | TN__WRITTEN;
    for (int64_t k = from->index; k >= 0; k--) {
        tn__node *v = p->tape->node[k];
        if (v->flags & TN__REACHED && v->pub.op && !plan_node(p, v)) return false;
    }
    return reserve_pending(p);
}

/* ---- the walk ------------------------------------------------------------------------------------------------------ */

/* A gradient that an op adds to by rows, and that is dense, must be all there before. */
static void zero_for_rows(tn__node *v)
{
    if (!v->rows || !tn__wants(v->pub.in[v->rows->input])) return;
    tn__node *root = tn__node_of(v->pub.in[v->rows->input])->root;
    bool dense = !tn__is_leaf_of_params(&root->pub) || ((tn__param *)root)->plan_dense;
    if (!dense || root->flags & TN__WRITTEN) return;
    memset(root->grad, 0, (size_t)root->pub.n * sizeof *root->grad);
    root->flags |= TN__WRITTEN;
}

static bool walk(tn_tape *t, int64_t from)
{
    for (int64_t k = from; k >= 0; k--) {
        tn__node *v = t->node[k];
        if (!(v->flags & TN__REACHED) || !(v->flags & TN__WRITTEN) || !v->pub.op) continue;
        zero_for_rows(v);
        tn__run(&v->pub, v->pub.op->backward);
        if (t->checking && !tn__check_backward(&v->pub)) return false;
    }
    return true;
}

static void forget(plan *p)
{
    for (tn__param *q = p->params; q; q = q->plan_next) tn__forget_gradient(q);
}

static void copy_proposals(const tn_tape *t)
{
    for (tn__proposal *w = t->proposals; w; w = w->next) {
        tn__param *q = tn__param_of(w->buffer);
        memcpy(q->pending, w->data, (size_t)w->buffer->n * sizeof *w->data);
        q->has_pending = true;
    }
}

static bool check_start(const tn_tape *t, const tn_tensor *y)
{
    if (!tn_ok(t)) return false;
    if (!y) return tn_fail(t->err, TN_EUSAGE, "backward: the loss is NULL, and no earlier error says why");
    if (t->state == TN__SPENT)
        return tn_fail(t->err, TN_EUSAGE, "backward: this tape has been walked back already, once is all that it does: add "
                       "the losses up before, or begin the next step with tn_tape_begin");
    if (t->state == TN__CLOSED) return tn_fail(t->err, TN_EUSAGE, "backward: no step has begun: call tn_tape_begin first");
    if (!(t->mode & TN_GRAD))
        return tn_fail(t->err, TN_EUSAGE, "backward: this step does not record: begin it with tn_tape_begin(t, TN_GRAD)");
    if (!tn__is_on(t, y))
        return tn_fail(t->err, TN_EUSAGE, "backward: the loss %s is not of this tape and step", TN_STR(y));
    if (!tn__wants(y))
        return tn_fail(t->err, TN_EUSAGE, "backward: the loss depends on nothing that wants a gradient (parameters that are "
                       "not frozen, inputs with grad)");
    const tn_tensor *root = &tn__node_of(y)->root->pub;
    if (tn__is_leaf_of_params(root))
        return tn_fail(t->err, TN_EUSAGE, "backward: the loss is the parameter \"%s\" itself", root->name);
    return true;
}

bool tn_backward_from(tn_tape *t, tn_tensor *y, const tn_real *dy)
{
    if (!check_start(t, y)) return false;
    if (!dy) return tn_fail(t->err, TN_EUSAGE, "backward: dy is NULL");
    if (t->checking && !tn__check_start(y, dy)) return false;
    plan p;
    p.tape = t;
    p.from = tn__node_of(y)->root;
    p.params = NULL;
    p.n_lists = 0;
    t->state = TN__SPENT;
    if (!make_plan(&p, dy)) {
        take_back(&p);
        return false;
    }
    for (tn__param *q = p.params; q; q = q->plan_next) commit_param(q);
    if (!walk(t, p.from->index)) {
        forget(&p);
        return false;
    }
    for (tn__param *q = p.params; q; q = q->plan_next)
        if (q->plan_dense && q->node.flags & TN__WRITTEN) q->kind = TN__DENSE_GRAD;
    copy_proposals(t);
    return true;
}

bool tn_backward(tn_tape *t, tn_tensor *loss)
{
    const tn_real one = 1;
    if (!tn_ok(t)) return false;
    if (loss && loss->n != 1)
        return tn_fail(t->err, TN_ESHAPE, "backward: the loss is %s, it must be a single number: reduce it (tn_mean, tn_sum), "
                       "or give its gradient to tn_backward_from", TN_STR(loss));
    return tn_backward_from(t, loss, &one);
}

/* ---- what backward functions call ---------------------------------------------------------------------------------- */

const tn_real *tn_grad_out(const tn_tensor *y)
{
    return y ? tn__node_of(y)->root->grad : NULL;
}

bool tn_wants(const tn_tensor *y, int i)
{
    return tn__wants(tn__input(y, i));
}

tn_real *tn_grad(tn_tensor *y, int i, bool *first)
{
    if (!first || !tn_wants(y, i)) return NULL;
    tn__node *root = tn__node_of(y->in[i])->root;
    *first = !(root->flags & TN__WRITTEN);
    root->flags |= TN__WRITTEN;
    return root->grad;
}

tn_real *tn_grad_row(tn_tensor *y, int i, int64_t k)
{
    if (!tn_wants(y, i) || !tn__node_of(y)->rows) return NULL;
    const tn__node *v = tn__node_of(y), *root = tn__node_of(y->in[i])->root;
    int64_t width = tn__row_width(y->in[i]);
    if (tn__is_leaf_of_params(&root->pub) && !((const tn__param *)root)->plan_dense)
        return ((const tn__param *)root)->row_grad + v->rows->slot[k] * width;
    return root->grad + v->rows->ids.id[k] * width;
}

/* ---- reading gradients --------------------------------------------------------------------------------------------- */

tn_tensor *tn_keep_grad(tn_tensor *x)
{
    if (!x || !x->tape || x->tape->err->code) return x;
    tn_tape *t = x->tape;
    if (t->state == TN__SPENT) tn_fail(t->err, TN_EUSAGE, "tn_keep_grad: too late: tn_backward has walked this tape");
    else if (!tn__wants(x)) tn_fail(t->err, TN_EUSAGE, "tn_keep_grad: %s wants no gradient", TN_STR(x));
    else tn__node_of(x)->root->flags |= TN__KEEP;
    return x;
}

static const tn_real *param_grad_data(tn__param *p)
{
    if (p->kind == TN__NO_GRAD) return NULL;
    if (p->kind == TN__DENSE_GRAD) return p->node.grad;
    if (!tn__reserve_dense(p)) {
        tn_fail(p->owner->err, TN_EMEMORY, "tn_grad_data: out of memory for the dense gradient of \"%s\"", p->name);
        return NULL;
    }
    tn__make_dense(p);
    return p->node.grad;
}

const tn_real *tn_grad_data(tn_tensor *x)
{
    if (!x) return NULL;
    tn__node *root = tn__node_of(x)->root;
    if (tn__is_leaf_of_params(&root->pub)) return param_grad_data((tn__param *)root);
    bool there = x->tape->state == TN__SPENT && root->flags & TN__KEEP && root->flags & TN__WRITTEN;
    return there ? root->grad : NULL;
}
