/* gemm.c: the product of two matrices, after Goto & van de Geijn (Anatomy of High-Performance Matrix
 * Multiplication, 2008) with rows for columns, because C is row-major.
 *
 * C is made of tiles, ROWS x COLS at most, whose elements stay in registers while k runs: a column of
 * op(A), ROWS numbers each spread over a vector, times a row of op(B), COLS numbers in VECS vectors.
 * Around that, blocks: KC x NC of op(B) packed for the second-level cache, MC x KC of op(A) beside it,
 * both laid out in panels in the order that the tiles read; a panel of B stays in the first-level cache
 * while it meets each panel of A. KC is part of the result (kernels.h); every other size is free. What is
 * already in a good order is read where it stands. */
#include "gemm.h"
#include "isa.h"
#include "narrow.h"

/* A tile of v vectors has at most rows_of[v - 1] rows: the registers hold its sums, v vectors of B and one
 * of A. */
#if defined __AVX512F__
enum { VECS = 2, ROWS = 16 };
static const int rows_of[VECS] = {16, 12};
#elif defined __AVX2__
enum { VECS = 2, ROWS = 12 };
static const int rows_of[VECS] = {12, 6};
#elif defined __aarch64__
enum { VECS = 2, ROWS = 12 };
static const int rows_of[VECS] = {12, 8};
#else
enum { VECS = 2, ROWS = 4 };
static const int rows_of[VECS] = {4, 4};
#endif
enum { COLS = VECS * WIDTH, PAGE = 4096 / (int)sizeof(tn_real) };

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

/* n < WIDTH numbers, in pieces of sizes that the compiler knows. */
INLINE void copy_some(tn_real *to, const tn_real *from, int64_t n)
{
    UNROLL for (int piece = WIDTH / 2; piece > 0; piece /= 2)
    {
        if (!(n & piece)) continue;
        memcpy(to, from, (size_t)piece * sizeof *to);
        to += piece, from += piece;
    }
}

