/* turn.h: matrices read against their order, for packing and for narrow products. */
#ifndef TN__TURN_H
#define TN__TURN_H

#if defined __AVX2__
#include <immintrin.h>
#endif

#include "isa.h"

/* One operand as op(X) is read: element (i, p) stands at x[i * row + p * col]; one of the two strides is
 * 1. */
typedef struct view {
    const tn_real *x;
    int64_t        row, col;
} view;

INLINE view view_of(const tn_real *x, int64_t ld, bool transposed)
{
    return transposed ? (view){x, 1, ld} : (view){x, ld, 1};
}

INLINE view view_at(view v, int64_t i, int64_t p)
{
    v.x += i * v.row + p * v.col;
    return v;
}

/* Steps of a pointer that the compiler does not see through: it would keep an address for each row, and
 * run out of registers. */
INLINE const tn_real *hidden(const tn_real *x)
{
    __asm__("" : "+r"(x));
    return x;
}

typedef tn_real quad __attribute__((vector_size(4 * sizeof(tn_real))));
typedef tn_real quad_in_memory __attribute__((vector_size(4 * sizeof(tn_real)), aligned(sizeof(tn_real)),
                                              may_alias));

#if defined __AVX2__ && !defined TN_DOUBLE
/* By intrinsics: GCC makes single numbers of vectors that are joined or shuffled twice. */
#define TN_HAS_TURN 1
#if defined __AVX512F__
typedef __m512 wide;
#define WIDE(f) _mm512_##f##_ps
#else
typedef __m256 wide;
#define WIDE(f) _mm256_##f##_ps
#endif

/* Four numbers of each WIDTH / 4 rows, side by side. */
INLINE wide quads_load(const float *const row[WIDTH / 4], int64_t offset)
{
    const __m128 a = _mm_loadu_ps(row[0] + offset), b = _mm_loadu_ps(row[1] + offset);
    const __m256 ab = _mm256_insertf128_ps(_mm256_castps128_ps256(a), b, 1);
#if defined __AVX512F__
    const __m128 c = _mm_loadu_ps(row[2] + offset), d = _mm_loadu_ps(row[3] + offset);
    const wide abc = _mm512_mask_broadcast_f32x4(_mm512_castps256_ps512(ab), 0x0f00, c);
    return _mm512_mask_broadcast_f32x4(abc, 0xf000, d);
#else
    return ab;
#endif
}

/* Four columns of WIDTH rows: lane l of y[p] is x[l * ldx + p]. */
INLINE void turn(vec y[4], const float *x, int64_t ldx)
{
    const float *row[WIDTH / 4];
    UNROLL for (int q = 0; q < WIDTH / 4; q++, x = hidden(x + 4 * ldx)) row[q] = x;
    const wide a = quads_load(row, 0), b = quads_load(row, ldx);
    const wide c = quads_load(row, 2 * ldx), d = quads_load(row, 3 * ldx);
    const wide ac_low = WIDE(unpacklo)(a, c), ac_high = WIDE(unpackhi)(a, c);
    const wide bd_low = WIDE(unpacklo)(b, d), bd_high = WIDE(unpackhi)(b, d);
    y[0] = (vec)WIDE(unpacklo)(ac_low, bd_low);
    y[1] = (vec)WIDE(unpackhi)(ac_low, bd_low);
    y[2] = (vec)WIDE(unpacklo)(ac_high, bd_high);
    y[3] = (vec)WIDE(unpackhi)(ac_high, bd_high);
}
#else
#define TN_HAS_TURN 0
#endif

