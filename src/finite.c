/* finite.c: the first number that is none: each op is asked for what it takes and gives, on its way forward and back. */
#include <math.h>

#include "engine.h"

typedef long long ll;

void tn_tape_check_finite(tn_tape *t, bool on)
{
    if (t) t->checking = on;
}

/* The place of the first of n numbers that is not finite; n if all are. */
static int64_t find(const tn_real *x, int64_t n)
{
    int64_t i = 0;
    while (i < n && isfinite(x[i])) i++;
    return i;
}

static const char *text_of(tn_real x)
{
    return isnan(x) ? "nan" : x < 0 ? "-inf" : "inf";
}

/* ---- forward ----------------------------------------------------------------------------------------------------- */

/* `input 1, the parameter "w" (2, 3),` or `input 1 (2, 3)` into buffer. */
enum { INPUT_TEXT = TN_NAME + TN_SHAPE_TEXT + 48 };
static const char *input_text(const tn_tensor *y, int i, char *buffer)
{
    const tn_tensor *x = y->in[i], *root = &tn__node_of(x)->root->pub;
    if (!root->name) snprintf(buffer, INPUT_TEXT, "input %d %s", i, TN_STR(x));
    else snprintf(buffer, INPUT_TEXT, "input %d, the %s \"%s\" %s,", i, tn_is_buffer(root) ? "buffer" : "parameter", root->name,
                  TN_STR(x));
    return buffer;
}

/* What an op of the tape gave has been looked at; what came from outside has not. */
static bool check_leaf(const tn_tensor *y, int i)
{
    const tn_tensor *x = y->in[i];
    int64_t at = x && !x->op ? find(x->data, x->n) : 0;
    if (!x || x->op || at == x->n) return true;
    return tn_op_fail(y, TN_ENONFINITE, "forward, tensor %lld of the tape: %s is %s at number %lld", (ll)y->tape->n_nodes,
                      input_text(y, i, (char[INPUT_TEXT]){0}), text_of(x->data[at]), (ll)at);
}

bool tn__check_forward(const tn_tensor *y)
{
    for (int i = 0; i < y->n_in; i++)
        if (!check_leaf(y, i)) return false;
    int64_t at = find(y->data, y->n);
    return at == y->n || tn_op_fail(y, TN_ENONFINITE, "forward, tensor %lld of the tape: the result %s is %s at number %lld",
                                    (ll)y->tape->n_nodes, TN_STR(y), text_of(y->data[at]), (ll)at);
}

/* ---- backward ---------------------------------------------------------------------------------------------------- */

static bool fail_gradient(const tn_tensor *y, int i, tn_real value, int64_t at)
{
    return tn_op_fail(y, TN_ENONFINITE, "backward, tensor %lld of the tape: the gradient of %s is %s at number %lld",
                      (ll)tn__node_of(y)->index, input_text(y, i, (char[INPUT_TEXT]){0}), text_of(value), (ll)at);
}

/* Of a table: the rows that it holds. */
static bool check_rows(const tn_tensor *y, int i, const tn__param *p)
{
    int64_t width = tn__row_width(&p->node.pub), n = p->n_rows * width, at = find(p->row_grad, n);
    return at == n || fail_gradient(y, i, p->row_grad[at], p->row[at / width] * width + at % width);
}

static bool check_gradient(const tn_tensor *y, int i)
{
    const tn__node *root = tn__node_of(y->in[i])->root;
    if (tn__is_leaf_of_params(&root->pub) && !((const tn__param *)root)->plan_dense)
        return check_rows(y, i, (const tn__param *)root);
    int64_t at = root->flags & TN__WRITTEN ? find(root->grad, root->pub.n) : root->pub.n;
    return at == root->pub.n || fail_gradient(y, i, root->grad[at], at);
}

bool tn__check_backward(const tn_tensor *y)
{
    for (int i = 0; i < y->n_in; i++)
        if (tn__wants(y->in[i]) && !check_gradient(y, i)) return false;
    return true;
}

bool tn__check_start(const tn_tensor *y, const tn_real *dy)
{
    int64_t at = find(dy, y->n);
    return at == y->n || tn_fail(y->tape->err, TN_ENONFINITE, "backward: dy %s is %s at number %lld", TN_STR(y), text_of(dy[at]),
                                 (ll)at);
}
