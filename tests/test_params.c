/* Parameters: names, initial values, freezing, gradients between steps, buffers, snapshots. */
#include "misuse.h"

static tn_tensor *total(tn_tensor *x)
{
    return tn_sum(t, x, TN_ALL, false);
}

static tn_tensor *look_up(tn_tensor *table, const int32_t *id, int64_t n)
{
    return tn_embedding(t, table, (tn_ids){id, n}, tn_embedding_defaults());
}

/* ---- names and order ------------------------------------------------------------------------------------------------- */

START_TEST(found_by_name_and_in_order)
{
    tn_tensor *a = tn_param(ps, TN_DIMS(2, 3), tn_constant(1), "%s.%s", "fc", "weight");
    tn_tensor *b = tn_buffer(ps, TN_DIMS(3), tn_constant(0), "running");
    ck_assert_str_eq(a->name, "fc.weight");
    ck_assert_int_eq(tn_params_count(ps), 2);
    ck_assert_ptr_eq(tn_params_at(ps, 0), a);
    ck_assert_ptr_eq(tn_params_at(ps, 1), b);
    ck_assert_ptr_null(tn_params_at(ps, 2));
    ck_assert_ptr_null(tn_params_at(ps, -1));
    ck_assert_ptr_eq(tn_params_find(ps, "running"), b);
    ck_assert_ptr_null(tn_params_find(ps, "walking"));
    ck_assert(tn_is_param(a) && !tn_is_buffer(a) && !tn_is_frozen(a));
    ck_assert(!tn_is_param(b) && tn_is_buffer(b));
    ck_assert(!tn_is_param(NULL) && !tn_is_buffer(NULL) && !tn_is_frozen(NULL));
}
END_TEST

START_TEST(names_that_are_refused)
{
    char longest[TN_NAME + 1];
    memset(longest, 'x', sizeof longest);
    longest[TN_NAME] = 0;
    tn_param(ps, TN_SCALAR, tn_constant(0), "twice");
    ck_assert_ptr_null(tn_param(ps, TN_SCALAR, tn_constant(0), "twice"));
    ck_misuse("tn_param: a name that is there already", TN_EUSAGE, "tn_param: there is a \"twice\" already");
    ck_assert_ptr_null(tn_param(ps, TN_SCALAR, tn_constant(0), "%s", ""));
    ck_misuse("tn_param: an empty name", TN_EUSAGE, "tn_param: the name \"\" has 0 bytes, 1 to 127 are possible");
    ck_assert_ptr_null(tn_param(ps, TN_SCALAR, tn_constant(0), "%s", longest));
    ck_misuse("tn_param: a name longer than TN_NAME - 1 bytes",
              TN_EUSAGE, "tn_param: the name \"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\" has 128 bytes, 1 to 127 are "
              "possible");
    ck_assert_ptr_nonnull(tn_param(ps, TN_SCALAR, tn_constant(0), "%s", longest + 1));
    ck_assert_ptr_null(tn_buffer(ps, TN_SCALAR, tn_constant(0), "optim.step"));
    ck_misuse("tn_buffer: tn_param's",
              TN_EUSAGE, "tn_param: the name \"optim.step\" begins with \"optim.\", which is the optimiser's");
    ck_assert_ptr_null(tn_param(ps, TN_DIMS(-1), tn_constant(0), "size"));
    ck_misuse("tn_param: a negative size",
              TN_ESHAPE, "tn_param \"size\": the shape (-1,) has a negative size");
    ck_assert_ptr_null(tn_param(ps, TN_DIMS(2), tn_copy_of(NULL), "data"));
    ck_misuse("tn_param: data to copy that is NULL", TN_EUSAGE, "tn_param \"data\": the data to copy is NULL");
    ck_assert_ptr_null(tn_param(ps, TN_DIMS((int64_t)1 << 45, 1 << 10), tn_constant(0), "huge"));
    ck_assert_int_eq(err.code, TN_EMEMORY);
    ck_assert_int_eq(tn_params_count(ps), 2);
}
END_TEST

/* ---- initial values -------------------------------------------------------------------------------------------------- */

static void moments(const tn_tensor *x, double *mean, double *variance)
{
    *mean = *variance = 0;
    for (int64_t i = 0; i < x->n; i++) *mean += (double)x->data[i] / (double)x->n;
    for (int64_t i = 0; i < x->n; i++) *variance += ((double)x->data[i] - *mean) * ((double)x->data[i] - *mean) / (double)x->n;
}

