/* program.h: a random program of ops. program.c is built for both number types, and ops.c runs it in both: program_float and
 * program_double. */
#ifndef TARN_TESTS_FUZZ_PROGRAM_H
#define TARN_TESTS_FUZZ_PROGRAM_H

#include <stddef.h>
#include <stdint.h>

#include <tarn/error.h>

/* A tensor of the program, or a gradient of one. */
typedef struct program_part {
    char    what[48]; /* the op, or "gradient" */
    int64_t at, n;    /* its numbers are value[at] to value[at + n - 1] */
} program_part;

enum { PROGRAM_PARTS = 256, PROGRAM_VALUES = 1 << 16 };

/* What a program gives: all tensors, up to the first error or the end; then, if it went back, all gradients of leaves. */
typedef struct program_result {
    tn_error     err;
    int          n_parts, n_tensors; /* parts from n_tensors on are gradients */
    int64_t      n_values;
    program_part part[PROGRAM_PARTS];
    double       value[PROGRAM_VALUES];
} program_result;

/* noise 0: the program as it is. Otherwise every value and gradient is changed by about noise roundings of a float,
 * at random by seed: how far results then differ says how far those of floats may. */
void program_float(program_result *r, const uint8_t *bytes, size_t n, double noise, uint64_t seed);
void program_double(program_result *r, const uint8_t *bytes, size_t n, double noise, uint64_t seed);

#endif