/* The sums of a tile that sticks out of C by part of a vector. Not inlined: the registers are for tile_run. */
static __attribute__((noinline)) void store_part(const tile *t, int rows, const tn_real *sum, int64_t lds)
{
    const int64_t whole = t->cols / WIDTH * WIDTH, rest = t->cols - whole;
    for (int i = 0; i < rows; i++, sum += lds) {
        tn_real *c = t->c + i * t->ldc, old[WIDTH];
        for (int64_t j = 0; j < whole; j += WIDTH)
            vec_store(c + j, t->add ? vec_load(c + j) + vec_load(sum + j) : vec_load(sum + j));
        vec last = vec_load(sum + whole);
        if (t->add) {
            memset(old, 0, sizeof old);
            copy_some(old, c + whole, rest);
            last += vec_load(old);
        }
        vec_store(old, last);
        copy_some(c + whole, old, rest);
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

/* rows, vecs and by_rows are constants wherever this is inlined: the sums live in registers. Three rows of A
 * share a pointer. Numbers that stand side by side are read from two pointers: of a whole vector of them GCC would
 * load the vector, and take it apart by permutations. What C holds will be wanted when the sums are done. */
INLINE void tile_run(const tile *t, int rows, int vecs, bool by_rows)
{
    const int64_t  k = t->k, ldb = t->ldb, row = t->a.row, col = t->a.col;
    const tn_real *a = t->a.x, *b = t->b, *c = t->c;
    const tn_real *third[(ROWS + 2) / 3];
    vec            sum[ROWS][VECS];
    UNROLL for (int q = 0; q < (rows + 2) / 3; q++) third[q] = a + 3 * q * row;
    UNROLL for (int i = 0; i < rows; i++)
    {
        UNROLL for (int v = 0; v < vecs; v++)
        {
            __builtin_prefetch(c + v * WIDTH, 1);
            sum[i][v] = (vec){0};
        }
        c = hidden(c + t->ldc);
    }
    for (int64_t p = 0; p < k; p++, b += ldb) {
        const tn_real *half[] = {a, hidden(a + ROWS / 2)};
        vec            y[VECS];
        UNROLL for (int v = 0; v < vecs; v++) y[v] = vec_load(b + v * WIDTH);
        UNROLL for (int i = 0; i < rows; i++)
        {
            const vec x = vec_of(by_rows ? third[i / 3][i % 3 * row] : half[2 * i / ROWS][i % (ROWS / 2)]);
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
#define TILE(r, v)                                                                   \
    static void TN_K(tile_##r##x##v##_r)(const tile *t) { tile_run(t, r, v, true); } \
    static void TN_K(tile_##r##x##v##_c)(const tile *t) { tile_run(t, r, v, false); }
#define IN_TABLE(r, v) [v - 1][r - 1] = {TN_K(tile_##r##x##v##_c), TN_K(tile_##r##x##v##_r)},
#define FOUR(X, v)     X(1, v) X(2, v) X(3, v) X(4, v)
#define EIGHT(X, v)    FOUR(X, v) X(5, v) X(6, v) X(7, v) X(8, v)
#define TWELVE(X, v)   EIGHT(X, v) X(9, v) X(10, v) X(11, v) X(12, v)
#define SIXTEEN(X, v)  TWELVE(X, v) X(13, v) X(14, v) X(15, v) X(16, v)

#if defined __AVX512F__
#define ALL(X) SIXTEEN(X, 1) TWELVE(X, 2)
#elif defined __AVX2__
#define ALL(X) TWELVE(X, 1) FOUR(X, 2) X(5, 2) X(6, 2)
#elif defined __aarch64__
#define ALL(X) TWELVE(X, 1) EIGHT(X, 2)
#else
#define ALL(X) FOUR(X, 1) FOUR(X, 2)
#endif

ALL(TILE)
static tile_fn *const tiles[VECS][ROWS][2] = {ALL(IN_TABLE)}; /* [vectors - 1][rows - 1][A by rows] */

/* ---- packing ------------------------------------------------------------------------------------------- */

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
        turn_block(to, ld, from.x, from.row, n, k);
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
    if (n <= most) return (parts){1, n, 0}; /* no division: a small product is done in as little time */
    const int64_t parts_n = (n + most - 1) / most;
    return (parts){parts_n, n / parts_n, n % parts_n};
}

INLINE int64_t part_size(const parts *all, int64_t q)
{
    return all->size + (q < all->longer);
}

static parts column_panels(const block *z) /* in vectors */
{
    return parts_of((z->n + WIDTH - 1) / WIDTH, VECS);
}

static parts row_panels(const block *z)
{
    return parts_of(z->m, rows_of[z->n > WIDTH]);
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

/* In longer rows than that, B's next panel is far from where the processor reads ahead by itself. */
enum { FAR = 512 };

/* Rows from .. to of the panel after this one, which stands as far off as this one is wide. */
static void fetch_next(const tile *t, int64_t from, int64_t to)
{
    for (int64_t p = from; p < to; p++)
        for (int64_t j = t->cols; j < 2 * t->cols; j += LINE) __builtin_prefetch(t->b + p * t->ldb + j);
}

/* One panel of B, which stays in the first-level cache, with each panel of A. Meanwhile the next panel is asked
 * for, a part with each tile. */
static void run_panel(const product *g, const block *z, const parts *rows, int64_t j, int64_t w)
{
    const bool in_place = g->direct_b && j + w <= z->n, by_rows = g->direct_a && g->a.col == 1;
    tile       t = {.k = z->k, .ldc = g->ldc, .add = g->add || z->p > 0, .cols = least(w, z->n - j)};
    t.b = in_place ? view_at(g->b, z->j + j, z->p).x : g->packed_b + j * z->k;
    t.ldb = in_place ? g->b.col : w;
    for (int64_t q = 0, i = 0, r; q < rows->n; q++, i += r) {
        r = part_size(rows, q);
        t.a = g->direct_a ? view_at(g->a, z->i + i, z->p) : (view){g->packed_a + i * z->k, 1, r};
        t.c = g->c + (z->i + i) * g->ldc + z->j + j;
        if (in_place && z->n > FAR) fetch_next(&t, q * z->k / rows->n, (q + 1) * z->k / rows->n);
        tiles[w / WIDTH - 1][r - 1][by_rows](&t);
    }
}

static void run_panels(const product *g, const block *z)
{
    const parts rows = row_panels(z), columns = column_panels(z);
    for (int64_t q = 0, j = 0, w; q < columns.n; q++, j += w) {
        w = part_size(&columns, q) * WIDTH;
        run_panel(g, z, &rows, j, w);
    }
}

/* The size of blocks that cut n evenly: at most most, which is a multiple of unit, as each but the last
 * is. */
static int64_t block_size(int64_t n, int64_t most, int64_t unit)
{
    const int64_t blocks = (n + most - 1) / most;
    return blocks <= 1 ? most : ((n + blocks - 1) / blocks + unit - 1) / unit * unit;
}

/* By measurement: what is read a few times only, or is small, is not worth packing. B must stand by rows; rows that
 * lie a multiple of a page apart would push each other out of the cache. */
static void choose_packing(product *g)
{
    g->direct_a = g->n <= (g->a.row == 1 ? 256 : 512);
    g->direct_b = g->b.row == 1 && (g->m <= 64 || (g->m <= 384 && (g->n <= 512 || g->b.col % PAGE)));
}

static void run_blocks(product *g, tn_real *scratch)
{
    const int64_t mc = block_size(g->m, MC, rows_of[VECS - 1]), nc = block_size(g->n, NC, COLS);
    block         z;
    choose_packing(g);
    g->packed_b = scratch;
    g->packed_a = scratch + least(g->k, KC) * packed_columns(g->n);
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

/* ---- a tiny product ------------------------------------------------------------------------------------ */

/* To look for the best way would take longer than to go the straight one. */
static bool is_tiny(const product *g)
{
    const int64_t sums = g->m * g->n;
    return g->k <= KC && (sums <= 4 || (sums <= 32 && sums * g->k <= 32));
}

static void run_tiny(const product *g)
{
    const view a = g->a, b = g->b;
    for (int64_t i = 0; i < g->m; i++)
        for (int64_t j = 0; j < g->n; j++) {
            tn_real *c = g->c + i * g->ldc + j, sum = 0;
            for (int64_t p = 0; p < g->k; p++)
                sum = fmadd(a.x[i * a.row + p * a.col], b.x[j * b.row + p * b.col], sum);
            *c = g->add ? *c + sum : sum;
        }
}

/* ---- the product --------------------------------------------------------------------------------------- */

/* What of C is narrow, by rows or across; the rest is left in g. A B that stands the other way would have to
 * be turned and stored for a few rows of A. */
static void run_narrow(product *g)
{
    const bool    across = g->m <= 4 && g->b.col == 1;
    const int64_t done = across
        ? TN_K(gemm_narrow)(g->n, g->m, g->k, &g->b, &g->a, g->c, g->ldc, true, g->add)
        : TN_K(gemm_narrow)(g->m, g->n, g->k, &g->a, &g->b, g->c, g->ldc, false, g->add);
    if (across)
        g->b = view_at(g->b, done, 0), g->c += done, g->n -= done;
    else
        g->a = view_at(g->a, done, 0), g->c += done * g->ldc, g->m -= done;
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
    if (is_tiny(&g)) {
        run_tiny(&g);
        return;
    }
    if (least(m, n) <= NARROW) run_narrow(&g);
    if (g.m > 0 && g.n > 0) run_blocks(&g, scratch);
}
