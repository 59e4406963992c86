/* product.c: C is cut into blocks. Workers, as many as there are threads, each with scratch of its own, take blocks until
 * none is left; neither how C is cut nor which of them takes which can be seen in the result (kernels.h). */
#include <stdatomic.h>

#include "kernels/kernels.h"
#include "product.h"

/* ALONE: multiplications that are not worth waking a thread for, some 3 us of work. PIECE: what a worker takes at a
 * time, at least. EACH: blocks for each worker, so that all are busy to the end; not more, since each packs its
 * operands. */
enum { ALONE = 1 << 18, PIECE = 1 << 16, EACH = 2, MOST_ROWS = 768, MOST_COLUMNS = 1536, ROWS = 48, COLUMNS = 64 };

/* How C's matrices are cut: rows x columns of them make a block; down x across blocks make a matrix. */
typedef struct cut {
    int64_t rows, columns, down, across;
} cut;

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t ratio_up(int64_t a, int64_t b)
{
    return (a + b - 1) / b;
}

/* The size of parts of n, as even as whole units allow. */
static int64_t part(int64_t n, int64_t parts, int64_t unit)
{
    return ratio_up(ratio_up(n, parts), unit) * unit;
}

/* Multiplications, of which there may be more than fit in 64 bits. */
static double work_of(int64_t batches, int64_t m, int64_t n, int64_t k)
{
    return (double)batches * (double)m * (double)n * (double)k;
}

static cut cut_of(int64_t workers, int64_t batches, int64_t m, int64_t n, int64_t k)
{
    cut z = {m, n, 1, 1};
    int64_t down = 1, across = 1;
    while (work_of(1, z.rows, z.columns, k) > 2 * PIECE && (z.rows > ROWS || z.columns > COLUMNS) &&
           (batches * z.down * z.across < EACH * workers || z.rows > MOST_ROWS || z.columns > MOST_COLUMNS)) {
        if (z.columns > COLUMNS && (z.columns >= z.rows || z.rows <= ROWS)) z.columns = part(n, across *= 2, COLUMNS);
        else z.rows = part(m, down *= 2, ROWS);
        z.down = ratio_up(m, z.rows), z.across = ratio_up(n, z.columns);
    }
    return z;
}

/* ---- workers --------------------------------------------------------------------------------------------------- */

/* What shape leaves in y->saved if the work is to be shared. */
typedef struct workers {
    int    n;
    size_t bytes; /* of scratch for each */
} workers;

static bool make_workers(tn_tensor *y)
{
    if (!tn_alloc_saved(y, sizeof(workers))) return false;
    *(workers *)y->saved = (workers){tn_threads(), 0};
    return true;
}

bool tn__product_reserve(tn_tensor *y, int64_t batches, int64_t m, int64_t n, int64_t k)
{
    if (tn_threads() == 1 || work_of(batches, m, n, k) <= ALONE) return tn_alloc_scratch(y, tn__gemm_scratch(m, n, k));
    if (!y->saved && !make_workers(y)) return false;
    workers *w = y->saved;
    const cut z = cut_of(w->n, batches, m, n, k);
    const size_t bytes = (tn__gemm_scratch(z.rows, z.columns, k) + 63) / 64 * 64;
    if (bytes > w->bytes) w->bytes = bytes;
    return tn_alloc_scratch(y, (size_t)w->n * w->bytes);
}

/* ---- the product ----------------------------------------------------------------------------------------------- */

static int64_t count_batches(const tn__product *p)
{
    return p->batches ? p->batches->n : 1;
}

static bool shares_c(const tn__product *p)
{
    return p->batches && p->batches->c_shared;
}

/* Which matrix of an operand the batch takes. */
static int64_t matrix_of(const tn__batches *all, const int64_t *step, int64_t batch)
{
    int64_t matrix = 0;
    for (int d = all->rank - 1; d >= 0; d--) {
        matrix += batch % all->size[d] * step[d];
        batch /= all->size[d];
    }
    return matrix;
}

/* Rows i .. i + m, columns j .. j + n of C. */
typedef struct block {
    int64_t i, m, j, n;
} block;

static block block_of(const tn__product *p, const cut *z, int64_t at)
{
    const int64_t i = at / z->across * z->rows, j = at % z->across * z->columns;
    return (block){i, least(z->rows, p->m - i), j, least(z->columns, p->n - j)};
}

static void run_block(const tn__product *p, block w, int64_t batch, void *scratch)
{
    const int64_t lda = p->ta ? p->m : p->k, ldb = p->tb ? p->k : p->n;
    const tn_real *a = p->a + w.i * (p->ta ? 1 : lda), *b = p->b + w.j * (p->tb ? ldb : 1);
    tn_real *c = p->c + w.i * p->n + w.j;
    const tn__batches *all = p->batches;
    if (all) {
        a += matrix_of(all, all->a_step, batch) * p->m * p->k;
        b += matrix_of(all, all->b_step, batch) * p->k * p->n;
        c += matrix_of(all, all->c_step, batch) * p->m * p->n;
    }
    tn__kernels_get()->gemm(p->ta, p->tb, w.m, w.n, p->k, a, lda, b, ldb, c, p->n, p->add, scratch);
}

/* A product shared by workers. A unit is a block of C for one batch, or for all batches if they share C. */
typedef struct job {
    const tn__product *p;
    cut                z;
    int64_t            units, grain;
    char              *scratch;
    size_t             bytes; /* of scratch for each worker */
    atomic_llong       next;
} job;

static void run_unit(const job *w, int64_t unit, void *scratch)
{
    const int64_t blocks = w->z.down * w->z.across;
    if (!shares_c(w->p)) {
        run_block(w->p, block_of(w->p, &w->z, unit % blocks), unit / blocks, scratch);
        return;
    }
    const block each = block_of(w->p, &w->z, unit);
    for (int64_t batch = 0; batch < w->p->batches->n; batch++) run_block(w->p, each, batch, scratch);
}

static void run_worker(int64_t me, int64_t end, void *arg)
{
    job *w = arg;
    (void)end;
    for (int64_t at; (at = atomic_fetch_add(&w->next, w->grain)) < w->units;)
        for (int64_t unit = at; unit < least(at + w->grain, w->units); unit++)
            run_unit(w, unit, w->scratch + (size_t)me * w->bytes);
}

static void share(const tn_tensor *y, const tn__product *p, double work)
{
    const workers *w = y->saved;
    const int64_t batches = count_batches(p);
    job j = {.p = p, .z = cut_of(w->n, batches, p->m, p->n, p->k), .scratch = tn_scratch(y), .bytes = w->bytes};
    j.units = j.z.down * j.z.across * (shares_c(p) ? 1 : batches);
    j.grain = 1 + (int64_t)(PIECE / work * (double)j.units);
    tn_parallel_for(least(w->n, ratio_up(j.units, j.grain)), 1, run_worker, &j);
}

void tn__product_run(const tn_tensor *y, const tn__product *p)
{
    const int64_t batches = count_batches(p);
    const double work = work_of(batches, p->m, p->n, p->k);
    const block whole = {0, p->m, 0, p->n};
    if (y->saved && work > ALONE) share(y, p, work);
    else
        for (int64_t batch = 0; batch < batches; batch++) run_block(p, whole, batch, tn_scratch(y));
}
