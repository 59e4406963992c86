/* safetensors_write.c: a params as a safetensors file: little-endian on any machine, the same state in the same
 * bytes. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "engine.h"
#include "json.h"
#include "outfile.h"
#include "safetensors.h"

/* ---- a text that grows ------------------------------------------------------------------------------------------- */

typedef struct text {
    char  *at;
    size_t n, room;
    bool   failed; /* no memory */
} text;

static void put(text *t, const char *s, size_t n)
{
    if (t->failed) return;
    if (n > t->room - t->n) {
        size_t room = 2 * t->room + n + 256;
        char *larger = tn_realloc(t->at, room);
        t->failed = !larger;
        if (!larger) return;
        t->at = larger;
        t->room = room;
    }
    memcpy(t->at + t->n, s, n);
    t->n += n;
}

static void put_text(text *t, const char *s)
{
    put(t, s, strlen(s));
}

static void put_integer(text *t, int64_t i)
{
    char digits[24];
    put(t, digits, (size_t)snprintf(digits, sizeof digits, "%" PRId64, i));
}

static void put_string(text *t, const char *s)
{
    char escaped[7];
    put_text(t, "\"");
    for (; *s; s++) put_text(t, tn__json_escape(*s, escaped));
    put_text(t, "\"");
}

/* ---- the header -------------------------------------------------------------------------------------------------- */

static void put_meta(text *t, int n, const tn_meta *const *meta)
{
    put_text(t, "\"__metadata__\":{");
    for (int i = 0; i < n; i++) {
        if (i) put_text(t, ",");
        put_string(t, meta[i]->key);
        put_text(t, ":");
        put_string(t, meta[i]->value);
    }
    put_text(t, "}");
}

static void put_entry(text *t, const tn_tensor *x, int64_t begin)
{
    put_string(t, x->name);
    put_text(t, sizeof(tn_real) == 4 ? ":{\"dtype\":\"F32\",\"shape\":[" : ":{\"dtype\":\"F64\",\"shape\":[");
    for (int d = 0; d < x->rank; d++) {
        if (d) put_text(t, ",");
        put_integer(t, x->size[d]);
    }
    put_text(t, "],\"data_offsets\":[");
    put_integer(t, begin);
    put_text(t, ",");
    put_integer(t, begin + x->n * (int64_t)sizeof(tn_real));
    put_text(t, "]}");
}

/* What is saved: the tensors by name (the format's order is by alignment first, which is here the same for all), the
 * pairs by key. */
typedef struct contents {
    int               n, n_meta;
    const tn_tensor **tensor;
    const tn_meta   **meta;
} contents;

static void put_header(text *t, const contents *c)
{
    int64_t begin = 0;
    put_text(t, "{");
    if (c->n_meta) put_meta(t, c->n_meta, c->meta);
    for (int i = 0; i < c->n; i++) {
        if (i || c->n_meta) put_text(t, ",");
        put_entry(t, c->tensor[i], begin);
        begin += c->tensor[i]->n * (int64_t)sizeof(tn_real);
    }
    put_text(t, "}");
    while (t->n % 8 && !t->failed) put_text(t, " ");
}

/* ---- what can be saved ------------------------------------------------------------------------------------------- */

static int compare_tensors(const void *a, const void *b)
{
    return strcmp((*(const tn_tensor *const *)a)->name, (*(const tn_tensor *const *)b)->name);
}

static int compare_meta(const void *a, const void *b)
{
    return strcmp((*(const tn_meta *const *)a)->key, (*(const tn_meta *const *)b)->key);
}

static bool is_utf8(const char *s)
{
    return tn__utf8_check(s, strlen(s)) == strlen(s);
}

static bool check_meta(tn_error *err, const char *path, int n, const tn_meta *meta)
{
    if (n < 0 || (n && !meta)) return tn_fail(err, TN_EUSAGE, "save \"%s\": %d pairs, at NULL", path, n);
    for (int i = 0; i < n; i++) {
        const char *key = meta[i].key, *value = meta[i].value;
        if (!key || !value)
            return tn_fail(err, TN_EUSAGE, "save \"%s\": the %s of pair %d is NULL", path, key ? "value" : "key", i);
        if (!is_utf8(key) || !is_utf8(value))
            return tn_fail(err, TN_EUSAGE, "save \"%s\": the %s of pair %d (%s) is not UTF-8", path,
                           is_utf8(key) ? "value" : "key", i, TN__QUOTE(key));
    }
    return true;
}

