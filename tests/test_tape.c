/* The tape: what a step is, who owns what, and what backward does with all the graphs that users make. */
#include "misuse.h"

static const tn_real ONE_TWO_THREE[] = {1, 2, 3};

static tn_tensor *input3(bool grad)
{
    return tn_input(t, TN_DIMS(3), ONE_TWO_THREE, grad);
}

static tn_tensor *total(tn_tensor *x)
{
    return tn_sum(t, x, TN_ALL, false);
}

static void check_numbers(const tn_real *got, const double *want, int64_t n)
{
    ck_assert_ptr_nonnull(got);
    for (int64_t i = 0; i < n; i++) ck_assert_double_eq_tol((double)got[i], want[i], 1e-6);
}

/* ---- values and gradients -------------------------------------------------------------------------------------------- */

START_TEST(a_step)
{
    tn_tape_begin(t, TN_GRAD);
    tn_tensor *x = input3(true), *y = total(tn_square(t, x));
    ck_assert_double_eq(tn_item(y), 14);
    ck_assert(tn_backward(t, y));
    check_numbers(tn_grad_data(x), (double[]){2, 4, 6}, 3);
    ck_no_error();
}
END_TEST

START_TEST(a_tensor_used_many_times)
{
    tn_tape_begin(t, TN_GRAD);
    tn_tensor *x = input3(true), *y = tn_mul(t, x, x);     /* x^2 */
    for (int i = 0; i < 5; i++) y = tn_add(t, y, tn_mul(t, x, x)); /* 6 x^2 */
    ck_assert(tn_backward(t, total(y)));
    check_numbers(tn_grad_data(x), (double[]){12, 24, 36}, 3);
}
END_TEST

START_TEST(input_copies_and_const_borrows)
{
    tn_real data[] = {1, 2};
    tn_tape_begin(t, TN_EVAL);
    tn_tensor *copy = tn_input(t, TN_DIMS(2), data, false), *borrowed = tn_const(t, TN_DIMS(2), data);
    data[0] = 7;
    ck_assert_double_eq((double)copy->data[0], 1);
    ck_assert_ptr_eq(borrowed->data, data);
    ck_assert_double_eq((double)tn_input(t, TN_DIMS(2), NULL, false)->data[1], 0);
}
END_TEST

START_TEST(scalar_and_item)
{
    tn_tape_begin(t, TN_EVAL);
    tn_tensor *x = tn_scalar(t, 2.5);
    ck_assert_int_eq(x->rank, 0);
    ck_assert_int_eq(x->n, 1);
    ck_assert_double_eq(tn_item(x), 2.5);
    ck_assert(isnan(tn_item(NULL)));
    ck_assert(isnan(tn_item(input3(false))));
}
END_TEST

START_TEST(constants_get_no_gradient)
{
    tn_tape_begin(t, TN_GRAD);
    tn_tensor *x = input3(true), *k = input3(false);
    ck_assert(tn_backward(t, total(tn_mul(t, x, k))));
    check_numbers(tn_grad_data(x), (double[]){1, 2, 3}, 3);
    ck_assert_ptr_null(tn_grad_data(k));
}
END_TEST

START_TEST(detach_stops_the_gradient)
{
    tn_tape_begin(t, TN_GRAD);
    tn_tensor *x = input3(true), *stopped = tn_detach(t, x);
    ck_assert_ptr_eq(stopped->data, x->data);
    ck_assert(tn_backward(t, total(tn_mul(t, x, stopped))));
    check_numbers(tn_grad_data(x), (double[]){1, 2, 3}, 3);
}
END_TEST

START_TEST(keep_grad_keeps)
{
    tn_tape_begin(t, TN_GRAD);
    tn_tensor *x = input3(true), *y = tn_keep_grad(tn_square(t, x)), *z = tn_square(t, y);
    ck_assert(tn_backward(t, total(z)));
    check_numbers(tn_grad_data(y), (double[]){2, 8, 18}, 3);
    check_numbers(tn_grad_data(x), (double[]){4, 32, 108}, 3);
    ck_assert_ptr_null(tn_grad_data(z));
}
END_TEST

