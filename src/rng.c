/* rng.c: counter-based random numbers: Philox4x32-10 of Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy
 * as 1, 2, 3" (2011). */
#include <math.h>

#include "engine.h"

/* The finaliser of SplitMix64 (Steele, Lea and Flood 2014): every bit of the input moves about half of the output. */
static uint64_t mix(uint64_t x)
{
    x ^= x >> 30;
    x *= 0xBF58476D1CE4E5B9u;
    x ^= x >> 27;
    x *= 0x94D049BB133111EBu;
    return x ^ x >> 31;
}

tn_rng tn_rng_new(uint64_t seed, uint64_t stream, uint64_t count, uint64_t ordinal)
{
    const uint64_t golden = 0x9E3779B97F4A7C15u; /* 2^64 / golden ratio, odd: keeps equal parts from cancelling */
    uint64_t a = mix(seed + golden), b = mix(a + stream + golden);
    uint64_t c = mix(b + count + golden), d = mix(c + ordinal + golden);
    return (tn_rng){.key = d, .base = mix(d ^ b)};
}

tn_rng tn_op_rng(const tn_tensor *y)
{
    const tn_tape *t = y ? y->tape : NULL;
    if (!t) return (tn_rng){0};
    return tn_rng_new(t->seed, t->stream, t->count, tn__node_of(y)->ordinal);
}

/* Four random words for one block number. */
static void philox(tn_rng r, uint64_t block, uint32_t x[4])
{
    uint32_t k0 = (uint32_t)r.key, k1 = (uint32_t)(r.key >> 32);
    x[0] = (uint32_t)block;
    x[1] = (uint32_t)(block >> 32);
    x[2] = (uint32_t)r.base;
    x[3] = (uint32_t)(r.base >> 32);
    for (int round = 0; round < 10; round++) {
        uint64_t p0 = (uint64_t)0xD2511F53u * x[0], p1 = (uint64_t)0xCD9E8D57u * x[2];
        uint32_t y0 = (uint32_t)(p1 >> 32) ^ x[1] ^ k0, y2 = (uint32_t)(p0 >> 32) ^ x[3] ^ k1;
        x[0] = y0;
        x[1] = (uint32_t)p1;
        x[2] = y2;
        x[3] = (uint32_t)p0;
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
}

static double unit(uint32_t high, uint32_t low)
{
    return (double)(((uint64_t)high << 32 | low) >> 11) * 0x1p-53;
}

uint32_t tn_rng_bits(tn_rng r, uint64_t element)
{
    uint32_t x[4];
    philox(r, element >> 2, x);
    return x[element & 3];
}

enum { LANES = 16 };

/* LANES blocks on, side by side: the compiler makes vectors of it. x[word][lane]. */
static void philox_lanes(tn_rng r, uint64_t block, uint32_t x[4][LANES])
{
    uint32_t k0 = (uint32_t)r.key, k1 = (uint32_t)(r.key >> 32);
    for (int l = 0; l < LANES; l++) {
        x[0][l] = (uint32_t)(block + (uint64_t)l);
        x[1][l] = (uint32_t)((block + (uint64_t)l) >> 32);
        x[2][l] = (uint32_t)r.base;
        x[3][l] = (uint32_t)(r.base >> 32);
    }
    for (int round = 0; round < 10; round++) {
        for (int l = 0; l < LANES; l++) {
            uint64_t p0 = (uint64_t)0xD2511F53u * x[0][l], p1 = (uint64_t)0xCD9E8D57u * x[2][l];
            x[0][l] = (uint32_t)(p1 >> 32) ^ x[1][l] ^ k0;
            x[1][l] = (uint32_t)p1;
            x[2][l] = (uint32_t)(p0 >> 32) ^ x[3][l] ^ k1;
            x[3][l] = (uint32_t)p0;
        }
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
}

void tn_rng_fill(tn_rng r, uint64_t element, int64_t n, uint32_t *bits)
{
    uint32_t x[4][LANES];
    int64_t i = 0;
    if (!bits) return;
    for (; i < n && (element + (uint64_t)i) % 4; i++) bits[i] = tn_rng_bits(r, element + (uint64_t)i);
    for (; n - i >= 4 * LANES; i += 4 * LANES) {
        philox_lanes(r, (element + (uint64_t)i) >> 2, x);
        for (int l = 0; l < LANES; l++)
            for (int word = 0; word < 4; word++) bits[i + 4 * l + word] = x[word][l];
    }
    for (; i < n; i++) bits[i] = tn_rng_bits(r, element + (uint64_t)i);
}

double tn_rng_uniform(tn_rng r, uint64_t element)
{
    uint32_t x[4];
    philox(r, element >> 1, x);
    return element & 1 ? unit(x[2], x[3]) : unit(x[0], x[1]);
}

double tn_rng_normal(tn_rng r, uint64_t element)
{
    const double two_pi = 6.283185307179586;
    uint32_t x[4];
    philox(r, element >> 1, x);
    double radius = sqrt(-2 * log(1 - unit(x[0], x[1]))), angle = two_pi * unit(x[2], x[3]);
    return radius * (element & 1 ? sin(angle) : cos(angle));
}

int64_t tn_rng_below(tn_rng r, uint64_t element, int64_t n)
{
    if (n < 1) return 0;
    int64_t k = (int64_t)(tn_rng_uniform(r, element) * (double)n);
    return k < n ? k : n - 1;
}

void tn_rng_shuffle(tn_rng r, int64_t n, int32_t *order)
{
    if (!order) return;
    for (int64_t i = 0; i < n; i++) order[i] = (int32_t)i;
    for (int64_t i = n - 1; i > 0; i--) {
        int64_t j = tn_rng_below(r, (uint64_t)i, i + 1);
        int32_t swap = order[i];
        order[i] = order[j];
        order[j] = swap;
    }
}
