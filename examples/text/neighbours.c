/* neighbours.c: the tokens whose rows are nearest to a word's. */
#include "neighbours.h"

#include <math.h>
#include <stdlib.h>

typedef struct neighbour {
    double  cosine;
    int32_t id;
} neighbour;

static int by_cosine(const void *left, const void *right)
{
    const neighbour *a = left, *b = right;

    if (a->cosine != b->cosine) return a->cosine < b->cosine ? 1 : -1;
    return (a->id > b->id) - (a->id < b->id);
}

static double cosine(const tn_tensor *table, int32_t a, int32_t b)
{
    const int64_t  n = table->size[1];
    const tn_real *x = table->data + a * n, *y = table->data + b * n;
    const double   lengths = sqrt(text_product(x, x, n)) * sqrt(text_product(y, y, n));

    return lengths > 0 ? text_product(x, y, n) / lengths : 0;
}

/* The id of a word as texts have it, folded; -1 after an error. */
static int32_t find_word(text_program *p, const char *word)
{
    text_tokens tokens = {0};
    text_token  token;
    int32_t     id = -1;
    int         n = 0;

    if (text_tokens_begin(&tokens, p->text.encoder.settings.kind, text_span_of(word), p->err))
        for (; text_tokens_next(&tokens, &token); n++) id = text_vocabulary_find(&p->text.encoder.words, token);
    text_tokens_free(&tokens);
    if (n != 1)
        tn_fail(p->err, TN_EUSAGE, "neighbours: \"%.60s\" is %d tokens to this model (--tokenizer %s), and should be one", word, n,
                text_kind_name(p->text.encoder.settings.kind));
    else if (id < 0)
        tn_fail(p->err, TN_EUSAGE, "neighbours: \"%.60s\" is not in the vocabulary: no training text has it", word);
    return p->err->code ? -1 : id;
}

static void print(const text_program *p, const neighbour *found, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        text_span token = text_vocabulary_at(&p->text.encoder.words, found[i].id);
        printf("%+.4f\t%.*s\n", found[i].cosine, (int)token.n, token.s);
    }
}

bool text_neighbours(text_program *p, const char *word)
{
    const int32_t id = find_word(p, word), n = p->text.encoder.words.n;
    neighbour    *all = id < 0 ? NULL : malloc((size_t)n * sizeof *all);
    int64_t       others = 0;

    if (!all) return tn_fail(p->err, TN_EMEMORY, "out of memory: no room for %d tokens", (int)n);
    for (int32_t i = 0; i < n; i++)
        if (i != id) all[others++] = (neighbour){cosine(p->model.words.weight, id, i), i};
    qsort(all, (size_t)others, sizeof *all, by_cosine);
    print(p, all, p->options.top < others ? p->options.top : others);
    free(all);
    return true;
}
