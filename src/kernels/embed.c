/* embed.c: rows of a table picked by number: summed, their maximum, and added to. A row is cut into vectors, the last of
 * which reaches back over the one before where the width is no multiple, and computes the same there. */
#include "isa.h"

enum { GROUP = 8, MAX_GROUP = 4, AHEAD = 16 };

INLINE const tn_real *row_ahead(int64_t k, int64_t known, const int32_t *at, int64_t width, const tn_real *table)
{
    return table + at[k + AHEAD < known ? k + AHEAD : k] * width;
}

/* The columns of vecs vectors, the last of which begins at last, in registers while the rows pass by. A table may be
 * larger than any cache: rows are asked for ahead. */
INLINE void sum_vecs(int vecs, int64_t last, int64_t n, int64_t known, const int32_t *at, int64_t width, tn_real a,
                     const tn_real *table, tn_real *y)
{
    vec s[GROUP];
    UNROLL for (int v = 0; v < vecs; v++) s[v] = vec_of(0);
    for (int64_t k = 0; k < n; k++) {
        const tn_real *row = table + at[k] * width, *ahead = row_ahead(k, known, at, width, table);
        UNROLL for (int v = 0; v < vecs; v++) {
            if (v * WIDTH % LINE == 0) __builtin_prefetch(ahead + v * WIDTH);
            s[v] += vec_load(row + (v < vecs - 1 ? v * WIDTH : last));
        }
    }
    UNROLL for (int v = 0; v < vecs; v++) vec_store(y + (v < vecs - 1 ? v * WIDTH : last), vec_of(a) * s[v]);
}

INLINE void sum_narrow(int64_t n, const int32_t *at, int64_t width, tn_real a, const tn_real *table, tn_real *y)
{
    tn_real s[WIDTH] = {0};
    for (int64_t k = 0; k < n; k++) EACH(d, width) s[d] += table[at[k] * width + d];
    EACH(d, width) y[d] = a * s[d];
}

void TN_K(gather_sum)(int64_t n, int64_t known, const int32_t *at, int64_t width, tn_real a, const tn_real *table,
                      tn_real *y)
{
    if (width < WIDTH) {
        sum_narrow(n, at, width, a, table, y);
        return;
    }
    for (int64_t d = 0, left = width; left > 0; d += GROUP * WIDTH, left -= GROUP * WIDTH, y += GROUP * WIDTH) {
        const int64_t  last = left - WIDTH;
        const tn_real *from = table + d;
#define SUM(vecs) sum_vecs(vecs, last, n, known, at, width, a, from, y)
        switch ((left + WIDTH - 1) / WIDTH) {
        case 1: SUM(1); break;
        case 2: SUM(2); break;
        case 3: SUM(3); break;
        case 4: SUM(4); break;
        case 5: SUM(5); break;
        case 6: SUM(6); break;
        case 7: SUM(7); break;
        case 8: SUM(8); break;
        default: sum_vecs(GROUP, (GROUP - 1) * WIDTH, n, known, at, width, a, from, y);
        }
#undef SUM
    }
}

/* Where x is larger than the best so far, both change: never where one of them is NaN. */
INLINE void take_larger(vec x, int32_t at, vec *best, vec_int *winner)
{
    const vec_int larger = x > *best;
    *best = (vec)vec_pick(larger, (vec_int)x, (vec_int)*best);
    *winner = vec_pick(larger, at - (vec_int){0}, *winner);
}

INLINE void max_vecs(int vecs, int64_t last, int64_t n, int64_t known, const int32_t *at, int64_t width,
                     const tn_real *table, tn_real *y, int32_t *winner)
{
    vec     best[MAX_GROUP];
    vec_int of[MAX_GROUP];
    UNROLL for (int v = 0; v < vecs; v++) best[v] = vec_load(table + at[0] * width + (v < vecs - 1 ? v * WIDTH : last));
    UNROLL for (int v = 0; v < vecs; v++) of[v] = (vec_int){0};
    for (int64_t k = 0; k < n; k++) {
        const tn_real *row = table + at[k] * width, *ahead = row_ahead(k, known, at, width, table);
        UNROLL for (int v = 0; v < vecs; v++) {
            if (v * WIDTH % LINE == 0) __builtin_prefetch(ahead + v * WIDTH);
            take_larger(vec_load(row + (v < vecs - 1 ? v * WIDTH : last)), (int32_t)k, &best[v], &of[v]);
        }
    }
    UNROLL for (int v = 0; v < vecs; v++) {
        const int64_t d = v < vecs - 1 ? v * WIDTH : last;
        vec_store(y + d, best[v]);
        for (int l = 0; l < WIDTH; l++) winner[d + l] = (int32_t)of[v][l];
    }
}

INLINE void max_narrow(int64_t n, const int32_t *at, int64_t width, const tn_real *table, tn_real *y, int32_t *winner)
{
    EACH(d, width) y[d] = table[at[0] * width + d], winner[d] = 0;
    for (int64_t k = 1; k < n; k++) {
        const tn_real *row = table + at[k] * width;
        EACH(d, width) winner[d] = row[d] > y[d] ? (int32_t)k : winner[d], y[d] = row[d] > y[d] ? row[d] : y[d];
    }
}

void TN_K(gather_max)(int64_t n, int64_t known, const int32_t *at, int64_t width, const tn_real *table, tn_real *y,
                      int32_t *winner)
{
    if (n == 0) {
        EACH(d, width) y[d] = 0, winner[d] = -1;
        return;
    }
    if (width < WIDTH) {
        max_narrow(n, at, width, table, y, winner);
        return;
    }
    for (int64_t d = 0, left = width; left > 0; d += MAX_GROUP * WIDTH, left -= MAX_GROUP * WIDTH) {
        const int64_t last = left - WIDTH;
#define MAX(vecs, last) max_vecs(vecs, last, n, known, at, width, table + d, y + d, winner + d)
        switch ((left + WIDTH - 1) / WIDTH) {
        case 1: MAX(1, last); break;
        case 2: MAX(2, last); break;
        case 3: MAX(3, last); break;
        case 4: MAX(4, last); break;
        default: MAX(MAX_GROUP, (MAX_GROUP - 1) * WIDTH);
        }
#undef MAX
    }
}

/* The last vector is computed before the one that it reaches over is stored. */
INLINE void add_row(int64_t width, vec a, const tn_real *x, tn_real *row)
{
    const int64_t last = width - WIDTH;
    const vec     end = vec_fmadd(a, vec_load(x + last), vec_load(row + last));
    for (int64_t d = 0; d < last; d += WIDTH) vec_store(row + d, vec_fmadd(a, vec_load(x + d), vec_load(row + d)));
    vec_store(row + last, end);
}

INLINE void add_narrow_row(int64_t width, tn_real a, const tn_real *x, tn_real *row)
{
    EACH(d, width) row[d] = fmadd(a, x[d], row[d]);
}

void TN_K(scatter_add)(int64_t n, const int32_t *at, int64_t width, tn_real a, const tn_real *x, tn_real *table)
{
    const vec as = vec_of(a);
    if (width < WIDTH)
        for (int64_t k = 0; k < n; k++) add_narrow_row(width, a, x, table + at[k] * width);
    else
        for (int64_t k = 0; k < n; k++) add_row(width, as, x, table + at[k] * width);
}
