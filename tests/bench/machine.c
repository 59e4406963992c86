/* machine.c: what the machine can do: fused multiply-adds from registers, with its widest vectors, and memory
 * traffic. Built for the very machine that it runs on (-march=native). */
#define _DEFAULT_SOURCE /* madvise */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#if defined __AVX__
#include <immintrin.h>
#endif

#include <tarn/tarn.h>

#include "bench.h"

#if defined __AVX512F__
enum { BYTES = 64 };
#elif defined __AVX__
enum { BYTES = 32 };
#else
enum { BYTES = 16 };
#endif
enum { LANES = BYTES / (int)sizeof(float), TURNS = (1 << 24) / LANES, FLOATS = 10000000, PIECE = 1 << 19 };

typedef float vec __attribute__((vector_size(BYTES)));

#if defined __aarch64__
#define IN_REGISTER(r) __asm__ volatile("" : "+w"(r))
#elif defined __AVX512F__
#define IN_REGISTER(r) __asm__ volatile("" : "+v"(r))
#else
#define IN_REGISTER(r) __asm__ volatile("" : "+x"(r))
#endif

/* ---- multiply and add: 12 independent chains hide the latency of each ------------------------------------------ */

typedef struct fma_state {
    int64_t threads;
    float   sink[64];
} fma_state;

/* Named variables: GCC keeps an array in memory. */
#define EACH_CHAIN(f) f(r0) f(r1) f(r2) f(r3) f(r4) f(r5) f(r6) f(r7) f(r8) f(r9) f(r10) f(r11)
#define START(r)      vec r = a;
#define TURN(r)       r = r * a + b;
#define HOLD(r)       IN_REGISTER(r);
#define TOTAL(r)      total += r;

static void fma_piece(int64_t begin, int64_t end, void *state)
{
    vec a = (vec){0} + 1.0000001f, b = (vec){0} + 1e-9f, total = {0};
    EACH_CHAIN(START)
    for (int64_t i = begin * TURNS; i < end * TURNS; i++) {
        EACH_CHAIN(TURN)
        EACH_CHAIN(HOLD)
    }
    EACH_CHAIN(TOTAL)
    ((fma_state *)state)->sink[begin % 64] = total[0];
}

static void *fma_prepare(const char *rest)
{
    fma_state *s = calloc(1, sizeof *s);
    (void)rest;
    if (s) s->threads = tn_threads();
    return s;
}

/* 24 * 2^24 operations for each thread, a multiplication and an addition being two. */
static void fma_run(void *state)
{
    tn_parallel_for(((fma_state *)state)->threads, 1, fma_piece, state);
}

/* ---- memory: two arrays read and one written, as large as those of wide.c -------------------------------------- */

typedef struct arrays {
    float *a, *b, *c;
} arrays;

/* Past the caches where there is an instruction for it: nothing else writes as fast. */
static void stream(float *to, vec v)
{
#if defined __AVX512F__
    _mm512_stream_ps(to, v);
#elif defined __AVX__
    _mm256_stream_ps(to, v);
#else
    memcpy(to, &v, sizeof v);
#endif
}

static void triad_piece(int64_t begin, int64_t end, void *state)
{
    const arrays *s = state;
    for (int64_t i = begin; i < end; i += LANES)
        stream(s->a + i, *(const vec *)(s->b + i) + 3 * *(const vec *)(s->c + i));
}

/* 12 * 10^7 bytes. */
static void triad_run(void *state)
{
    tn_parallel_for(FLOATS, PIECE, triad_piece, state);
}

/* In large pages where the system gives them. */
static float *large_pages(void)
{
    enum { PAGE = 1 << 21 };
    size_t bytes = (FLOATS * sizeof(float) + PAGE - 1) / PAGE * PAGE;
    float *x = aligned_alloc(PAGE, bytes);
    if (!x) exit(EXIT_FAILURE);
#ifdef MADV_HUGEPAGE
    madvise(x, bytes, MADV_HUGEPAGE);
#endif
    for (int64_t i = 0; i < FLOATS; i++) x[i] = 1;
    return x;
}

static void *arrays_prepare(const char *rest)
{
    arrays *s = malloc(sizeof *s);
    (void)rest;
    if (s) *s = (arrays){large_pages(), large_pages(), large_pages()};
    return s;
}

static void arrays_drop(void *state)
{
    arrays *s = state;
    free(s->a);
    free(s->b);
    free(s->c);
    free(s);
}

int main(int argc, char **argv)
{
    static const bench_work works[] = {
        {"fma", fma_prepare, fma_run, free},
        {"triad", arrays_prepare, triad_run, arrays_drop},
        {NULL, NULL, NULL, NULL},
    };
    return bench_main(argc, argv, works);
}
