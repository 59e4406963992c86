/* misuse.h: calls that must fail, as a table: misuse -> code -> text. */
#ifndef TARN_TESTS_MISUSE_H
#define TARN_TESTS_MISUSE_H

#include "tests.h"

typedef struct misuse {
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

#endif
