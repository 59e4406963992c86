/* misuse.h: calls that must fail, as a table: misuse -> code -> text. misuse.py proves that no failure of which a header says
 * that it can happen lacks its row. */
#ifndef TARN_TESTS_MISUSE_H
#define TARN_TESTS_MISUSE_H

#include "tests.h"

typedef struct misuse {
    const char *what;       /* "function: cause", in the header's own words; "ops.h: cause" is of every op */
    void      (*call)(void);
    tn_code     code;
    const char *text;
} misuse;

/* The call of one row, under a name; it may assert what it returns. */
#define MISUSE(name, statement) \
    static void name(void) { statement; }

static inline void check_misuse(const misuse *m)
{
    tn_tape_begin(t, TN_GRAD);
    m->call();
    ck_error(m->code, m->text);
}

/* A row outside of a table: the error is that of this misuse, and is cleared. */
#define ck_misuse(what, code, text) ck_error(code, text)

/* What comes of a NULL argument, which stands in the call as NULL: this error. */
#define ck_refuses(call, code, text) \
    do {                             \
        (void)(call);                \
        ck_error(code, text);        \
    } while (0)

/* Or nothing: the result is false, 0 or NULL, and there is no error. */
#define ck_ignores(call)   \
    do {                   \
        ck_assert(!(call)); \
        ck_no_error();     \
    } while (0)

/* The same for a call without result. */
#define ck_skips(call) \
    do {               \
        call;          \
        ck_no_error(); \
    } while (0)

/* Or nothing special: the call works. */
#define ck_takes(call)    \
    do {                  \
        ck_assert(call);  \
        ck_no_error();    \
    } while (0)

#endif
