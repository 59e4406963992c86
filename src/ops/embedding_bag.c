/* embedding_bag.c: bags of rows of a table, summed, averaged or their maximum, without the rows in between:
 * forward reads each row once into its bag's sum, backward adds each bag's gradient to its rows. */
#include <string.h>

#include "kernels/kernels.h"
#include "rows.h"

enum { TABLE, WEIGHTS };

typedef struct embedding_bag {
    tn_bags                  bags;
    tn_embedding_bag_options options;
} embedding_bag;

static int64_t bag_begin(const embedding_bag *e, int64_t b)
{
    return e->bags.offsets[b];
}

static int64_t bag_end(const embedding_bag *e, int64_t b)
{
    if (b + 1 < e->bags.n || e->options.include_last_offset) return e->bags.offsets[b + 1];
    return e->bags.ids.n;
}

/* The ids that are in a bag: all, unless the last offset ends earlier. */
static tn_ids ids_in_bags(const embedding_bag *e)
{
    return (tn_ids){e->bags.ids.id, e->bags.n ? bag_end(e, e->bags.n - 1) : 0};
}

/* ---- shape ----------------------------------------------------------------------------------------------------- */

static bool check_offsets(const tn_tensor *y, const embedding_bag *e)
{
    const int64_t *offset = e->bags.offsets;
    int64_t n = e->bags.n + e->options.include_last_offset, ids = e->bags.ids.n;
    if (e->bags.n < 0 || ids < 0)
        return tn_op_fail(y, TN_EUSAGE, "%lld bags of %lld ids", (long long)e->bags.n, (long long)ids);
    if (n > 0 && !offset) return tn_op_fail(y, TN_EUSAGE, "offsets is NULL, and should hold %lld", (long long)n);
    if (n > 0 && offset[0] != 0)
        return tn_op_fail(y, TN_EINDEX, "offsets[0] is %lld, it must be 0", (long long)offset[0]);
    for (int64_t b = 1; b < n; b++)
        if (offset[b] < offset[b - 1])
            return tn_op_fail(y, TN_EINDEX, "offsets[%lld] is %lld, less than the %lld before it", (long long)b,
                              (long long)offset[b], (long long)offset[b - 1]);
    if (n > 0 && offset[n - 1] > ids)
        return tn_op_fail(y, TN_EINDEX, "offsets[%lld] is %lld, past the end of %lld ids", (long long)(n - 1),
                          (long long)offset[n - 1], (long long)ids);
    return true;
}

static bool check_modes(const tn_tensor *y, const embedding_bag *e)
{
    const tn_tensor *weights = y->in[WEIGHTS];
    tn_bag_mode mode = e->options.mode;
    if (mode != TN_BAG_MEAN && mode != TN_BAG_SUM && mode != TN_BAG_MAX)
        return tn_op_fail(y, TN_EUSAGE, "mode %d is not TN_BAG_MEAN, TN_BAG_SUM or TN_BAG_MAX", (int)mode);
    if (mode == TN_BAG_MAX && e->options.rows.scale_grad_by_freq)
        return tn_op_fail(y, TN_EUSAGE,
                          "scale_grad_by_freq goes with TN_BAG_MEAN and TN_BAG_SUM, not with TN_BAG_MAX");
    if (!weights) return true;
    if (mode != TN_BAG_SUM) return tn_op_fail(y, TN_EUSAGE, "weights for each sample go with TN_BAG_SUM only");
    if (weights->rank != 1 || weights->n != e->bags.ids.n)
        return tn_op_fail(y, TN_ESHAPE, "weights is %s, for %lld ids", TN_STR(weights), (long long)e->bags.ids.n);
    return true;
}

static size_t saved_winners(const tn_tensor *y)
{
    const embedding_bag *e = y->attr;
    return e->options.mode == TN_BAG_MAX ? (size_t)y->n : 0;
}

