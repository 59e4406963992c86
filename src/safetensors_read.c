/* safetensors_read.c: opening a model file, and bringing its numbers into a params: all of them or none. */
#include <stdlib.h>
#include <string.h>

#include "safetensors.h"

typedef long long ll;

enum { BLOCK = 1 << 15 }; /* bytes decoded at a time: a multiple of every width */

/* ---- bytes ------------------------------------------------------------------------------------------------------- */

static bool read_bytes(const tn_file *f, int64_t at, void *to, size_t bytes)
{
    int64_t n = tn__in_read(&f->in, at, to, bytes);
    if (n < 0) return tn__file_fail(f, TN_EIO, "%s", tn__in_reason("read", (char[TN__REASON]){0}));
    return n == (int64_t)bytes || tn__file_fail(f, TN_EIO, "byte %lld: the file became shorter meanwhile", (ll)(at + n));
}

/* ---- opening ----------------------------------------------------------------------------------------------------- */

static tn_file *new_file(const char *path, tn_error *err)
{
    if (!err || err->code) return NULL;
    if (!path) return tn_fail(err, TN_EUSAGE, "load: the path is NULL"), NULL;
    tn_file *f = tn_calloc(1, sizeof *f);
    if (f) f->path = tn_malloc(strlen(path) + 1);
    if (!f || !f->path) {
        tn_free(f);
        tn_fail(err, TN_EMEMORY, "load: out of memory");
        return NULL;
    }
    strcpy(f->path, path);
    f->in = tn__in_memory(NULL, 0);
    f->err = err;
    return f;
}

static bool read_header(tn_file *f)
{
    unsigned char prefix[TN__PREFIX] = {0};
    if (!read_bytes(f, 0, prefix, f->in.size < TN__PREFIX ? (size_t)f->in.size : TN__PREFIX)) return false;
    if (!tn__header_size(f, prefix)) return false;
    char *text = tn_malloc((size_t)f->header);
    if (!text) return tn__file_fail(f, TN_EMEMORY, "out of memory for a header of %lld bytes", (ll)f->header);
    tn__populate(text, (size_t)f->header);
    bool ok = read_bytes(f, TN__PREFIX, text, (size_t)f->header) && tn__header_parse(f, text);
    tn_free(text);
    return ok;
}

static tn_file *file_or_null(tn_file *f, bool ok)
{
    if (ok) return f;
    tn_file_close(f);
    return NULL;
}

tn_file *tn__safetensors_parse(const void *bytes, size_t size, const char *path, tn_error *err)
{
    tn_file *f = new_file(path, err);
    if (!f) return NULL;
    f->in = tn__in_memory(bytes, size);
    return file_or_null(f, read_header(f));
}

static bool open_path(tn_file *f)
{
    const char *wrong = tn__in_open(&f->in, f->path, (char[TN__REASON]){0});
    return !wrong || tn__file_fail(f, TN_EIO, "%s", wrong);
}

tn_file *tn_file_open(const char *path, tn_error *err)
{
    tn_file *f = new_file(path, err);
    return f ? file_or_null(f, open_path(f) && read_header(f)) : NULL;
}

void tn_file_close(tn_file *f)
{
    if (!f) return;
    tn__in_close(&f->in);
    tn_free(f->path);
    tn_free(f->text);
    tn_free(f->entry);
    tn_free(f->by_name);
    tn_free(f->pair);
    tn_free(f);
}

/* ---- looking ----------------------------------------------------------------------------------------------------- */

static int compare_key(const void *key, const void *pair)
{
    return strcmp(key, ((const tn__pair *)pair)->key);
}

static int compare_name(const void *name, const void *entry)
{
    return strcmp(name, (*(tn__entry *const *)entry)->name);
}

const char *tn_file_meta(const tn_file *f, const char *key)
{
    if (!f || !key || !f->n_pairs) return NULL;
    const tn__pair *p = bsearch(key, f->pair, (size_t)f->n_pairs, sizeof *f->pair, compare_key);
    return p ? p->value : NULL;
}

static tn__entry *find(const tn_file *f, const char *name)
{
    if (!f->n_entries) return NULL;
    tn__entry **e = bsearch(name, f->by_name, (size_t)f->n_entries, sizeof *f->by_name, compare_name);
    return e ? *e : NULL;
}

int tn_file_count(const tn_file *f)
{
    return f ? f->n_entries : 0;
}

bool tn_file_at(const tn_file *f, int i, tn_file_entry *entry)
{
    if (!f || !entry || i < 0 || i >= f->n_entries) return false;
    const tn__entry *e = &f->entry[i];
    *entry = (tn_file_entry){e->name, e->dtype_name, e->shape};
    return true;
}

/* ---- numbers ----------------------------------------------------------------------------------------------------- */

