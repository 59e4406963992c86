/* test_shape_errors.c: what the element-wise ops, the reductions and the shape ops refuse, with which code and text; and
 * the calls at the edge of that which are fine. */
#include "misuse.h"

static tn_tensor *of(tn_dims shape)
{
    return tn_input(t, shape, NULL, true);
}

/* 0, 1, 2, ... */
static tn_tensor *range(tn_dims shape)
{
    tn_tensor *x = of(shape);
    for (int64_t i = 0; x && i < x->n; i++) x->data[i] = (tn_real)i;
    return x;
}

/* Borrowed for a tensor that is larger, and never read. */
static const tn_real one_number;

static tn_tensor *named(void)
{
    return tn_param(ps, TN_DIMS(4, 2), tn_constant(0), "fc.weight");
}

/* ---- misuse -> code -> text ---------------------------------------------------------------------------------------- */

#define X of(TN_DIMS(2, 3))
#define LIST(...) 2, (tn_tensor *[]){__VA_ARGS__}

MISUSE(neg_null, tn_neg(t, NULL))
MISUSE(add_null, tn_add(t, X, NULL))
MISUSE(where_null, tn_where(t, NULL, X, X))
MISUSE(clamp_order, tn_clamp(t, X, 2, -1.5))
MISUSE(clamp_nan, tn_clamp(t, X, 0, (double)NAN))
MISUSE(sign_grad, tn_sign(t, X))
MISUSE(add_sizes, tn_add(t, X, of(TN_DIMS(4, 3))))
MISUSE(sub_named, tn_sub(t, X, named()))
MISUSE(mul_ranks, tn_mul(t, of(TN_DIMS(2, 3, 4)), of(TN_DIMS(2, 4))))
MISUSE(maximum_zero, tn_maximum(t, of(TN_DIMS(0)), of(TN_DIMS(2))))
MISUSE(pow_last, tn_pow(t, X, of(TN_DIMS(2))))
MISUSE(add_huge, tn_add(t, of(TN_DIMS(0, INT64_C(1) << 40, 1)), of(TN_DIMS(1, 1, 3))))
MISUSE(where_sizes, tn_where(t, tn_detach(t, X), of(TN_DIMS(3)), of(TN_DIMS(5, 1, 4))))
MISUSE(where_condition_grad, tn_where(t, X, X, X))

MISUSE(sum_range, tn_sum(t, X, TN_DIMS(2), false))
MISUSE(sum_scalar, tn_sum(t, of(TN_SCALAR), TN_DIMS(0), false))
MISUSE(mean_negative, tn_mean(t, X, TN_DIMS(0, -3), true))
MISUSE(var_twice, tn_var(t, X, TN_DIMS(1, -1), false))
MISUSE(min_count, tn_min(t, X, ((tn_dims){9, {0}}), false))
MISUSE(min_count_below, tn_min(t, X, ((tn_dims){-1, {0}}), false))
MISUSE(unfold_kernel, tn_unfold(t, of(TN_DIMS(1, 2, 9)), (tn_unfold_options){0, 1, 0, 1}))
MISUSE(max_nothing, tn_max(t, of(TN_DIMS(2, 0)), TN_DIMS(1), false))
MISUSE(min_nothing, tn_min(t, of(TN_DIMS(0)), TN_ALL, true))
MISUSE(logsumexp_range, tn_logsumexp(t, X, TN_DIMS(INT64_MIN), false))
MISUSE(softmax_range, tn_softmax(t, X, 2))
MISUSE(log_softmax_scalar, tn_log_softmax(t, of(TN_SCALAR), 0))
MISUSE(argmax_null, tn_argmax(t, NULL, 0, NULL))
MISUSE(argmax_range, tn_argmax(t, X, -3, (int32_t[3]){0}))
MISUSE(argmax_beyond, tn_argmax(t, X, 2, (int32_t[3]){0}))
MISUSE(argmax_nothing, tn_argmax(t, of(TN_DIMS(2, 0)), 1, (int32_t[2]){0}))
MISUSE(argmax_index, tn_argmax(t, X, 0, NULL))

