/* vectors.c: bytes as a file of pretrained rows, which a small vocabulary takes its own from. They come in pieces, as files
 * and pipes may give them: the first byte says how large. */
#include "examples/text/vectors.h"

#include <string.h>

#include "fuzz.h"

typedef struct pieces {
    const char *at, *end;
    size_t      most;
} pieces;

static ssize_t next_piece(void *from, char *to, size_t n, tn_error *err)
{
    pieces *p = from;
    size_t  left = (size_t)(p->end - p->at);
    (void)err;
    if (n > left) n = left;
    if (n > p->most) n = p->most;
    memcpy(to, p->at, n);
    p->at += n;
    return (ssize_t)n;
}

static const text_encoder *known(tn_error *err)
{
    static const char   text[] = "cat the a dog 貓 1 naïve";
    static text_encoder e = {.settings = {TEXT_MIXED, 1, 0, 1}};
    static text_tokens  tokens;
    if (!e.words.n) require(text_encoder_learn(&e, &tokens, text_span_of(text), err));
    return &e;
}

/* Every number that was given is one. */
static void fill(text_vectors *v, tn_error *err)
{
    enum { MOST = 1 << 13 };
    static tn_real      data[MOST];
    const text_encoder *e = known(err);
    tn_tensor           table = {.data = data, .n = e->words.n * v->dim, .rank = 2, .size = {e->words.n, v->dim}};
    text_coverage       c;
    require(v->dim >= 1 && v->dim <= TEXT_MAX_DIM);
    if (table.n > MOST) return;
    memset(data, 0, sizeof data);
    if (text_vectors_fill(v, e, &table, &c)) require(c.found >= 1 && c.found <= c.tokens && c.covered <= c.uses);
    for (int64_t i = 0; i < table.n; i++) require(data[i] - data[i] == 0 || err->code);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    static tn_error err;
    if (!n) return 0;
    pieces       p = {(const char *)bytes + 1, (const char *)bytes + n, bytes[0] ? bytes[0] : n};
    text_vectors v = {0};
    if (text_vectors_open_source(&v, "v.vec", next_piece, &p, &err)) {
        fill(&v, &err);
        text_vectors_close(&v);
    }
    require_told(!err.code, &err);
    return 0;
}