START_TEST(what_has_no_gradient_to_keep)
{
    tn_tensor *p = tn_param(ps, TN_DIMS(3), tn_constant(1), "p");
    ck_assert_ptr_null(tn_keep_grad(NULL));
    ck_assert_ptr_eq(tn_keep_grad(p), p);
    tn_tape_begin(t, TN_GRAD);
    tn_tensor *x = input3(true), *y = tn_square(t, x), *idle = tn_keep_grad(tn_square(t, x));
    ck_assert_ptr_null(tn_grad_data(x)); /* not yet */
    ck_assert(tn_backward(t, total(y)));
    ck_assert_ptr_null(tn_grad_data(idle)); /* the loss does not depend on it */
    ck_no_error();
}
END_TEST

/* An op has no more than 32 inputs that it can declare constant, but may have more. */
START_TEST(gradients_of_many_inputs)
{
    enum { MANY = 40 };
    tn_tensor *x[MANY];
    tn_real    dy[3 * MANY];
    tn_tape_begin(t, TN_GRAD);
    for (int i = 0; i < MANY; i++) x[i] = input3(i != 35);
    for (int i = 0; i < 3 * MANY; i++) dy[i] = (tn_real)i;
    tn_tensor *y = tn_concat(t, MANY, x, 0);
    ck_assert_msg(tn_backward_from(t, y, dy), "%s", err.text);
    for (int i = 0; i < MANY; i++)
        if (i == 35) ck_assert_ptr_null(tn_grad_data(x[i]));
        else check_numbers(tn_grad_data(x[i]), (double[]){3 * i, 3 * i + 1, 3 * i + 2}, 3);
}
END_TEST

START_TEST(an_alias_shares_its_roots_gradient)
{
    tn_tape_begin(t, TN_GRAD);
    tn_tensor *x = input3(true), *y = tn_square(t, x), *row = tn_reshape(t, y, TN_DIMS(1, 3));
    ck_assert_ptr_eq(row->data, y->data);
    ck_assert(tn_backward(t, total(tn_add(t, row, tn_mul(t, y, y)))));
    check_numbers(tn_grad_data(x), (double[]){2 + 4, 4 + 32, 6 + 108}, 3);
}
END_TEST

START_TEST(a_reshaped_parameter_gets_its_gradient)
{
    tn_tensor *w = tn_param(ps, TN_DIMS(3), tn_copy_of(ONE_TWO_THREE), "w");
    tn_tape_begin(t, TN_GRAD);
    ck_assert(tn_backward(t, total(tn_square(t, tn_reshape(t, w, TN_DIMS(3, 1))))));
    check_numbers(tn_grad_data(w), (double[]){2, 4, 6}, 3);
}
END_TEST

/* The rows of a table in another shape are no rows of the table. */
START_TEST(a_lookup_in_a_reshaped_parameter)
{
    static const int32_t id = 2;
    tn_tensor *w = tn_param(ps, TN_DIMS(6), tn_constant(1), "w");
    tn_tape_begin(t, TN_GRAD);
    ck_assert(tn_backward(t, total(tn_embedding(t, tn_reshape(t, w, TN_DIMS(3, 2)), (tn_ids){&id, 1}, tn_embedding_defaults()))));
    check_numbers(tn_grad_data(w), (double[]){0, 0, 0, 0, 1, 1}, 6);
}
END_TEST

START_TEST(nothing_is_made_after_an_error)
{
    tn_tape_begin(t, TN_GRAD);
    tn_tensor *x = input3(true);
    tn_fail(&err, TN_EUSAGE, "the first");
    ck_assert_ptr_null(tn_tape_new(1, 0, &err));
    ck_assert_ptr_null(tn_params_new(1, &err));
    ck_assert_ptr_null(tn_params_snapshot(ps));
    ck_assert(!tn_params_restore(ps, NULL));
    ck_assert_ptr_eq(tn_keep_grad(x), x);
    ck_assert(!tn_npy_save(x, "build/none.npy", &err));
    ck_assert(!tn_load(ps, "build/none.safetensors", TN_STRICT));
    ck_error(TN_EUSAGE, "the first");
}
END_TEST

