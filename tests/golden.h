/* golden.h: reads the golden values that tests/golden/make_golden.py writes (its first lines describe the format) and
 * compares with them. For test_golden.c and test_golden_optim.c. */
#ifndef TESTS_GOLDEN_H
#define TESTS_GOLDEN_H

#include <check.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <tarn/tarn.h>

#include "tests.h"

enum { GOLDEN_MAX = 16 };

typedef struct golden_array {
    bool    given;
    tn_dims shape;
    int64_t n;
    double *value;
} golden_array;

typedef struct golden_case {
    char         name[128];
    bool         train; /* TN_GRAD | TN_TRAIN, else TN_GRAD */
    int          n_options, n_in;
    double       option[GOLDEN_MAX];
    bool         wants[GOLDEN_MAX]; /* does in[i] want a gradient? */
    golden_array in[GOLDEN_MAX], grad[GOLDEN_MAX], after[GOLDEN_MAX], ids, offsets, dy, y;
} golden_case;

static inline FILE *golden_open(const char *name)
{
    char path[256];
    snprintf(path, sizeof path, "tests/golden/%s.txt", name);
    FILE *f = fopen(path, "r");
    ck_assert_msg(f != NULL, "%s cannot be opened (the tests run from the repository's root)", path);
    return f;
}

/* The n numbers that follow a head line, whose sizes are given as text. */
static inline golden_array golden_read_array(FILE *f, const char *sizes)
{
    golden_array a = {.given = true, .n = 1};
    char *end;
    for (int64_t size; size = strtoll(sizes, &end, 10), end != sizes; sizes = end) {
        ck_assert(a.shape.n < TN_MAX_RANK);
        a.shape.at[a.shape.n++] = size;
        a.n *= size;
    }
    a.value = malloc((size_t)(a.n + 1) * sizeof *a.value);
    ck_assert(a.value != NULL);
    for (int64_t i = 0; i < a.n; i++) {
        char word[64];
        ck_assert_int_eq(fscanf(f, "%63s", word), 1);
        a.value[i] = number_at(word, &end);
        ck_assert_msg(end != word && !*end, "%s is no number", word);
    }
    return a;
}

static inline void golden_read_options(golden_case *c, const char *text)
{
    char *end;
    for (double x; x = number_at(text, &end), end != text; text = end) {
        ck_assert(c->n_options < GOLDEN_MAX);
        c->option[c->n_options++] = x;
    }
}

/* One of the arrays with a number: "in 0 grad 4 3", "grad 0 4 3", "after 0 4 3". False: line is something else. */
static inline bool golden_read_numbered(golden_case *c, FILE *f, const char *line)
{
    int  i = 0, used = 0;
    char kind[8];
    if (sscanf(line, "in %d %7s%n", &i, kind, &used) == 2) {
        ck_assert(i >= 0 && i < GOLDEN_MAX);
        c->in[i] = golden_read_array(f, line + used);
        c->wants[i] = strcmp(kind, "grad") == 0;
        c->n_in = i + 1;
        return true;
    }
    if (sscanf(line, "%7s %d%n", kind, &i, &used) != 2 || i < 0 || i >= GOLDEN_MAX) return false;
    bool is_grad = strcmp(kind, "grad") == 0;
    if (!is_grad && strcmp(kind, "after") != 0) return false;
    *(is_grad ? &c->grad[i] : &c->after[i]) = golden_read_array(f, line + used);
    return true;
}

static inline bool golden_read_line(golden_case *c, FILE *f, const char *line)
{
    if (sscanf(line, "case %127[^\n]", c->name) == 1) return true;
    if (strcmp(line, "mode train\n") == 0) return c->train = true;
    if (strncmp(line, "options ", 8) == 0) return golden_read_options(c, line + 8), true;
    if (golden_read_numbered(c, f, line)) return true;
    golden_array *to = NULL;
    if (strncmp(line, "ids", 3) == 0) to = &c->ids;
    if (strncmp(line, "offsets", 7) == 0) to = &c->offsets;
    if (strncmp(line, "dy", 2) == 0) to = &c->dy;
    if (strncmp(line, "y", 1) == 0) to = &c->y;
    if (!to) return false;
    *to = golden_read_array(f, line + strcspn(line, " \n"));
    return true;
}

/* The next case of f, to be freed with golden_free; false at the end. */
static inline bool golden_next(FILE *f, golden_case *c)
{
    char line[512];
    *c = (golden_case){.n_in = 0};
    while (fgets(line, sizeof line, f)) {
        if (line[0] == '#' || line[0] == '\n') continue;
        if (strcmp(line, "end\n") == 0) return true;
        ck_assert_msg(golden_read_line(c, f, line), "golden file: case \"%s\": what is this line? %s", c->name, line);
    }
    return false;
}

static inline void golden_free(golden_case *c)
{
    for (int i = 0; i < GOLDEN_MAX; i++) {
        free(c->in[i].value);
        free(c->grad[i].value);
        free(c->after[i].value);
    }
    free(c->ids.value);
    free(c->offsets.value);
    free(c->dy.value);
    free(c->y.value);
}

/* n numbers as the build's type, to be freed. */
static inline tn_real *golden_reals(const double *from, int64_t n)
{
    tn_real *to = malloc((size_t)(n + 1) * sizeof *to);
    ck_assert(to != NULL);
    for (int64_t i = 0; i < n; i++) to[i] = (tn_real)from[i];
    return to;
}

static inline int32_t *golden_ids(const golden_array *a)
{
    int32_t *to = malloc((size_t)(a->n + 1) * sizeof *to);
    ck_assert(to != NULL);
    for (int64_t i = 0; i < a->n; i++) to[i] = (int32_t)a->value[i];
    return to;
}

/* What went wrong, all of it as far as there is room: one test then tells every case that fails. */
typedef struct golden_report {
    int    failures;
    size_t used;
    char   text[4000];
} golden_report;

static inline void golden_fail(golden_report *r, const char *format, ...)
{
    r->failures++;
    size_t room = sizeof r->text - r->used;
    va_list args;
    va_start(args, format);
    int n = vsnprintf(r->text + r->used, room, format, args);
    va_end(args);
    r->used += n < 0 || (size_t)n >= room ? room - 1 : (size_t)n;
}

static inline double golden_largest(const golden_array *want)
{
    double largest = 0;
    for (int64_t i = 0; i < want->n; i++) {
        if (isfinite(want->value[i]) && fabs(want->value[i]) > largest) largest = fabs(want->value[i]);
    }
    return largest;
}

/* NaN equals NaN, inf equals inf; else |a - b| <= tol (|b| + max |b|). */
static inline bool golden_close(double got, double want, double tol, double largest)
{
    if (isnan(want)) return isnan(got);
    if (isinf(want)) return got == want;
    return fabs(got - want) <= tol * (fabs(want) + largest);
}

/* Reports the first number of got that is not close. where names the case, what the array. */
static inline void golden_compare(golden_report *r, const char *where, const char *what, const tn_real *got,
                                  const golden_array *want, double tol)
{
    double largest = golden_largest(want);
    if (!got && want->n > 0) {
        golden_fail(r, "\n  %s: %s: there is none", where, what);
        return;
    }
    for (int64_t i = 0; i < want->n; i++) {
        if (golden_close((double)got[i], want->value[i], tol, largest)) continue;
        golden_fail(r, "\n  %s: %s[%lld] is %.17g, should be %.17g", where, what, (long long)i, (double)got[i],
                    want->value[i]);
        return;
    }
}

#endif