/* to[p * ld + i] = x[i * ldx + p] for i < 4, p < 4 */
INLINE void turn_4x4(tn_real *to, int64_t ld, const tn_real *x, int64_t ldx)
{
    const quad a = (quad) * (const quad_in_memory *)x, b = (quad) * (const quad_in_memory *)(x + ldx);
    const quad c = (quad) * (const quad_in_memory *)(x + 2 * ldx);
    const quad d = (quad) * (const quad_in_memory *)(x + 3 * ldx);
    const quad ac_first = __builtin_shufflevector(a, c, 0, 4, 1, 5);
    const quad ac_last = __builtin_shufflevector(a, c, 2, 6, 3, 7);
    const quad bd_first = __builtin_shufflevector(b, d, 0, 4, 1, 5);
    const quad bd_last = __builtin_shufflevector(b, d, 2, 6, 3, 7);
    *(quad_in_memory *)to = (quad_in_memory)__builtin_shufflevector(ac_first, bd_first, 0, 4, 1, 5);
    *(quad_in_memory *)(to + ld) = (quad_in_memory)__builtin_shufflevector(ac_first, bd_first, 2, 6, 3, 7);
    *(quad_in_memory *)(to + 2 * ld) = (quad_in_memory)__builtin_shufflevector(ac_last, bd_last, 0, 4, 1, 5);
    *(quad_in_memory *)(to + 3 * ld) = (quad_in_memory)__builtin_shufflevector(ac_last, bd_last, 2, 6, 3, 7);
}

/* to[p * ld + i] = x[i * ldx + p] for i < 2, p < 4 */
INLINE void turn_2x4(tn_real *to, int64_t ld, const tn_real *x, int64_t ldx)
{
    const quad a = (quad) * (const quad_in_memory *)x, b = (quad) * (const quad_in_memory *)(x + ldx);
    const quad first = __builtin_shufflevector(a, b, 0, 4, 1, 5), last = __builtin_shufflevector(a, b, 2, 6, 3, 7);
    memcpy(to, &first, 2 * sizeof *to);
    memcpy(to + ld, (const tn_real *)&first + 2, 2 * sizeof *to);
    memcpy(to + 2 * ld, &last, 2 * sizeof *to);
    memcpy(to + 3 * ld, (const tn_real *)&last + 2, 2 * sizeof *to);
}

/* to[p * ld + i] = x[i * ldx + p] for i < rows, p < k. more: the next rows will be turned too. */
INLINE void turn_rows(tn_real *to, int64_t ld, const tn_real *x, int64_t ldx, int rows, int64_t k, bool more)
{
    int64_t p = 0;
    for (; p + 4 <= k; p += 4) {
        for (int64_t r = rows; more && p % LINE == 0 && r < 2 * rows; r++) __builtin_prefetch(x + r * ldx + p);
#if TN_HAS_TURN
        if (rows == WIDTH) {
            vec y[4];
            turn(y, x + p, ldx);
            UNROLL for (int q = 0; q < 4; q++) vec_store(to + (p + q) * ld, y[q]);
            continue;
        }
#endif
        if (rows == 4) turn_4x4(to + p * ld, ld, x + p, ldx);
        else turn_2x4(to + p * ld, ld, x + p, ldx);
    }
    for (; p < k; p++)
        for (int64_t r = 0; r < rows; r++) to[p * ld + r] = x[r * ldx + p];
}

/* to[p * ld + i] = x[i * ldx + p] for i < n, p < k: a vector of rows at a time, or four, or two, so that few streams are
 * read at once, and the next rows asked for meanwhile. */
static inline void turn_block(tn_real *to, int64_t ld, const tn_real *x, int64_t ldx, int64_t n, int64_t k)
{
    int64_t i = 0;
    for (; TN_HAS_TURN && i + WIDTH <= n; i += WIDTH)
        turn_rows(to + i, ld, x + i * ldx, ldx, WIDTH, k, i + 2 * WIDTH <= n);
    for (; i + 4 <= n; i += 4) turn_rows(to + i, ld, x + i * ldx, ldx, 4, k, i + 8 <= n);
    for (; i + 2 <= n; i += 2) turn_rows(to + i, ld, x + i * ldx, ldx, 2, k, false);
    for (; i < n; i++)
        for (int64_t p = 0; p < k; p++) to[p * ld + i] = x[i * ldx + p];
}

#endif
