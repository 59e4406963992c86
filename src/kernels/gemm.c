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

INLINE void store_tile(const tile *t, int rows, int vecs, vec sum[2 * ROWS][VECS])
{
    const bool    part = t->cols < vecs * WIDTH;
    tn_real       buffer[ROWS * COLS], *c = part ? buffer : t->c;
    const int64_t ldc = part ? vecs * WIDTH : t->ldc;
    if (t->add && !part)
        UNROLL for (int i = 0; i < rows; i++)
            UNROLL for (int v = 0; v < vecs; v++) sum[i][v] += vec_load(c + i * ldc + v * WIDTH);
    UNROLL for (int i = 0; i < rows; i++)
        UNROLL for (int v = 0; v < vecs; v++) vec_store(c + i * ldc + v * WIDTH, sum[i][v]);
    if (part) store_part(t, rows, buffer, ldc);
}

/* An address per row would not fit in the registers: three rows share a pointer, whose steps are hidden from the compiler,
 * lest it make an address per row again. */
#define HIDE(pointer) __asm__("" : "+r"(pointer))

/* rows, vecs and by_rows are constants wherever this is inlined: the sums live in registers. What C holds will be wanted
 * when they are done. */
INLINE void tile_run(const tile *t, int rows, int vecs, bool by_rows)
{
    const int64_t  k = t->k, ldb = t->ldb, row = t->a.row, col = t->a.col;
    const tn_real *a = t->a.x, *b = t->b;
    const tn_real *third[(2 * ROWS + 2) / 3];
    vec            sum[2 * ROWS][VECS];
    UNROLL for (int q = 0; q < (rows + 2) / 3; q++) third[q] = a + 3 * q * row;
    UNROLL for (int i = 0; i < rows; i++)
    {
        UNROLL for (int v = 0; v < vecs; v++)
        {
            __builtin_prefetch(t->c + i * t->ldc + v * WIDTH);
            sum[i][v] = (vec){0};
        }
    }
    for (int64_t p = 0; p < k; p++, b += ldb) {
        vec y[VECS];
        UNROLL for (int v = 0; v < vecs; v++) y[v] = vec_load(b + v * WIDTH);
        UNROLL for (int i = 0; i < rows; i++)
        {
            const vec x = vec_of(by_rows ? third[i / 3][i % 3 * row] : a[i]);
            UNROLL for (int v = 0; v < vecs; v++) sum[i][v] = vec_fmadd(x, y[v], sum[i][v]);
        }
        a += col;
        UNROLL for (int q = 0; by_rows && q < (rows + 2) / 3; q++)
        {
            HIDE(third[q]);
            third[q]++;
        }
    }
    store_tile(t, rows, vecs, sum);
}

typedef void tile_fn(const tile *t);

/* A function for each number of rows: ROWS of two vectors, or twice as many of one. _r reads A by rows, _c by columns. */
#define TILES(X, r) X(r, 2) X(r, 1)
#define TALL(X, r)  X(r, 1)
#define TILE(r, v)                                                             \
    static void tile_##r##x##v##_r(const tile *t) { tile_run(t, r, v, true); } \
    static void tile_##r##x##v##_c(const tile *t) { tile_run(t, r, v, false); }
#define IN_TABLE(r, v) [v - 1][r - 1] = {tile_##r##x##v##_c, tile_##r##x##v##_r},

#if defined __AVX512F__
#define ALL(X)                                                                                            \
    TILES(X, 1) TILES(X, 2) TILES(X, 3) TILES(X, 4) TILES(X, 5) TILES(X, 6) TILES(X, 7) TILES(X, 8)       \
    TILES(X, 9) TILES(X, 10) TILES(X, 11) TILES(X, 12) TALL(X, 13) TALL(X, 14) TALL(X, 15) TALL(X, 16)    \
    TALL(X, 17) TALL(X, 18) TALL(X, 19) TALL(X, 20) TALL(X, 21) TALL(X, 22) TALL(X, 23) TALL(X, 24)
#elif defined __AVX2__
#define ALL(X)                                                                  \
    TILES(X, 1) TILES(X, 2) TILES(X, 3) TILES(X, 4) TILES(X, 5) TILES(X, 6)     \
    TALL(X, 7) TALL(X, 8) TALL(X, 9) TALL(X, 10) TALL(X, 11) TALL(X, 12)
#elif defined __aarch64__
#define ALL(X)                                                                                            \
    TILES(X, 1) TILES(X, 2) TILES(X, 3) TILES(X, 4) TILES(X, 5) TILES(X, 6) TILES(X, 7) TILES(X, 8)       \
    TALL(X, 9) TALL(X, 10) TALL(X, 11) TALL(X, 12) TALL(X, 13) TALL(X, 14) TALL(X, 15) TALL(X, 16)
#else
#define ALL(X)                                          \
    TILES(X, 1) TILES(X, 2) TILES(X, 3) TILES(X, 4)     \
    TALL(X, 5) TALL(X, 6) TALL(X, 7) TALL(X, 8)
#endif

ALL(TILE)
static tile_fn *const tiles[VECS][2 * ROWS][2] = {ALL(IN_TABLE)}; /* [vectors - 1][rows - 1][A by rows] */

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
        for (; i + WIDTH <= n; i += WIDTH) vec_store(to + i, vec_load(x + i));
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