START_TEST(backward_from_a_given_gradient)
{
    tn_real dy[] = {1, 10, 100};
    tn_tape_begin(t, TN_GRAD);
    tn_tensor *x = input3(true);
    ck_assert(tn_backward_from(t, tn_square(t, x), dy));
    check_numbers(tn_grad_data(x), (double[]){2, 40, 600}, 3);
}
END_TEST

START_TEST(a_chain_of_100000)
{
    tn_tape_begin(t, TN_GRAD);
    tn_tensor *x = tn_input(t, TN_SCALAR, ONE_TWO_THREE, true), *y = x;
    for (int i = 0; i < 100000; i++) y = tn_neg(t, y);
    ck_assert(tn_backward(t, y));
    ck_no_error();
    ck_assert_double_eq((double)tn_grad_data(x)[0], 1);
}
END_TEST

/* Gradients of temporaries are handed back: the chain's backward needs little more than its forward. */
START_TEST(gradients_of_temporaries_are_handed_back)
{
    enum { N = 1 << 16, LENGTH = 50 };
    tn_tape_begin(t, TN_GRAD);
    tn_tensor *x = tn_input(t, TN_DIMS(N), NULL, true), *y = x;
    for (int i = 0; i < LENGTH; i++) y = tn_neg(t, y);
    y = tn_sum(t, y, TN_ALL, false);
    ck_assert(tn_backward(t, y));
    tn_tape_begin(t, TN_GRAD); /* one chunk of what the step used */
    size_t activations = (LENGTH + 1) * N * sizeof(tn_real);
    ck_assert_uint_lt(tn_tape_bytes(t), activations + activations / 2 + activations);
}
END_TEST

START_TEST(steps_reuse_their_memory)
{
    size_t bytes[6];
    for (int step = 0; step < 6; step++) {
        tn_tape_begin(t, TN_GRAD);
        tn_tensor *x = tn_input(t, TN_DIMS(300, step == 4 ? 200 : 300), NULL, true);
        ck_assert(tn_backward(t, total(tn_square(t, tn_exp(t, x)))));
        bytes[step] = tn_tape_bytes(t);
    }
    for (int step = 3; step < 6; step++) ck_assert_uint_eq(bytes[step], bytes[2]);
    tn_tape_trim(t);
    ck_assert_uint_eq(tn_tape_bytes(t), 0);
    tn_tape_begin(t, TN_GRAD);
    ck_assert(tn_backward(t, total(tn_square(t, input3(true)))));
}
END_TEST

START_TEST(nothing_is_recorded_in_eval)
{
    tn_tensor *w = tn_param(ps, TN_DIMS(3), tn_copy_of(ONE_TWO_THREE), "w");
    tn_tape_begin(t, TN_EVAL);
    ck_assert(!tn_backward(t, total(tn_square(t, w))));
    ck_misuse("tn_backward: a step without TN_GRAD",
              TN_EUSAGE, "backward: this step does not record: begin it with tn_tape_begin(t, TN_GRAD)");
    ck_assert_ptr_null(tn_grad_data(w));
}
END_TEST

START_TEST(train_begins_are_counted)
{
    ck_assert_uint_eq(tn_tape_count(t), 0);
    tn_tape_begin(t, TN_GRAD);
    ck_assert_uint_eq(tn_tape_count(t), 0);
    tn_tape_begin(t, TN_GRAD | TN_TRAIN);
    ck_assert_uint_eq(tn_tape_count(t), 1);
    ck_assert_uint_eq(tn_tape_mode(t), TN_GRAD | TN_TRAIN);
    tn_tape_set_count(t, 41);
    tn_tape_begin(t, TN_TRAIN);
    ck_assert_uint_eq(tn_tape_count(t), 42);
}
END_TEST

