/* transformer_block.c: attention and then a small net at each step, each beside a way that leads past it. */
#include <stdio.h>

#include "layer.h"

/* The name of a part; too long a one is refused where the parameter is made. */
typedef struct part {
    char name[TN_NAME + 32];
} part;

static part part_of(const char *block, const char *what)
{
    part p;
    snprintf(p.name, sizeof p.name, "%s.%s", block, what);
    return p;
}

void nn_transformer_block_init(nn_transformer_block *b, tn_params *ps, const char *name, int64_t dim, int64_t heads,
                               int64_t hidden)
{
    if (!nn__begin(b, sizeof *b, ps, name, "nn_transformer_block_init")) return;
    b->dropout = 0.1;
    b->activation = tn_relu;
    nn_multihead_attention_init(&b->self_attn, ps, part_of(name, "self_attn").name, dim, heads);
    nn_linear_init(&b->linear1, ps, part_of(name, "linear1").name, dim, hidden);
    nn_linear_init(&b->linear2, ps, part_of(name, "linear2").name, hidden, dim);
    nn_layer_norm_init(&b->norm1, ps, part_of(name, "norm1").name, dim);
    nn_layer_norm_init(&b->norm2, ps, part_of(name, "norm2").name, dim);
}

static tn_tensor *attend(const nn_transformer_block *b, tn_tape *t, tn_tensor *x, tn_tensor *mask, bool causal)
{
    return tn_dropout(t, nn_multihead_attention_forward(&b->self_attn, t, x, NULL, mask, causal), b->dropout);
}

static tn_tensor *think(const nn_transformer_block *b, tn_tape *t, tn_tensor *x)
{
    tn_tensor *h = tn_dropout(t, b->activation(t, nn_linear_forward(&b->linear1, t, x)), b->dropout);
    return tn_dropout(t, nn_linear_forward(&b->linear2, t, h), b->dropout);
}

tn_tensor *nn_transformer_block_forward(const nn_transformer_block *b, tn_tape *t, tn_tensor *x, tn_tensor *mask, bool causal)
{
    if (!b || !b->activation) {
        tn_fail(tn_tape_error(t), TN_EUSAGE, "nn_transformer_block: there is no activation: call nn_transformer_block_init first");
        return NULL;
    }
    if (b->norm_first) {
        x = tn_add(t, x, attend(b, t, nn_layer_norm_forward(&b->norm1, t, x), mask, causal));
        return tn_add(t, x, think(b, t, nn_layer_norm_forward(&b->norm2, t, x)));
    }
    x = nn_layer_norm_forward(&b->norm1, t, tn_add(t, x, attend(b, t, x, mask, causal)));
    return nn_layer_norm_forward(&b->norm2, t, tn_add(t, x, think(b, t, x)));
}
