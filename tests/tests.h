/* tests.h: what the test programs share. */
#ifndef TARN_TESTS_H
#define TARN_TESTS_H

#include <check.h>
#include <locale.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <tarn/tarn.h>

/* Not fmax: gcc 12 for aarch64 ends in an error of its own at a loop of that. */
static inline double larger(double a, double b)
{
    return a > b ? a : b;
}

/* Does another program run this one? qemu's user mode aborts in a fork's child that makes threads. */
static inline bool is_emulated(void)
{
    const char *run = getenv("RUN");
    return run && *run;
}

/* strtod, whose numbers have a point in every locale. */
static inline double number_at(const char *text, char **end)
{
    locale_t plain = newlocale(LC_ALL_MASK, "C", (locale_t)0), users = uselocale(plain);
    double x = strtod(text, end);
    uselocale(users);
    freelocale(plain);
    return x;
}

/* The built-in ops, read off the built library; ends with NULL. */
extern const tn_op *const tests_builtin_ops[];

/* A fresh error, params and tape for each test: setup and teardown of a checked fixture. */
static tn_error   err;
static tn_params *ps;
static tn_tape   *t;

static inline void setup(void)
{
    tn_error_clear(&err);
    ps = tn_params_new(1, &err);
    t = tn_tape_new(1, 0, &err);
}

static inline void teardown(void)
{
    tn_tape_free(t);
    tn_params_free(ps);
}

/* How a NULL input's text ends. */
#define UNMADE ": is a layer used before its _init?"

/* How the text about an id outside its table ends. */
#define STRANGE_ID ": was it made for another table, with another vocabulary?"

/* How the text about a target of another shape ends. */
#define NO_BROADCAST ": losses do not broadcast; tn_reshape gives it another shape"

/* The error is this code with this text, and is cleared. */
#define ck_error(code_, text_)                              \
    do {                                                    \
        ck_assert_str_eq(err.text, text_);                  \
        ck_assert_int_eq(err.code, code_);                  \
        tn_error_clear(&err);                               \
    } while (0)

/* There is no error; if there is, its text is shown. */
#define ck_no_error()                                       \
    do {                                                    \
        ck_assert_str_eq(err.text, "");                     \
        ck_assert_int_eq(err.code, TN_OK);                  \
    } while (0)

static inline int run_suite(Suite *s)
{
    setlocale(LC_ALL, ""); /* as a user's program may */
#ifdef __SANITIZE_THREAD__
    tn_set_threads(8);
#endif
    SRunner *runner = srunner_create(s);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* A suite of one case with the fixture; tests are added with tcase_add_test. */
static inline int run_case(const char *name, void (*add)(TCase *))
{
    Suite *s = suite_create(name);
    TCase *c = tcase_create(name);
    tcase_add_checked_fixture(c, setup, teardown);
    tcase_set_timeout(c, 600);
    add(c);
    suite_add_tcase(s, c);
    return run_suite(s);
}

#endif
