/* test_batch_norm1d.c: the running statistics, which optim_step alone changes; and what batch normalisation refuses. */
#include "misuse.h"

static tn_tensor *of(tn_dims shape)
{
    return tn_input(t, shape, NULL, true);
}

/* ---- the running statistics -------------------------------------------------------------------------------------- */

static const tn_real first[] = {1, 10, 3, 10, 5, 40}, second[] = {-1, 0, -1, 0, 2, 3};

static tn_tensor *pass(const nn_batch_norm1d *b, unsigned mode, const tn_real *x)
{
    tn_tape_begin(t, mode);
    return nn_batch_norm1d_forward(b, t, tn_const(t, TN_DIMS(3, 2), x));
}

/* Mean and var of the first channel, and how many batches they are of. */
static void check_running(const nn_batch_norm1d *b, double mean, double var, double count)
{
    ck_assert_double_eq_tol((double)b->running.mean->data[0], mean, 1e-5);
    ck_assert_double_eq_tol((double)b->running.var->data[0], var, 1e-5);
    ck_assert_double_eq(tn_item(b->running.count), count);
}

START_TEST(running_statistics_move_with_the_step)
{
    nn_batch_norm1d b;
    nn_batch_norm1d_init(&b, ps, "norm", 2);
    optim *o = optim_sgd(ps, optim_sgd_defaults());
    tn_backward(t, tn_sum(t, pass(&b, TN_GRAD | TN_TRAIN, first), TN_ALL, false));
    check_running(&b, 0, 1, 0);
    ck_assert(optim_step(o));
    check_running(&b, 0.3, 1.3, 1); /* the batch: mean 3, var 4 */
    tn_backward(t, tn_sum(t, pass(&b, TN_GRAD | TN_TRAIN, second), TN_ALL, false));
    ck_assert(optim_step(o));
    check_running(&b, 0.27, 1.47, 2); /* the batch: mean 0, var 3 */
    optim_free(o);
}
END_TEST

START_TEST(a_dropped_step_forgets_them)
{
    nn_batch_norm1d b;
    nn_batch_norm1d_init(&b, ps, "norm", 2);
    tn_backward(t, tn_sum(t, pass(&b, TN_GRAD | TN_TRAIN, first), TN_ALL, false));
    tn_params_zero_grad(ps);
    tn_params_commit(ps);
    check_running(&b, 0, 1, 0);
    pass(&b, TN_TRAIN, first); /* no backward */
    tn_params_commit(ps);
    check_running(&b, 0, 1, 0);
    tn_backward(t, tn_sum(t, pass(&b, TN_GRAD, first), TN_ALL, false)); /* no training */
    tn_params_commit(ps);
    check_running(&b, 0, 1, 0);
    ck_no_error();
}
END_TEST

START_TEST(evaluation_goes_by_them)
{
    nn_batch_norm1d b;
    nn_batch_norm1d_init(&b, ps, "norm", 2);
    b.running.mean->data[0] = 2, b.running.var->data[0] = 4;
    b.weight->data[1] = 3, b.bias->data[1] = 7;
    b.eps = 0;
    const tn_tensor *y = pass(&b, TN_EVAL, first);
    ck_no_error();
    const double wanted[] = {-0.5, 37, 0.5, 37, 1.5, 127};
    for (int i = 0; i < 6; i++) ck_assert_double_eq_tol((double)y->data[i], wanted[i], 1e-5);
    b.momentum = 2;
    ck_assert_ptr_null(pass(&b, TN_EVAL, first));
    ck_error(TN_EUSAGE, "batch_norm \"norm\": momentum is 2, it must be from 0 to 1");
}
END_TEST

START_TEST(names_as_pytorch_has_them)
{
    static const char *const names[] = {"norm.weight", "norm.bias", "norm.running_mean", "norm.running_var",
                                        "norm.num_batches_tracked"};
    nn_batch_norm1d b;
    nn_batch_norm1d_init(&b, ps, "norm", 3);
    ck_assert_int_eq(tn_params_count(ps), 5);
    for (int i = 0; i < 5; i++) {
        const tn_tensor *x = tn_params_at(ps, i);
        ck_assert_str_eq(x->name, names[i]);
        ck_assert_str_eq(TN_STR(x), i < 4 ? "(3,)" : "()");
        ck_assert(tn_is_buffer(x) == (i >= 2));
    }
}
END_TEST

/* ---- misuse -> code -> text ---------------------------------------------------------------------------------------- */

static tn_tensor *apply(tn_tensor *x, tn_tensor *weight, tn_tensor *mean, tn_tensor *var, tn_batch_norm_options options)
{
    return tn_batch_norm(t, x, weight, NULL, (tn_batch_statistics){mean, var, NULL}, options);
}

static tn_batch_norm_options with(bool training, double momentum, double eps)
{
    return (tn_batch_norm_options){training, momentum, eps};
}

#define X of(TN_DIMS(2, 3))
#define RUNNING tn_detach(t, of(TN_DIMS(3)))
#define PLAIN tn_batch_norm_defaults()

