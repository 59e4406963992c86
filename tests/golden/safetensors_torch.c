/* safetensors_torch.c: tarn's half of safetensors_torch.py, which builds and runs it.
 *
 *     safetensors_torch save FILE   an EmbeddingBag and a Linear, with ids, offsets and their logits in __metadata__
 *     safetensors_torch load FILE   reads such a file, whoever wrote it, and prints the logits on the file's ids */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <tarn/tarn.h>

enum { ROWS = 7, DIM = 5, CLASSES = 3, MOST = 64 };

typedef struct model {
    nn_embedding words;
    nn_linear    out;
} model;

static tn_tensor *forward(const model *m, tn_tape *t, tn_bags bags)
{
    return nn_linear_forward(&m->out, t, nn_embedding_mean(&m->words, t, bags));
}

static int64_t numbers(const char *text, int64_t *to)
{
    int64_t n = 0;
    char *end;
    for (; text && n < MOST; text = end) {
        int64_t i = strtoll(text, &end, 10);
        if (end == text) break;
        to[n++] = i;
    }
    return n;
}

/* The logits of the bags that two lists of numbers describe, as text. */
static void logits_text(const model *m, tn_tape *t, const char *ids, const char *offsets, char *to, size_t size)
{
    int64_t wide[MOST], begin[MOST], n = numbers(ids, wide);
    int32_t id[MOST];
    for (int64_t i = 0; i < n; i++) id[i] = (int32_t)wide[i];
    tn_tape_begin(t, TN_EVAL);
    tn_tensor *y = forward(m, t, (tn_bags){{id, n}, begin, numbers(offsets, begin)});
    *to = 0;
    for (int64_t i = 0; y && i < y->n; i++) {
        size_t used = strlen(to);
        snprintf(to + used, size - used, i ? " %.17g" : "%.17g", (double)y->data[i]);
    }
}

static void save(const model *m, const tn_params *ps, tn_tape *t, const char *path)
{
    const char *ids = "0 3 3 6 1 2 5 4", *offsets = "0 2 5 5";
    char logits[MOST * 32];
    logits_text(m, t, ids, offsets, logits, sizeof logits);
    const tn_meta meta[] = {{"ids", ids}, {"offsets", offsets}, {"logits", logits}, {"note", "\"你好\"\n\\tarn\\"}};
    tn_save(ps, path, 4, meta);
}

static void load(const model *m, tn_params *ps, tn_tape *t, const char *path)
{
    char logits[MOST * 32];
    tn_file *f = tn_file_open(path, tn_params_error(ps));
    if (f && tn_file_load(f, ps, TN_STRICT)) {
        logits_text(m, t, tn_file_meta(f, "ids"), tn_file_meta(f, "offsets"), logits, sizeof logits);
        puts(logits);
    }
    tn_file_close(f);
}

int main(int argc, char **argv)
{
    tn_error err = {0};
    tn_params *ps = tn_params_new(11, &err);
    tn_tape *t = tn_tape_new(1, 0, &err);
    model m;
    if (argc != 3) return 2;
    nn_embedding_init(&m.words, ps, "words", ROWS, DIM);
    nn_linear_init(&m.out, ps, "out", DIM, CLASSES);
    if (!strcmp(argv[1], "save")) save(&m, ps, t, argv[2]);
    else load(&m, ps, t, argv[2]);
    if (err.code) fprintf(stderr, "%s\n", err.text);
    tn_tape_free(t);
    tn_params_free(ps);
    return err.code ? 1 : 0;
}