MISUSE(reshape_count, tn_reshape(t, X, TN_DIMS(4, 2)))
MISUSE(reshape_divide, tn_reshape(t, X, TN_DIMS(4, -1)))
MISUSE(reshape_two, tn_reshape(t, X, TN_DIMS(-1, 2, -1)))
MISUSE(reshape_negative, tn_reshape(t, X, TN_DIMS(-2, -3)))
MISUSE(reshape_anything, tn_reshape(t, of(TN_DIMS(0, 3)), TN_DIMS(0, -1)))
MISUSE(reshape_scalar, tn_reshape(t, X, TN_SCALAR))
MISUSE(reshape_overflow, tn_reshape(t, X, TN_DIMS(INT64_MAX, 4)))
MISUSE(reshape_rank, tn_reshape(t, X, ((tn_dims){9, {1}})))
MISUSE(transpose_range, tn_transpose(t, X, 0, 2))
MISUSE(transpose_scalar, tn_transpose(t, of(TN_SCALAR), -1, 0))
MISUSE(permute_count, tn_permute(t, X, TN_DIMS(0, 1, 2)))
MISUSE(permute_twice, tn_permute(t, X, TN_DIMS(1, -1)))
MISUSE(permute_range, tn_permute(t, X, TN_DIMS(1, 2)))
MISUSE(concat_none, tn_concat(t, 0, NULL, 0))
MISUSE(concat_null, tn_concat(t, LIST(X, NULL), 0))
MISUSE(concat_sizes, tn_concat(t, LIST(X, of(TN_DIMS(2, 4))), 0))
MISUSE(concat_ranks, tn_concat(t, LIST(X, of(TN_DIMS(2))), 0))
MISUSE(concat_range, tn_concat(t, LIST(X, X), -3))
MISUSE(concat_scalars, tn_concat(t, LIST(of(TN_SCALAR), of(TN_SCALAR)), 0))
MISUSE(stack_none, tn_stack(t, 0, NULL, 0))
MISUSE(stack_shapes, tn_stack(t, LIST(X, of(TN_DIMS(2, 1))), 0))
MISUSE(stack_range, tn_stack(t, LIST(X, X), 3))
MISUSE(stack_rank, tn_stack(t, 1, (tn_tensor *[]){of(TN_DIMS(1, 1, 1, 1, 1, 1, 1, 1))}, 0))
MISUSE(slice_range, tn_slice(t, X, 2, 0, 1, 1))
MISUSE(slice_step, tn_slice(t, X, 0, 0, 1, 0))
MISUSE(slice_back, tn_slice(t, X, 0, 1, 0, -1))
MISUSE(slice_named, tn_slice(t, named(), -3, 0, 1, 1))
MISUSE(pad_range, tn_pad(t, X, -3, 1, 1, 0))
MISUSE(pad_before, tn_pad(t, X, 0, -1, 1, 0))
MISUSE(pad_negative, tn_pad(t, X, 0, 1, -1, 0))
MISUSE(pad_overflow, tn_pad(t, X, 0, INT64_MAX, 1, 0))
MISUSE(pad_overflow_after, tn_pad(t, X, 0, 1, INT64_MAX - 2, 0))
MISUSE(pad_huge, tn_pad(t, X, 0, INT64_MAX - 2, 0, 0))

MISUSE(div_sizes, tn_div(t, X, of(TN_DIMS(2))))
MISUSE(minimum_sizes, tn_minimum(t, X, of(TN_DIMS(2))))
MISUSE(max_range, tn_max(t, X, TN_DIMS(-3), true))
MISUSE(min_range, tn_min(t, X, TN_DIMS(-3), true))
MISUSE(var_range, tn_var(t, X, TN_DIMS(-3), true))
MISUSE(sum_twice, tn_sum(t, X, TN_DIMS(0, -2), true))
MISUSE(mean_twice, tn_mean(t, X, TN_DIMS(0, -2), true))
MISUSE(max_twice, tn_max(t, X, TN_DIMS(0, -2), true))
MISUSE(min_twice, tn_min(t, X, TN_DIMS(0, -2), true))
MISUSE(logsumexp_twice, tn_logsumexp(t, X, TN_DIMS(0, -2), true))
MISUSE(sum_count, tn_sum(t, X, ((tn_dims){9, {0}}), true))
MISUSE(mean_count, tn_mean(t, X, ((tn_dims){9, {0}}), true))
MISUSE(max_count, tn_max(t, X, ((tn_dims){9, {0}}), true))
MISUSE(var_count, tn_var(t, X, ((tn_dims){9, {0}}), true))
MISUSE(logsumexp_count, tn_logsumexp(t, X, ((tn_dims){9, {0}}), true))
MISUSE(argmax_size, tn_argmax(t, tn_const(t, TN_DIMS(INT64_C(1) << 31), &one_number), 0, (int32_t[1]){0}))
MISUSE(concat_overflow, tn_concat(t, LIST(of(TN_DIMS(INT64_C(1) << 62, 0)), of(TN_DIMS(INT64_C(1) << 62, 0))), 0))
MISUSE(concat_minus, tn_concat(t, -1, NULL, 0))
MISUSE(stack_list_null, tn_stack(t, 2, NULL, 0))

