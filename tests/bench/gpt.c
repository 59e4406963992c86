/* gpt.c: a small GPT, pre-norm, learned positions, and a step of AdamW on it. Requests: "step", "backward" (without
 * the optimiser's part), "forward". */
#include <stdlib.h>

#include <tarn/tarn.h>

#include "bench.h"

enum { LAYERS = 4, DIM = 128, HEADS = 4, LENGTH = 128, BATCH = 8, VOCABULARY = 256 };
enum { TOKENS = BATCH * LENGTH };

typedef struct block {
    nn_layer_norm norm1, norm2;
    nn_linear     qkv, out, up, down;
} block;

typedef struct gpt {
    tn_error      err;
    tn_tape      *tape;
    tn_params    *ps;
    optim        *opt;
    nn_embedding  tokens;
    tn_tensor    *positions;
    block         blocks[LAYERS];
    nn_layer_norm norm;
    tn_tensor    *head;
    int32_t       ids[TOKENS], next[TOKENS];
} gpt;

typedef struct layer_name {
    char text[TN_NAME];
} layer_name;

static layer_name named(int i, const char *part)
{
    layer_name name;
    snprintf(name.text, sizeof name.text, "blocks.%d.%s", i, part);
    return name;
}

static void block_init(block *b, tn_params *ps, int i)
{
    nn_layer_norm_init(&b->norm1, ps, named(i, "norm1").text, DIM);
    nn_layer_norm_init(&b->norm2, ps, named(i, "norm2").text, DIM);
    nn_linear_init(&b->qkv, ps, named(i, "qkv").text, DIM, 3 * DIM);
    nn_linear_init(&b->out, ps, named(i, "out").text, DIM, DIM);
    nn_linear_init(&b->up, ps, named(i, "up").text, DIM, 4 * DIM);
    nn_linear_init(&b->down, ps, named(i, "down").text, 4 * DIM, DIM);
}

/* (batch, length, dim) -> the same */
static tn_tensor *attention(const block *b, tn_tape *t, tn_tensor *x)
{
    const tn_attention_options causal = {.heads = HEADS, .causal = true};
    tn_tensor *qkv = nn_linear_forward(&b->qkv, t, x); /* all three side by side */
    return nn_linear_forward(&b->out, t, tn_attention(t, qkv, NULL, NULL, NULL, causal));
}

static tn_tensor *block_forward(const block *b, tn_tape *t, tn_tensor *x)
{
    x = tn_add(t, x, attention(b, t, nn_layer_norm_forward(&b->norm1, t, x)));
    tn_tensor *h = tn_gelu_tanh(t, nn_linear_forward(&b->up, t, nn_layer_norm_forward(&b->norm2, t, x)));
    return tn_add(t, x, nn_linear_forward(&b->down, t, h));
}

static tn_tensor *gpt_loss(gpt *m)
{
    tn_tape   *t = m->tape;
    tn_tensor *x = nn_embedding_forward(&m->tokens, t, (tn_ids){m->ids, TOKENS});
    x = tn_add(t, tn_reshape(t, x, TN_DIMS(BATCH, LENGTH, DIM)), m->positions);
    for (int i = 0; i < LAYERS; i++) x = block_forward(&m->blocks[i], t, x);
    x = tn_linear(t, nn_layer_norm_forward(&m->norm, t, x), m->head, NULL);
    return tn_cross_entropy(t, x, (tn_ids){m->next, TOKENS});
}

static void fill(gpt *m)
{
    tn_rng random = tn_rng_new(1, 0, 0, 0);
    for (int i = 0; i < TOKENS; i++) {
        m->ids[i] = (int32_t)tn_rng_below(random, (uint64_t)i, VOCABULARY);
        m->next[i] = (int32_t)tn_rng_below(random, (uint64_t)i + TOKENS, VOCABULARY);
    }
}

static void *gpt_prepare(const char *rest)
{
    gpt *m = calloc(1, sizeof *m);
    (void)rest;
    if (!m) return NULL;
    m->tape = tn_tape_new(1, 0, &m->err);
    m->ps = tn_params_new(1, &m->err);
    nn_embedding_init(&m->tokens, m->ps, "tokens", VOCABULARY, DIM);
    m->positions = tn_param(m->ps, TN_DIMS(LENGTH, DIM), tn_normal(0, 1), "positions.weight");
    for (int i = 0; i < LAYERS; i++) block_init(&m->blocks[i], m->ps, i);
    nn_layer_norm_init(&m->norm, m->ps, "norm", DIM);
    m->head = tn_param(m->ps, TN_DIMS(VOCABULARY, DIM), tn_uniform(-0.088, 0.088), "head.weight");
    m->opt = optim_adamw(m->ps, optim_adamw_defaults());
    fill(m);
    return m;
}

static void backward_run(void *state)
{
    gpt *m = state;
    tn_tape_begin(m->tape, TN_GRAD | TN_TRAIN);
    tn_params_zero_grad(m->ps);
    tn_backward(m->tape, gpt_loss(m));
    bench_check(&m->err);
}

static void step_run(void *state)
{
    gpt *m = state;
    backward_run(m);
    optim_step(m->opt);
    bench_check(&m->err);
}

static void forward_run(void *state)
{
    gpt *m = state;
    tn_tape_begin(m->tape, TN_EVAL);
    gpt_loss(m);
    bench_check(&m->err);
}

static void gpt_drop(void *state)
{
    gpt *m = state;
    optim_free(m->opt);
    tn_tape_free(m->tape);
    tn_params_free(m->ps);
    free(m);
}

int main(int argc, char **argv)
{
    static const bench_work works[] = {
        {"step", gpt_prepare, step_run, gpt_drop},
        {"backward", gpt_prepare, backward_run, gpt_drop},
        {"forward", gpt_prepare, forward_run, gpt_drop},
        {NULL, NULL, NULL, NULL},
    };
    return bench_main(argc, argv, works);
}
