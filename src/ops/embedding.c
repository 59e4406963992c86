/* embedding.c: rows of a table by id, with PyTorch's options. */
#include <math.h>
#include <string.h>

#include "kernels/kernels.h"
#include "rows.h"

typedef struct embedding {
    tn_ids               ids;
    tn_embedding_options options;
} embedding;

static bool embedding_shape(tn_tensor *y)
{
    const embedding *e = y->attr;
    const tn_tensor *table = y->in[0];
    if (table->rank != 2) return tn_op_fail(y, TN_ESHAPE, "table must be (rows, width), it is %s", TN_STR(table));
    bool padded = e->options.padding_idx != TN_NO_PADDING && e->ids.n > 0;
    if (padded && !tn_alloc_saved(y, (size_t)e->ids.n * sizeof(int32_t))) return false;
    return tn__lookup_shape(y, e->ids, &e->options, y->saved) &&
           tn_set_shape(y, 2, (int64_t[]){e->ids.n, table->size[1]});
}

static void embedding_forward(tn_tensor *y)
{
    const embedding *e = y->attr;
    int64_t width = y->size[1];
    tn__renorm_rows(y, e->ids, &e->options);
    for (int64_t k = 0; k < y->size[0]; k++) {
        const tn_real *row = y->in[0]->data + e->ids.id[k] * width;
        tn_real *out = y->data + k * width, scale = tn__read_scale(y, e->ids.id[k], &e->options);
        if (scale < 1)
            for (int64_t d = 0; d < width; d++) out[d] = scale * row[d];
        else memcpy(out, row, (size_t)width * sizeof *out);
    }
}

/* Rows that max_norm scaled get the gradient of what was read, as in PyTorch: the norm has no gradient. */
static void embedding_backward(tn_tensor *y)
{
    const embedding *e = y->attr;
    const tn__kernels *kernels = tn__kernels_get();
    const tn_real *g = tn_grad_out(y);
    int32_t padding = tn__padding_id(y->in[0], &e->options);
    tn__repeats r = {0};
    if (!tn_wants(y, 0)) return;
    if (e->options.scale_grad_by_freq) r = tn__find_repeats(e->ids, tn_scratch(y));
    for (int64_t k = 0, kept = 0; k < y->size[0]; k++) {
        if (e->ids.id[k] == padding) continue;
        tn_real scale = r.count ? 1 / (tn_real)r.count[r.first[k]] : 1;
        kernels->axpy(y->size[1], scale, g + k * y->size[1], tn_grad_row(y, 0, kept++));
    }
}

/* What is not the derivative of what is computed cannot be in a sample: padding that occurs, repeats whose
 * gradient is scaled, rows over max_norm. tests/test_embedding.c has those. */
static tn_tensor *embedding_sample(tn_tape *t, int k)
{
    static const int32_t ids[] = {3, 0, 4, 0, 3, 3}, distinct[] = {4, 0, 2};
    tn_embedding_options o = tn_embedding_defaults();
    switch (k) {
    case 0: return tn_embedding(t, tn_sample(t, TN_DIMS(5, 3), -1, 1), (tn_ids){ids, 6}, o);
    case 1: return tn_embedding(t, tn_sample(t, TN_DIMS(5, 1), -1, 1), (tn_ids){ids, 1}, o);
    case 2: return tn_embedding(t, tn_sample(t, TN_DIMS(5, 3), -1, 1), (tn_ids){ids, 0}, o);
    case 3: return tn_embedding(t, tn_sample(t, TN_DIMS(5, 0), -1, 1), (tn_ids){ids, 6}, o);
    case 4:
        o.padding_idx = -4;
        return tn_embedding(t, tn_sample(t, TN_DIMS(5, 33), -1, 1), (tn_ids){ids, 6}, o);
    case 5:
        o.scale_grad_by_freq = true;
        return tn_embedding(t, tn_sample(t, TN_DIMS(5, 3), -1, 1), (tn_ids){distinct, 3}, o);
    case 6:
    case 7:
    case 8:
        o.max_norm = 10;
        o.norm_type = k == 6 ? 2 : k == 7 ? 1 : (double)INFINITY;
        return tn_embedding(t, tn_sample(t, TN_DIMS(5, 3), -1, 1), (tn_ids){ids, 6}, o);
    default: return NULL;
    }
}

const tn_op tn__op_embedding = {
    .name = "embedding",
    .n_in = 1,
    .attr_size = sizeof(embedding),
    .shape = embedding_shape,
    .forward = embedding_forward,
    .backward = embedding_backward,
    .sample = embedding_sample,
};

tn_embedding_options tn_embedding_defaults(void)
{
    return (tn_embedding_options){.padding_idx = TN_NO_PADDING, .norm_type = 2};
}

tn_tensor *tn_embedding(tn_tape *t, tn_tensor *table, tn_ids ids, tn_embedding_options options)
{
    embedding e = {.ids = ids, .options = options};
    return tn_apply(t, &tn__op_embedding, 1, &table, &e);
}
