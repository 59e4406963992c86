/* tn_tape_check_finite: the first number that is none, by op, place and name, forward and backward; nothing when off. */
#include "misuse.h"

#include <tarn/op.h>

/* ---- an op whose gradient is given, and one that lets nothing through --------------------------------------------- */

/* y = 0; the gradient of in[0] is value, of its rows if there are ids; silent: none is added. */
typedef struct bad {
    double value;
    tn_ids rows;
    bool   silent;
} bad;

static bool bad_shape(tn_tensor *y)
{
    const bad *b = y->attr;
    return tn_set_shape(y, 0, NULL) && (!b->rows.id || tn_touch_rows(y, 0, b->rows));
}

static void bad_forward(tn_tensor *y)
{
    y->data[0] = 0;
}

static void bad_backward(tn_tensor *y)
{
    const bad *b = y->attr;
    bool first;
    if (b->silent) return;
    if (b->rows.id) {
        tn_grad_row(y, 0, b->rows.n - 1)[1] += (tn_real)b->value;
        return;
    }
    tn_real *to = tn_grad(y, 0, &first);
    for (int64_t i = 0; i < y->in[0]->n; i++) to[i] = (first ? 0 : to[i]) + (tn_real)(i == 2 ? b->value : 1);
}

static const tn_op bad_op = {.name = "bad", .n_in = 1, .attr_size = sizeof(bad),
                             .shape = bad_shape, .forward = bad_forward, .backward = bad_backward};

static tn_tensor *give(tn_tensor *x, double value, tn_ids rows)
{
    return tn_apply(t, &bad_op, 1, &x, &(bad){value, rows, false});
}

static tn_tensor *total(tn_tensor *x)
{
    return tn_sum(t, x, TN_ALL, false);
}

static void begin(void)
{
    tn_tape_check_finite(t, true);
    tn_tape_begin(t, TN_GRAD | TN_TRAIN);
}

/* ---- forward ------------------------------------------------------------------------------------------------------- */

static const tn_real numbers[] = {1, 2, 3, 0};

START_TEST(a_result)
{
    begin();
    tn_tensor *x = tn_input(t, TN_DIMS(2, 2), numbers, true);
    ck_assert_ptr_null(tn_exp(t, tn_log(t, tn_square(t, x))));
    ck_misuse("tn_tape_check_finite: a result",
              TN_ENONFINITE, "log: forward, tensor 2 of the tape: the result (2, 2) is -inf at number 3");
}
END_TEST

