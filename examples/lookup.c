/* lookup.c: what an Embedding is. A vocabulary of three tokens, a table of three *random* rows of five numbers; a text
 * becomes ids, ids become rows; training moves the rows, unless they are frozen; an id beyond the table is an error. */
#include <string.h>

#include <tarn/tarn.h>

enum { TOKENS = 3, DIM = 5, LONGEST = 16 };

static const char *const vocabulary[TOKENS] = {"你", "好", "嗎"};

/* One id for each character of text. */
static tn_ids tokenize(const char *text, int32_t *id)
{
    tn_ids ids = {id, 0};
    while (*text && ids.n < LONGEST) {
        int32_t k = 0;
        while (k < TOKENS && strncmp(text, vocabulary[k], strlen(vocabulary[k])) != 0) k++;
        if (k == TOKENS) break;
        id[ids.n++] = k;
        text += strlen(vocabulary[k]);
    }
    return ids;
}

static void show_lookup(const nn_embedding *words, tn_tape *t, const char *text)
{
    int32_t id[LONGEST];
    tn_ids ids = tokenize(text, id);
    printf("\n%s -> [", text);
    for (int64_t i = 0; i < ids.n; i++) printf(i ? ", %d" : "%d", (int)id[i]);
    printf("]\n");
    tn_tape_begin(t, TN_EVAL);
    tn_print(nn_embedding_forward(words, t, ids), stdout);
}

/* Learns that 你好好嗎嗎 is 1 and 你嗎嗎好 is 0, from the mean of their rows. */
static void train(const nn_embedding *words, const nn_linear *out, tn_params *ps, tn_tape *t)
{
    static const int64_t offsets[] = {0, 5};
    const tn_real target[] = {1, 0};
    int32_t id[LONGEST];
    tn_ids first = tokenize("你好好嗎嗎", id), second = tokenize("你嗎嗎好", id + first.n);
    tn_bags texts = {{id, first.n + second.n}, offsets, 2};
    optim_sgd_options options = optim_sgd_defaults();
    options.lr = 1;
    optim *opt = optim_sgd(ps, options);
    for (int step = 0; step < 20 && tn_ok(t); step++) {
        tn_tape_begin(t, TN_GRAD | TN_TRAIN);
        tn_tensor *logits = nn_linear_forward(out, t, nn_embedding_mean(words, t, texts));
        tn_tensor *loss = tn_bce_with_logits(t, logits, tn_const(t, TN_DIMS(2, 1), target), NULL, TN_MEAN);
        tn_backward(t, loss);
        optim_step(opt);
        if (step % 19 == 0) printf("  step %2d: loss %.4f\n", step + 1, tn_item(loss));
    }
    optim_free(opt);
}

/* Trains for a while; did the rows move? */
static bool moves(const nn_embedding *words, const nn_linear *out, tn_params *ps, tn_tape *t)
{
    tn_real before[TOKENS * DIM];
    memcpy(before, words->weight->data, sizeof before);
    train(words, out, ps, t);
    bool moved = memcmp(before, words->weight->data, sizeof before) != 0;
    printf("  the rows %s\n", moved ? "have moved:" : "are as they were");
    if (moved) tn_print(words->weight, stdout);
    return moved;
}

/* Is an id of 3 an error? */
static bool refuses(const nn_embedding *words, tn_tape *t, tn_error *err)
{
    static const int32_t beyond[] = {0, 1, 3};
    tn_tape_begin(t, TN_EVAL);
    nn_embedding_forward(words, t, (tn_ids){beyond, 3});
    printf("  %s\n", err->text);
    bool refused = err->code == TN_EINDEX;
    tn_error_clear(err);
    return refused;
}

/* Is everything as the article says? */
static bool show(tn_params *ps, tn_tape *t, tn_error *err)
{
    nn_embedding words;
    nn_linear out;
    nn_embedding_init(&words, ps, "words", TOKENS, DIM);
    nn_linear_init(&out, ps, "out", DIM, 1);
    if (err->code) return false;

    printf("Embedding(3, 5): a table of random rows, one for each of 你, 好, 嗎\n");
    tn_print(words.weight, stdout);
    show_lookup(&words, t, "你好好嗎嗎");
    show_lookup(&words, t, "你嗎嗎好");

    printf("\nan id beyond the table:\n");
    bool ok = refuses(&words, t, err);
    printf("\nfrozen, 20 steps:\n");
    tn_freeze(words.weight, true);
    ok = !moves(&words, &out, ps, t) && ok;
    printf("\nnot frozen, 20 steps:\n");
    tn_freeze(words.weight, false);
    return moves(&words, &out, ps, t) && ok;
}

int main(void)
{
    tn_error  err = {0};
    tn_params *ps = tn_params_new(1, &err);
    tn_tape   *t = tn_tape_new(1, 0, &err);
    bool ok = show(ps, t, &err);
    if (err.code) fprintf(stderr, "%s\n", err.text);
    tn_tape_free(t);
    tn_params_free(ps);
    return !ok || err.code;
}