static const misuse misuses[] = {
    {"ops.h: a required tensor that is NULL",
     neg_null, TN_EUSAGE, "neg: input 0 is NULL, and no earlier error says why" UNMADE},
    {"ops.h: a required tensor that is NULL",
     add_null, TN_EUSAGE, "add: input 1 is NULL, and no earlier error says why" UNMADE},
    {"ops.h: a required tensor that is NULL",
     where_null, TN_EUSAGE, "where: input 0 is NULL, and no earlier error says why" UNMADE},
    {"tn_clamp: low > high", clamp_order, TN_EUSAGE, "clamp: low 2 and high -1.5: low <= high is needed"},
    {"tn_clamp: low > high", clamp_nan, TN_EUSAGE, "clamp: low 0 and high nan: low <= high is needed"},
    {"ops.h: a gradient wanted of what has none",
     sign_grad, TN_EUSAGE, "sign: has no gradient, and an input wants one: give it tn_detach(t, x)"},
    {"tn_add: sizes that do not broadcast",
     add_sizes, TN_ESHAPE, "add: sizes do not broadcast: a (2, 3) x b (4, 3): dimension -2 is 2 and 4; equal sizes or a "
                           "1 go together"},
    {"tn_sub: sizes that do not broadcast",
     sub_named, TN_ESHAPE, "sub \"fc\": sizes do not broadcast: a (2, 3) x b (4, 2): dimension -2 is 2 and 4; equal "
                           "sizes or a 1 go together"},
    {"tn_mul: sizes that do not broadcast",
     mul_ranks, TN_ESHAPE, "mul: sizes do not broadcast: a (2, 3, 4) x b (2, 4): dimension -2 is 3 and 2; equal sizes or "
                           "a 1 go together"},
    {"tn_maximum: sizes that do not broadcast",
     maximum_zero, TN_ESHAPE, "maximum: sizes do not broadcast: a (0,) x b (2,): dimension -1 is 0 and 2; equal sizes or "
                              "a 1 go together"},
    {"tn_pow: sizes that do not broadcast",
     pow_last, TN_ESHAPE, "pow: sizes do not broadcast: a (2, 3) x b (2,): dimension -1 is 3 and 2; equal sizes or a 1 "
                          "go together"},
    {"tn_where: sizes that do not broadcast",
     where_sizes, TN_ESHAPE, "where: sizes do not broadcast: condition (2, 3) x b (5, 1, 4): dimension -1 is 3 and 4; "
                             "equal sizes or a 1 go together"},
    {"ops.h: a gradient wanted of what has none",
     where_condition_grad, TN_EUSAGE, "where: input 0 (2, 3) wants a gradient, and gets none here: give tn_detach(t, x)"},
    {"tn_sum: a dimension out of range", sum_range, TN_EINDEX, "sum: dimension 2 is outside [-2, 2)"},
    {"tn_sum: a dimension out of range", sum_scalar, TN_EINDEX, "sum: a scalar has no dimension 0"},
    {"tn_mean: a dimension out of range", mean_negative, TN_EINDEX, "mean: dimension -3 is outside [-2, 2)"},
    {"tn_var: a dimension named twice", var_twice, TN_EUSAGE, "var: dimension 1 is named twice"},
    {"tn_min: a list of more than TN_MAX_RANK", min_count, TN_EUSAGE, "min: a list of 9 dimensions; it has 0 (all) to 8"},
    {"tn_min: a list of more than TN_MAX_RANK", min_count_below, TN_EUSAGE, "min: a list of -1 dimensions; it has 0 (all) to 8"},
    {"tn_unfold: kernel, stride or dilation below 1", unfold_kernel, TN_EUSAGE, "unfold: kernel 0, stride 1, dilation 1: each must be at least 1"},
    {"tn_max: of nothing", max_nothing, TN_ESHAPE, "max: x (2, 0) has nothing to choose from in the dimensions given"},
    {"tn_min: of nothing", min_nothing, TN_ESHAPE, "min: x (0,) has nothing to choose from in the dimensions given"},
    {"tn_logsumexp: a dimension out of range",
     logsumexp_range, TN_EINDEX, "logsumexp: dimension -9223372036854775808 is outside [-2, 2)"},
    {"tn_softmax: a dimension out of range", softmax_range, TN_EINDEX, "softmax: dimension 2 is outside [-2, 2)"},
    {"tn_log_softmax: a dimension out of range", log_softmax_scalar, TN_EINDEX, "log_softmax: a scalar has no dimension 0"},
    {"tn_argmax: x is NULL", argmax_null, TN_EUSAGE, "argmax: x is NULL, and no earlier error says why"},
    {"tn_argmax: a dimension out of range", argmax_range, TN_EINDEX, "argmax: dimension -3 of x (2, 3) is outside [-2, 2)"},
    {"tn_argmax: a dimension out of range", argmax_beyond, TN_EINDEX, "argmax: dimension 2 of x (2, 3) is outside [-2, 2)"},
    {"tn_argmax: nothing to choose from",
     argmax_nothing, TN_ESHAPE, "argmax: x (2, 0) has nothing to choose from at dimension 1"},
    {"tn_argmax: index is NULL", argmax_index, TN_EUSAGE, "argmax: index is NULL: it takes x.n / size[dim] numbers"},
    {"tn_reshape: another number of elements",
     reshape_count, TN_ESHAPE, "reshape: x (2, 3) has 6 elements, the shape (4, 2) has 8"},
    {"tn_reshape: sizes beside the -1 that do not divide it",
     reshape_divide, TN_ESHAPE, "reshape: x (2, 3) has 6 elements, which the sizes beside -1 (4 together) do not divide"},
    {"tn_reshape: two sizes of -1",
     reshape_two, TN_EUSAGE, "reshape: sizes 0 and 2 are both -1: one at most can be inferred"},
    {"tn_reshape: a negative size", reshape_negative, TN_ESHAPE, "reshape: the shape (-2, -3) has a negative size"},
    {"tn_reshape: a -1 beside a 0",
     reshape_anything, TN_ESHAPE, "reshape: a size of -1 beside a size of 0 could be anything"},
    {"tn_reshape: another number of elements",
     reshape_scalar, TN_ESHAPE, "reshape: x (2, 3) has 6 elements, the shape () has 1"},
    {"tn_reshape: a shape larger than any memory",
     reshape_overflow, TN_EMEMORY, "reshape: the shape (9223372036854775807, 4) is larger than any memory"},
    {"tn_reshape: a rank over TN_MAX_RANK", reshape_rank, TN_ESHAPE, "reshape: a rank of 9 is not in 0..8"},
    {"tn_transpose: a dimension out of range", transpose_range, TN_EINDEX, "transpose: dimension 2 is outside [-2, 2)"},
    {"tn_transpose: a dimension out of range", transpose_scalar, TN_EINDEX, "transpose: a scalar has no dimension -1"},
    {"tn_permute: a list of another length than x's rank",
     permute_count, TN_EUSAGE, "permute: the order has 3 dimensions, x (2, 3) has 2"},
    {"tn_permute: a dimension named twice", permute_twice, TN_EUSAGE, "permute: dimension 1 is named twice"},
    {"tn_permute: a dimension out of range", permute_range, TN_EINDEX, "permute: dimension 2 is outside [-2, 2)"},
    {"tn_concat: n < 1", concat_none, TN_EUSAGE, "concat: there is nothing to put together: at least one tensor is needed"},
    {"ops.h: a required tensor that is NULL",
     concat_null, TN_EUSAGE, "concat: input 1 is NULL, and no earlier error says why" UNMADE},
    {"tn_concat: sizes that differ beside dim",
     concat_sizes, TN_ESHAPE, "concat: sizes differ: input 0 (2, 3) x input 1 (2, 4); they may at dimension 0 only"},
    {"tn_concat: sizes that differ beside dim",
     concat_ranks, TN_ESHAPE, "concat: sizes differ: input 0 (2, 3) x input 1 (2,); they may at dimension 0 only"},
    {"tn_concat: a dimension out of range", concat_range, TN_EINDEX, "concat: dimension -3 is outside [-2, 2)"},
    {"tn_concat: a dimension out of range", concat_scalars, TN_EINDEX, "concat: a scalar has no dimension 0"},
    {"tn_stack: n < 1", stack_none, TN_EUSAGE, "stack: there is nothing to put together: at least one tensor is needed"},
    {"tn_stack: shapes that differ", stack_shapes, TN_ESHAPE, "stack: shapes differ: input 0 (2, 3) x input 1 (2, 1)"},
    {"tn_stack: a dimension out of range", stack_range, TN_EINDEX, "stack: dimension 3 is outside [-3, 3)"},
    {"tn_stack: a rank over TN_MAX_RANK", stack_rank, TN_ESHAPE, "stack: a rank of 9 is not in 0..8"},
    {"tn_slice: a dimension out of range", slice_range, TN_EINDEX, "slice: dimension 2 is outside [-2, 2)"},
    {"tn_slice: step < 1", slice_step, TN_EUSAGE, "slice: a step of 0: it must be 1 or more"},
    {"tn_slice: step < 1", slice_back, TN_EUSAGE, "slice: a step of -1: it must be 1 or more"},
    {"tn_slice: a dimension out of range", slice_named, TN_EINDEX, "slice \"fc\": dimension -3 is outside [-2, 2)"},
    {"tn_pad: a dimension out of range", pad_range, TN_EINDEX, "pad: dimension -3 is outside [-2, 2)"},
    {"tn_pad: a count below 0",
     pad_negative, TN_EUSAGE, "pad: 1 before and -1 after: counts are 0 or more (tn_slice takes away)"},
    {"tn_pad: a count below 0",
     pad_before, TN_EUSAGE, "pad: -1 before and 1 after: counts are 0 or more (tn_slice takes away)"},
    {"tn_pad: sizes that overflow",
     pad_overflow, TN_EMEMORY, "pad: 9223372036854775807 before and 1 after x (2, 3) overflow"},
    {"tn_pad: sizes that overflow",
     pad_overflow_after, TN_EMEMORY, "pad: 1 before and 9223372036854775805 after x (2, 3) overflow"},
    {"ops.h: a result larger than any memory",
     pad_huge, TN_EMEMORY, "pad: the shape (9223372036854775807, 3) is larger than any memory"},

    {"tn_div: sizes that do not broadcast",
     div_sizes, TN_ESHAPE, "div: sizes do not broadcast: a (2, 3) x b (2,): dimension -1 is 3 and 2; equal sizes or a 1 "
                           "go together"},
    {"tn_minimum: sizes that do not broadcast",
     minimum_sizes, TN_ESHAPE, "minimum: sizes do not broadcast: a (2, 3) x b (2,): dimension -1 is 3 and 2; equal sizes "
                               "or a 1 go together"},
    {"tn_max: a dimension out of range", max_range, TN_EINDEX, "max: dimension -3 is outside [-2, 2)"},
    {"tn_min: a dimension out of range", min_range, TN_EINDEX, "min: dimension -3 is outside [-2, 2)"},
    {"tn_var: a dimension out of range", var_range, TN_EINDEX, "var: dimension -3 is outside [-2, 2)"},
    {"tn_sum: a dimension named twice", sum_twice, TN_EUSAGE, "sum: dimension 0 is named twice"},
    {"tn_mean: a dimension named twice", mean_twice, TN_EUSAGE, "mean: dimension 0 is named twice"},
    {"tn_max: a dimension named twice", max_twice, TN_EUSAGE, "max: dimension 0 is named twice"},
    {"tn_min: a dimension named twice", min_twice, TN_EUSAGE, "min: dimension 0 is named twice"},
    {"tn_logsumexp: a dimension named twice", logsumexp_twice, TN_EUSAGE, "logsumexp: dimension 0 is named twice"},
    {"tn_sum: a list of more than TN_MAX_RANK", sum_count, TN_EUSAGE, "sum: a list of 9 dimensions; it has 0 (all) to 8"},
    {"tn_mean: a list of more than TN_MAX_RANK", mean_count, TN_EUSAGE, "mean: a list of 9 dimensions; it has 0 (all) to 8"},
    {"tn_max: a list of more than TN_MAX_RANK", max_count, TN_EUSAGE, "max: a list of 9 dimensions; it has 0 (all) to 8"},
    {"tn_var: a list of more than TN_MAX_RANK", var_count, TN_EUSAGE, "var: a list of 9 dimensions; it has 0 (all) to 8"},
    {"tn_logsumexp: a list of more than TN_MAX_RANK",
     logsumexp_count, TN_EUSAGE, "logsumexp: a list of 9 dimensions; it has 0 (all) to 8"},
    {"tn_argmax: a size that int32_t cannot count",
     argmax_size, TN_ESHAPE, "argmax: x (2147483648,): an index at dimension 0 may pass int32_t"},
    {"tn_concat: sizes that overflow", concat_overflow, TN_EMEMORY, "concat: the sizes at the dimension overflow"},
    {"tn_concat: n < 1", concat_minus, TN_EUSAGE, "concat: -1 inputs"},
    {"tn_apply: inputs at NULL", stack_list_null, TN_EUSAGE, "stack: 2 inputs, at NULL"},
};