START_TEST(random_ops_depend_on_count_and_place_alone)
{
    tn_real first[64], again[64];
    for (int run = 0; run < 2; run++) {
        tn_tape *other = tn_tape_new(7, 3, &err);
        tn_tape_set_count(other, 10);
        tn_tape_begin(other, TN_TRAIN);
        tn_tensor *x = tn_input(other, TN_DIMS(64), NULL, false);
        for (int i = 0; i < 64; i++) x->data[i] = 1;
        if (run) tn_exp(other, x); /* not random: changes nothing */
        tn_tensor *a = tn_dropout(other, x, 0.5), *b = tn_dropout(other, x, 0.5);
        memcpy(run ? again : first, a->data, sizeof first);
        ck_assert_int_ne(memcmp(a->data, b->data, sizeof first), 0);
        tn_tape_begin(other, TN_TRAIN);
        x = tn_input(other, TN_DIMS(64), NULL, false);
        for (int i = 0; i < 64; i++) x->data[i] = 1;
        ck_assert_int_ne(memcmp(tn_dropout(other, x, 0.5)->data, first, sizeof first), 0);
        tn_tape_free(other);
    }
    ck_assert_mem_eq(first, again, sizeof first);
}
END_TEST

/* ---- misuse: each is an error that says what was done ------------------------------------------------------------------ */

START_TEST(no_step_has_begun)
{
    ck_assert_ptr_null(input3(true));
    ck_misuse("tn_input: no step begun",
              TN_EUSAGE, "tn_input: no step has begun on this tape: call tn_tape_begin first, with TN_GRAD | TN_TRAIN to "
              "" "train or TN_EVAL to predict");
    ck_assert(!tn_ok(NULL));
    ck_assert(tn_ok(t));
}
END_TEST

START_TEST(a_spent_tape)
{
    tn_tape_begin(t, TN_GRAD);
    tn_tensor *x = input3(true), *y = total(tn_square(t, x));
    ck_assert(tn_backward(t, y));
    ck_assert_double_eq(tn_item(y), 14); /* values can still be read */
    ck_assert_ptr_null(tn_square(t, x));
    ck_misuse("ops.h: a tape that tn_backward has walked", TN_EUSAGE, "square: this tape is spent: tn_backward has walked "
                                                                      "it; begin the next step with tn_tape_begin");
    ck_assert(!tn_backward(t, y));
    ck_misuse("tn_backward: a second tn_backward in a step",
              TN_EUSAGE, "backward: this tape has been walked back already, once is all that it does: add the losses up "
                         "before, or begin the next step with tn_tape_begin");
    ck_assert_ptr_eq(tn_keep_grad(x), x);
    ck_misuse("tn_keep_grad: tn_backward has walked the tape",
              TN_EUSAGE, "tn_keep_grad: too late: tn_backward has walked this tape");
}
END_TEST

START_TEST(backward_from_a_non_scalar)
{
    tn_tape_begin(t, TN_GRAD);
    ck_assert(!tn_backward(t, tn_square(t, input3(true))));
    ck_misuse("tn_backward: loss is no single number",
              TN_ESHAPE, "backward: the loss is (3,), it must be a single number: reduce it (tn_mean, tn_sum), or give "
              "its " "gradient to tn_backward_from");
}
END_TEST

START_TEST(backward_from_what_wants_nothing)
{
    tn_tape_begin(t, TN_GRAD);
    ck_assert(!tn_backward(t, total(input3(false))));
    ck_misuse("tn_backward: loss depends on nothing that wants a gradient",
              TN_EUSAGE, "backward: the loss depends on nothing that wants a gradient (parameters that are not frozen, "
                         "inputs with grad)");
    ck_assert(!tn_backward(t, NULL));
    ck_misuse("tn_backward: loss is NULL", TN_EUSAGE, "backward: the loss is NULL, and no earlier error says why");
    tn_tensor *w = tn_param(ps, TN_SCALAR, tn_constant(1), "w");
    ck_assert(!tn_backward(t, w));
    ck_error(TN_EUSAGE, "backward: the loss () is not of this tape and step");
    ck_assert(!tn_backward(t, tn_reshape(t, w, TN_DIMS(1))));
    ck_misuse("tn_backward: loss is a parameter", TN_EUSAGE, "backward: the loss is the parameter \"w\" itself");
}
END_TEST

