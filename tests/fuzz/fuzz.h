/* fuzz.h: what the targets share. Each is one function that gets bytes, by libFuzzer (make fuzz) or from the files of its
 * corpus (driver.c, in make test). It ends the process where something is wrong. */
#ifndef TARN_TESTS_FUZZ_H
#define TARN_TESTS_FUZZ_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <tarn/error.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

#define require(what)                                                             \
    do {                                                                          \
        if (!(what)) {                                                            \
            fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #what);    \
            abort();                                                              \
        }                                                                         \
    } while (0)

/* Either it worked, or there is an error with a code and a text, which is cleared. */
static inline void require_told(bool worked, tn_error *err)
{
    require(worked == (err->code == TN_OK));
    require(worked || err->text[0]);
    tn_error_clear(err);
}

#endif