enum { N_MISUSES = sizeof misuses / sizeof *misuses };

START_TEST(misused)
{
    check_misuse(&misuses[_i]);
}
END_TEST

/* Sizes of 0 multiply to 0, whatever stands beside them: the result must not be taken for too large. */
START_TEST(a_zero_beside_a_large_size)
{
    tn_tape_begin(t, TN_GRAD);
    add_huge();
    ck_no_error();
}
END_TEST

/* After an error nothing happens, and the first text stays. */
START_TEST(the_first_error_stays)
{
    tn_tape_begin(t, TN_GRAD);
    tn_tensor *x = X, *bad = tn_reshape(t, x, TN_DIMS(7));
    int32_t index[3] = {-1, -1, -1};
    ck_assert_ptr_null(bad);
    ck_assert_ptr_null(tn_add(t, bad, tn_neg(t, x)));
    ck_assert_ptr_null(tn_concat(t, LIST(x, bad), 5));
    ck_assert(!tn_argmax(t, x, 0, index));
    ck_assert_int_eq(index[0], -1);
    ck_error(TN_ESHAPE, "reshape: x (2, 3) has 6 elements, the shape (7,) has 7");
}
END_TEST

/* ---- the edges that are fine --------------------------------------------------------------------------------------- */

static void check_shape(const tn_tensor *x, const char *text)
{
    ck_no_error();
    ck_assert_str_eq(TN_STR(x), text);
}

