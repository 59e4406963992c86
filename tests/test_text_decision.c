/* test_text_decision.c: temperature, threshold and class weights of classify, by hand. */
#include <math.h>

#include "tests.h"

#include "examples/text/class_weights.h"
#include "examples/text/decision.h"

START_TEST(labels)
{
    static const tn_real p[] = {(tn_real)0.2, (tn_real)0.5, (tn_real)0.3};
    text_decision        d = text_decision_plain();

    ck_assert_int_eq(text_decision_label(&d, p, 3), 1);
    for (d.positive = 0; d.positive < 3; d.positive++) {
        d.threshold = (double)p[d.positive]; /* from there on */
        ck_assert_int_eq(text_decision_label(&d, p, 3), d.positive);
        d.threshold = 0.6; /* the likeliest of the others */
        ck_assert_int_eq(text_decision_label(&d, p, 3), d.positive == 1 ? 2 : 1);
        d.threshold = 0;
        ck_assert_int_eq(text_decision_label(&d, p, 3), 1);
    }
}
END_TEST

START_TEST(probabilities)
{
    static const tn_real z[] = {0, 2, 1, -1};
    text_decision        d = text_decision_plain();

    d.temperature = 4;
    tn_tape_begin(t, TN_EVAL);
    const tn_tensor *y = text_decision_probability(&d, t, tn_const(t, TN_DIMS(2, 2), z));
    ck_assert_double_eq_tol((double)y->data[1], 1 / (1 + exp(-0.5)), 1e-6);
    ck_assert_double_eq_tol((double)y->data[2], 1 / (1 + exp(-0.5)), 1e-6);
}
END_TEST

/* n texts of which three in four are right, at logits of 6: p = 3/4 takes a temperature of 6 / ln 3. */
START_TEST(temperature)
{
    enum { N = 4000 };
    static tn_real z[2 * N];
    static int32_t truth[N];
    text_answers   a = {z, truth, N, 2};
    const double   q = 0.75 * (1 - 1.0 / (N + 2)) + 0.25 / (N + 2);

    for (int i = 0; i < N; i++) z[2 * i + i % 2] = 6, truth[i] = i % 8 < 6 ? i % 2 : 1 - i % 2;
    ck_assert_double_eq_tol(text_temperature_fit(a), 6 / log(q / (1 - q)), 1e-6);
    truth[0] = 2; /* unknown to the model */
    ck_assert_double_eq_tol(text_temperature_fit(a), 6 / log(q / (1 - q)), 0.01);
}
END_TEST

/* All are right: as sure as n + 2 texts allow. Nothing to tell: 1. */
START_TEST(temperature_of_few)
{
    static const tn_real z[] = {3, 0, 0, 3}, flat[4] = {0}, close[] = {(tn_real)1e-6, 0, 0, (tn_real)1e-6}, wrong[] = {0, 3, 3, 0};
    static const int32_t truth[] = {0, 1};

    ck_assert_double_eq_tol(text_temperature_fit((text_answers){z, truth, 2, 2}), 3 / log(3), 1e-9);
    ck_assert_double_eq(text_temperature_fit((text_answers){flat, truth, 2, 2}), 1);
    ck_assert_double_eq(text_temperature_fit((text_answers){wrong, truth, 2, 2}), 1);
    ck_assert_double_eq(text_temperature_fit((text_answers){z, truth, 0, 2}), 1);
    ck_assert_double_eq(text_temperature_fit((text_answers){close, truth, 2, 2}), 1);
}
END_TEST

