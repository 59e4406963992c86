/* dispatch.c: which instruction set runs. The only source of this folder that is compiled once. */
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "gemm.h"

extern const tn__kernels tn__kernels_base;

#if defined __x86_64__
extern const tn__kernels tn__kernels_avx2, tn__kernels_avx512;

/* __builtin_cpu_supports also asks whether the system saves the wide registers. */
static bool has_avx2(void)
{
    __builtin_cpu_init();
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}

static bool has_avx512(void)
{
    return has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
}

const tn__kernels *tn__kernels_named(const char *isa)
{
    if (strcmp(isa, "avx512") == 0) return has_avx512() ? &tn__kernels_avx512 : NULL;
    if (strcmp(isa, "avx2") == 0) return has_avx2() ? &tn__kernels_avx2 : NULL;
    return strcmp(isa, "base") == 0 ? &tn__kernels_base : NULL;
}
#else
const tn__kernels *tn__kernels_named(const char *isa)
{
    return strcmp(isa, "base") == 0 ? &tn__kernels_base : NULL;
}
#endif

static const tn__kernels *choose(void)
{
    static const char *const best_first[] = {"avx512", "avx2", "base"};
    const char              *wish = getenv("TARN_ISA");
    const tn__kernels       *k = wish ? tn__kernels_named(wish) : NULL;
    for (int i = 0; !k; i++) k = tn__kernels_named(best_first[i]);
    return k;
}

/* Two threads that come first at once choose the same, so it does not matter whose choice stays. */
const tn__kernels *tn__kernels_get(void)
{
    static _Atomic(const tn__kernels *) chosen;
    const tn__kernels *k = atomic_load_explicit(&chosen, memory_order_relaxed);
    if (!k) atomic_store_explicit(&chosen, k = choose(), memory_order_relaxed);
    return k;
}

size_t tn__gemm_scratch(int64_t m, int64_t n, int64_t k)
{
    return (size_t)(least(k, KC) * (packed_columns(n) + least(m, MC))) * sizeof(tn_real);
}