START_TEST(tensors_of_two_tapes)
{
    tn_tape *other = tn_tape_new(1, 1, &err);
    tn_tape_begin(t, TN_GRAD);
    tn_tape_begin(other, TN_GRAD);
    tn_tensor *theirs = tn_input(other, TN_DIMS(3), NULL, true);
    ck_assert_ptr_null(tn_add(t, input3(true), theirs));
    ck_misuse("ops.h: a tensor of another tape", TN_EUSAGE, "add: input 1 (3,) is of another tape; copy it with tn_input");
    ck_assert(!tn_backward(t, tn_sum(other, theirs, TN_ALL, false)));
    ck_misuse("tn_backward: loss is of another tape", TN_EUSAGE, "backward: the loss () is not of this tape and step");
    tn_tape_free(other);
}
END_TEST

#if !defined(__SANITIZE_ADDRESS__)
START_TEST(a_tensor_of_an_earlier_step)
{
    tn_tape_begin(t, TN_GRAD);
    input3(true);
    tn_tensor *old = input3(true);
    tn_tape_begin(t, TN_GRAD);
    ck_assert_ptr_null(tn_square(t, old));
    ck_misuse("ops.h: a tensor of an earlier step", TN_EUSAGE, "square: input 0 (3,) is of an earlier step, and gone; "
                                                               "copy its data before tn_tape_begin, and give "
             "it to tn_input after");
}
END_TEST
#endif

START_TEST(the_first_error_is_kept)
{
    tn_tape_begin(t, TN_GRAD);
    tn_tensor *a = tn_input(t, TN_DIMS(2), NULL, true), *b = input3(true);
    tn_tensor *bad = tn_add(t, a, b);
    ck_assert_ptr_null(bad);
    ck_assert_int_eq(err.code, TN_ESHAPE);
    char text[TN_ERROR_TEXT];
    strcpy(text, err.text);
    ck_assert_ptr_null(tn_matmul(t, bad, tn_reshape(t, a, TN_DIMS(77))));
    ck_assert_ptr_null(tn_input(t, TN_DIMS(-1), NULL, true));
    ck_assert(!tn_backward(t, bad));
    ck_assert_str_eq(err.text, text);
    ck_assert(!tn_ok(t));
    tn_error_clear(&err);
    tn_tape_begin(t, TN_GRAD); /* starts afresh */
    ck_assert(tn_backward(t, total(tn_square(t, input3(true)))));
    ck_no_error();
}
END_TEST

START_TEST(a_null_input_without_an_error)
{
    tn_tape_begin(t, TN_GRAD);
    ck_assert_ptr_null(tn_add(t, input3(true), NULL));
    ck_error(TN_EUSAGE, "add: input 1 is NULL, and no earlier error says why" UNMADE);
    ck_assert_ptr_null(tn_detach(t, NULL));
    ck_misuse("tn_detach: x is NULL", TN_EUSAGE, "tn_detach: input 0 is NULL, and no earlier error says why");
    ck_assert_ptr_null(tn_const(t, TN_DIMS(2), NULL));
    ck_misuse("tn_const: data is NULL, and the shape has elements", TN_EUSAGE, "tn_const: data is NULL");
}
END_TEST