START_TEST(initial_values)
{
    const tn_real data[] = {4, 5};
    double mean, variance;
    tn_tensor *u = tn_param(ps, TN_DIMS(100, 100), tn_uniform(-2, 4), "u");
    tn_tensor *g = tn_param(ps, TN_DIMS(100, 100), tn_normal(3, 2), "g");
    tn_tensor *k = tn_param(ps, TN_DIMS(3), tn_constant(1.5), "k"), *c = tn_param(ps, TN_DIMS(2), tn_copy_of(data), "c");
    moments(u, &mean, &variance);
    ck_assert_double_eq_tol(mean, 1, 0.06); /* 3.5 standard errors */
    ck_assert_double_eq_tol(variance, 3, 0.1);
    for (int64_t i = 0; i < u->n; i++) ck_assert(u->data[i] >= -2 && u->data[i] < 4);
    moments(g, &mean, &variance);
    ck_assert_double_eq_tol(mean, 3, 0.07);
    ck_assert_double_eq_tol(variance, 4, 0.2);
    ck_assert_double_eq((double)k->data[2], 1.5);
    ck_assert_mem_eq(c->data, data, sizeof data);
}
END_TEST

START_TEST(initial_values_come_from_seed_and_place)
{
    tn_params *same = tn_params_new(1, &err), *other = tn_params_new(2, &err);
    tn_params *all[] = {ps, same, other};
    for (int i = 0; i < 3; i++) {
        tn_param(all[i], TN_DIMS(i == 1 ? 50 : 10), tn_normal(0, 1), "first"); /* its size changes nothing after it */
        tn_param(all[i], TN_DIMS(10), tn_normal(0, 1), "second");
    }
    size_t bytes = 10 * sizeof(tn_real);
    ck_assert_mem_eq(tn_params_at(ps, 1)->data, tn_params_at(same, 1)->data, bytes);
    ck_assert_mem_ne(tn_params_at(ps, 1)->data, tn_params_at(other, 1)->data, bytes);
    ck_assert_mem_ne(tn_params_at(ps, 1)->data, tn_params_at(ps, 0)->data, bytes);
    tn_params_free(same);
    tn_params_free(other);
}
END_TEST

/* ---- gradients between steps ----------------------------------------------------------------------------------------- */

START_TEST(gradients_add_up_until_they_are_forgotten)
{
    tn_tensor *w = tn_param(ps, TN_DIMS(2), tn_constant(3), "w");
    ck_assert_ptr_null(tn_grad_data(w));
    for (int step = 1; step <= 3; step++) {
        tn_tape_begin(t, TN_GRAD);
        ck_assert(tn_backward(t, total(tn_square(t, w))));
        ck_assert_double_eq((double)tn_grad_data(w)[1], 6 * step);
    }
    tn_params_zero_grad(ps);
    ck_assert_ptr_null(tn_grad_data(w));
    tn_tape_begin(t, TN_GRAD);
    ck_assert(tn_backward(t, total(tn_square(t, w))));
    ck_assert_double_eq((double)tn_grad_data(w)[0], 6);
}
END_TEST

START_TEST(frozen_means_no_gradient)
{
    tn_tensor *w = tn_param(ps, TN_DIMS(2), tn_constant(3), "w"), *v = tn_param(ps, TN_DIMS(2), tn_constant(5), "v");
    tn_freeze(w, true);
    ck_assert(tn_is_frozen(w));
    tn_tape_begin(t, TN_GRAD);
    ck_assert(tn_backward(t, total(tn_mul(t, w, v))));
    ck_assert_ptr_null(tn_grad_data(w));
    ck_assert_double_eq((double)tn_grad_data(v)[0], 3);
    tn_freeze(w, false);
    tn_tape_begin(t, TN_GRAD);
    ck_assert(tn_backward(t, total(tn_mul(t, w, v))));
    ck_assert_double_eq((double)tn_grad_data(w)[0], 5);
    tn_freeze(w, true); /* forgets what it holds */
    tn_gradient g;
    ck_assert(!tn_param_gradient(w, &g));
}
END_TEST

