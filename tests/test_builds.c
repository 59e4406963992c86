/* The builds against each other: every sample of every built-in op is run on the same inputs in float and in double, and
 * with and without fma, and the values and gradients agree. `test_builds dump` prints this build's numbers; the others read
 * them from a pipe. */
#define _POSIX_C_SOURCE 200809L
#include <stdio.h>

#include "tests.h"

static char float_build[4096], this_build[4096];

/* y's numbers, then every input's gradient, to be compared or printed. */
typedef void visitor(const tn_op *op, int sample, char what, const tn_real *x, int64_t n, void *arg);

static tn_tensor *run_sample(const tn_op *op, int k)
{
    tn_tape_begin(t, op->backward ? TN_GRAD | TN_TRAIN : TN_TRAIN);
    tn_tensor *y = op->sample(t, k);
    if (!y) return NULL;
    tn_real *dy = calloc((size_t)y->n + 1, sizeof *dy);
    for (int64_t i = 0; i < y->n; i++) dy[i] = (tn_real)((i * 7 % 5) - 2.25);
    tn_backward_from(t, y, dy);
    free(dy);
    return y;
}

static void visit_all(visitor *visit, void *arg)
{
    for (int i = 0; tests_builtin_ops[i]; i++) {
        const tn_op *op = tests_builtin_ops[i];
        for (int k = 0; op->sample && op->backward; k++) {
            tn_tensor *y = run_sample(op, k);
            if (!y) break;
            visit(op, k, 'y', y->data, y->n, arg);
            for (int j = 0; j < y->n_in; j++) {
                const tn_real *g = y->in[j] ? tn_grad_data(y->in[j]) : NULL;
                if (g) visit(op, k, (char)('0' + j), g, y->in[j]->n, arg);
            }
        }
    }
}

static void print(const tn_op *op, int sample, char what, const tn_real *x, int64_t n, void *arg)
{
    (void)op, (void)sample, (void)arg;
    printf("%c %lld", what, (long long)n);
    for (int64_t i = 0; i < n; i++) printf(" %a", (double)x[i]);
    printf("\n");
}

typedef struct other {
    FILE  *numbers;
    double of_each, of_largest, all; /* how much they may differ: of the number, of the largest one beside it, in any case */
    int    compared;
} other;

static void compare(const tn_op *op, int sample, char what, const tn_real *x, int64_t n, void *arg)
{
    other *o = arg;
    char its = 0;
    long long count = -1;
    ck_assert_int_eq(fscanf(o->numbers, " %c %lld", &its, &count), 2);
    ck_assert_msg(its == what && count == n, "%s, sample %d: %c has %lld numbers, there %c %lld", op->name, sample, what,
                  (long long)n, its, count);
    double largest = 0, *f = calloc((size_t)n + 1, sizeof *f);
    for (int64_t i = 0; i < n; i++) {
        ck_assert_int_eq(fscanf(o->numbers, " %la", &f[i]), 1);
        largest = larger(largest, fabs((double)x[i]));
    }
    for (int64_t i = 0; i < n; i++)
        ck_assert_msg(fabs(f[i] - (double)x[i]) <= o->of_each * fabs((double)x[i]) + o->of_largest * largest + o->all,
                      "%s, sample %d: %c[%lld] is %.17g there, %.17g here", op->name, sample, what, (long long)i, f[i],
                      (double)x[i]);
    o->compared += n > 0;
    free(f);
}

static void compare_with(const char *environment, const char *build, other o)
{
    char command[4200];
    const char *run = getenv("RUN"); /* what runs programs of another machine */
    snprintf(command, sizeof command, "%s %s '%s' dump", environment, run ? run : "", build);
    o.numbers = popen(command, "r");
    ck_assert_ptr_nonnull(o.numbers);
    visit_all(compare, &o);
    char extra;
    ck_assert_int_ne(fscanf(o.numbers, " %c", &extra), 1);
    ck_assert_int_eq(pclose(o.numbers), 0);
    ck_no_error();
    ck_assert_int_gt(o.compared, 100);
}

START_TEST(float_and_double_agree)
{
    compare_with("", float_build, (other){.of_each = 1e-4, .of_largest = 1e-4, .all = 1e-6}); /* all: of what cancels */
}
END_TEST

/* Eight roundings of the largest number. */
START_TEST(with_and_without_fma_agree)
{
    const double rounding = sizeof(tn_real) == 4 ? 0x1p-24 : 0x1p-53;
    compare_with("TARN_ISA=base", this_build, (other){.of_largest = 8 * rounding, .all = 8 * rounding});
}
END_TEST

static void add(TCase *c)
{
    tcase_add_test(c, float_and_double_agree);
    tcase_add_test(c, with_and_without_fma_agree);
}

int main(int argc, char **argv)
{
    if (argc > 1) {
        setup();
        visit_all(print, NULL);
        teardown();
        fputs(err.text, stderr);
        return err.code != TN_OK;
    }
    const char *type = sizeof(tn_real) == 4 ? "/float/" : "/double/", *at = strstr(argv[0], type);
    if (!at) return EXIT_FAILURE;
    snprintf(this_build, sizeof this_build, "%s", argv[0]);
    snprintf(float_build, sizeof float_build, "%.*s/float/%s", (int)(at - argv[0]), argv[0], at + strlen(type));
    return run_case("builds", add);
}
