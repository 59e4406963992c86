/* travel.c: a model of many layers, its output layer tied to its table, for tests/check_travel.sh. `save FILE` trains it a
 * few steps and saves it, `load FILE` reads it; both print its logits. tests/golden/travel_torch.py has the same model. */
#include <string.h>

#include <tarn/tarn.h>

enum { WORDS = 10, DIM = 8, BATCH = 3, STEPS = 5 };

typedef struct model {
    nn_embedding         words;
    nn_positional        places;
    nn_conv1d            conv;
    nn_batch_norm1d      norm;
    nn_transformer_block block;
    nn_gru               gru;
    nn_lstm              lstm;
} model;

static void init(model *m, tn_params *ps)
{
    nn_embedding_init(&m->words, ps, "words", WORDS, DIM);
    nn_positional_init(&m->places, ps, "places", STEPS, DIM);
    nn_conv1d_init_groups(&m->conv, ps, "conv", DIM, DIM, 3, 2);
    m->conv.padding = 2, m->conv.dilation = 2;
    nn_batch_norm1d_init(&m->norm, ps, "norm", DIM);
    nn_transformer_block_init(&m->block, ps, "block", DIM, 2, 2 * DIM);
    m->block.norm_first = true, m->block.activation = tn_gelu, m->block.dropout = 0;
    nn_gru_init(&m->gru, ps, "gru", DIM, DIM);
    nn_lstm_init(&m->lstm, ps, "lstm", DIM, DIM);
}

/* -> (batch, steps, words) */
static tn_tensor *forward(const model *m, tn_tape *t, tn_ids ids, tn_ids lengths)
{
    tn_tensor *x = tn_reshape(t, nn_embedding_forward(&m->words, t, ids), TN_DIMS(BATCH, STEPS, DIM));
    x = nn_positional_forward(&m->places, t, x);
    x = nn_batch_norm1d_forward(&m->norm, t, nn_conv1d_forward(&m->conv, t, tn_transpose(t, x, 1, 2)));
    tn_tensor *mask = tn_reshape(t, nn_length_mask(t, lengths, STEPS), TN_DIMS(BATCH, 1, 1, STEPS));
    x = nn_transformer_block_forward(&m->block, t, tn_transpose(t, x, 1, 2), mask, true);
    x = nn_lstm_forward(&m->lstm, t, nn_gru_forward(&m->gru, t, x, lengths, NULL), lengths, NULL);
    return tn_linear(t, x, m->words.weight, NULL);
}

static void train(const model *m, tn_params *ps, tn_tape *t, tn_ids ids, tn_ids lengths)
{
    optim *opt = optim_adam(ps, optim_adam_defaults());
    for (int step = 0; step < 3; step++) {
        tn_tape_begin(t, TN_GRAD | TN_TRAIN);
        tn_backward(t, tn_cross_entropy(t, forward(m, t, ids, lengths), ids));
        optim_step(opt);
    }
    optim_free(opt);
}

int main(int argc, char **argv)
{
    int32_t id[BATCH * STEPS];
    static const int32_t length[BATCH] = {5, 2, 4};
    const tn_ids ids = {id, BATCH * STEPS}, lengths = {length, BATCH};
    tn_error err = {0};
    tn_params *ps = tn_params_new(1, &err);
    tn_tape *t = tn_tape_new(1, 0, &err);
    model m;
    for (int i = 0; i < BATCH * STEPS; i++) id[i] = i * 7 % WORDS;
    init(&m, ps);
    if (argc == 3 && strcmp(argv[1], "load") == 0) tn_load(ps, argv[2], TN_STRICT);
    else train(&m, ps, t, ids, lengths);
    if (argc == 3 && strcmp(argv[1], "save") == 0) tn_save(ps, argv[2], 0, NULL);
    tn_tape_begin(t, TN_EVAL);
    const tn_tensor *y = forward(&m, t, ids, lengths);
    for (int64_t i = 0; y && i < y->n; i++) printf("%.9g\n", (double)y->data[i]);
    fputs(err.text, stderr);
    tn_tape_free(t);
    tn_params_free(ps);
    return err.code != TN_OK;
}
