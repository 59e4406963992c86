/* ops.c: bytes as a random program of ops, in floats and in doubles: neither crashes, both fail in the same way, and where
 * numbers are finite they agree.
 *
 * How far they may differ, the program itself says: it is run in doubles again, every value and every gradient changed by
 * as little as a float's rounding changes it. A result may be as far off as a multiple of what that does; more is no
 * rounding. */
#include <math.h>
#include <string.h>

#include "fuzz.h"
#include "program.h"

static const double EPSILON = 0x1p-23, LARGE = 1e18; /* the squares of what is larger are none of a float's */
enum { FACTOR = 64, TRIES = 48 };

static program_result single, twice, noisy;
static double         spread[PROGRAM_VALUES];

/* How many of the first parts are finite in both, and far enough from where floats end. */
static int comparable(void)
{
    for (int k = 0; k < single.n_parts; k++) {
        const program_part *part = &single.part[k];
        for (int64_t i = part->at; i < part->at + part->n; i++)
            if (!(fabs(single.value[i]) < LARGE) || !(fabs(twice.value[i]) < LARGE)) return k;
    }
    return single.n_parts;
}

/* The first number that differs by more than is known to be fine; n if none does. */
static int64_t first_off(int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        double off = fabs(single.value[i] - twice.value[i]);
        if (off > FACTOR * (spread[i] + EPSILON * fabs(twice.value[i]) + 0x1p-126)) return i;
    }
    return n;
}

static void widen(int64_t n)
{
    for (int64_t i = 0; i < n && i < noisy.n_values; i++) {
        double off = fabs(noisy.value[i] - twice.value[i]);
        if (!(off <= spread[i])) spread[i] = isfinite(off) ? off : INFINITY;
    }
}

static void tell(int64_t at)
{
    const program_part *part = single.part;
    for (int k = 0; k < single.n_parts; k++) {
        fprintf(stderr, "part %d: %s of %lld numbers:", k, single.part[k].what, (long long)single.part[k].n);
        for (int64_t i = 0; i < single.part[k].n && i < 12; i++) fprintf(stderr, " %.9g", single.value[single.part[k].at + i]);
        fprintf(stderr, "\n");
        if (single.part[k].at <= at) part = &single.part[k];
        if (single.part[k].at > at) break;
    }
    fprintf(stderr, "%s, number %lld: %.9g in floats, %.17g in doubles, where %.3g is fine\n", part->what,
            (long long)(at - part->at), single.value[at], twice.value[at], FACTOR * spread[at]);
    abort();
}

static void compare(const uint8_t *bytes, size_t n)
{
    int     parts = comparable();
    int64_t values = parts ? single.part[parts - 1].at + single.part[parts - 1].n : 0, at;
    memset(spread, 0, (size_t)values * sizeof *spread);
    for (int k = 0; (at = first_off(values)) < values && k < TRIES; k++) {
        program_double(&noisy, bytes, n, 1 + k / 8, (uint64_t)k);
        widen(values);
    }
    if (at < values) tell(at);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    program_float(&single, bytes, n, 0, 0);
    program_double(&twice, bytes, n, 0, 0);
    if (single.err.code == TN_EMEMORY || twice.err.code == TN_EMEMORY) return 0; /* doubles want more */
    if (strcmp(single.err.text, twice.err.text)) fprintf(stderr, "%s\n%s\n", single.err.text, twice.err.text);
    require(strcmp(single.err.text, twice.err.text) == 0);
    require(single.n_parts == twice.n_parts && single.n_values == twice.n_values);
    for (int k = 0; k < single.n_parts; k++) require(single.part[k].n == twice.part[k].n);
    compare(bytes, n);
    return 0;
}
