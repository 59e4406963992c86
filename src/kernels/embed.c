/* embed.c: rows of a table picked by number: summed, and added to. A row is cut into vectors, the last of which reaches
 * back over the one before where the width is no multiple, and computes the same there. */
#include "isa.h"

enum { GROUP = 8, AHEAD = 16 };

/* The columns of vecs vectors, the last of which begins at last, in registers while the rows pass by. A table may be
 * larger than any cache: rows are asked for ahead. */
INLINE void sum_vecs(int vecs, int64_t last, int64_t n, int64_t known, const int32_t *at, int64_t width, tn_real a,
                     const tn_real *table, tn_real *y)
{
    vec s[GROUP];
    UNROLL for (int v = 0; v < vecs; v++) s[v] = vec_of(0);
    for (int64_t k = 0; k < n; k++) {
        const tn_real *row = table + at[k] * width, *ahead = table + at[k + AHEAD < known ? k + AHEAD : k] * width;
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