START_TEST(what_the_first_number_is)
{
    static const struct { double x; const char *text; } cases[] = {
        {-1, "log: forward, tensor 1 of the tape: the result () is nan at number 0"},
        {0, "log: forward, tensor 1 of the tape: the result () is -inf at number 0"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        begin();
        tn_log(t, tn_scalar(t, cases[i].x));
        ck_error(TN_ENONFINITE, cases[i].text);
    }
    begin();
    tn_exp(t, tn_scalar(t, 1e4));
    ck_error(TN_ENONFINITE, "exp: forward, tensor 1 of the tape: the result () is inf at number 0");
}
END_TEST

/* relu would hide it: the input is looked at. */
START_TEST(an_input_from_outside)
{
    const tn_real bad_numbers[] = {1, NAN, 3};
    begin();
    tn_relu(t, tn_const(t, TN_DIMS(3), bad_numbers));
    ck_misuse("tn_tape_check_finite: an input",
              TN_ENONFINITE, "relu: forward, tensor 1 of the tape: input 0 (3,) is nan at number 1");
}
END_TEST

START_TEST(a_parameter_and_a_buffer)
{
    nn_linear out;
    nn_linear_init(&out, ps, "out", 2, 2);
    tn_tensor *mean = tn_buffer(ps, TN_DIMS(2), tn_constant(0), "norm.mean");
    out.weight->data[2] = (tn_real)INFINITY;
    begin();
    nn_linear_forward(&out, t, tn_const(t, TN_DIMS(2, 2), numbers));
    ck_error(TN_ENONFINITE, "linear \"out\": forward, tensor 1 of the tape: input 1, the parameter \"out.weight\" (2, 2), is inf "
                            "at number 2");
    mean->data[1] = -(tn_real)INFINITY;
    begin();
    tn_neg(t, tn_reshape(t, mean, TN_DIMS(2, 1)));
    ck_error(TN_ENONFINITE, "reshape \"norm\": forward, tensor 0 of the tape: input 0, the buffer \"norm.mean\" (2,), is -inf "
                            "at number 1");
}
END_TEST

START_TEST(an_evaluation_is_looked_at_too)
{
    tn_tape_check_finite(t, true);
    tn_tape_begin(t, TN_EVAL);
    tn_log(t, tn_scalar(t, 0));
    ck_error(TN_ENONFINITE, "log: forward, tensor 1 of the tape: the result () is -inf at number 0");
}
END_TEST

/* ---- backward ------------------------------------------------------------------------------------------------------ */

START_TEST(a_gradient)
{
    begin();
    tn_tensor *x = tn_input(t, TN_DIMS(2, 2), numbers, true);
    ck_assert(!tn_backward(t, total(tn_sqrt(t, tn_square(t, x)))));
    ck_misuse("tn_tape_check_finite: a gradient",
              TN_ENONFINITE, "sqrt: backward, tensor 2 of the tape: the gradient of input 0 (2, 2) is inf at number 3");
}
END_TEST

START_TEST(the_gradient_of_a_parameter)
{
    tn_tensor *w = tn_param(ps, TN_DIMS(2, 2), tn_constant(1), "w.weight");
    begin();
    ck_assert(!tn_backward(t, give(w, NAN, (tn_ids){NULL, 0})));
    ck_error(TN_ENONFINITE, "bad \"w\": backward, tensor 0 of the tape: the gradient of input 0, the parameter \"w.weight\" "
                            "(2, 2), is nan at number 2");
    ck_assert_ptr_null(tn_grad_data(w));
}
END_TEST

START_TEST(the_gradient_of_a_row)
{
    const int32_t ids[] = {4, 3};
    tn_tensor *w = tn_param(ps, TN_DIMS(5, 3), tn_constant(1), "words.weight");
    begin();
    ck_assert(!tn_backward(t, give(w, -INFINITY, (tn_ids){ids, 2})));
    ck_error(TN_ENONFINITE, "bad \"words\": backward, tensor 0 of the tape: the gradient of input 0, the parameter "
                            "\"words.weight\" (5, 3), is -inf at number 10");
    tn_gradient g;
    ck_assert(!tn_param_gradient(w, &g));
}
END_TEST

/* The room of a gradient that nothing was added to holds anything. */
START_TEST(a_gradient_that_is_none)
{
    tn_tensor *w = tn_param(ps, TN_DIMS(2, 2), tn_constant(1), "w");
    tn_tape_begin(t, TN_GRAD);
    ck_assert(tn_backward(t, give(w, NAN, (tn_ids){NULL, 0})));
    tn_params_zero_grad(ps);
    begin();
    ck_assert(tn_backward(t, tn_apply(t, &bad_op, 1, &w, &(bad){.silent = true})));
    ck_no_error();
}
END_TEST

START_TEST(a_gradient_that_is_given)
{
    const tn_real dy[] = {0, (tn_real)INFINITY, 0, 0};
    tn_tensor *w = tn_param(ps, TN_DIMS(2, 2), tn_constant(1), "w");
    begin();
    ck_assert(!tn_backward_from(t, tn_square(t, w), dy));
    ck_misuse("tn_tape_check_finite: dy of tn_backward_from", TN_ENONFINITE, "backward: dy (2, 2) is inf at number 1");
    ck_assert_ptr_null(tn_grad_data(w));
}
END_TEST

/* A step changes nothing of what it fails in: no parameter, no buffer, and no half of a gradient stays. */
START_TEST(what_a_failed_step_leaves)
{
    const int32_t ids[] = {3, 0};
    tn_tensor *rows = tn_param(ps, TN_DIMS(5, 2), tn_constant(1), "rows"), *w = tn_param(ps, TN_DIMS(4), tn_constant(1), "w");
    optim *o = optim_sgd(ps, optim_sgd_defaults());
    begin();
    ck_assert(tn_backward(t, tn_add(t, total(w), total(tn_embedding(t, rows, (tn_ids){ids, 2}, tn_embedding_defaults())))));
    tn_tape_begin(t, TN_GRAD | TN_TRAIN);
    tn_tensor *loss = tn_add(t, give(w, NAN, (tn_ids){NULL, 0}), total(tn_embedding(t, rows, (tn_ids){ids, 1}, tn_embedding_defaults())));
    ck_assert(!tn_backward(t, loss) && !optim_step(o));
    tn_error_clear(&err);
    ck_assert(tn_grad_data(w) == NULL && tn_grad_data(rows) == NULL);
    ck_assert(w->data[2] == 1 && rows->data[0] == 1);

    begin(); /* and it goes on */
    ck_assert(tn_backward(t, total(tn_embedding(t, rows, (tn_ids){ids, 2}, tn_embedding_defaults()))));
    for (int64_t i = 0; i < rows->n; i++) ck_assert(tn_grad_data(rows)[i] == (i / 2 == 0 || i / 2 == 3));
    optim_free(o);
    ck_no_error();
}
END_TEST

/* ---- off ----------------------------------------------------------------------------------------------------------- */

START_TEST(off_nothing_is_looked_at)
{
    const tn_real bad_numbers[] = {NAN, (tn_real)INFINITY};
    tn_tensor *w = tn_param(ps, TN_DIMS(4), tn_constant(1), "w");
    for (int round = 0; round < 2; round++) {
        tn_tape_begin(t, TN_GRAD);
        ck_assert(isnan(tn_item(total(tn_relu(t, tn_const(t, TN_DIMS(2), bad_numbers))))));
        ck_assert(tn_backward(t, give(w, NAN, (tn_ids){NULL, 0})));
        ck_assert(isnan(tn_grad_data(w)[2]));
        tn_params_zero_grad(ps);
        ck_no_error();
        tn_tape_check_finite(t, true);
        tn_tape_check_finite(t, false);
    }
    tn_tape_check_finite(NULL, true);
}
END_TEST

/* Every op: what its samples give and their gradients are finite, and looking changes no bit of them. */
START_TEST(finite_steps_are_as_they_were)
{
    for (int k = 0;; k++) {
        tn_tape_check_finite(t, false);
        tn_tape_begin(t, TN_EVAL);
        tn_tensor *y = tests_builtin_ops[_i]->sample ? tests_builtin_ops[_i]->sample(t, k) : NULL;
        if (!y) break;
        size_t bytes = (size_t)y->n * sizeof *y->data;
        tn_real *before = memcpy(malloc(bytes + 1), y->data, bytes);
        tn_tape_check_finite(t, true);
        tn_tape_begin(t, TN_EVAL);
        y = tests_builtin_ops[_i]->sample(t, k);
        ck_no_error();
        ck_assert(memcmp(before, y->data, bytes) == 0);
        free(before);
        begin();
        tn_backward(t, total(tests_builtin_ops[_i]->sample(t, k)));
        ck_no_error();
    }
    ck_no_error();
}
END_TEST

static int count_ops(void)
{
    int n = 0;
    while (tests_builtin_ops[n]) n++;
    return n;
}

static void add(TCase *c)
{
    tcase_add_test(c, a_result);
    tcase_add_test(c, what_the_first_number_is);
    tcase_add_test(c, an_input_from_outside);
    tcase_add_test(c, a_parameter_and_a_buffer);
    tcase_add_test(c, an_evaluation_is_looked_at_too);
    tcase_add_test(c, a_gradient);
    tcase_add_test(c, the_gradient_of_a_parameter);
    tcase_add_test(c, the_gradient_of_a_row);
    tcase_add_test(c, a_gradient_that_is_none);
    tcase_add_test(c, a_gradient_that_is_given);
    tcase_add_test(c, what_a_failed_step_leaves);
    tcase_add_test(c, off_nothing_is_looked_at);
    tcase_add_loop_test(c, finite_steps_are_as_they_were, 0, count_ops());
}

int main(void)
{
    return run_case("finite", add);
}