static void check_values(const tn_tensor *x, const char *shape, const double *value)
{
    check_shape(x, shape);
    for (int64_t i = 0; i < x->n; i++) ck_assert_double_eq((double)x->data[i], value[i]);
}

#define VALUES(...) (const double[]){__VA_ARGS__}

START_TEST(broadcasts)
{
    tn_tape_begin(t, TN_GRAD);
    check_shape(tn_add(t, of(TN_DIMS(0, 3)), of(TN_DIMS(1, 3))), "(0, 3)");
    check_shape(tn_mul(t, of(TN_DIMS(1)), of(TN_DIMS(0))), "(0,)");
    check_shape(tn_div(t, of(TN_SCALAR), of(TN_SCALAR)), "()");
    check_shape(tn_sub(t, of(TN_DIMS(1, 1, 1, 1, 1, 1, 1, 2)), of(TN_DIMS(3, 1))), "(1, 1, 1, 1, 1, 1, 3, 2)");
    check_shape(tn_where(t, tn_scalar(t, 1), of(TN_DIMS(2, 1)), of(TN_DIMS(1, 0))), "(2, 0)");
    check_values(tn_add(t, range(TN_DIMS(2, 1)), range(TN_DIMS(3))), "(2, 3)", VALUES(0, 1, 2, 1, 2, 3));
    check_values(tn_sub(t, range(TN_DIMS(2, 1, 2)), range(TN_DIMS(2, 1))), "(2, 2, 2)", VALUES(0, 1, -1, 0, 2, 3, 1, 2));
}
END_TEST