/* The logits of p(1) = 0.9, 0.8, 0.8, 0.6, 0.3; label 1 is true of the first, the third and the last one. */
START_TEST(threshold)
{
    static const double p[] = {0.9, 0.8, 0.8, 0.6, 0.3};
    static const struct {
        double wanted, threshold, precision, recall;
    } cuts[] = {{1, 0.85, 1, 1.0 / 3},   {0.7, 0.85, 1, 1.0 / 3}, {2.0 / 3, 0.7, 2.0 / 3, 2.0 / 3},
                {0.6, 0.3, 0.6, 1}, {0, 0.3, 0.6, 1}};
    static const int32_t truth[] = {1, 0, 1, 0, 1}, never[] = {0, 0, 0, 0, 2};
    text_decision        d = {2, 0, 1};
    tn_real              z[10] = {0};
    text_answers         a = {z, truth, 5, 2};
    text_cut             cut;

    for (int i = 0; i < 5; i++) z[2 * i + 1] = (tn_real)(2 * log(p[i] / (1 - p[i])));
    for (size_t i = 0; i < sizeof cuts / sizeof *cuts; i++) {
        ck_assert(text_threshold_fit(&d, a, cuts[i].wanted, &cut, &err));
        ck_assert_double_eq_tol(cut.threshold, cuts[i].threshold, 1e-6);
        ck_assert_double_eq_tol(cut.precision, cuts[i].precision, 1e-12);
        ck_assert_double_eq_tol(cut.recall, cuts[i].recall, 1e-12);
    }
    d.positive = 0; /* 0.7, 0.4, 0.2, 0.2, 0.1, and true are the second and one of the equal ones: no cut is sure */
    ck_assert(text_threshold_fit(&d, a, 0.9, &cut, &err));
    ck_assert_double_eq_tol(cut.precision, 0.5, 1e-12);
    ck_assert_double_eq_tol(cut.recall, 0.5, 1e-12);
    a.labels = never;
    d.positive = 1;
    ck_assert(text_threshold_fit(&d, a, 0.9, &cut, &err));
    ck_assert(cut.precision == 0 && cut.recall == 0 && cut.threshold == 1);
    ck_assert(text_threshold_fit(&d, a, 0, &cut, &err));
    ck_assert(cut.precision == 0 && cut.recall == 0 && cut.threshold < 0.31);
}
END_TEST

/* ---- class weights ------------------------------------------------------------------------------------------------- */

static const char *const names[] = {"clean", "rude", "a=b"};

static bool weigh(const char *how, tn_real **weights)
{
    static int32_t  truth[] = {0, 0, 0, 1, 2, 2};
    text_data       data = {.labels = truth, .n = 6};
    text_vocabulary v = {0};
    bool            ok;

    for (int i = 0; i < 3; i++)
        text_vocabulary_add(&v, (text_token){text_span_of(names[i]), text_hash(text_span_of(names[i]))}, &err);
    ok = text_class_weights(how, &v, 3, &data, weights, &err);
    text_vocabulary_free(&v);
    return ok;
}

START_TEST(weights)
{
    static const struct {
        const char *how;
        double      expected[3];
    } good[] = {{"balanced", {6.0 / 9, 2, 1}}, {"1,2,0.5", {1, 2, 0.5}}, {"rude=3", {1, 3, 1}}, {"rude=3,clean=0", {0, 3, 1}},
                {"a=b=4", {1, 1, 4}}};
    tn_real *w;

    ck_assert(weigh("none", &w) && !w);
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        ck_assert(weigh(good[i].how, &w));
        for (int k = 0; k < 3; k++) ck_assert_double_eq_tol((double)w[k], good[i].expected[k], 1e-6);
        free(w);
    }
}
END_TEST

static const char *const bad_weights[][2] = {
    {"1,2", "--class-weights 1,2: one weight for each label, please: clean, rude, a=b"},
    {"1,2,3,4", "--class-weights 1,2,3,4: one weight for each label, please: clean, rude, a=b"},
    {"nice=2", "--class-weights nice=2: there is no label \"nice\"; there are clean, rude, a=b"},
    {"1,-2,3", "--class-weights 1,-2,3: \"-2\" is no number from 0 to 1e6"},
    {"rude=", "--class-weights rude=: \"\" is no number from 0 to 1e6"},
    {"1,,3", "--class-weights 1,,3: \"\" is no number from 0 to 1e6"},
    {"1,2x,3", "--class-weights 1,2x,3: \"2x\" is no number from 0 to 1e6"},
    {"rude=2e6", "--class-weights rude=2e6: \"2e6\" is no number from 0 to 1e6"},
    {"rude=123456789012345678901234567890123456789x9",
     "--class-weights rude=123456789012345678901234567890123456789x9: \"123456789012345678901234567890123456789\" is no number from 0 to 1e6"},
    {"rude=nan", "--class-weights rude=nan: \"nan\" is no number from 0 to 1e6"},
};

START_TEST(wrong_weights)
{
    tn_real *w;

    ck_assert(!weigh(bad_weights[_i][0], &w));
    ck_error(TN_EUSAGE, bad_weights[_i][1]);
    free(w);
}
END_TEST

static void add(TCase *c)
{
    tcase_add_test(c, labels);
    tcase_add_test(c, probabilities);
    tcase_add_test(c, temperature);
    tcase_add_test(c, temperature_of_few);
    tcase_add_test(c, threshold);
    tcase_add_test(c, weights);
    tcase_add_loop_test(c, wrong_weights, 0, sizeof bad_weights / sizeof *bad_weights);
}

int main(void)
{
    return run_case("text_decision", add);
}
