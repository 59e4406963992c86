/* The profile: what it records, and the exact text of its table and its trace. */
#include "engine.h"
#include "tests.h"

static char  *written;
static size_t n_written;

static const char *text_of(void (*put)(const tn_tape *t, FILE *to))
{
    free(written);
    FILE *f = open_memstream(&written, &n_written);
    put(t, f);
    fclose(f);
    return written;
}

/* One step: relu twice, a sum. */
static void step(unsigned mode)
{
    static const tn_real data[6] = {1, -1, 2, -2, 3, -3};
    tn_tape_begin(t, mode);
    tn_tensor *x = tn_input(t, TN_DIMS(2, 3), data, true);
    tn_tensor *y = tn_reshape(t, tn_relu(t, tn_relu(t, x)), TN_DIMS(6));
    tn_tensor *loss = tn_sum(t, y, TN_ALL, false);
    if (mode & TN_GRAD) tn_backward(t, loss);
}

/* The clock's numbers, replaced: call i takes i + 1.2 microseconds, from i milliseconds on. */
static void set_times(void)
{
    for (int64_t i = 0; i < t->profile.n; i++) {
        t->profile.call[i].begin = 5000000 + i * 1000000;
        t->profile.call[i].end = t->profile.call[i].begin + (i + 1) * 1000 + 200;
    }
}

START_TEST(records_only_when_on)
{
    step(TN_GRAD);
    ck_assert_int_eq(t->profile.n, 0);
    ck_assert_ptr_null(t->profile.call);
    tn_profile(t, true);
    step(TN_GRAD);
    ck_assert_int_eq(t->profile.n, 6);
    tn_profile(t, false);
    step(TN_GRAD);
    ck_assert_int_eq(t->profile.n, 6);
    tn_profile(t, true);
    ck_assert_int_eq(t->profile.n, 0);
    step(TN_EVAL);
    ck_assert_int_eq(t->profile.n, 3);
    ck_no_error();
}
END_TEST

START_TEST(records_time_and_order)
{
    tn_profile(t, true);
    step(TN_GRAD);
    for (int64_t i = 0; i < t->profile.n; i++) {
        const tn__call *c = &t->profile.call[i];
        ck_assert_int_eq(c->backward, i >= 3);
        ck_assert(c->begin <= c->end && (i == 0 || t->profile.call[i - 1].end <= c->begin));
    }
}
END_TEST

START_TEST(changes_no_bit)
{
    static const tn_real data[4] = {(tn_real)0.3, (tn_real)-0.7, (tn_real)1.1, (tn_real)0.9};
    tn_real grad[2][4];
    for (int on = 0; on < 2; on++) {
        tn_profile(t, on);
        tn_tape_begin(t, TN_GRAD);
        tn_tensor *x = tn_input(t, TN_DIMS(2, 2), data, true);
        tn_backward(t, tn_mean(t, tn_gelu(t, tn_matmul(t, x, x)), TN_ALL, false));
        ck_no_error();
        memcpy(grad[on], tn_grad_data(x), sizeof grad[on]);
    }
    ck_assert_mem_eq(grad[0], grad[1], sizeof grad[0]);
}
END_TEST

START_TEST(records_many)
{
    tn_profile(t, true);
    tn_tape_begin(t, TN_EVAL);
    tn_tensor *x = tn_input(t, TN_DIMS(1), NULL, false);
    for (int i = 0; i < 3000; i++) x = tn_relu(t, x);
    ck_assert_int_eq(t->profile.n, 3000);
    ck_assert_int_eq(t->profile.lost, 0);
}
END_TEST

START_TEST(prints_a_table)
{
    tn_profile(t, true);
    step(TN_GRAD);
    set_times();
    t->profile.lost = 2;
    char want[1024];
    const int real = sizeof(tn_real);
    snprintf(want, sizeof want,
             "op        calls   forward ms  backward ms    share  result bytes\n"
             "----------------------------------------------------------------\n"
             "relu          2        0.003        0.011    66.7%%  %12d\n"
             "sum           1        0.003        0.004    33.3%%  %12d\n"
             "----------------------------------------------------------------\n"
             "total         3        0.007        0.016   100.0%%  %12d\n"
             "2 more were not recorded: out of memory\n", 12 * real, real, 13 * real);
    ck_assert_str_eq(text_of(tn_profile_print), want);
}
END_TEST