/* C (m x n) = or += A B, where b is seen by its columns: element (j, p) of b is row p, column j of op(B). */
typedef struct product {
    int64_t  m, n, k;
    view     a, b;
    tn_real *c;
    int64_t  ldc;
    bool     add;
    bool     direct_a, direct_b; /* read where they stand */
    tn_real *packed_a, *packed_b;
} product;

/* Rows i .. i + m, columns j .. j + n, terms p .. p + k. */
typedef struct block {
    int64_t i, m, j, n, p, k;
} block;

/* The block's rows are shared out evenly over its panels: a thin last one would be slow. */
typedef struct panels {
    int64_t n, rows, longer; /* the first longer ones have rows + 1 */
} panels;

static panels panels_of(const block *z)
{
    const int64_t most = z->n > WIDTH ? ROWS : 2 * ROWS, n = (z->m + most - 1) / most;
    return (panels){n, z->m / n, z->m % n};
}

/* How many terms to pack at a time: all of them if rows are to be turned, few if they are long and read across. */
INLINE int64_t pack_step(view v, int64_t k)
{
    return v.col == 1 ? k : 32;
}

static void pack_a(const product *g, const block *z)
{
    const panels  all = panels_of(z);
    const int64_t step = pack_step(g->a, z->k);
    for (int64_t p = 0; p < z->k; p += step)
        for (int64_t q = 0, i = 0, r; q < all.n; q++, i += r) {
            r = all.rows + (q < all.longer);
            pack_panel(g->packed_a + i * z->k + p * r, r, view_at(g->a, z->i + i, z->p + p), r, least(step, z->k - p));
        }
}

/* A last panel that is not full is always packed: reading it in place would run over the end of a row. */
static void pack_b(const product *g, const block *z)
{
    const int64_t step = pack_step(g->b, z->k);
    for (int64_t p = 0; p < z->k; p += step)
        for (int64_t j = g->direct_b ? z->n / COLS * COLS : 0; j < z->n; j += COLS)
            pack_panel(g->packed_b + j * z->k + p * COLS, COLS, view_at(g->b, z->j + j, z->p + p), least(COLS, z->n - j),
                       least(step, z->k - p));
}

/* One panel of A, which stays in the first-level cache, with each panel of B. */
static void run_panel(const product *g, const block *z, int64_t i, int64_t rows)
{
    const bool direct = g->direct_a;
    tile       t = {.k = z->k, .ldc = g->ldc, .add = g->add || z->p > 0};
    t.a = direct ? view_at(g->a, z->i + i, z->p) : (view){g->packed_a + i * z->k, 1, rows};
    for (int64_t j = 0; j < z->n; j += COLS) {
        t.cols = least(COLS, z->n - j);
        t.c = g->c + (z->i + i) * g->ldc + z->j + j;
        t.b = g->packed_b + j * z->k;
        t.ldb = COLS;
        if (g->direct_b && t.cols == COLS) t.b = view_at(g->b, z->j + j, z->p).x, t.ldb = g->b.col;
        tiles[t.cols > WIDTH][rows - 1][direct && g->a.col == 1](&t);
    }
}

static void run_panels(const product *g, const block *z)
{
    const panels all = panels_of(z);
    for (int64_t q = 0, i = 0, r; q < all.n; q++, i += r) {
        r = all.rows + (q < all.longer);
        run_panel(g, z, i, r);
    }
}

/* n cut evenly into blocks of at most most, each but the last a multiple of unit. */
static int64_t even(int64_t n, int64_t most, int64_t unit)
{
    const int64_t blocks = (n + most - 1) / most;
    return blocks <= 1 ? most : ((n + blocks - 1) / blocks + unit - 1) / unit * unit;
}

static void run_blocks(const product *g)
{
    const int64_t mc = even(g->m, MC, ROWS), nc = even(g->n, NC, COLS);
    block         z;
    for (z.j = 0; z.j < g->n; z.j += nc) {
        z.n = least(nc, g->n - z.j);
        for (z.p = 0; z.p < g->k; z.p += KC) {
            z.k = least(KC, g->k - z.p);
            pack_b(g, &z);
            for (z.i = 0; z.i < g->m; z.i += mc) {
                z.m = least(mc, g->m - z.i);
                if (!g->direct_a) pack_a(g, &z);
                run_panels(g, &z);
            }
        }
    }
}

/* ---- a narrow C ------------------------------------------------------------------------------------------------- */

/* C has fewer columns than a vector has lanes: its transpose is made instead, B^T A^T, NC of its columns at a time, with
 * the same chains (a product does not mind the order of its factors). */
static void run_narrow(const product *g, tn_real *turned)
{
    for (int64_t i = 0; i < g->m; i += NC) {
        const int64_t m = least(NC, g->m - i);
        tn_real      *c = g->c + i * g->ldc;
        product       t = *g;
        t.m = g->n, t.n = m;
        t.a = g->b, t.b = view_at(g->a, i, 0);
        t.c = turned, t.ldc = m;
        t.direct_a = true, t.direct_b = g->a.row == 1;
        if (g->add) pack_turned(turned, m, c, g->ldc, m, g->n);
        run_blocks(&t);
        pack_turned(c, g->ldc, turned, m, g->n, m);
    }
}

static bool is_narrow(const product *g)
{
    return g->m >= WIDTH && g->n <= (g->a.row == 1 ? WIDTH - 1 : WIDTH / 2);
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
    if (is_narrow(&g))
        run_narrow(&g, g.packed_a);
    else
        run_blocks(&g);
}