static bool embedding_bag_shape(tn_tensor *y)
{
    const embedding_bag *e = y->attr;
    const tn_tensor *table = y->in[TABLE];
    if (table->rank != 2) return tn_op_fail(y, TN_ESHAPE, "table must be (rows, width), it is %s", TN_STR(table));
    if (!check_offsets(y, e) || !check_modes(y, e) || !tn_set_shape(y, 2, (int64_t[]){e->bags.n, table->size[1]}))
        return false;
    tn_ids ids = ids_in_bags(e);
    size_t kept = e->options.rows.padding_idx == TN_NO_PADDING ? 0 : (size_t)ids.n, winners = saved_winners(y);
    bool saves = kept || e->options.mode == TN_BAG_MAX;
    if (saves && !tn_alloc_saved(y, (kept + winners) * sizeof(int32_t))) return false;
    return tn__lookup_shape(y, ids, &e->options.rows, y->saved ? (int32_t *)y->saved + winners : NULL);
}

/* ---- forward --------------------------------------------------------------------------------------------------- */

/* The number of rows in a bag that are not padding. */
static int64_t bag_size(const embedding_bag *e, int64_t b, int32_t padding)
{
    int64_t n = 0;
    if (padding < 0) return bag_end(e, b) - bag_begin(e, b);
    for (int64_t k = bag_begin(e, b); k < bag_end(e, b); k++) n += e->bags.ids.id[k] != padding;
    return n;
}

static tn_real bag_scale(const embedding_bag *e, int64_t b, int32_t padding)
{
    int64_t n = e->options.mode == TN_BAG_MEAN ? bag_size(e, b, padding) : 1;
    return n > 1 ? 1 / (tn_real)n : 1;
}

static const tn_real *row_of(const tn_tensor *y, int32_t id)
{
    return y->in[TABLE]->data + id * y->size[1];
}

/* Some are left out, or multiplied. */
static void add_bag_by_rows(const tn_tensor *y, int64_t b, int32_t padding, tn_real *sum)
{
    const embedding_bag *e = y->attr;
    const tn_real *weight = y->in[WEIGHTS] ? y->in[WEIGHTS]->data : NULL;
    for (int64_t k = bag_begin(e, b); k < bag_end(e, b); k++) {
        int32_t id = e->bags.ids.id[k];
        if (id == padding) continue;
        tn_real by = tn__read_scale(y, id, &e->options.rows) * (weight ? weight[k] : 1);
        tn__kernels_get()->axpy(y->size[1], by, row_of(y, id), sum);
    }
}

/* Whole rows, as they stand? */
static bool is_plain(const tn_tensor *y, int32_t padding)
{
    const embedding_bag *e = y->attr;
    return padding < 0 && !y->in[WEIGHTS] && !(e->options.rows.max_norm > 0);
}

static void sum_bag(const tn_tensor *y, int64_t b, int32_t padding)
{
    const embedding_bag *e = y->attr;
    const tn_ids ids = ids_in_bags(e);
    int64_t width = y->size[1], begin = bag_begin(e, b);
    tn_real *sum = y->data + b * width, scale = bag_scale(e, b, padding);
    if (is_plain(y, padding)) {
        const int32_t *at = ids.n ? ids.id + begin : NULL;
        tn__kernels_get()->gather_sum(bag_end(e, b) - begin, ids.n - begin, at, width, scale, y->in[TABLE]->data, sum);
        return;
    }
    memset(sum, 0, (size_t)width * sizeof *sum);
    add_bag_by_rows(y, b, padding, sum);
    for (int64_t d = 0; d < width; d++) sum[d] *= scale;
}

/* Where value is larger than the best so far, both change; branch-free, so that it runs on whole vectors. */
static void keep_larger(int64_t n, tn_real scale, const tn_real *row, int32_t at, tn_real *best, int32_t *winner)
{
    for (int64_t d = 0; d < n; d++) {
        tn_real value = scale * row[d], old = best[d];
        int32_t of = winner[d];
        best[d] = value > old ? value : old;
        winner[d] = value > old ? at : of;
    }
}

static void max_bag_by_rows(const tn_tensor *y, int64_t b, int32_t padding, tn_real *best, int32_t *winner)
{
    const embedding_bag *e = y->attr;
    int64_t width = y->size[1];
    int32_t n = 0;
    for (int64_t k = bag_begin(e, b); k < bag_end(e, b); k++) {
        int32_t id = e->bags.ids.id[k];
        if (id == padding) continue;
        const tn_real *row = row_of(y, id), scale = tn__read_scale(y, id, &e->options.rows);
        if (n) keep_larger(width, scale, row, n, best, winner);
        for (int64_t d = 0; d < width && !n; d++) best[d] = scale * row[d], winner[d] = 0;
        n++;
    }
    for (int64_t d = 0; d < width && !n; d++) best[d] = 0, winner[d] = -1;
}

