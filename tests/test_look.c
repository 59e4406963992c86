/* Printing, drawing and tabling: the exact text. */
#include "tests.h"

#ifdef TN_DOUBLE
#define TEXT(in_float, in_double) in_double
#else
#define TEXT(in_float, in_double) in_float
#endif

static const struct print_case {
    tn_dims     shape;
    bool        counted; /* the values are 0, 1, 2, ... */
    double      value[18];
    const char *text;
} PRINTED[] = {
#include "golden/print.h"
};

/* What a function writes, as a string: valid until the next call. */
static char  *written;
static size_t n_written;

static FILE *start(void)
{
    free(written);
    written = NULL;
    return open_memstream(&written, &n_written);
}

static const char *finish(FILE *f)
{
    fclose(f);
    return written;
}

static const char *printed(const tn_tensor *x)
{
    FILE *f = start();
    tn_print(x, f);
    return finish(f);
}

START_TEST(prints_as_numpy)
{
    const struct print_case *c = &PRINTED[_i];
    tn_tape_begin(t, TN_EVAL);
    tn_tensor *x = tn_input(t, c->shape, NULL, false);
    for (int64_t i = 0; i < x->n; i++) x->data[i] = (tn_real)(c->counted ? (double)i : i < 18 ? c->value[i] : 0);
    ck_assert_str_eq(printed(x), c->text);
}
END_TEST

START_TEST(prints_nothing)
{
    ck_assert_str_eq(printed(NULL), "None\n");
    tn_print(NULL, NULL);
}
END_TEST

/* ---- the graph --------------------------------------------------------------------------------------------------- */

START_TEST(draws_the_tape)
{
    static const tn_real one[3] = {1, 1, 1};
    tn_tensor *w = tn_param(ps, TN_DIMS(3), tn_constant(1), "fc.\"w\\eight&\"");
    tn_tensor *k = tn_param(ps, TN_SCALAR, tn_constant(1), "a");
    tn_tensor *b = tn_buffer(ps, TN_DIMS(1), tn_constant(1), "mean");
    tn_freeze(k, true);
    tn_tape_begin(t, TN_GRAD);
    tn_tensor *x = tn_input(t, TN_DIMS(2, 3), NULL, true), *c = tn_const(t, TN_DIMS(3), one);
    tn_tensor *second = tn_mul(t, c, w), *y = tn_add(t, tn_mul(t, x, w), second); /* in this order everywhere */
    tn_sum(t, tn_mul(t, tn_mul(t, y, k), b), TN_ALL, false);
    ck_no_error();
    FILE *f = start();
    tn_draw(t, f);
    ck_assert_str_eq(finish(f),
                     "digraph tape {\n"
                     "  node [shape=ellipse, fontname=\"sans-serif\"];\n"
                     "  p0 [shape=box, label=\"a\\n()\", style=dashed];\n"
                     "  p1 [shape=box, label=\"fc.\\\"w\\\\eight&amp;\\\"\\n(3,)\"];\n"
                     "  p2 [shape=box, label=\"mean\\n(1,)\", style=dashed];\n"
                     "  t0 [label=\"input\\n(2, 3)\", shape=plaintext];\n"
                     "  t1 [label=\"constant\\n(3,)\", shape=plaintext];\n"
                     "  t2 [label=\"mul\\n(3,)\"];\n"
                     "  t1 -> t2;\n"
                     "  p1 -> t2;\n"
                     "  t3 [label=\"mul\\n(2, 3)\"];\n"
                     "  t0 -> t3;\n"
                     "  p1 -> t3;\n"
                     "  t4 [label=\"add\\n(2, 3)\"];\n"
                     "  t3 -> t4;\n"
                     "  t2 -> t4;\n"
                     "  t5 [label=\"mul\\n(2, 3)\"];\n"
                     "  t4 -> t5;\n"
                     "  p0 -> t5;\n"
                     "  t6 [label=\"mul\\n(2, 3)\"];\n"
                     "  t5 -> t6;\n"
                     "  p2 -> t6;\n"
                     "  t7 [label=\"sum\\n()\"];\n"
                     "  t6 -> t7;\n"
                     "}\n");
}
END_TEST

START_TEST(draws_what_has_no_nodes)
{
    FILE *f = start();
    tn_draw(t, f);
    ck_assert_str_eq(finish(f), "digraph tape {\n  node [shape=ellipse, fontname=\"sans-serif\"];\n}\n");
    f = start();
    tn_draw(NULL, f);
    tn_draw(t, NULL);
    ck_assert_str_eq(finish(f), "");
}
END_TEST

/* ---- the table --------------------------------------------------------------------------------------------------- */

START_TEST(tables_the_params)
{
    tn_param(ps, TN_DIMS(1000, 64), tn_constant(0), "words.weight");
    tn_freeze(tn_param(ps, TN_DIMS(3, 64), tn_constant(0), "輸出"), true);
    tn_param(ps, TN_SCALAR, tn_constant(0), "é");
    tn_buffer(ps, TN_DIMS(64), tn_constant(0), "running_mean");
    FILE *f = start();
    tn_summary(ps, f);
    ck_assert_str_eq(finish(f),
                     "name          shape       numbers  kind\n"
                     "--------------------------------------------\n"
                     "words.weight  (1000, 64)    64000  trainable\n"
                     "輸出          (3, 64)         192  frozen\n"
                     "é             ()                1  trainable\n"
                     "running_mean  (64,)            64  buffer\n"
                     "--------------------------------------------\n"
                     "trainable                   64001\n"
                     "frozen                        192\n"
                     "buffer                         64\n"
                     "total                       64257\n");
}
END_TEST

START_TEST(tables_nothing)
{
    FILE *f = start();
    tn_summary(ps, f);
    ck_assert_str_eq(finish(f), "name       shape  numbers  kind\n"
                                "------------------------------------\n"
                                "------------------------------------\n"
                                "trainable               0\n"
                                "total                   0\n");
    f = start();
    tn_summary(NULL, f);
    tn_summary(ps, NULL);
    ck_assert_str_eq(finish(f), "");
}
END_TEST

static void add(TCase *c)
{
    tcase_add_loop_test(c, prints_as_numpy, 0, (int)(sizeof PRINTED / sizeof *PRINTED));
    tcase_add_test(c, prints_nothing);
    tcase_add_test(c, draws_the_tape);
    tcase_add_test(c, draws_what_has_no_nodes);
    tcase_add_test(c, tables_the_params);
    tcase_add_test(c, tables_nothing);
}

int main(void)
{
    return run_case("look", add);
}
