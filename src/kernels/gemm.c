/* gemm.c: the product of two matrices, after Goto & van de Geijn (Anatomy of High-Performance Matrix
 * Multiplication, 2008) with rows for columns, because C is row-major.
 *
 * C is made of tiles, ROWS x COLS at most, whose elements stay in registers while k runs: a column of
 * op(A), ROWS numbers each spread over a vector, times a row of op(B), COLS numbers in VECS vectors.
 * Around that, blocks: KC x NC of op(B) packed for the second-level cache, MC x KC of op(A) beside it,
 * both laid out in the order that the tiles read. KC is part of the result (kernels.h); every other size
 * is free. What is already in a good order is read where it stands. */
#include "gemm.h"
#include "isa.h"

/* The registers hold ROWS * VECS sums, VECS vectors of B and one of A. Zen 4 spreads a number over 64
 * bytes only every second cycle: with 512 bits three products must share it. */
#if defined __AVX512F__
enum { ROWS = 8, VECS = 3 };
#elif defined __AVX2__
enum { ROWS = 6, VECS = 2 };
#elif defined __aarch64__
enum { ROWS = 8, VECS = 2 };
#else
enum { ROWS = 4, VECS = 2 };
#endif
enum { COLS = VECS * WIDTH, LINE = 64 / (int)sizeof(tn_real) };
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

/* ---- a tile -------------------------------------------------------------------------------------------- */

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

/* The sums of a tile that sticks out of C, written by element. Not inlined: the registers are for
 * tile_run. */
static __attribute__((noinline)) void store_part(const tile *t, int rows, const tn_real *sum, int64_t lds)
{
    for (int i = 0; i < rows; i++) {
        tn_real *c = t->c + i * t->ldc;
        /* cppcheck-suppress uninitvar ; it does not see vec_store write */
        for (int64_t j = 0; j < t->cols; j++) c[j] = t->add ? c[j] + sum[i * lds + j] : sum[i * lds + j];
    }
}

INLINE void store_tile(const tile *t, int rows, int vecs, vec sum[ROWS][VECS])
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

/* An address per row would not fit in the registers: three rows share a pointer, whose steps are hidden
 * from the compiler, lest it make an address per row again. */
INLINE const tn_real *hidden(const tn_real *x)
{
    __asm__("" : "+r"(x));
    return x;
}

/* rows, vecs and by_rows are constants wherever this is inlined: the sums live in registers. What C holds
 * will be wanted when they are done. */
INLINE void tile_run(const tile *t, int rows, int vecs, bool by_rows)
{
    const int64_t  k = t->k, ldb = t->ldb, row = t->a.row, col = t->a.col;
    const tn_real *a = t->a.x, *b = t->b;
    const tn_real *third[(ROWS + 2) / 3];
    vec            sum[ROWS][VECS];
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
        if (by_rows)
            UNROLL for (int q = 0; q < (rows + 2) / 3; q++) third[q] = hidden(third[q] + 1);
    }
    store_tile(t, rows, vecs, sum);
}

typedef void tile_fn(const tile *t);

/* A function for each number of rows and vectors; _r reads A by rows, _c by columns. */
#define TILE(r, v)                                                             \
    static void tile_##r##x##v##_r(const tile *t) { tile_run(t, r, v, true); } \
    static void tile_##r##x##v##_c(const tile *t) { tile_run(t, r, v, false); }
#define IN_TABLE(r, v) [v - 1][r - 1] = {tile_##r##x##v##_c, tile_##r##x##v##_r},
#define FOUR(X, v)     X(1, v) X(2, v) X(3, v) X(4, v)

#if defined __AVX512F__
#define EIGHT(X, v) FOUR(X, v) X(5, v) X(6, v) X(7, v) X(8, v)
#define ALL(X)      EIGHT(X, 1) EIGHT(X, 2) EIGHT(X, 3)
#elif defined __AVX2__
#define ALL(X) FOUR(X, 1) X(5, 1) X(6, 1) FOUR(X, 2) X(5, 2) X(6, 2)
#elif defined __aarch64__
#define EIGHT(X, v) FOUR(X, v) X(5, v) X(6, v) X(7, v) X(8, v)
#define ALL(X)      EIGHT(X, 1) EIGHT(X, 2)
#else
#define ALL(X) FOUR(X, 1) FOUR(X, 2)
#endif

ALL(TILE)
static tile_fn *const tiles[VECS][ROWS][2] = {ALL(IN_TABLE)}; /* [vectors - 1][rows - 1][A by rows] */

/* ---- packing ------------------------------------------------------------------------------------------- */