/* winner[d]: which of the bag's rows, without padding, is the first that has the maximum; -1 in an empty bag. */
static void max_bag(const tn_tensor *y, int64_t b, int32_t padding)
{
    const embedding_bag *e = y->attr;
    const tn_ids ids = ids_in_bags(e);
    int64_t width = y->size[1], begin = bag_begin(e, b);
    tn_real *best = y->data + b * width;
    int32_t *winner = (int32_t *)y->saved + b * width;
    if (!is_plain(y, padding)) {
        max_bag_by_rows(y, b, padding, best, winner);
        return;
    }
    const int32_t *at = ids.n ? ids.id + begin : NULL;
    tn__kernels_get()->gather_max(bag_end(e, b) - begin, ids.n - begin, at, width, y->in[TABLE]->data, best, winner);
}

static void pool_bags(int64_t begin, int64_t end, void *arg)
{
    const tn_tensor *y = arg;
    const embedding_bag *e = y->attr;
    int32_t padding = tn__padding_id(y->in[TABLE], &e->options.rows);
    for (int64_t b = begin; b < end; b++) {
        if (e->options.mode == TN_BAG_MAX) max_bag(y, b, padding);
        else sum_bag(y, b, padding);
    }
}

static void embedding_bag_forward(tn_tensor *y)
{
    const embedding_bag *e = y->attr;
    tn__renorm_rows(y, ids_in_bags(e), &e->options.rows);
    tn_parallel_for(y->size[0], 64, pool_bags, y);
}

/* ---- backward -------------------------------------------------------------------------------------------------- */

/* In the order of the ids, so that what adds up in a row does so in one order always. */
static void add_rows(tn_tensor *y, int32_t padding)
{
    const embedding_bag *e = y->attr;
    const tn__kernels *kernels = tn__kernels_get();
    const tn_real *g = tn_grad_out(y);
    const int32_t *at;
    tn_real *rows = tn_grad_rows(y, TABLE, &at);
    for (int64_t b = 0, n; b < y->size[0]; b++, at += n) {
        n = bag_size(e, b, padding);
        kernels->scatter_add(n, at, y->size[1], bag_scale(e, b, padding), g + b * y->size[1], rows);
    }
}

/* The same where rows count differently. */
static void add_scaled_rows(tn_tensor *y, int32_t padding)
{
    const embedding_bag *e = y->attr;
    const tn__kernels *kernels = tn__kernels_get();
    const tn_real *g = tn_grad_out(y), *weight = y->in[WEIGHTS] ? y->in[WEIGHTS]->data : NULL;
    tn__repeats r = {0};
    if (e->options.rows.scale_grad_by_freq) r = tn__find_repeats(ids_in_bags(e), tn_scratch(y));
    for (int64_t b = 0, kept = 0; b < y->size[0]; b++) {
        tn_real scale = bag_scale(e, b, padding);
        for (int64_t k = bag_begin(e, b); k < bag_end(e, b); k++) {
            if (e->bags.ids.id[k] == padding) continue;
            tn_real by = weight ? scale * weight[k] : scale;
            if (r.count) by /= (tn_real)r.count[r.first[k]];
            kernels->axpy(y->size[1], by, g + b * y->size[1], tn_grad_row(y, TABLE, kept++));
        }
    }
}

static void add_to_winners(tn_tensor *y, int32_t padding)
{
    const embedding_bag *e = y->attr;
    const tn_real *g = tn_grad_out(y);
    const int32_t *winner = y->saved, *at;
    int64_t width = y->size[1];
    tn_real *rows = tn_grad_rows(y, TABLE, &at);
    for (int64_t b = 0; b < y->size[0]; at += bag_size(e, b++, padding), winner += width, g += width)
        for (int64_t d = 0; d < width && winner[d] >= 0; d++) rows[at[winner[d]] * width + d] += g[d];
}

