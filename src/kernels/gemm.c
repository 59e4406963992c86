/* gemm.c: the product of two matrices, after Goto & van de Geijn (Anatomy of High-Performance Matrix Multiplication, 2008)
 * with rows for columns, because C is row-major.
 *
 * C is made of tiles, ROWS x COLS at most, whose elements stay in registers while k runs: a column of op(A), ROWS numbers
 * each spread over a vector, times a row of op(B), COLS numbers in two vectors. Around that, blocks: KC x NC of op(B) packed
 * for the second-level cache, MC x KC of op(A) beside it, both laid out in the order that the tiles read. KC is part of the
 * result (kernels.h); every other size is free. What is already in a good order is read where it stands. */
#include "isa.h"

/* The registers hold ROWS * 2 sums, two vectors of B and one of A. */
#if defined __AVX512F__
enum { ROWS = 12 };
#elif defined __AVX2__
enum { ROWS = 6 };
#elif defined __aarch64__
enum { ROWS = 8 };
#else
enum { ROWS = 4 };
#endif
enum { VECS = 2, COLS = VECS * WIDTH };
enum { KC = TN_KC, MC = 96, NC = 512 };

INLINE int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* One operand as op(X) is read: element (i, p) stands at x[i * row + p * col]; one of the two strides is 1. */
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

/* ---- a tile ----------------------------------------------------------------------------------------------------- */

/* Where a tile reads and writes. cols: how many of its columns are in C. */
typedef struct tile {
    int64_t        k;
    view           a;
    const tn_real *b;
    int64_t        ldb;
    tn_real       *c;
    int64_t        ldc, cols;
    bool           add;
} tile;

/* The sums of a tile that sticks out of C, written by element. Not inlined: the registers are for tile_run. */
static __attribute__((noinline)) void store_part(const tile *t, int rows, const tn_real *sum, int64_t lds)
{
    for (int i = 0; i < rows; i++) {
        tn_real *c = t->c + i * t->ldc;
        for (int64_t j = 0; j < t->cols; j++) c[j] = t->add ? c[j] + sum[i * lds + j] : sum[i * lds + j];
    }
}

INLINE void store_tile(const tile *t, int rows, int vecs, vec sum[ROWS][VECS])
{
    const bool    part = t->cols < vecs * WIDTH;
    tn_real       buffer[ROWS * COLS], *c = part ? buffer : t->c;
    const int64_t ldc = part ? COLS : t->ldc;
    if (t->add && !part)
        UNROLL for (int i = 0; i < rows; i++)
            UNROLL for (int v = 0; v < vecs; v++) sum[i][v] += vec_load(c + i * ldc + v * WIDTH);
    UNROLL for (int i = 0; i < rows; i++)
        UNROLL for (int v = 0; v < vecs; v++) vec_store(c + i * ldc + v * WIDTH, sum[i][v]);
    if (part) store_part(t, rows, buffer, COLS);
}

/* rows, vecs and by_rows are constants wherever this is inlined: the sums live in registers. */
INLINE void tile_run(const tile *t, int rows, int vecs, bool by_rows)
{
    const int64_t  k = t->k, ldb = t->ldb, row = by_rows ? t->a.row : 1, col = by_rows ? 1 : t->a.col;
    const tn_real *a = t->a.x, *b = t->b;
    vec            sum[ROWS][VECS];
    UNROLL for (int i = 0; i < rows; i++)
        UNROLL for (int v = 0; v < vecs; v++) sum[i][v] = (vec){0};
    for (int64_t p = 0; p < k; p++, a += col, b += ldb) {
        vec y[VECS];
        UNROLL for (int v = 0; v < vecs; v++) y[v] = vec_load(b + v * WIDTH);
        UNROLL for (int i = 0; i < rows; i++)
        {
            const vec x = vec_of(a[i * row]);
            UNROLL for (int v = 0; v < vecs; v++) sum[i][v] = vec_fmadd(x, y[v], sum[i][v]);
        }
    }
    store_tile(t, rows, vecs, sum);
}

typedef void tile_fn(const tile *t);

/* One function for each number of rows and vectors; _r reads A by rows, _c by columns. */
#define TILE(rows)                                                                       \
    static void tile_##rows##x1_r(const tile *t) { tile_run(t, rows, 1, true); }         \
    static void tile_##rows##x2_r(const tile *t) { tile_run(t, rows, 2, true); }         \
    static void tile_##rows##x1_c(const tile *t) { tile_run(t, rows, 1, false); }        \
    static void tile_##rows##x2_c(const tile *t) { tile_run(t, rows, 2, false); }