START_TEST(a_tables_gradient_is_its_touched_rows)
{
    static const int32_t ids[] = {4, 1, 4}, more[] = {0, 1};
    tn_tensor *table = tn_param(ps, TN_DIMS(1000000, 2), tn_constant(0), "words.weight");
    tn_gradient g;
    tn_tape_begin(t, TN_GRAD);
    ck_assert(tn_backward(t, total(look_up(table, ids, 3))));
    ck_assert(tn_param_gradient(table, &g));
    ck_assert_int_eq(g.n_rows, 2);
    ck_assert_int_eq(g.width, 2);
    ck_assert_int_eq(g.row[0], 4); /* in order of first touch */
    ck_assert_int_eq(g.row[1], 1);
    ck_assert_double_eq((double)g.data[0], 2);
    ck_assert_double_eq((double)g.data[3], 1);
    tn_tape_begin(t, TN_GRAD); /* a second step adds to them */
    ck_assert(tn_backward(t, total(look_up(table, more, 2))));
    ck_assert(tn_param_gradient(table, &g));
    ck_assert_int_eq(g.n_rows, 3);
    ck_assert_double_eq((double)g.data[2], 2);
    tn_params_zero_grad(ps);
    tn_tape_begin(t, TN_GRAD);
    ck_assert(tn_backward(t, total(look_up(table, ids + 1, 1))));
    ck_assert(tn_param_gradient(table, &g));
    ck_assert_int_eq(g.n_rows, 1);
    ck_assert_double_eq((double)g.data[0], 1);
}
END_TEST

/* Of one array, a part of it, and one of another place: each adds to the rows that it looked up. */
START_TEST(lookups_of_the_same_ids)
{
    static const int32_t ids[] = {4, 1, 3}, others[] = {3, 3, 4};
    tn_tensor *table = tn_param(ps, TN_DIMS(5, 2), tn_constant(0), "words.weight");
    tn_tensor *other = tn_param(ps, TN_DIMS(5, 2), tn_constant(0), "others.weight");
    static const double want[] = {0, 4, 0, 4, 5}, wanted[] = {0, 0, 0, 2, 1};
    tn_tape_begin(t, TN_GRAD);
    tn_tensor *sum = total(look_up(table, ids, 2));
    sum = tn_add(t, sum, total(look_up(table, ids, 3)));
    sum = tn_add(t, sum, total(look_up(table, others, 3)));
    sum = tn_add(t, sum, total(look_up(table, ids, 3)));
    sum = tn_add(t, sum, total(look_up(other, others, 3)));
    sum = tn_add(t, sum, total(look_up(table, ids, 2)));
    ck_assert(tn_backward(t, sum));
    for (int k = 0; k < 10; k++) {
        ck_assert_double_eq((double)tn_grad_data(table)[k], want[k / 2]);
        ck_assert_double_eq((double)tn_grad_data(other)[k], wanted[k / 2]);
    }
}
END_TEST

/* Every order of a lookup and a dense use, on one tape and on two, gives the dense sum. */
START_TEST(rows_and_a_dense_use)
{
    static const int32_t ids[] = {2, 0, 2};
    tn_tensor *table = tn_param(ps, TN_DIMS(4, 2), tn_constant(1), "words.weight");
    bool rows_first = _i & 1, two_tapes = _i & 2, twice = _i & 4;
    for (int round = 0; round < (twice ? 2 : 1); round++) {
        tn_tape_begin(t, TN_GRAD);
        tn_tensor *a = NULL, *b = NULL;
        if (rows_first) a = total(look_up(table, ids, 3));
        if (two_tapes && a) {
            ck_assert(tn_backward(t, a));
            tn_tape_begin(t, TN_GRAD);
        }
        b = total(tn_square(t, table));
        if (two_tapes && !rows_first) {
            ck_assert(tn_backward(t, b));
            tn_tape_begin(t, TN_GRAD);
        }
        if (!rows_first) a = total(look_up(table, ids, 3));
        ck_assert(tn_backward(t, two_tapes ? (rows_first ? b : a) : tn_add(t, a, b)));
    }
    ck_no_error();
    const tn_real *g = tn_grad_data(table);
    static const double want[] = {3, 2, 4, 2};
    for (int r = 0; r < 4; r++)
        for (int d = 0; d < 2; d++) ck_assert_double_eq((double)g[2 * r + d], want[r] * (twice ? 2 : 1));
}
END_TEST

START_TEST(a_lookup_in_a_temporary)
{
    static const int32_t ids[] = {2, 0, 2};
    tn_tensor *w = tn_param(ps, TN_DIMS(4, 2), tn_constant(3), "w");
    tn_tape_begin(t, TN_GRAD);
    ck_assert(tn_backward(t, total(look_up(tn_square(t, w), ids, 3))));
    static const double want[] = {6, 0, 12, 0};
    for (int r = 0; r < 4; r++) ck_assert_double_eq((double)tn_grad_data(w)[2 * r], want[r]);
}
END_TEST