/* Decodes one block's numbers, the first of which is e's number i. */
static bool decode(const tn_file *f, const tn__entry *e, int64_t i, const unsigned char *block, int64_t n, void *to)
{
    if (e->dtype->to_int) {
        e->dtype->to_int(block, n, (int64_t *)to + i);
        return true;
    }
    int64_t bad = e->dtype->to_real(block, n, (tn_real *)to + i);
    if (bad == n) return true;
    return tn__file_fail(f, TN_EFORMAT, "byte %lld: tensor %s: number %lld is too large for this build's type",
                         (ll)(TN__PREFIX + f->header + e->begin + (i + bad) * e->dtype->width), TN__QUOTE(e->name),
                         (ll)(i + bad));
}

static bool read_numbers(const tn_file *f, const tn__entry *e, void *to)
{
    unsigned char block[BLOCK];
    int64_t most = BLOCK / e->dtype->width, at = TN__PREFIX + f->header + e->begin;
    for (int64_t i = 0; i < e->n; i += most) {
        int64_t n = e->n - i < most ? e->n - i : most;
        if (!read_bytes(f, at + i * e->dtype->width, block, (size_t)(n * e->dtype->width))) return false;
        if (!decode(f, e, i, block, n, to)) return false;
    }
    return true;
}

static bool read_entry(const tn_file *f, const char *name, bool integers, void *to, int64_t n)
{
    if (!f || f->err->code) return false;
    if (!name || (!to && n)) return tn__file_fail(f, TN_EUSAGE, "the %s is NULL", name ? "room for numbers" : "name");
    const tn__entry *e = find(f, name);
    if (!e) return tn__file_fail(f, TN_EFORMAT, "there is no tensor %s", TN__QUOTE(name));
    if (integers ? !e->dtype->to_int : !e->dtype->to_real)
        return tn__file_fail(f, TN_EUSAGE, "tensor %s is of type %s: %s", TN__QUOTE(name), e->dtype_name,
                             e->dtype->to_int    ? "read it with tn_file_read_ints"
                             : e->dtype->to_real ? "read it with tn_file_read"
                                                 : "tarn does not read that, save it as F32");
    if (e->n != n)
        return tn__file_fail(f, TN_ESHAPE, "tensor %s has %lld numbers, the room is for %lld", TN__QUOTE(name),
                             (ll)e->n, (ll)n);
    return read_numbers(f, e, to);
}

bool tn_file_read_ints(tn_file *f, const char *name, int64_t *to, int64_t n)
{
    return read_entry(f, name, true, to, n);
}

bool tn_file_read(tn_file *f, const char *name, tn_real *to, int64_t n)
{
    return read_entry(f, name, false, to, n);
}

/* ---- does the file fit the params? ------------------------------------------------------------------------------- */

/* All that does not fit, in one text: "a; b; ... and 12 more". */
typedef struct misfits {
    char   text[TN_ERROR_TEXT - 260]; /* the rest is for the path */
    size_t used;
    int    more;                      /* that found no room */
} misfits;

static void add_misfit(misfits *m, const char *name, const char *what)
{
    char quoted[TN__QUOTED], one[TN__QUOTED + 2 * TN_SHAPE_TEXT + 64];
    int n = snprintf(one, sizeof one, "%stensor %s %s", m->used ? "; " : "", tn__quote(name, quoted), what);
    if (m->more || m->used + (size_t)n + sizeof "; ... and 2147483647 more" > sizeof m->text) {
        m->more++;
        return;
    }
    memcpy(m->text + m->used, one, (size_t)n + 1);
    m->used += (size_t)n;
}

static bool has_shape(const tn_tensor *x, const tn_dims *shape)
{
    return x->rank == shape->n && memcmp(x->size, shape->at, (size_t)x->rank * sizeof *x->size) == 0;
}

static void check_param(misfits *m, const tn_tensor *x, tn__entry *e)
{
    char what[2 * TN_SHAPE_TEXT + 40];
    tn_tensor given = {.rank = e ? e->shape.n : 0};
    if (!e) {
        add_misfit(m, x->name, "is missing");
        return;
    }
    e->used = true;
    memcpy(given.size, e->shape.at, sizeof given.size);
    if (!has_shape(x, &e->shape))
        snprintf(what, sizeof what, "is %s, the model wants %s", TN_STR(&given), TN_STR(x));
    else if (!e->dtype->to_real && !(e->dtype->to_int && tn_is_buffer(x)))
        snprintf(what, sizeof what, "is of type %s, the model wants F32, F64, F16 or BF16", e->dtype_name);
    else return;
    add_misfit(m, x->name, what);
}

/* The same numbers, byte by byte? A file that cannot be read says no, and its error. */
static bool same_bytes(const tn_file *f, const tn__entry *a, const tn__entry *b)
{
    unsigned char x[BLOCK], y[BLOCK];
    const int64_t base = TN__PREFIX + f->header, bytes = a->end - a->begin;
    for (int64_t i = 0; i < bytes; i += BLOCK) {
        const size_t n = bytes - i < BLOCK ? (size_t)(bytes - i) : BLOCK;
        if (!read_bytes(f, base + a->begin + i, x, n) || !read_bytes(f, base + b->begin + i, y, n)) return false;
        if (memcmp(x, y, n) != 0) return false;
    }
    return true;
}

