/* npy.c: bytes as a .npy file. */
#include "npy.h"

#include "fuzz.h"
#include "tests/peak.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    static peak     memory;
    static tn_error err;
    static tn_tape *t;
    if (!t) require(peak_begin(&memory, SIZE_MAX) && (t = tn_tape_new(1, 0, &err)));
    tn_tape_trim(t);
    peak_reset(&memory);
    tn_tape_begin(t, TN_EVAL);
    const tn_tensor *x = tn__npy_parse(t, bytes, n, "x.npy");
    require(!x || x->n * 4 <= (int64_t)n);
    require(memory.most <= 4 * n + (1 << 18));
    require_told(x, &err);
    return 0;
}