START_TEST(an_op_that_looks_nothing_up_has_no_rows)
{
    tn_tensor *w = tn_param(ps, TN_DIMS(3), tn_constant(1), "w");
    const int32_t *at;
    tn_tape_begin(t, TN_GRAD);
    tn_tensor *y = tn_square(t, w);
    ck_assert_ptr_null(tn_grad_rows(y, 0, &at));
    ck_no_error();
}
END_TEST

START_TEST(reading_rows_as_a_dense_gradient)
{
    static const int32_t ids[] = {3, 3};
    tn_tensor *table = tn_param(ps, TN_DIMS(4, 1), tn_constant(1), "words.weight");
    tn_tape_begin(t, TN_GRAD);
    ck_assert(tn_backward(t, total(look_up(table, ids, 2))));
    const tn_real *g = tn_grad_data(table);
    ck_assert_double_eq((double)g[0], 0);
    ck_assert_double_eq((double)g[3], 2);
    tn_tape_begin(t, TN_GRAD); /* and on it goes, dense now */
    ck_assert(tn_backward(t, total(look_up(table, ids, 2))));
    ck_assert_double_eq((double)tn_grad_data(table)[3], 4);
}
END_TEST

/* ---- buffers --------------------------------------------------------------------------------------------------------- */

/* y = x, and the buffer's next value is its value plus one. */
static bool counting_shape(tn_tensor *y)
{
    return tn_set_shape_like(y, y->in[0]) && tn_propose(y, 1);
}

static void counting_forward(tn_tensor *y)
{
    memcpy(y->data, y->in[0]->data, (size_t)y->n * sizeof *y->data);
    *tn_proposal(y, 1) = y->in[1]->data[0] + 1;
}

static void counting_backward(tn_tensor *y)
{
    bool first;
    tn_real *gx = tn_grad(y, 0, &first);
    for (int64_t i = 0; gx && i < y->n; i++) gx[i] = tn_grad_out(y)[i] + (first ? 0 : gx[i]);
}

static const tn_op counting = {.name = "counting", .n_in = 2, .shape = counting_shape, .forward = counting_forward,
                               .backward = counting_backward};

START_TEST(changes_of_buffers_are_proposed_and_committed)
{
    tn_tensor *w = tn_param(ps, TN_DIMS(2), tn_constant(1), "w"), *b = tn_buffer(ps, TN_SCALAR, tn_constant(5), "count");
    tn_tape_begin(t, TN_GRAD | TN_TRAIN);
    tn_tensor *y = tn_apply(t, &counting, 2, (tn_tensor *[]){w, b}, NULL);
    ck_assert_double_eq(tn_item(b), 5);
    ck_assert(tn_backward(t, total(y)));
    ck_assert_double_eq(tn_item(b), 5);
    tn_params_zero_grad(ps); /* a dropped step forgets it */
    tn_params_commit(ps);
    ck_assert_double_eq(tn_item(b), 5);
    tn_tape_begin(t, TN_GRAD | TN_TRAIN);
    ck_assert(tn_backward(t, total(tn_apply(t, &counting, 2, (tn_tensor *[]){w, b}, NULL))));
    tn_params_commit(ps);
    ck_assert_double_eq(tn_item(b), 6);
    tn_tape_begin(t, TN_GRAD | TN_TRAIN);
    ck_assert_ptr_null(tn_apply(t, &counting, 2, (tn_tensor *[]){w, w}, NULL));
    ck_misuse("tn_propose: an input that is no buffer", TN_EUSAGE, "counting \"w\": input 1 is not a buffer (tn_buffer)");
}
END_TEST

/* ---- writing a table in place ---------------------------------------------------------------------------------------- */