/* Of tied weights, which PyTorch names twice? Vectors are not asked: those of ones and zeros are alike by chance. */
static bool is_second_name(const tn_file *f, const tn_params *ps, const tn__entry *e)
{
    for (int i = 0; i < tn_params_count(ps) && e->shape.n >= 2; i++) {
        const tn_tensor *x = tn_params_at(ps, i);
        if (!has_shape(x, &e->shape)) continue;
        const tn__entry *o = find(f, x->name);
        if (o && o->dtype == e->dtype && has_shape(x, &o->shape) && same_bytes(f, o, e)) return true;
    }
    return false;
}

static bool check_fit(tn_file *f, const tn_params *ps, unsigned flags)
{
    misfits m = {"", 0, 0};
    for (int i = 0; i < f->n_entries; i++) f->entry[i].used = false;
    for (int i = 0; i < tn_params_count(ps); i++) {
        const tn_tensor *x = tn_params_at(ps, i);
        check_param(&m, x, find(f, x->name));
    }
    for (int i = 0; i < f->n_entries && !(flags & TN_IGNORE_UNEXPECTED); i++) {
        const tn__entry *e = f->by_name[i];
        if (e->used || strncmp(e->name, "optim.", 6) == 0 || is_second_name(f, ps, e)) continue;
        add_misfit(&m, e->name, "is unexpected");
    }
    if (m.more) snprintf(m.text + m.used, sizeof m.text - m.used, "; ... and %d more", m.more);
    return !m.used || tn__file_fail(f, TN_EFORMAT, "%s", m.text);
}

/* ---- loading ----------------------------------------------------------------------------------------------------- */

/* A buffer may stand there in integers: PyTorch counts batches so. */
static bool read_integers(const tn_file *f, const tn__entry *e, tn_real *to)
{
    int64_t *whole = tn_malloc((size_t)e->n * sizeof *whole);
    if (!whole) return tn__file_fail(f, TN_EMEMORY, "out of memory for %lld numbers", (ll)e->n);
    bool ok = read_numbers(f, e, whole);
    for (int64_t i = 0; i < e->n && ok; i++) to[i] = (tn_real)whole[i];
    tn_free(whole);
    return ok;
}

static bool read_values(const tn_file *f, const tn__entry *e, tn_real *to)
{
    return e->dtype->to_real ? read_numbers(f, e, to) : read_integers(f, e, to);
}

/* All numbers come to a place of their own first: a file that turns out unreadable in its middle changes nothing. */
static bool load_values(const tn_file *f, tn_params *ps)
{
    int64_t n = 0;
    for (int i = 0; i < tn_params_count(ps); i++) n += tn_params_at(ps, i)->n;
    tn_real *all = tn_malloc((size_t)n * sizeof *all), *to = all;
    if (!all) return tn__file_fail(f, TN_EMEMORY, "out of memory for %lld numbers", (ll)n);
    tn__populate(all, (size_t)n * sizeof *all);
    bool ok = true;
    for (int i = 0; i < tn_params_count(ps) && ok; i++) {
        const tn_tensor *x = tn_params_at(ps, i);
        ok = read_values(f, find(f, x->name), to);
        to += x->n;
    }
    to = all;
    for (int i = 0; i < tn_params_count(ps) && ok; i++) {
        tn_tensor *x = tn_params_at(ps, i);
        tn__populate(x->data, (size_t)x->n * sizeof *to);
        memcpy(x->data, to, (size_t)x->n * sizeof *to);
        to += x->n;
    }
    tn_free(all);
    return ok;
}

bool tn_file_load(tn_file *f, tn_params *ps, unsigned flags)
{
    tn_error *err = tn_params_error(ps);
    if (!ps || err->code || (f && f->err->code)) return false;
    if (!f) return tn_fail(err, TN_EUSAGE, "load: the file is NULL, and no earlier error says why");
    bool ok = flags > TN_IGNORE_UNEXPECTED
                  ? tn__file_fail(f, TN_EUSAGE, "flags %u are not TN_STRICT or TN_IGNORE_UNEXPECTED", flags)
                  : check_fit(f, ps, flags) && load_values(f, ps);
    if (ok) tn_params_zero_grad(ps);
    else tn_fail(err, f->err->code, "%s", f->err->text); /* where both are one, the first stays */
    return ok;
}

bool tn_load(tn_params *ps, const char *path, unsigned flags)
{
    tn_file *f = tn_file_open(path, tn_params_error(ps));
    bool ok = f && tn_file_load(f, ps, flags);
    tn_file_close(f);
    return ok;
}