static void weights_grad(const tn_tensor *y, int32_t padding, tn_real *gw, bool first)
{
    const embedding_bag *e = y->attr;
    const tn__kernels *kernels = tn__kernels_get();
    const tn_real *g = tn_grad_out(y);
    if (first) memset(gw, 0, (size_t)e->bags.ids.n * sizeof *gw);
    for (int64_t b = 0; b < y->size[0]; b++)
        for (int64_t k = bag_begin(e, b); k < bag_end(e, b); k++) {
            int32_t id = e->bags.ids.id[k];
            if (id == padding) continue;
            tn_real dot = kernels->dot(y->size[1], g + b * y->size[1], row_of(y, id));
            gw[k] += tn__read_scale(y, id, &e->options.rows) * dot;
        }
}

static void embedding_bag_backward(tn_tensor *y)
{
    const embedding_bag *e = y->attr;
    int32_t padding = tn__padding_id(y->in[TABLE], &e->options.rows);
    bool first, alike = !y->in[WEIGHTS] && !e->options.rows.scale_grad_by_freq;
    if (tn_wants(y, TABLE) && e->bags.ids.n) {
        if (e->options.mode == TN_BAG_MAX) add_to_winners(y, padding);
        else if (alike) add_rows(y, padding);
        else add_scaled_rows(y, padding);
    }
    tn_real *gw = y->in[WEIGHTS] ? tn_grad(y, WEIGHTS, &first) : NULL;
    if (gw) weights_grad(y, padding, gw, first);
}

/* ---- the op ---------------------------------------------------------------------------------------------------- */

static tn_tensor *sample_bags(tn_tape *t, int64_t width, tn_bags bags, bool weighted, tn_embedding_bag_options o)
{
    tn_tensor *table = tn_sample(t, TN_DIMS(6, width), -1, 1);
    return tn_embedding_bag(t, table, bags, weighted ? tn_sample(t, TN_DIMS(bags.ids.n), -1, 1) : NULL, o);
}

static tn_tensor *embedding_bag_sample(tn_tape *t, int k)
{
    static const int32_t ids[] = {5, 0, 2, 0, 1, 1, 5};
    static const int64_t offsets[] = {0, 3, 3, 6};
    const tn_bags bags = {{ids, 7}, offsets, 4}, three = {{ids, 7}, offsets, 3}, none = {{ids, 0}, offsets, 0};
    tn_embedding_bag_options o = tn_embedding_bag_defaults();
    int mode = k % 3, option = k / 3;
    o.mode = mode == 0 ? TN_BAG_MEAN : mode == 1 ? TN_BAG_SUM : TN_BAG_MAX;
    switch (option) {
    case 0: return sample_bags(t, 3, bags, mode == 1, o);
    case 1: return sample_bags(t, 1, none, mode == 1, o);
    case 2: return sample_bags(t, 0, bags, mode == 1, o);
    case 3:
        o.include_last_offset = true; /* the last id is in no bag */
        return sample_bags(t, 2, three, mode == 1, o);
    case 4:
        o.rows.padding_idx = 0;
        return sample_bags(t, mode == 2 ? 5 : 33, bags, mode == 1, o); /* few: no two rows nearly equal */
    case 5:
        o.rows.padding_idx = -1; /* the last bag has nothing else */
        o.rows.max_norm = 10;
        return sample_bags(t, 2, bags, false, o);
    case 6:
        o.rows.scale_grad_by_freq = mode != 2; /* on ids that are distinct: else it is no derivative */
        return sample_bags(t, 2, (tn_bags){{ids, 3}, offsets, 2}, false, o);
    default: return NULL;
    }
}

const tn_op tn__op_embedding_bag = {
    .name = "embedding_bag",
    .n_in = 2,
    .optional = 1u << WEIGHTS,
    .attr_size = sizeof(embedding_bag),
    .shape = embedding_bag_shape,
    .forward = embedding_bag_forward,
    .backward = embedding_bag_backward,
    .sample = embedding_bag_sample,
};

tn_embedding_bag_options tn_embedding_bag_defaults(void)
{
    return (tn_embedding_bag_options){.mode = TN_BAG_MEAN, .rows = tn_embedding_defaults()};
}

tn_tensor *tn_embedding_bag(tn_tape *t, tn_tensor *table, tn_bags bags, tn_tensor *weights,
                            tn_embedding_bag_options options)
{
    embedding_bag e = {.bags = bags, .options = options};
    return tn_apply(t, &tn__op_embedding_bag, 2, (tn_tensor *[]){table, weights}, &e);
}