/* The gradient of what is broadcast to nothing is zero, and is written. */
START_TEST(gradient_of_an_empty_broadcast)
{
    tn_tape_begin(t, TN_GRAD);
    tn_tensor *a = of(TN_DIMS(1, 3)), *b = of(TN_DIMS(1, 3)), *c = of(TN_DIMS(0, 3));
    ck_assert(tn_backward(t, tn_sum(t, tn_where(t, tn_detach(t, c), tn_mul(t, a, c), b), TN_ALL, false)));
    for (int i = 0; i < 3; i++) {
        ck_assert_double_eq((double)tn_grad_data(a)[i], 0);
        ck_assert_double_eq((double)tn_grad_data(b)[i], 0);
    }
    ck_no_error();
}
END_TEST

START_TEST(reductions)
{
    tn_tape_begin(t, TN_GRAD);
    check_shape(tn_sum(t, X, TN_ALL, false), "()");
    check_shape(tn_sum(t, X, TN_ALL, true), "(1, 1)");
    check_shape(tn_sum(t, X, TN_DIMS(0, -1), false), "()");
    check_shape(tn_mean(t, X, TN_DIMS(-2), true), "(1, 3)");
    check_shape(tn_max(t, of(TN_DIMS(0, 3)), TN_DIMS(1), false), "(0,)");
    check_shape(tn_softmax(t, of(TN_DIMS(0, 3)), 0), "(0, 3)");
    check_shape(tn_softmax(t, of(TN_DIMS(3, 0)), -1), "(3, 0)");
    check_values(tn_sum(t, of(TN_DIMS(2, 0)), TN_DIMS(1), false), "(2,)", VALUES(0, 0));
    check_values(tn_max(t, range(TN_DIMS(2, 1, 2, 1, 2, 1, 1, 1)), TN_DIMS(0, 4), false), "(1, 2, 1, 1, 1, 1)",
                 VALUES(5, 7));
    check_values(tn_logsumexp(t, of(TN_DIMS(0, 1)), TN_DIMS(0), false), "(1,)", VALUES((double)-INFINITY));
    ck_assert_double_nan(tn_item(tn_mean(t, of(TN_DIMS(0)), TN_ALL, false)));
    ck_assert_double_nan(tn_item(tn_var(t, of(TN_DIMS(1)), TN_ALL, false)));
    ck_assert_double_nan(tn_item(tn_var(t, of(TN_DIMS(0)), TN_ALL, false)));
    ck_assert_double_eq(tn_item(tn_var(t, range(TN_DIMS(3)), TN_ALL, false)), 1);
    check_values(tn_sum(t, range(TN_SCALAR), TN_ALL, true), "()", VALUES(0));
}
END_TEST