static bool check_tensors(tn_error *err, const char *path, int n, const tn_tensor *more)
{
    if (n < 0 || (n && !more)) return tn_fail(err, TN_EUSAGE, "save \"%s\": %d tensors more, at NULL", path, n);
    for (int i = 0; i < n; i++) {
        int64_t count = -1;
        if (!more[i].name || (!more[i].data && more[i].n))
            return tn_fail(err, TN_EUSAGE, "save \"%s\": the %s of tensor %d is NULL", path, more[i].name ? "data" : "name", i);
        if (!tn__count(more[i].rank, more[i].size, &count) || count != more[i].n)
            return tn_fail(err, TN_ESHAPE, "save \"%s\": the tensor %s has %lld numbers, its shape is another", path,
                           TN__QUOTE(more[i].name), (long long)more[i].n);
    }
    return true;
}

static bool check_names(tn_error *err, const char *path, const contents *c)
{
    for (int i = 1; i < c->n_meta; i++) {
        const char *key = c->meta[i]->key;
        if (!strcmp(c->meta[i - 1]->key, key))
            return tn_fail(err, TN_EUSAGE, "save \"%s\": the key %s is given twice", path, TN__QUOTE(key));
    }
    for (int i = 0; i < c->n; i++) {
        const char *name = c->tensor[i]->name;
        if (!is_utf8(name) || !strcmp(name, "__metadata__"))
            return tn_fail(err, TN_EUSAGE, "save \"%s\": the name %s %s", path, TN__QUOTE(name),
                           is_utf8(name) ? "is the format's own" : "is not UTF-8");
        if (i && !strcmp(c->tensor[i - 1]->name, name))
            return tn_fail(err, TN_EUSAGE, "save \"%s\": the name %s is given twice", path, TN__QUOTE(name));
    }
    return true;
}

static bool collect(contents *c, const tn_params *ps, int n_more, const tn_tensor *more, int n, const tn_meta *meta)
{
    const int own = tn_params_count(ps);
    *c = (contents){.n = own + n_more, .n_meta = n};
    c->tensor = tn_malloc((size_t)c->n * sizeof *c->tensor);
    c->meta = tn_malloc((size_t)n * sizeof *c->meta);
    if (!c->tensor || !c->meta) return false;
    for (int i = 0; i < own; i++) c->tensor[i] = tn_params_at(ps, i);
    for (int i = 0; i < n_more; i++) c->tensor[own + i] = &more[i];
    for (int i = 0; i < n; i++) c->meta[i] = &meta[i];
    qsort(c->tensor, (size_t)c->n, sizeof *c->tensor, compare_tensors);
    qsort(c->meta, (size_t)n, sizeof *c->meta, compare_meta);
    return true;
}

/* ---- the file ---------------------------------------------------------------------------------------------------- */

static bool write_file(tn_error *err, const char *path, const contents *c, const text *header)
{
    tn__out *o = tn_malloc(sizeof *o);
    if (!o) return tn_fail(err, TN_EMEMORY, "save \"%s\": out of memory", path);
    bool ok = tn__out_open(o, path, err);
    if (ok) {
        unsigned char size[TN__PREFIX];
        tn__encode(header->n, TN__PREFIX, size);
        tn__out_write(o, size, sizeof size);
        tn__out_write(o, header->at, header->n);
        for (int i = 0; i < c->n; i++) tn__out_numbers(o, c->tensor[i]->data, c->tensor[i]->n);
        ok = tn__out_commit(o);
    }
    tn_free(o);
    return ok;
}

static bool save(tn_error *err, const char *path, const contents *c)
{
    text header = {0};
    bool ok = false;
    if (!check_names(err, path, c)) return false;
    put_header(&header, c);
    if (header.failed) tn_fail(err, TN_EMEMORY, "save \"%s\": out of memory for the header", path);
    else if (header.n > TN__MAX_HEADER)
        tn_fail(err, TN_EUSAGE, "save \"%s\": names and pairs take %zu bytes, the format has room for %d", path,
                header.n, TN__MAX_HEADER);
    else ok = write_file(err, path, c, &header);
    tn_free(header.at);
    return ok;
}

bool tn_save_with(const tn_params *ps, const char *path, int n_more, const tn_tensor *more, int n, const tn_meta *meta)
{
    tn_error *err = tn_params_error(ps);
    if (!ps || err->code) return false;
    if (!path) return tn_fail(err, TN_EUSAGE, "save: the path is NULL");
    if (!check_meta(err, path, n, meta) || !check_tensors(err, path, n_more, more)) return false;
    contents c;
    bool ok = collect(&c, ps, n_more, more, n, meta);
    if (ok) ok = save(err, path, &c);
    else tn_fail(err, TN_EMEMORY, "save \"%s\": out of memory", path);
    tn_free(c.tensor);
    tn_free(c.meta);
    return ok;
}

bool tn_save(const tn_params *ps, const char *path, int n, const tn_meta *meta)
{
    return tn_save_with(ps, path, 0, NULL, n, meta);
}