START_TEST(impossible_calls)
{
    tn_tape_begin(t, 12);
    ck_misuse("tn_tape_begin: another mode",
              TN_EUSAGE, "tn_tape_begin: mode 12 is not TN_EVAL, TN_GRAD, TN_TRAIN or TN_GRAD | TN_TRAIN");
    tn_tape_begin(t, TN_GRAD);
    ck_assert_ptr_null(tn_input(t, TN_DIMS(2, -1), NULL, false));
    ck_misuse("tn_input: a negative size",
              TN_ESHAPE, "tn_input: the shape (2, -1) has a negative size");
    ck_assert_ptr_null(tn_input(t, TN_DIMS(INT64_MAX / 2, 3), NULL, false));
    tn_error_clear(&err);
    tn_keep_grad(input3(false));
    ck_misuse("tn_keep_grad: x wants no gradient", TN_EUSAGE, "tn_keep_grad: (3,) wants no gradient");
}
END_TEST

START_TEST(null_everything)
{
    ck_assert_ptr_null(tn_tape_new(1, 0, NULL));
    ck_assert_ptr_null(tn_params_new(1, NULL));
    tn_tape_begin(NULL, TN_GRAD);
    tn_tape_free(NULL);
    tn_tape_trim(NULL);
    tn_params_free(NULL);
    ck_assert_ptr_null(tn_add(NULL, NULL, NULL));
    ck_assert_ptr_null(tn_input(NULL, TN_DIMS(1), NULL, true));
    ck_assert_ptr_null(tn_grad_data(NULL));
    ck_assert_ptr_null(tn_keep_grad(NULL));
    ck_assert(!tn_backward(NULL, NULL));
    ck_assert(!tn_gradcheck(NULL, NULL));
    ck_assert_uint_eq(tn_tape_bytes(NULL), 0);
}
END_TEST

/* ---- the door ---------------------------------------------------------------------------------------------------------- */

static bool no_shape(tn_tensor *y)
{
    (void)y;
    return true;
}

static bool huge_shape(tn_tensor *y)
{
    return tn_set_shape(y, 3, (int64_t[]){1 << 30, 1 << 30, 1 << 30});
}

static bool negative_shape(tn_tensor *y)
{
    return tn_set_shape(y, 2, (int64_t[]){1, -2});
}

static bool deep_shape(tn_tensor *y)
{
    return tn_set_shape(y, 9, (int64_t[]){1, 1, 1, 1, 1, 1, 1, 1, 1});
}

static void nothing(tn_tensor *y)
{
    (void)y;
}

START_TEST(what_apply_refuses)
{
    static const struct {
        const char *what;
        bool      (*shape)(tn_tensor *y);
        int         n;
        tn_code     code;
        const char *text;
    } row[] = {
        {"tn_apply: a shape function that sets no shape",
         no_shape, 1, TN_EUSAGE, "mine \"w\": its shape function sets no shape: call tn_set_shape"},
        {"tn_set_shape: a shape larger than any memory",
         huge_shape, 1, TN_EMEMORY, "mine \"w\": the shape (1073741824, 1073741824, 1073741824) is larger than any memory"},
        {"tn_set_shape: a negative size",
         negative_shape, 1, TN_ESHAPE, "mine \"w\": the shape (1, -2) has a negative size"},
        {"tn_set_shape: a rank over TN_MAX_RANK",
         deep_shape, 1, TN_ESHAPE, "mine \"w\": a rank of 9 is not in 0..8"},
        {"tn_apply: another number of inputs",
         no_shape, 2, TN_EUSAGE, "mine: takes 1 inputs, was given 2"},
    };
    tn_op mine = {.name = "mine", .n_in = 1, .shape = row[_i].shape, .forward = nothing, .backward = nothing};
    tn_tensor *w = tn_param(ps, TN_DIMS(3), tn_constant(0), "w.weight");
    tn_tape_begin(t, TN_GRAD);
    ck_assert_ptr_null(tn_apply(t, &mine, row[_i].n, (tn_tensor *[]){w, w}, NULL));
    ck_error(row[_i].code, row[_i].text);
}
END_TEST