#define ROW_OF_TABLE(rows) \
    {{tile_##rows##x1_c, tile_##rows##x2_c}, {tile_##rows##x1_r, tile_##rows##x2_r}}

TILE(1) TILE(2) TILE(3) TILE(4)
#if defined __AVX512F__ || defined __AVX2__ || defined __aarch64__
TILE(5) TILE(6)
#endif
#if defined __AVX512F__ || defined __aarch64__
TILE(7) TILE(8)
#endif
#if defined __AVX512F__
TILE(9) TILE(10) TILE(11) TILE(12)
#endif

/* [rows - 1][A by rows][vectors - 1] */
static tile_fn *const tiles[ROWS][2][VECS] = {
    ROW_OF_TABLE(1), ROW_OF_TABLE(2), ROW_OF_TABLE(3), ROW_OF_TABLE(4),
#if defined __AVX512F__ || defined __AVX2__ || defined __aarch64__
    ROW_OF_TABLE(5), ROW_OF_TABLE(6),
#endif
#if defined __AVX512F__ || defined __aarch64__
    ROW_OF_TABLE(7), ROW_OF_TABLE(8),
#endif
#if defined __AVX512F__
    ROW_OF_TABLE(9), ROW_OF_TABLE(10), ROW_OF_TABLE(11), ROW_OF_TABLE(12),
#endif
};

/* ---- packing ---------------------------------------------------------------------------------------------------- */

typedef tn_real quad __attribute__((vector_size(4 * sizeof(tn_real))));
typedef tn_real quad_in_memory __attribute__((vector_size(4 * sizeof(tn_real)), aligned(sizeof(tn_real)), may_alias));

/* to[p * ld + i] = x[i * ldx + p] for i < 4, p < 4 */
INLINE void turn_4x4(tn_real *to, int64_t ld, const tn_real *x, int64_t ldx)
{
    const quad a = (quad) * (const quad_in_memory *)x, b = (quad) * (const quad_in_memory *)(x + ldx);
    const quad c = (quad) * (const quad_in_memory *)(x + 2 * ldx), d = (quad) * (const quad_in_memory *)(x + 3 * ldx);
    const quad ac_low = __builtin_shufflevector(a, c, 0, 4, 1, 5), ac_high = __builtin_shufflevector(a, c, 2, 6, 3, 7);
    const quad bd_low = __builtin_shufflevector(b, d, 0, 4, 1, 5), bd_high = __builtin_shufflevector(b, d, 2, 6, 3, 7);
    *(quad_in_memory *)to = (quad_in_memory)__builtin_shufflevector(ac_low, bd_low, 0, 4, 1, 5);
    *(quad_in_memory *)(to + ld) = (quad_in_memory)__builtin_shufflevector(ac_low, bd_low, 2, 6, 3, 7);
    *(quad_in_memory *)(to + 2 * ld) = (quad_in_memory)__builtin_shufflevector(ac_high, bd_high, 0, 4, 1, 5);
    *(quad_in_memory *)(to + 3 * ld) = (quad_in_memory)__builtin_shufflevector(ac_high, bd_high, 2, 6, 3, 7);
}

/* to[p * ld + i] = x[i * ldx + p] for i < n, p < k: four rows at a time, so that few streams are read at once. */
static void pack_turned(tn_real *to, int64_t ld, const tn_real *x, int64_t ldx, int64_t n, int64_t k)
{
    int64_t i = 0, p;
    for (; i + 4 <= n; i += 4) {
        for (p = 0; p + 4 <= k; p += 4) turn_4x4(to + p * ld + i, ld, x + i * ldx + p, ldx);
        for (; p < k; p++)
            for (int64_t r = i; r < i + 4; r++) to[p * ld + r] = x[r * ldx + p];
    }
    for (; i < n; i++)
        for (p = 0; p < k; p++) to[p * ld + i] = x[i * ldx + p];
}

/* to[p * ld + i] = x[p * ldx + i] for i < n, p < k */
static void pack_straight(tn_real *to, int64_t ld, const tn_real *x, int64_t ldx, int64_t n, int64_t k)
{
    for (int64_t p = 0; p < k; p++, to += ld, x += ldx) {
        int64_t i = 0;
        for (; i + 4 <= n; i += 4) *(quad_in_memory *)(to + i) = *(const quad_in_memory *)(x + i);
        for (; i < n; i++) to[i] = x[i];
    }
}

/* to[p * ld + i] = from(i, p) for i < n, p < k, and 0 for n <= i < ld. */
static void pack_panel(tn_real *to, int64_t ld, view from, int64_t n, int64_t k)
{
    if (from.col == 1)
        pack_turned(to, ld, from.x, from.row, n, k);
    else
        pack_straight(to, ld, from.x, from.col, n, k);
    for (int64_t p = 0; n < ld && p < k; p++)
        for (int64_t i = n; i < ld; i++) to[p * ld + i] = 0;
}

/* ---- the blocks ------------------------------------------------------------------------------------------------- */

typedef struct product {
    int64_t  m, n, k;
    view     a, b; /* b is seen as the transpose of op(B): element (j, p) */
    tn_real *c;
    int64_t  ldc;
    bool     add;
    tn_real *packed_a, *packed_b;
    bool     direct_a, direct_b; /* read where they stand */
} product;

/* A block: rows i .. i + m, columns j .. j + n, terms p .. p + k. */
typedef struct block {
    int64_t i, m, j, n, p, k;
} block;

/* The tiles of one block, a panel of B after the other. Rows are shared out evenly: a thin last tile would be slow. */
static void run_tiles(const product *g, const block *z)
{
    const int64_t panels = (z->m + ROWS - 1) / ROWS, rows = z->m / panels, longer = z->m % panels;
    for (int64_t j = 0; j < z->n; j += COLS) {
        const int64_t cols = least(COLS, z->n - j);
        const bool    direct = g->direct_b && cols == COLS;
        const int     vecs = (int)((cols + WIDTH - 1) / WIDTH);
        tile          t = {.k = z->k, .ldc = g->ldc, .cols = cols, .add = g->add || z->p > 0};
        t.b = direct ? view_at(g->b, z->j + j, z->p).x : g->packed_b + j * z->k;
        t.ldb = direct ? g->b.col : COLS;
        for (int64_t q = 0, i = 0; q < panels; q++) {
            const int64_t r = rows + (q < longer);
            t.a = g->direct_a ? view_at(g->a, z->i + i, z->p) : (view){g->packed_a + i * z->k, 1, r};
            t.c = g->c + (z->i + i) * g->ldc + z->j + j;
            tiles[r - 1][g->direct_a && g->a.col == 1][vecs - 1](&t);
            i += r;
        }
    }
}

static void pack_a(const product *g, const block *z)
{
    const int64_t panels = (z->m + ROWS - 1) / ROWS, rows = z->m / panels, longer = z->m % panels;
    for (int64_t q = 0, i = 0; q < panels; q++) {
        const int64_t r = rows + (q < longer);
        pack_panel(g->packed_a + i * z->k, r, view_at(g->a, z->i + i, z->p), r, z->k);
        i += r;
    }
}

/* A last panel that is not full is always packed: reading it in place would run over the end of a row. */
static void pack_b(const product *g, const block *z)
{
    for (int64_t j = 0; j < z->n; j += COLS) {
        const int64_t cols = least(COLS, z->n - j);
        if (g->direct_b && cols == COLS) continue;
        pack_panel(g->packed_b + j * z->k, COLS, view_at(g->b, z->j + j, z->p), cols, z->k);
    }
}

static void run_blocks(const product *g)
{
    block z;
    for (z.j = 0; z.j < g->n; z.j += NC) {
        z.n = least(NC, g->n - z.j);
        for (z.p = 0; z.p < g->k; z.p += KC) {
            z.k = least(KC, g->k - z.p);
            pack_b(g, &z);
            for (z.i = 0; z.i < g->m; z.i += MC) {
                z.m = least(MC, g->m - z.i);
                if (!g->direct_a) pack_a(g, &z);
                run_tiles(g, &z);
            }
        }
    }
}

void TN_K(gemm)(bool ta, bool tb, int64_t m, int64_t n, int64_t k, const tn_real *a, int64_t lda, const tn_real *b,
                int64_t ldb, tn_real *c, int64_t ldc, bool add, void *scratch)
{
    product g = {.m = m, .n = n, .k = k, .a = view_of(a, lda, ta), .b = view_of(b, ldb, !tb), .c = c, .ldc = ldc, .add = add};
    if (k == 0) {
        for (int64_t i = 0; i < m && !add; i++) memset(c + i * ldc, 0, (size_t)n * sizeof *c);
        return;
    }
    g.packed_b = scratch;
    g.packed_a = g.packed_b + KC * NC;
    g.direct_a = n <= 256;
    g.direct_b = !tb && m <= 256;
    run_blocks(&g);
}