START_TEST(argmax)
{
    int32_t index[4] = {-1, -1, -1, -1};
    const int32_t down[4] = {1, 0, 0, 0}; /* the first of equals */
    const tn_real number[] = {1, 3, 3, (tn_real)NAN, 5, 3, 2, 0};
    tn_tape_begin(t, TN_GRAD);
    tn_tensor *x = tn_const(t, TN_DIMS(2, 4), number);
    ck_assert(tn_argmax(t, x, -1, index));
    ck_assert_int_eq(index[0], 3); /* a NaN is largest */
    ck_assert_int_eq(index[1], 0);
    ck_assert(tn_argmax(t, x, 0, index));
    for (int i = 0; i < 4; i++) ck_assert_int_eq(index[i], down[i]);
    ck_assert(tn_argmax(t, of(TN_DIMS(0, 2)), 1, NULL)); /* nothing to write */
    tn_tensor *w = of(TN_DIMS(1));
    ck_assert(tn_backward(t, w));
    ck_assert(tn_argmax(t, x, -1, index)); /* on a spent tape too */
    ck_no_error();
}
END_TEST

START_TEST(reshape)
{
    tn_tape_begin(t, TN_GRAD);
    tn_tensor *x = range(TN_DIMS(2, 3));
    check_values(tn_reshape(t, x, TN_DIMS(-1)), "(6,)", VALUES(0, 1, 2, 3, 4, 5));
    ck_assert_ptr_eq(tn_reshape(t, x, TN_DIMS(3, -1))->data, x->data);
    check_shape(tn_reshape(t, x, TN_DIMS(1, 1, 1, 1, 1, 1, -1, 2)), "(1, 1, 1, 1, 1, 1, 3, 2)");
    check_shape(tn_reshape(t, of(TN_DIMS(0, 3)), TN_DIMS(-1, 5)), "(0, 5)");
    check_shape(tn_reshape(t, of(TN_DIMS(1, 1)), TN_SCALAR), "()");
    check_shape(tn_reshape(t, of(TN_SCALAR), TN_DIMS(-1)), "(1,)");
}
END_TEST

START_TEST(orders)
{
    tn_tape_begin(t, TN_GRAD);
    check_values(tn_transpose(t, range(TN_DIMS(2, 3)), -1, 0), "(3, 2)", VALUES(0, 3, 1, 4, 2, 5));
    check_values(tn_permute(t, range(TN_DIMS(2, 1, 3)), TN_DIMS(-1, 0, 1)), "(3, 2, 1)", VALUES(0, 3, 1, 4, 2, 5));
    check_values(tn_permute(t, range(TN_SCALAR), TN_SCALAR), "()", VALUES(0));
    check_shape(tn_permute(t, of(TN_DIMS(0, 2)), TN_DIMS(1, 0)), "(2, 0)");
    check_shape(tn_permute(t, of(TN_DIMS(1, 2, 3, 1, 1, 1, 1, 2)), TN_DIMS(7, 6, 5, 4, 3, 2, 1, 0)),
                "(2, 1, 1, 1, 1, 3, 2, 1)");
}
END_TEST