typedef tn_real quad __attribute__((vector_size(4 * sizeof(tn_real))));
typedef tn_real quad_in_memory __attribute__((vector_size(4 * sizeof(tn_real)), aligned(sizeof(tn_real)),
                                              may_alias));

/* to[p * ld + i] = x[i * ldx + p] for i < 4, p < 4 */
INLINE void turn_4x4(tn_real *to, int64_t ld, const tn_real *x, int64_t ldx)
{
    const quad a = (quad) * (const quad_in_memory *)x, b = (quad) * (const quad_in_memory *)(x + ldx);
    const quad c = (quad) * (const quad_in_memory *)(x + 2 * ldx);
    const quad d = (quad) * (const quad_in_memory *)(x + 3 * ldx);
    const quad ac_low = __builtin_shufflevector(a, c, 0, 4, 1, 5), ac_high = __builtin_shufflevector(a, c, 2,
                                                                                                     6, 3, 7);
    const quad bd_low = __builtin_shufflevector(b, d, 0, 4, 1, 5), bd_high = __builtin_shufflevector(b, d, 2,
                                                                                                     6, 3, 7);
    *(quad_in_memory *)to = (quad_in_memory)__builtin_shufflevector(ac_low, bd_low, 0, 4, 1, 5);
    *(quad_in_memory *)(to + ld) = (quad_in_memory)__builtin_shufflevector(ac_low, bd_low, 2, 6, 3, 7);
    *(quad_in_memory *)(to + 2 * ld) = (quad_in_memory)__builtin_shufflevector(ac_high, bd_high, 0, 4, 1, 5);
    *(quad_in_memory *)(to + 3 * ld) = (quad_in_memory)__builtin_shufflevector(ac_high, bd_high, 2, 6, 3, 7);
}

/* to[p * ld + i] = x[i * ldx + p] for i < n, p < k: four rows at a time, so that few streams are read at
 * once, and the next four asked for meanwhile. */
static void pack_turned(tn_real *to, int64_t ld, const tn_real *x, int64_t ldx, int64_t n, int64_t k)
{
    int64_t i = 0, p;
    for (; i + 4 <= n; i += 4) {
        for (p = 0; p + 4 <= k; p += 4) {
            if (i + 8 <= n && p % LINE == 0)
                for (int64_t r = i + 4; r < i + 8; r++) __builtin_prefetch(x + r * ldx + p);
            turn_4x4(to + p * ld + i, ld, x + i * ldx + p, ldx);
        }
        for (; p < k; p++)
            for (int64_t r = i; r < i + 4; r++) to[p * ld + r] = x[r * ldx + p];
    }
    for (; i < n; i++)
        for (p = 0; p < k; p++) to[p * ld + i] = x[i * ldx + p];
}

/* to[p * ld + i] = x[p * ldx + i] for i < n, p < k. What is asked for ahead may lie past the end; nothing
 * is read there. */
