/* embed.c: rows of a table picked by number: summed, and added to. */
#include "lanes.h"

/* In each of these: 32 columns, or a vector's, or one. */
INLINE void sum_lanes(int64_t n, const int32_t *at, int64_t width, const tn_real *table, tn_real *y)
{
    lanes s = lanes_load(y);
    for (int64_t k = 0; k < n; k++) s = lanes_plus(s, lanes_load(table + at[k] * width));
    EACH_VEC(v) vec_store(y + v * WIDTH, s.v[v]);
}

INLINE void sum_vec(int64_t n, const int32_t *at, int64_t width, const tn_real *table, tn_real *y)
{
    vec s = vec_load(y);
    for (int64_t k = 0; k < n; k++) s += vec_load(table + at[k] * width);
    vec_store(y, s);
}

INLINE void sum_one(int64_t n, const int32_t *at, int64_t width, const tn_real *table, tn_real *y)
{
    for (int64_t k = 0; k < n; k++) *y += table[at[k] * width];
}

void TN_K(gather_add)(int64_t n, const int32_t *at, int64_t width, const tn_real *table, tn_real *y)
{
    int64_t d = 0;
    for (; d + TN_LANES <= width; d += TN_LANES) sum_lanes(n, at, width, table + d, y + d);
    for (; d + WIDTH <= width; d += WIDTH) sum_vec(n, at, width, table + d, y + d);
    for (; d < width; d++) sum_one(n, at, width, table + d, y + d);
}

INLINE void add_lanes(int64_t n, const int32_t *at, int64_t width, vec a, const tn_real *x, tn_real *table)
{
    const lanes xs = lanes_load(x);
    for (int64_t k = 0; k < n; k++) {
        tn_real *row = table + at[k] * width;
        EACH_VEC(v) vec_store(row + v * WIDTH, vec_fmadd(a, xs.v[v], vec_load(row + v * WIDTH)));
    }
}

INLINE void add_vec(int64_t n, const int32_t *at, int64_t width, vec a, const tn_real *x, tn_real *table)
{
    const vec xs = vec_load(x);
    for (int64_t k = 0; k < n; k++) {
        tn_real *row = table + at[k] * width;
        vec_store(row, vec_fmadd(a, xs, vec_load(row)));
    }
}

INLINE void add_one(int64_t n, const int32_t *at, int64_t width, tn_real a, tn_real x, tn_real *table)
{
    for (int64_t k = 0; k < n; k++) table[at[k] * width] = fmadd(a, x, table[at[k] * width]);
}

void TN_K(scatter_add)(int64_t n, const int32_t *at, int64_t width, tn_real a, const tn_real *x, tn_real *table)
{
    int64_t d = 0;
    for (; d + TN_LANES <= width; d += TN_LANES) add_lanes(n, at, width, vec_of(a), x + d, table + d);
    for (; d + WIDTH <= width; d += WIDTH) add_vec(n, at, width, vec_of(a), x + d, table + d);
    for (; d < width; d++) add_one(n, at, width, a, x[d], table + d);
}
