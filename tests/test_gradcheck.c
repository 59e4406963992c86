/* Every built-in op is gradchecked; gradcheck itself must notice wrong gradients, and says where. */
#include "misuse.h"

START_TEST(builtin)
{
    const tn_op *op = tests_builtin_ops[_i];
    if (!op->backward && op->forward) { /* no gradient: wanting one is an error by name */
        tn_tape_begin(t, TN_GRAD);
        tn_tensor *x = tn_input(t, TN_DIMS(2), NULL, true);
        ck_assert_ptr_null(tn_apply(t, op, 1, &x, NULL));
        ck_assert_int_eq(err.code, TN_EUSAGE);
        ck_assert_ptr_nonnull(strstr(err.text, op->name));
        return;
    }
    ck_assert_msg(op->sample != NULL, "%s has no sample", op->name);
    ck_assert_msg(tn_gradcheck(t, op), "%s", err.text);
    ck_no_error();
}
END_TEST

/* ---- an op with faults to switch on ---------------------------------------------------------------------------------- */

typedef enum fault { NONE, WRONG_VALUE, IGNORES_FIRST, WRONG_ELEMENT, FORGETS_SECOND, FORGETS_TWIN } fault;
static fault faulty;

static bool product_shape(tn_tensor *y)
{
    return tn_set_shape_like(y, y->in[0]);
}

static void product_forward(tn_tensor *y)
{
    for (int64_t i = 0; i < y->n; i++) y->data[i] = y->in[0]->data[i] * y->in[1]->data[i];
}

static void product_backward(tn_tensor *y)
{
    const tn_real *g = tn_grad_out(y);
    for (int k = 0; k < 2; k++) {
        bool first;
        if (k == 1 && faulty == FORGETS_SECOND && tn_wants(y, 0)) continue;
        if (k == 1 && faulty == FORGETS_TWIN && y->in[0] == y->in[1]) continue;
        tn_real *gx = tn_grad(y, k, &first);
        const tn_real *other = y->in[1 - k]->data;
        for (int64_t i = 0; gx && i < y->n; i++) {
            tn_real part = g[i] * other[i];
            if (faulty == WRONG_VALUE && k == 1) part *= 2;
            if (faulty == WRONG_ELEMENT && i == 2) part = 0;
            gx[i] = first || faulty == IGNORES_FIRST ? part : gx[i] + part;
        }
    }
}

static tn_tensor *product_sample(tn_tape *tape, int k);
static const tn_op product = {.name = "product", .n_in = 2, .shape = product_shape, .forward = product_forward,
                              .backward = product_backward, .sample = product_sample};

static tn_tensor *product_sample(tn_tape *tape, int k)
{
    if (k > 0) return NULL;
    tn_tensor *a = tn_sample(tape, TN_DIMS(3), 1, 2), *b = tn_sample(tape, TN_DIMS(3), 1, 2);
    return tn_apply(tape, &product, 2, (tn_tensor *[]){a, b}, NULL);
}

START_TEST(right_op_passes)
{
    faulty = NONE;
    ck_assert(tn_gradcheck(t, &product));
    ck_no_error();
}
END_TEST

START_TEST(wrong_op_is_noticed)
{
    static const struct {
        fault       f;
        const char *text;
    } wrong[] = {
        {WRONG_VALUE, "gradcheck: product, sample 0: input 1 (3,), element 0: backward gives "},
        {WRONG_ELEMENT, "gradcheck: product, sample 0: input 0 (3,), element 2: backward gives "},
        {IGNORES_FIRST, "(the input has other uses)"},
        {FORGETS_TWIN, "(the same tensor as two inputs)"},
        {FORGETS_SECOND, "gradcheck: product, sample 0: input 1 (3,), element 0: backward gives 0, differences give "},
    };
    faulty = wrong[_i].f;
    ck_assert(!tn_gradcheck(t, &product));
    ck_assert_msg(strstr(err.text, wrong[_i].text) != NULL, "%s", err.text);
    ck_misuse("tn_gradcheck: a gradient that differs", TN_EUSAGE, err.text);
}
END_TEST

static tn_tensor *no_sample(tn_tape *tape, int k)
{
    (void)tape, (void)k;
    return NULL;
}

/* 17, where 16 are checked. */
static tn_tensor *many_samples(tn_tape *tape, int k);
static bool many_shape(tn_tensor *y)
{
    return tn_set_shape_like(y, y->in[0]);
}

static const tn_op many = {.name = "many", .n_in = -1, .shape = many_shape, .forward = product_forward,
                           .backward = product_backward, .sample = many_samples};

static tn_tensor *many_samples(tn_tape *tape, int k)
{
    tn_tensor *x[17];
    for (int i = 0; i < 17; i++) x[i] = tn_sample(tape, TN_DIMS(3), 1, 2);
    return k > 0 ? NULL : tn_apply(tape, &many, 17, x, NULL);
}

START_TEST(needs_backward_and_sample)
{
    tn_op op = product;
    ck_assert(!tn_gradcheck(t, &many));
    ck_misuse("tn_gradcheck: a sample of more than 16 inputs",
              TN_EUSAGE, "gradcheck: many, sample 0 is of too many inputs");
    op.sample = NULL;
    ck_assert(!tn_gradcheck(t, &op));
    ck_misuse("tn_gradcheck: an op without sample", TN_EUSAGE, "gradcheck: product has no sample");
    op = product;
    op.backward = NULL;
    ck_assert(!tn_gradcheck(t, &op));
    ck_misuse("tn_gradcheck: an op without backward", TN_EUSAGE, "gradcheck: product has no backward");
    op = product;
    op.sample = no_sample;
    ck_assert(!tn_gradcheck(t, &op));
    ck_misuse("tn_gradcheck: no sample at all", TN_EUSAGE, "gradcheck: product, sample 0 is NULL: give at least one");
    op.sample = product_sample; /* which applies the other struct */
    ck_assert(!tn_gradcheck(t, &op));
    ck_misuse("tn_gradcheck: a sample that is not this op's result",
              TN_EUSAGE, "gradcheck: product, sample 0 is not this op's result");
}
END_TEST

static void add(TCase *c)
{
    int n = 0;
    while (tests_builtin_ops[n]) n++;
    tcase_add_loop_test(c, builtin, 0, n);
    tcase_add_test(c, right_op_passes);
    tcase_add_loop_test(c, wrong_op_is_noticed, 0, 5);
    tcase_add_test(c, needs_backward_and_sample);
}

int main(void)
{
    return run_case("gradcheck", add);
}