START_TEST(max_norm_writes_only_what_nobody_needs)
{
    static const int32_t ids[] = {0};
    tn_embedding_options short_rows = tn_embedding_defaults();
    short_rows.max_norm = 1;
    tn_tensor *table = tn_param(ps, TN_DIMS(2, 4), tn_constant(3), "words.weight");
    tn_tape_begin(t, TN_GRAD | TN_TRAIN);
    tn_square(t, table);
    ck_assert_ptr_null(tn_embedding(t, table, (tn_ids){ids, 1}, short_rows));
    ck_misuse("tn_embedding: max_norm under TN_TRAIN where an earlier op needs the old rows",
              TN_EUSAGE, "embedding \"words\": changes its table in place, and an earlier square on this tape needs the "
              "old " "values: do the lookup first");
    ck_assert_double_eq((double)table->data[0], 3);
    tn_tape_begin(t, TN_GRAD | TN_TRAIN);
    look_up(table, ids, 1); /* has copied its rows */
    ck_assert_ptr_nonnull(tn_embedding(t, table, (tn_ids){ids, 1}, short_rows));
    ck_assert_double_eq_tol((double)table->data[0], 0.5, 1e-6);
    ck_assert_double_eq((double)table->data[4], 3); /* an untouched row */
    static const int64_t offset[] = {0};
    tn_embedding_bag_options bag = {.rows = short_rows};
    tn_bags bags = {{ids, 1}, offset, 1};
    ck_assert_ptr_nonnull(tn_embedding_bag(t, table, bags, NULL, bag)); /* a bag is a lookup too, and may follow one */
    ck_assert_ptr_nonnull(tn_embedding_bag(t, table, bags, NULL, bag));
    tn_tensor *temporary = tn_square(t, table); /* is never written: what is read of it is scaled */
    ck_assert_double_eq_tol((double)tn_embedding(t, temporary, (tn_ids){ids, 1}, short_rows)->data[0], 0.25, 1e-6);
    ck_assert_double_eq_tol((double)tn_embedding(t, temporary, (tn_ids){(const int32_t[]){1}, 1}, short_rows)->data[0], 0.5, 1e-6);
    ck_assert_double_eq((double)temporary->data[4], 9);
}
END_TEST

/* ---- snapshots ------------------------------------------------------------------------------------------------------- */

START_TEST(snapshot_and_restore)
{
    tn_tensor *w = tn_param(ps, TN_DIMS(2), tn_constant(1), "w"), *b = tn_buffer(ps, TN_DIMS(1), tn_constant(2), "b");
    tn_snapshot *s = tn_params_snapshot(ps);
    w->data[1] = 9;
    b->data[0] = 8;
    ck_assert(tn_snapshot_average(s, ps, 0.25));
    ck_assert(tn_params_restore(ps, s));
    ck_assert_double_eq((double)w->data[0], 1);
    ck_assert_double_eq((double)w->data[1], 3);
    ck_assert_double_eq((double)b->data[0], 3.5);
    w->data[0] = 7;
    ck_assert(tn_snapshot_update(s, ps));
    w->data[0] = 0;
    ck_assert(tn_params_restore(ps, s));
    ck_assert_double_eq((double)w->data[0], 7);
    tn_param(ps, TN_DIMS(1), tn_constant(0), "later");
    ck_assert(!tn_params_restore(ps, s));
    ck_misuse("tn_params_restore: a params that grew since",
              TN_EUSAGE, "snapshot: it is of fewer parameters: take it after the last tn_param");
    ck_assert(!tn_params_restore(ps, NULL));
    ck_misuse("tn_params_restore: s is NULL", TN_EUSAGE, "snapshot: it is NULL, and no earlier error says why");
    tn_params *other = tn_params_new(1, &err);
    ck_assert(!tn_snapshot_update(s, other));
    ck_misuse("tn_snapshot_update: tn_params_restore's", TN_EUSAGE, "snapshot: it is of other params");
    tn_params_free(other);
    tn_snapshot_free(s);
    tn_snapshot_free(NULL);
}
END_TEST

static void add(TCase *c)
{
    tcase_add_test(c, found_by_name_and_in_order);
    tcase_add_test(c, names_that_are_refused);
    tcase_add_test(c, initial_values);
    tcase_add_test(c, initial_values_come_from_seed_and_place);
    tcase_add_test(c, gradients_add_up_until_they_are_forgotten);
    tcase_add_test(c, frozen_means_no_gradient);
    tcase_add_test(c, a_tables_gradient_is_its_touched_rows);
    tcase_add_test(c, lookups_of_the_same_ids);
    tcase_add_loop_test(c, rows_and_a_dense_use, 0, 8);
    tcase_add_test(c, a_lookup_in_a_temporary);
    tcase_add_test(c, an_op_that_looks_nothing_up_has_no_rows);
    tcase_add_test(c, reading_rows_as_a_dense_gradient);
    tcase_add_test(c, changes_of_buffers_are_proposed_and_committed);
    tcase_add_test(c, max_norm_writes_only_what_nobody_needs);
    tcase_add_test(c, snapshot_and_restore);
}

int main(void)
{
    return run_case("params", add);
}