static void pack_straight(tn_real *to, int64_t ld, const tn_real *x, int64_t ldx, int64_t n, int64_t k)
{
    for (int64_t p = 0; p < k; p++, to += ld, x += ldx) {
        int64_t i = 0;
        for (int64_t ahead = 0; ahead < n; ahead += LINE) __builtin_prefetch(x + 8 * ldx + ahead);
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

/* ---- the blocks ---------------------------------------------------------------------------------------- */

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

/* n shared out evenly over parts of at most most: a thin last part would be slow. */
typedef struct parts {
    int64_t n, size, longer; /* the first longer parts have size + 1 */
} parts;

static parts parts_of(int64_t n, int64_t most)
{
    const int64_t parts_n = (n + most - 1) / most;
    return (parts){parts_n, n / parts_n, n % parts_n};
}

INLINE int64_t part_size(const parts *all, int64_t q)
{
    return all->size + (q < all->longer);
}

static parts row_panels(const block *z)
{
    return parts_of(z->m, ROWS);
}

static parts column_panels(const block *z) /* in vectors */
{
    return parts_of((z->n + WIDTH - 1) / WIDTH, VECS);
}

/* How many terms to pack at a time: all of them if rows are to be turned, few if they are long and read
 * across. */
INLINE int64_t pack_step(view v, int64_t k)
{
    return v.col == 1 ? k : 8;
}

static void pack_a(const product *g, const block *z)
{
    const parts   all = row_panels(z);
    const int64_t step = pack_step(g->a, z->k);
    for (int64_t p = 0; p < z->k; p += step)
        for (int64_t q = 0, i = 0, r; q < all.n; q++, i += r) {
            r = part_size(&all, q);
            pack_panel(g->packed_a + i * z->k + p * r, r, view_at(g->a, z->i + i, z->p + p), r,
                       least(step, z->k - p));
        }
}

/* A last panel that is not full is always packed: reading it in place would run over the end of a row. */
static void pack_b(const product *g, const block *z)
{
    const parts   all = column_panels(z);
    const int64_t step = pack_step(g->b, z->k);
    for (int64_t p = 0; p < z->k; p += step)
        for (int64_t q = 0, j = 0, w; q < all.n; q++, j += w) {
            w = part_size(&all, q) * WIDTH;
            if (g->direct_b && j + w <= z->n) continue;
            pack_panel(g->packed_b + j * z->k + p * w, w, view_at(g->b, z->j + j, z->p + p),
                       least(w, z->n - j), least(step, z->k - p));
        }
}

/* One panel of A, which stays in the first-level cache, with each panel of B. */
static void run_panel(const product *g, const block *z, const parts *columns, int64_t i, int64_t rows)
{
    const bool direct = g->direct_a;
    tile       t = {.k = z->k, .ldc = g->ldc, .add = g->add || z->p > 0};
    t.a = direct ? view_at(g->a, z->i + i, z->p) : (view){g->packed_a + i * z->k, 1, rows};
    for (int64_t q = 0, j = 0, w; q < columns->n; q++, j += w) {
        w = part_size(columns, q) * WIDTH;
        t.cols = least(w, z->n - j);
        t.c = g->c + (z->i + i) * g->ldc + z->j + j;
        t.b = g->packed_b + j * z->k;
        t.ldb = w;
        if (g->direct_b && t.cols == w) t.b = view_at(g->b, z->j + j, z->p).x, t.ldb = g->b.col;
        tiles[w / WIDTH - 1][rows - 1][direct && g->a.col == 1](&t);
    }
}

static void run_panels(const product *g, const block *z)
{
    const parts rows = row_panels(z), columns = column_panels(z);
    for (int64_t q = 0, i = 0, r; q < rows.n; q++, i += r) {
        r = part_size(&rows, q);
        run_panel(g, z, &columns, i, r);
    }
}

/* The size of blocks that cut n evenly: at most most, which is a multiple of unit, as each but the last
 * is. */
static int64_t block_size(int64_t n, int64_t most, int64_t unit)
{
    const int64_t blocks = (n + most - 1) / most;
    return blocks <= 1 ? most : ((n + blocks - 1) / blocks + unit - 1) / unit * unit;
}

static void run_blocks(const product *g)
{
    const int64_t mc = block_size(g->m, MC, ROWS), nc = block_size(g->n, NC, COLS);
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

/* ---- a narrow C ---------------------------------------------------------------------------------------- */

/* C has fewer columns than a vector has lanes: its transpose is made instead, B^T A^T, NC of its columns
 * at a time, with the same chains (a product does not mind the order of its factors). */
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

/* Where A must be turned, that costs as much as the lanes saved unless they are many. */
static bool is_narrow(const product *g)
{
    const int64_t lanes = (g->n + WIDTH - 1) / WIDTH * WIDTH;
    return g->m >= WIDTH && g->n <= NARROW && (g->a.row == 1 ? 4 * g->n <= 3 * lanes : g->n <= WIDTH / 2);
}

void TN_K(gemm)(bool ta, bool tb, int64_t m, int64_t n, int64_t k, const tn_real *a, int64_t lda,
                const tn_real *b, int64_t ldb, tn_real *c, int64_t ldc, bool add, void *scratch)
{
    product g = {.m = m, .n = n, .k = k, .a = view_of(a, lda, ta), .b = view_of(b, ldb, !tb), .c = c,
                 .ldc = ldc, .add = add};
    if (k == 0) {
        for (int64_t i = 0; i < m && !add; i++) memset(c + i * ldc, 0, (size_t)n * sizeof *c);
        return;
    }
#if defined __AVX512F__
    /* Too few columns for tiles three vectors wide: narrower vectors are faster, and give the same bits. */
    if (n <= 4 * WIDTH) {
        tn__gemm_avx2(ta, tb, m, n, k, a, lda, b, ldb, c, ldc, add, scratch);
        return;
    }
#endif
    g.packed_b = scratch;
    g.packed_a = g.packed_b + least(k, KC) * packed_columns(m, n);
    /* By measurement: what is read a few times only, or is small, is not worth packing. */
    g.direct_a = n <= (ta ? 256 : 384);
    g.direct_b = !tb && (m <= 32 || (m <= 256 && n <= 256));
    if (is_narrow(&g))
        run_narrow(&g, g.packed_a);
    else
        run_blocks(&g);
}