MISUSE(no_x, apply(NULL, NULL, NULL, NULL, PLAIN))
MISUSE(flat_x, apply(of(TN_DIMS(3)), NULL, NULL, NULL, PLAIN))
MISUSE(one_value, apply(of(TN_DIMS(1, 3)), NULL, NULL, NULL, PLAIN))
MISUSE(weight_size, apply(X, of(TN_DIMS(2)), NULL, NULL, PLAIN))
MISUSE(weight_rank, apply(X, of(TN_DIMS(1, 3)), NULL, NULL, PLAIN))
MISUSE(bias_size, tn_batch_norm(t, X, NULL, of(TN_DIMS(4)), (tn_batch_statistics){0}, PLAIN))
MISUSE(mean_size, apply(X, NULL, tn_detach(t, X), RUNNING, with(false, 0.1, 1)))
MISUSE(var_size, apply(X, NULL, RUNNING, tn_detach(t, X), with(false, 0.1, 1)))
MISUSE(only_mean, apply(X, NULL, RUNNING, NULL, with(false, 0.1, 1)))
MISUSE(no_statistics, apply(X, NULL, NULL, NULL, with(false, 0.1, 1)))
MISUSE(mean_no_buffer, apply(X, NULL, RUNNING, RUNNING, PLAIN))
MISUSE(mean_grad, apply(X, NULL, of(TN_DIMS(3)), RUNNING, with(false, 0.1, 1)))
MISUSE(count_size, tn_batch_norm(t, X, NULL, NULL, (tn_batch_statistics){NULL, NULL, RUNNING}, PLAIN))
MISUSE(eps, apply(X, NULL, NULL, NULL, with(true, 0.1, -1)))
MISUSE(momentum, apply(X, NULL, NULL, NULL, with(true, -0.5, 1)))

static const misuse misuses[] = {
    {"ops.h: a required tensor that is NULL",
     no_x, TN_EUSAGE, "batch_norm: input 0 is NULL, and no earlier error says why" UNMADE},
    {"tn_batch_norm: x has no channels", flat_x, TN_ESHAPE, "batch_norm: x is (3,), it must be (batch, channels, ...)"},
    {"tn_batch_norm: one value per channel in training",
     one_value, TN_ESHAPE, "batch_norm: x is (1, 3): one value per channel has no variance to train with"},
    {"tn_batch_norm: a weight, bias, mean or var that is not (C)",
     weight_size, TN_ESHAPE, "batch_norm: weight is (2,), for x (2, 3) it must be (3,)"},
    {"tn_batch_norm: a weight, bias, mean or var that is not (C)",
     weight_rank, TN_ESHAPE, "batch_norm: weight is (1, 3), for x (2, 3) it must be (3,)"},
    {"tn_batch_norm: a weight, bias, mean or var that is not (C)",
     bias_size, TN_ESHAPE, "batch_norm: bias is (4,), for x (2, 3) it must be (3,)"},
    {"tn_batch_norm: a weight, bias, mean or var that is not (C)",
     mean_size, TN_ESHAPE, "batch_norm: the running mean is (2, 3), for x (2, 3) it must be (3,)"},
    {"tn_batch_norm: a weight, bias, mean or var that is not (C)",
     var_size, TN_ESHAPE, "batch_norm: the running var is (2, 3), for x (2, 3) it must be (3,)"},
    {"tn_batch_norm: one of mean and var without the other",
     only_mean, TN_EUSAGE, "batch_norm: the running mean and var come both, or neither of them"},
    {"tn_batch_norm: not training, and no running statistics",
     no_statistics, TN_EUSAGE, "batch_norm: there are no running statistics, so the batch's are needed: set training"},
    {"tn_batch_norm: running statistics that are no buffers",
     mean_no_buffer, TN_EUSAGE, "batch_norm: input 3 is not a buffer (tn_buffer)"},
    {"ops.h: a gradient wanted of what has none",
     mean_grad, TN_EUSAGE, "batch_norm: input 3 (3,) wants a gradient, and gets none here: give tn_detach(t, x)"},
    {"tn_batch_norm: a count of several numbers",
     count_size, TN_ESHAPE, "batch_norm: the count is (3,), it must be a single number"},
    {"tn_batch_norm: eps below 0", eps, TN_EUSAGE, "batch_norm: eps is -1, it must be 0 or more"},
    {"tn_batch_norm: momentum outside [0, 1]", momentum, TN_EUSAGE, "batch_norm: momentum is -0.5, it must be from 0 to 1"},
};
enum { N_MISUSES = sizeof misuses / sizeof *misuses };

START_TEST(misused)
{
    check_misuse(&misuses[_i]);
}
END_TEST

static void add(TCase *c)
{
    tcase_add_test(c, running_statistics_move_with_the_step);
    tcase_add_test(c, a_dropped_step_forgets_them);
    tcase_add_test(c, evaluation_goes_by_them);
    tcase_add_test(c, names_as_pytorch_has_them);
    tcase_add_loop_test(c, misused, 0, N_MISUSES);
}

int main(void)
{
    return run_case("batch_norm1d", add);
}
