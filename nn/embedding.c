/* embedding.c: a lookup table of rows, one for each id. */
#include "layer.h"

static void init(nn_embedding *e, tn_params *ps, const char *name, tn_dims shape, tn_init how)
{
    if (!nn__begin(e, sizeof *e, ps, name, "nn_embedding_init")) {
        return;
    }
    *e = (nn_embedding){.weight = tn_param(ps, shape, how, "%s.weight", name), .options = tn_embedding_defaults()};
}

void nn_embedding_init(nn_embedding *e, tn_params *ps, const char *name, int64_t rows, int64_t dim)
{
    init(e, ps, name, TN_DIMS(rows, dim), tn_normal(0, 1));
}

void nn_embedding_init_from(nn_embedding *e, tn_params *ps, const char *name, int64_t rows, int64_t dim,
                            const tn_real *table, bool freeze)
{
    init(e, ps, name, TN_DIMS(rows, dim), tn_copy_of(table));
    if (e && e->weight && freeze) {
        tn_freeze(e->weight, true);
    }
}

void nn_embedding_set_padding(nn_embedding *e, tn_params *ps, int64_t padding_idx)
{
    tn_error *err = tn_params_error(ps);
    if (err && err->code != TN_OK) {
        return;
    }
    if (!e || !e->weight) {
        tn_fail(err, TN_EUSAGE, "nn_embedding_set_padding: there is no table: call nn_embedding_init first");
        return;
    }
    const int64_t rows = e->weight->size[0], dim = e->weight->size[1];
    if (padding_idx < -rows || padding_idx >= rows) {
        tn_fail(err, TN_EINDEX, "nn_embedding_set_padding \"%s\": padding_idx %lld is outside [%lld, %lld)",
                e->weight->name, (long long)padding_idx, (long long)-rows, (long long)rows);
        return;
    }
    e->options.padding_idx = padding_idx < 0 ? padding_idx + rows : padding_idx;
    memset(e->weight->data + e->options.padding_idx * dim, 0, (size_t)dim * sizeof(tn_real));
}

tn_tensor *nn_embedding_forward(const nn_embedding *e, tn_tape *t, tn_ids ids)
{
    return e ? tn_embedding(t, e->weight, ids, e->options) : tn_embedding(t, NULL, ids, tn_embedding_defaults());
}

tn_tensor *nn_embedding_mean(const nn_embedding *e, tn_tape *t, tn_bags bags)
{
    return nn_embedding_bag(e, t, bags, TN_BAG_MEAN);
}

tn_tensor *nn_embedding_bag(const nn_embedding *e, tn_tape *t, tn_bags bags, tn_bag_mode mode)
{
    tn_embedding_bag_options options = tn_embedding_bag_defaults();
    options.mode = mode;
    options.rows = e ? e->options : options.rows;
    return tn_embedding_bag(t, e ? e->weight : NULL, bags, NULL, options);
}