static void run_three_ops(void)
{
    tn_profile(t, true);
    tn_tape_begin(t, TN_EVAL);
    tn_exp(t, tn_square(t, tn_relu(t, tn_input(t, TN_DIMS(1), NULL, false))));
}

static void has_rows_in_order(const char *first, const char *second, const char *third)
{
    const char *table = text_of(tn_profile_print), *a = strstr(table, first), *b = strstr(table, second),
               *c = strstr(table, third);
    ck_assert_msg(a && b && c && a < b && b < c, "%s", table);
}

START_TEST(the_slowest_first)
{
    run_three_ops();
    set_times();
    has_rows_in_order("exp ", "square ", "relu ");
}
END_TEST

START_TEST(of_equals_by_name)
{
    run_three_ops();
    for (int64_t i = 0; i < t->profile.n; i++) t->profile.call[i].end = t->profile.call[i].begin + 1000;
    has_rows_in_order("exp ", "relu ", "square ");
}
END_TEST

START_TEST(writes_a_trace)
{
    tn_profile(t, true);
    step(TN_GRAD);
    set_times();
    t->profile.n = 4; /* the rest are alike */
    char want[1024];
    const int real = sizeof(tn_real);
    snprintf(want, sizeof want,
             "{\"traceEvents\":[\n"
             "{\"name\":\"relu\",\"cat\":\"forward\",\"ph\":\"X\",\"pid\":1,\"tid\":1,\"ts\":0.000,\"dur\":1.200,"
             "\"args\":{\"shape\":\"(2, 3)\",\"bytes\":%d}},\n"
             "{\"name\":\"relu\",\"cat\":\"forward\",\"ph\":\"X\",\"pid\":1,\"tid\":1,\"ts\":1000.000,\"dur\":2.200,"
             "\"args\":{\"shape\":\"(2, 3)\",\"bytes\":%d}},\n"
             "{\"name\":\"sum\",\"cat\":\"forward\",\"ph\":\"X\",\"pid\":1,\"tid\":1,\"ts\":2000.000,\"dur\":3.200,"
             "\"args\":{\"shape\":\"()\",\"bytes\":%d}},\n"
             "{\"name\":\"sum backward\",\"cat\":\"backward\",\"ph\":\"X\",\"pid\":1,\"tid\":1,\"ts\":3000.000,\"dur\":4.200,"
             "\"args\":{\"shape\":\"()\",\"bytes\":%d}}\n"
             "]}\n", 6 * real, 6 * real, real, real);
    ck_assert_str_eq(text_of(tn_profile_trace), want);
}
END_TEST

START_TEST(writes_nothing_of_nothing)
{
    ck_assert_str_eq(text_of(tn_profile_print), "op        calls   forward ms  backward ms    share  result bytes\n"
                                                "----------------------------------------------------------------\n"
                                                "----------------------------------------------------------------\n"
                                                "total         0        0.000        0.000     0.0%             0\n");
    ck_assert_str_eq(text_of(tn_profile_trace), "{\"traceEvents\":[\n]}\n");
    tn_profile(NULL, true);
    tn_profile_print(NULL, stdout);
    tn_profile_print(t, NULL);
    tn_profile_trace(NULL, stdout);
    tn_profile_trace(t, NULL);
    ck_no_error();
}
END_TEST

static void add(TCase *c)
{
    tcase_add_test(c, records_only_when_on);
    tcase_add_test(c, records_time_and_order);
    tcase_add_test(c, changes_no_bit);
    tcase_add_test(c, records_many);
    tcase_add_test(c, prints_a_table);
    tcase_add_test(c, the_slowest_first);
    tcase_add_test(c, of_equals_by_name);
    tcase_add_test(c, writes_a_trace);
    tcase_add_test(c, writes_nothing_of_nothing);
}

int main(void)
{
    return run_case("profile", add);
}