START_TEST(joins)
{
    tn_tape_begin(t, TN_GRAD);
    tn_tensor *x = range(TN_DIMS(2, 1)), *none = of(TN_DIMS(2, 0));
    check_values(tn_concat(t, 3, (tn_tensor *[]){x, none, x}, -1), "(2, 2)", VALUES(0, 0, 1, 1));
    check_shape(tn_concat(t, 1, &none, 0), "(2, 0)");
    check_values(tn_stack(t, LIST(x, x), -1), "(2, 1, 2)", VALUES(0, 0, 1, 1));
    check_shape(tn_stack(t, LIST(none, none), 2), "(2, 0, 2)");
    check_values(tn_stack(t, LIST(tn_scalar(t, 3), tn_scalar(t, 4)), 0), "(2,)", VALUES(3, 4));
}
END_TEST

START_TEST(slices)
{
    tn_tape_begin(t, TN_GRAD);
    tn_tensor *x = range(TN_DIMS(5));
    check_values(tn_slice(t, x, 0, 1, 3, 1), "(2,)", VALUES(1, 2));
    check_values(tn_slice(t, x, -1, -2, INT64_MAX, 1), "(2,)", VALUES(3, 4)); /* ends are clamped */
    check_values(tn_slice(t, x, 0, INT64_MIN, -3, 1), "(2,)", VALUES(0, 1));
    check_values(tn_slice(t, x, 0, 0, 5, INT64_MAX), "(1,)", VALUES(0));
    check_values(tn_slice(t, x, 0, 0, 5, 2), "(3,)", VALUES(0, 2, 4));
    check_shape(tn_slice(t, x, 0, 3, 2, 1), "(0,)");
    check_shape(tn_slice(t, x, 0, 9, 12, 1), "(0,)");
    check_shape(tn_slice(t, of(TN_DIMS(0, 2)), 0, 0, 1, 1), "(0, 2)");
    check_values(tn_slice(t, range(TN_DIMS(2, 3)), 1, 2, 3, 1), "(2, 1)", VALUES(2, 5));
}
END_TEST

START_TEST(pads)
{
    tn_tape_begin(t, TN_GRAD);
    check_values(tn_pad(t, range(TN_DIMS(2, 1)), -1, 1, 2, 9), "(2, 4)", VALUES(9, 0, 9, 9, 9, 1, 9, 9));
    check_values(tn_pad(t, of(TN_DIMS(0)), 0, 1, 1, 9), "(2,)", VALUES(9, 9));
    check_shape(tn_pad(t, X, 0, 0, 0, 9), "(2, 3)");
    check_shape(tn_pad(t, of(TN_DIMS(2, 0)), 0, 1, 0, 9), "(3, 0)");
}
END_TEST

/* A NaN goes through what PyTorch lets it through, and ties are shared. */
START_TEST(values_at_the_edges)
{
    tn_tape_begin(t, TN_GRAD);
    ck_assert_double_nan(tn_item(tn_relu(t, tn_scalar(t, (double)NAN))));
    ck_assert_double_nan(tn_item(tn_maximum(t, tn_scalar(t, 1), tn_scalar(t, (double)NAN))));
    ck_assert_double_nan(tn_item(tn_min(t, tn_log(t, tn_scalar(t, -1)), TN_ALL, false)));
    ck_assert_double_eq(tn_item(tn_clamp(t, tn_scalar(t, 3), 1, 1)), 1);
    ck_assert_double_eq(tn_item(tn_where(t, tn_scalar(t, (double)NAN), tn_scalar(t, 1), tn_scalar(t, 2))), 1);
    tn_tensor *x = of(TN_DIMS(4));
    ck_assert(tn_backward(t, tn_max(t, x, TN_ALL, false)));
    for (int i = 0; i < 4; i++) ck_assert_double_eq((double)tn_grad_data(x)[i], 0.25);
    ck_no_error();
}
END_TEST

static void add(TCase *c)
{
    tcase_add_loop_test(c, misused, 0, N_MISUSES);
    tcase_add_test(c, a_zero_beside_a_large_size);
    tcase_add_test(c, the_first_error_stays);
    tcase_add_test(c, broadcasts);
    tcase_add_test(c, gradient_of_an_empty_broadcast);
    tcase_add_test(c, reductions);
    tcase_add_test(c, argmax);
    tcase_add_test(c, reshape);
    tcase_add_test(c, orders);
    tcase_add_test(c, joins);
    tcase_add_test(c, slices);
    tcase_add_test(c, pads);
    tcase_add_test(c, values_at_the_edges);
}

int main(void)
{
    return run_case("shape_errors", add);
}