START_TEST(no_backward_is_an_error_where_a_gradient_is_wanted)
{
    tn_op mine = {.name = "mine", .n_in = 1, .shape = no_shape, .forward = nothing};
    tn_tape_begin(t, TN_GRAD);
    tn_tensor *x = input3(true);
    ck_assert_ptr_null(tn_apply(t, &mine, 1, &x, NULL));
    ck_misuse("tn_apply: a gradient wanted of an op that has none",
              TN_EUSAGE, "mine: has no gradient, and an input wants one: give it tn_detach(t, x)");
    ck_assert_ptr_nonnull(tn_sign(t, tn_detach(t, x)));
    tn_op masked = {.name = "masked", .n_in = 1, .constant = 1, .shape = no_shape, .forward = nothing, .backward = nothing};
    ck_assert_ptr_null(tn_apply(t, &masked, 1, &x, NULL));
    ck_misuse("tn_apply: a gradient wanted of an input that gets none",
              TN_EUSAGE, "masked: input 0 (3,) wants a gradient, and gets none here: give tn_detach(t, x)");
}
END_TEST

static bool scratch_of_nothing(tn_tensor *y)
{
    return tn_set_shape_like(y, y->in[0]) && tn_alloc_scratch(y, 0);
}

/* What moves along it, by no numbers, does not move along NULL. */
START_TEST(scratch_of_no_bytes_is_a_place)
{
    tn_op mine = {.name = "mine", .n_in = 1, .shape = scratch_of_nothing, .forward = nothing, .backward = nothing};
    tn_tape_begin(t, TN_EVAL);
    tn_tensor *x = input3(false), *y = tn_apply(t, &mine, 1, &x, NULL);
    ck_no_error();
    ck_assert_ptr_nonnull(tn_scratch(y));
}
END_TEST

static void add(TCase *c)
{
    tcase_add_test(c, a_step);
    tcase_add_test(c, a_tensor_used_many_times);
    tcase_add_test(c, input_copies_and_const_borrows);
    tcase_add_test(c, scalar_and_item);
    tcase_add_test(c, constants_get_no_gradient);
    tcase_add_test(c, detach_stops_the_gradient);
    tcase_add_test(c, keep_grad_keeps);
    tcase_add_test(c, what_has_no_gradient_to_keep);
    tcase_add_test(c, gradients_of_many_inputs);
    tcase_add_test(c, an_alias_shares_its_roots_gradient);
    tcase_add_test(c, a_reshaped_parameter_gets_its_gradient);
    tcase_add_test(c, a_lookup_in_a_reshaped_parameter);
    tcase_add_test(c, nothing_is_made_after_an_error);
    tcase_add_test(c, backward_from_a_given_gradient);
    tcase_add_test(c, a_chain_of_100000);
    tcase_add_test(c, gradients_of_temporaries_are_handed_back);
    tcase_add_test(c, steps_reuse_their_memory);
    tcase_add_test(c, nothing_is_recorded_in_eval);
    tcase_add_test(c, train_begins_are_counted);
    tcase_add_test(c, random_ops_depend_on_count_and_place_alone);
    tcase_add_test(c, no_step_has_begun);
    tcase_add_test(c, a_spent_tape);
    tcase_add_test(c, backward_from_a_non_scalar);
    tcase_add_test(c, backward_from_what_wants_nothing);
    tcase_add_test(c, tensors_of_two_tapes);
#if !defined(__SANITIZE_ADDRESS__)
    tcase_add_test(c, a_tensor_of_an_earlier_step);
#endif
    tcase_add_test(c, the_first_error_is_kept);
    tcase_add_test(c, a_null_input_without_an_error);
    tcase_add_test(c, impossible_calls);
    tcase_add_test(c, null_everything);
    tcase_add_loop_test(c, what_apply_refuses, 0, 5);
    tcase_add_test(c, no_backward_is_an_error_where_a_gradient_is_wanted);
    tcase_add_test(c, scratch_of_no_bytes_is_a_place);
}

int main(void)
{
    return run_case("tape", add);
}
