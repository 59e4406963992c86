/* embedding.c: the mean of bags of rows, back, and a step that moves the rows touched. A request is "RULE ROWS BAGS
 * DRAWN": RULE sgd, adagrad or sparse_adam; a table of ROWS x 64; BAGS x 64 tokens, Zipf over DRAWN ids. If ROWS is
 * smaller than DRAWN, a batch's distinct ids get rows of their own: as many rows are touched, as often. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <tarn/tarn.h>

#include "bench.h"

enum { DIM = 64, TOKENS = 64, BATCHES = 8 };

typedef struct lookup {
    tn_error   err;
    tn_tape   *tape;
    tn_params *ps;
    optim     *opt;
    tn_tensor *table;
    int64_t    bags, turn;
    int32_t   *ids; /* of all batches */
    int64_t   *offsets;
    float     *dy;
} lookup;

/* ---- ids ------------------------------------------------------------------------------------------------------- */

/* sums[r]: how likely the ranks up to r are, the r-th being as frequent as 1 / r. */
static double *zipf(int64_t n)
{
    double *sums = bench_alloc(n * (int64_t)sizeof *sums), sum = 0;
    for (int64_t r = 0; r < n; r++) sums[r] = sum += 1 / (double)(r + 1);
    for (int64_t r = 0; r < n; r++) sums[r] /= sum;
    return sums;
}

static int64_t rank_of(const double *sums, int64_t n, double u)
{
    int64_t low = 0, high = n - 1;
    while (low < high) {
        int64_t middle = (low + high) / 2;
        if (sums[middle] < u) low = middle + 1;
        else high = middle;
    }
    return low;
}

/* Zipf's ranks lie anywhere in the table. */
static void draw(int32_t *ids, int64_t n, int64_t drawn)
{
    double  *sums = zipf(drawn);
    int32_t *place = bench_alloc(drawn * (int64_t)sizeof *place);
    tn_rng   random = tn_rng_new(1, 0, 0, 0);
    tn_rng_shuffle(tn_rng_new(1, 1, 0, 0), drawn, place);
    for (int64_t i = 0; i < n; i++) ids[i] = place[rank_of(sums, drawn, tn_rng_uniform(random, (uint64_t)i))];
    free(sums);
    free(place);
}

/* Distinct ids of one batch get distinct rows below rows. False if there are too few. */
static bool squeeze(int32_t *ids, int64_t n, int64_t drawn, int64_t rows)
{
    int32_t *row_of = bench_alloc(drawn * (int64_t)sizeof *row_of), *row = bench_alloc(rows * (int64_t)sizeof *row);
    int64_t  distinct = 0;
    memset(row_of, 255, (size_t)drawn * sizeof *row_of);
    tn_rng_shuffle(tn_rng_new(1, 2, 0, 0), rows, row);
    for (int64_t i = 0; i < n && distinct <= rows; i++) {
        if (row_of[ids[i]] < 0 && distinct++ < rows) row_of[ids[i]] = row[distinct - 1];
        ids[i] = row_of[ids[i]];
    }
    free(row_of);
    free(row);
    return distinct <= rows;
}

/* ---- a step ---------------------------------------------------------------------------------------------------- */

static optim *rule_of(const char *name, tn_params *ps)
{
    optim_sgd_options sgd = optim_sgd_defaults();
    sgd.lr = 0.1;
    if (strcmp(name, "sgd") == 0) return optim_sgd(ps, sgd);
    if (strcmp(name, "adagrad") == 0) return optim_adagrad(ps, optim_adagrad_defaults());
    return optim_sparse_adam(ps, optim_sparse_adam_defaults());
}

static bool fill(lookup *l, int64_t rows, int64_t drawn)
{
    int64_t n = l->bags * TOKENS;
    l->ids = bench_alloc(BATCHES * n * (int64_t)sizeof *l->ids);
    l->offsets = bench_alloc(l->bags * (int64_t)sizeof *l->offsets);
    l->dy = bench_alloc(l->bags * DIM * (int64_t)sizeof *l->dy);
    for (int64_t b = 0; b < l->bags; b++) l->offsets[b] = b * TOKENS;
    for (int64_t i = 0; i < l->bags * DIM; i++) l->dy[i] = 1 / (float)l->bags;
    draw(l->ids, BATCHES * n, drawn);
    for (int b = 0; b < BATCHES && rows < drawn; b++)
        if (!squeeze(l->ids + b * n, n, drawn, rows)) return false;
    return true;
}

static tn_tensor *forward(lookup *l, unsigned mode)
{
    int64_t n = l->bags * TOKENS;
    tn_bags bags = {{l->ids + l->turn++ % BATCHES * n, n}, l->offsets, l->bags};
    tn_tape_begin(l->tape, mode);
    return tn_embedding_bag(l->tape, l->table, bags, NULL, tn_embedding_bag_defaults());
}

static void step_run(void *state)
{
    lookup *l = state;
    tn_backward_from(l->tape, forward(l, TN_GRAD | TN_TRAIN), l->dy);
    optim_step(l->opt);
    bench_check(&l->err);
}

static void lookup_drop(void *state)
{
    lookup *l = state;
    optim_free(l->opt);
    tn_tape_free(l->tape);
    tn_params_free(l->ps);
    free(l->ids);
    free(l->offsets);
    free(l->dy);
    free(l);
}

static void *lookup_prepare(const char *name, const char *rest)
{
    long long rows, bags, drawn;
    if (sscanf(rest, "%lld %lld %lld", &rows, &bags, &drawn) != 3) return NULL;
    lookup *l = calloc(1, sizeof *l);
    if (!l) return NULL;
    l->bags = bags;
    l->tape = tn_tape_new(1, 0, &l->err);
    l->ps = tn_params_new(1, &l->err);
    l->table = tn_param(l->ps, TN_DIMS(rows, DIM), tn_constant(0.01), "table");
    l->opt = rule_of(name, l->ps);
    bench_check(&l->err);
    if (!fill(l, rows, drawn)) {
        lookup_drop(l);
        return NULL;
    }
    for (int b = 0; b < BATCHES; b++) step_run(l); /* the rules' states get their pages */
    return l;
}

static void *sgd_prepare(const char *rest)
{
    return lookup_prepare("sgd", rest);
}

static void *adagrad_prepare(const char *rest)
{
    return lookup_prepare("adagrad", rest);
}

static void *sparse_adam_prepare(const char *rest)
{
    return lookup_prepare("sparse_adam", rest);
}

int main(int argc, char **argv)
{
    static const bench_work works[] = {
        {"sgd", sgd_prepare, step_run, lookup_drop},
        {"adagrad", adagrad_prepare, step_run, lookup_drop},
        {"sparse_adam", sparse_adam_prepare, step_run, lookup_drop},
        {NULL, NULL, NULL, NULL},
    };
    return bench_main(argc, argv, works);
}
