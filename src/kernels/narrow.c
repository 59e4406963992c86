/* narrow.c: products whose C has few columns. Lanes run down its rows, so none is idle: WIDTH rows of A are
 * turned in registers, four terms at a time (or stand that way), and multiplied by each of the few columns
 * of B. The chains are those of gemm.c. */
#include "gemm.h"
#include "narrow.h"

#if TN_HAS_TURN

/* The registers hold the sums of GROUP_MOST columns at most, and of few columns for two vectors of rows, so that
 * enough chains are under way. */
#if defined __AVX512F__
enum { GROUP_MOST = 12 };
#define VECS_FOR(n, turned) ((n) <= 4 || !(turned) ? 2 : 1)
#else
enum { GROUP_MOST = 8 };
#define VECS_FOR(n, turned) ((n) <= ((turned) ? 2 : 6) ? 2 : 1)
#endif

/* A group of rows: from row i of A, and from column j of op(B). Column j of the sums goes to c + j * ldc, its rows side
 * by side. The views stay where they are: to copy them is to wait for them to be stored, in a small product long. */
typedef struct group {
    int64_t     k, i, j;
    const view *a, *b;
    tn_real    *c;
    int64_t     ldc;
    bool        add;
} group;

/* sum[v][j] += x[v] b_j */
INLINE void add_term(vec sum[][GROUP_MOST], int n, int vecs, const vec *x, int step, const tn_real *b, int64_t row)
{
    UNROLL for (int j = 0; j < n; j++, b = hidden(b + row))
    {
        const vec y = vec_of(*b);
        UNROLL for (int v = 0; v < vecs; v++) sum[v][j] = vec_fmadd(x[v * step], y, sum[v][j]);
    }
}

/* A column of A that stands across its rows: one lane at a time. */
INLINE vec lanes_across(const tn_real *a, int64_t row)
{
    tn_real x[WIDTH];
    for (int l = 0; l < WIDTH; l++, a = hidden(a + row)) x[l] = *a;
    return vec_load(x);
}

/* n, vecs and turned are constants wherever this is inlined. */
INLINE void run_group(const group *z, int n, int vecs, bool turned)
{
    const int64_t  row = z->a->row, col = z->a->col, skip = turned ? WIDTH * row : WIDTH;
    const tn_real *a = z->a->x + z->i * row, *b = z->b->x + z->j * z->b->row;
    for (int64_t left = z->k; left > 0; left -= TN_KC) {
        int64_t k = left < TN_KC ? left : TN_KC;
        vec     sum[2][GROUP_MOST], x[2][4];
        UNROLL for (int v = 0; v < vecs; v++)
            UNROLL for (int j = 0; j < n; j++) sum[v][j] = (vec){0};
        for (; turned && k >= 4; k -= 4, a += 4) {
            UNROLL for (int v = 0; v < vecs; v++) turn(x[v], a + v * skip, row);
            UNROLL for (int p = 0; p < 4; p++, b += z->b->col) add_term(sum, n, vecs, &x[0][p], 4, b, z->b->row);
        }
        for (; k > 0; k--, a += col, b += z->b->col) {
            UNROLL for (int v = 0; v < vecs; v++)
                x[v][0] = turned ? lanes_across(a + v * skip, row) : vec_load(a + v * skip);
            add_term(sum, n, vecs, &x[0][0], 4, b, z->b->row);
        }
        UNROLL for (int j = 0; j < n; j++)
        {
            UNROLL for (int v = 0; v < vecs; v++)
            {
                tn_real *c = z->c + j * z->ldc + v * WIDTH;
                vec_store(c, z->add || left < z->k ? vec_load(c) + sum[v][j] : sum[v][j]);
            }
        }
    }
}

typedef void group_fn(const group *z);

#define GROUP_OF(n)                                                                              \
    static void TN_K(group_##n)(const group *z) { run_group(z, n, VECS_FOR(n, false), false); } \
    static void TN_K(group_##n##_turned)(const group *z) { run_group(z, n, VECS_FOR(n, true), true); }
#define IN_TABLE(n) [n - 1] = {TN_K(group_##n), TN_K(group_##n##_turned)},
#define UP_TO_8(f)  f(1) f(2) f(3) f(4) f(5) f(6) f(7) f(8)
#if defined __AVX512F__
#define EACH_N(f) UP_TO_8(f) f(9) f(10) f(11) f(12)
#else
#define EACH_N(f) UP_TO_8(f)
#endif

EACH_N(GROUP_OF)
static group_fn *const groups[GROUP_MOST][2] = {EACH_N(IN_TABLE)};

/* done rows, in groups of rows. */
static void run_groups(int64_t done, int64_t rows, int64_t n, group *z, tn_real *c, int64_t ldc, bool across)
{
    tn_real sums[GROUP_MOST * 2 * WIDTH];
    for (z->i = 0; z->i < done; z->i += rows) {
        tn_real *to = c + z->i * (across ? 1 : ldc);
        z->c = across ? to : sums, z->ldc = across ? ldc : rows;
        if (!across && z->add) turn_block(sums, rows, to, ldc, rows, n);
        groups[n - 1][z->a->col == 1](z);
        if (!across) turn_block(to, ldc, sums, rows, n, rows);
    }
}

int64_t TN_K(gemm_narrow)(int64_t m, int64_t n, int64_t k, const view *a, const view *b, tn_real *c, int64_t ldc,
                          bool across, bool add)
{
    if (n < 1 || n > NARROW) return 0;
    const int64_t part = n > GROUP_MOST ? (n + 1) / 2 : n, rows = VECS_FOR(part, a->col == 1) * WIDTH;
    const int64_t done = m / rows * rows;
    group         z = {.k = k, .a = a, .b = b, .add = add};
    for (; z.j < n && done; z.j += part)
        run_groups(done, rows, least(part, n - z.j), &z, c + z.j * (across ? ldc : 1), ldc, across);
    return done;
}

#else

int64_t TN_K(gemm_narrow)(int64_t m, int64_t n, int64_t k, const view *a, const view *b, tn_real *c, int64_t ldc,
                          bool across, bool add)
{
    (void)m, (void)n, (void)k, (void)a, (void)b, (void)c, (void)ldc, (void)across, (void)add;
    return 0;
}

#endif
