/* The two builds against each other: every sample of every built-in op is run on the same inputs in float and in double,
 * and the values and gradients agree. `test_builds dump` prints this build's numbers; the double build reads the float
 * build's from a pipe. */
#define _POSIX_C_SOURCE 200809L
#include <stdio.h>

#include "tests.h"

static char other_build[4096];

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

static int compared;

static void compare(const tn_op *op, int sample, char what, const tn_real *x, int64_t n, void *pipe)
{
    char other = 0;
    long long count = -1;
    ck_assert_int_eq(fscanf(pipe, " %c %lld", &other, &count), 2);
    ck_assert_msg(other == what && count == n, "%s, sample %d: %c has %lld numbers, in float %c %lld", op->name, sample, what,
                  (long long)n, other, count);
    double largest = 0, *f = calloc((size_t)n + 1, sizeof *f);
    for (int64_t i = 0; i < n; i++) {
        ck_assert_int_eq(fscanf(pipe, " %la", &f[i]), 1);
        largest = larger(largest, fabs((double)x[i]));
    }
    for (int64_t i = 0; i < n; i++)
        ck_assert_msg(fabs(f[i] - (double)x[i]) <= 1e-4 * (fabs((double)x[i]) + largest) + 1e-6, /* of what cancels */
                      "%s, sample %d: %c[%lld] is %.9g in float, %.9g in double", op->name, sample, what, (long long)i, f[i],
                      (double)x[i]);
    compared += n > 0;
    free(f);
}

START_TEST(float_and_double_agree)
{
    char command[4200];
    const char *run = getenv("RUN"); /* what runs programs of another machine */
    snprintf(command, sizeof command, "%s '%s' dump", run ? run : "", other_build);
    FILE *pipe = popen(command, "r");
    ck_assert_ptr_nonnull(pipe);
    visit_all(compare, pipe);
    char extra;
    ck_assert_int_ne(fscanf(pipe, " %c", &extra), 1);
    ck_assert_int_eq(pclose(pipe), 0);
    ck_no_error();
    ck_assert_int_gt(compared, 100);
}
END_TEST

static void add(TCase *c)
{
    tcase_add_test(c, float_and_double_agree);
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
    snprintf(other_build, sizeof other_build, "%.*s/float/%s", (int)(at - argv[0]), argv[0], at + strlen(type));
    return run_case("builds", add);
}
