/* safetensors_header.c: the header of a safetensors file, read strictly. Whatever the bytes are, the time is linear
 * (but for sorting) and the memory is a small multiple of the header's size. */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "safetensors.h"

typedef long long ll;

/* ---- what errors say --------------------------------------------------------------------------------------------- */

const char *tn__quote(const char *name, char *buffer)
{
    char *end = buffer, *last = buffer + TN__QUOTED - 12; /* room for an escape, the dots and the quote */
    char escaped[7];
    *end++ = '"';
    while (*name && end < last) {
        size_t length = tn__utf8_length(name, strlen(name));
        if (length <= 1) end += strlen(strcpy(end, tn__json_escape(length ? *name : '?', escaped)));
        else end = (char *)memcpy(end, name, length) + length;
        name += length ? length : 1;
    }
    strcpy(end, *name ? "...\"" : "\"");
    return buffer;
}

bool tn__file_fail(const tn_file *f, tn_code code, const char *format, ...)
{
    char text[TN_ERROR_TEXT];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    size_t length = strlen(f->path), most = 200; /* of a long path, the end says more */
    const char *path = f->path + (length > most ? length - most : 0);
    while (((unsigned char)*path & 0xC0) == 0x80) path++;
    return tn_fail(f->err, code, "load \"%s%s\": %s", path == f->path ? "" : "...", path, text);
}

static bool fail_at(const tn_file *f, size_t at, const char *problem)
{
    return tn__file_fail(f, TN_EFORMAT, "byte %lld: %s", (ll)at, problem);
}

static bool out_of_memory(const tn_file *f)
{
    return tn__file_fail(f, TN_EMEMORY, "out of memory for a header of %lld bytes", (ll)f->header);
}

/* ---- the grammar ------------------------------------------------------------------------------------------------- */

/* The array of n with room for one more: it doubles. NULL: no memory, and the old one stays. */
static void *grow(void *array, int n, int *room, size_t size)
{
    if (n < *room) return array;
    int wanted = *room ? 2 * *room : 16;
    void *larger = tn_realloc(array, (size_t)wanted * size);
    if (larger) *room = wanted;
    return larger;
}

static void parse_dtype(tn__json *j, tn__entry *e)
{
    e->dtype_name = tn__json_string(j);
    e->dtype = e->dtype_name ? tn__dtype_find(e->dtype_name) : NULL;
}

static void parse_shape(tn__json *j, tn__entry *e)
{
    size_t start = j->at;
    tn__json_expect(j, '[');
    for (int i = 0; tn__json_more(j, ']', i); i++) {
        int64_t size = tn__json_integer(j);
        if (i == TN_MAX_RANK) tn__json_fail(j, start, "a tensor of more than 8 dimensions, which tarn does not have");
        else e->shape.at[e->shape.n++] = size;
        if (j->problem) return;
    }
    if (!j->problem && !tn__count(e->shape.n, e->shape.at, &e->n))
        tn__json_fail(j, start, "the product of the sizes is too large");
}

static void parse_offsets(tn__json *j, tn__entry *e)
{
    tn__json_expect(j, '[');
    e->begin = tn__json_integer(j);
    tn__json_expect(j, ',');
    e->end = tn__json_integer(j);
    tn__json_expect(j, ']');
}

static void parse_field(tn__json *j, tn__entry *e, unsigned *seen)
{
    static const char *const names[] = {"dtype", "shape", "data_offsets"};
    static void (*const parse[])(tn__json *, tn__entry *) = {parse_dtype, parse_shape, parse_offsets};
    tn__json_skip(j);
    size_t at = j->at;
    const char *key = tn__json_string(j);
    int k = 0;
    while (key && k < 3 && strcmp(key, names[k])) k++;
    if (key && k == 3) tn__json_fail(j, at, "a tensor has dtype, shape and data_offsets, and nothing else");
    if (key && k < 3 && *seen & 1u << k) tn__json_fail(j, at, "the same key twice");
    tn__json_expect(j, ':');
    if (j->problem) return;
    *seen |= 1u << k;
    parse[k](j, e);
}

static bool parse_entry(tn_file *f, tn__json *j, const char *name, size_t at)
{
    tn__entry *all = grow(f->entry, f->n_entries, &f->entry_room, sizeof *all), *e;
    if (!all) return out_of_memory(f);
    f->entry = all;
    e = &all[f->n_entries++];
    *e = (tn__entry){.name = name, .at = TN__PREFIX + at};
    unsigned seen = 0;
    tn__json_expect(j, '{');
    for (int i = 0; tn__json_more(j, '}', i); i++) parse_field(j, e, &seen);
    if (seen != 7) tn__json_fail(j, at, "a tensor needs dtype, shape and data_offsets");
    return true;
}

static bool parse_pairs(tn_file *f, tn__json *j)
{
    tn__json_expect(j, '{');
    for (int i = 0; tn__json_more(j, '}', i); i++) {
        tn__json_skip(j);
        tn__pair *all = grow(f->pair, f->n_pairs, &f->pair_room, sizeof *all), *p;
        if (!all) return out_of_memory(f);
        f->pair = all;
        p = &all[f->n_pairs++];
        p->at = TN__PREFIX + j->at;
        p->key = tn__json_string(j);
        tn__json_expect(j, ':');
        p->value = tn__json_string(j);
    }
    return true;
}

/* The members of the one object, up to its end. */
static bool parse_members(tn_file *f, tn__json *j)
{
    bool metadata = false;
    tn__json_expect(j, '{');
    for (int i = 0; tn__json_more(j, '}', i); i++) {
        tn__json_skip(j);
        size_t at = j->at;
        const char *name = tn__json_string(j);
        bool is_metadata = name && !strcmp(name, "__metadata__");
        if (is_metadata && metadata) tn__json_fail(j, at, "__metadata__ twice");
        metadata = metadata || is_metadata;
        tn__json_expect(j, ':');
        if (j->problem) break;
        if (!(is_metadata ? parse_pairs(f, j) : parse_entry(f, j, name, at))) return false;
    }
    return j->problem ? fail_at(f, TN__PREFIX + j->problem_at, j->problem) : true;
}

static bool parse_text(tn_file *f, const char *text)
{
    size_t size = (size_t)f->header, bad = tn__utf8_check(text, size);
    if (bad < size) return fail_at(f, TN__PREFIX + bad, "the header is not UTF-8");
    if (!size || text[0] != '{') return fail_at(f, TN__PREFIX, "the header does not begin with '{'");
    f->text = tn_malloc(size);
    if (!f->text) return out_of_memory(f);
    tn__populate(f->text, size);
    tn__json j = {.bytes = text, .size = size, .text = f->text};
    if (!parse_members(f, &j)) return false;
    while (j.at < size && text[j.at] == ' ') j.at++;
    return j.at == size || fail_at(f, TN__PREFIX + j.at, "something other than spaces after the header's object");
}

/* ---- what the members must be together --------------------------------------------------------------------------- */

static int compare_keys(const void *a, const void *b)
{
    return strcmp(((const tn__pair *)a)->key, ((const tn__pair *)b)->key);
}

static int compare_names(const void *a, const void *b)
{
    return strcmp((*(tn__entry *const *)a)->name, (*(tn__entry *const *)b)->name);
}

static int compare_places(const void *a, const void *b)
{
    const tn__entry *x = a, *y = b;
    if (x->begin != y->begin) return x->begin < y->begin ? -1 : 1;
    if (x->end != y->end) return x->end < y->end ? -1 : 1;
    return strcmp(x->name, y->name);
}

static bool fail_twice(const tn_file *f, const char *what, const char *name, size_t a, size_t b)
{
    return tn__file_fail(f, TN_EFORMAT, "byte %lld: %s %s is there twice (also at byte %lld)",
                         (ll)(a > b ? a : b), what, TN__QUOTE(name), (ll)(a > b ? b : a));
}

static bool sort_pairs(tn_file *f)
{
    if (f->n_pairs) qsort(f->pair, (size_t)f->n_pairs, sizeof *f->pair, compare_keys);
    for (int i = 1; i < f->n_pairs; i++) {
        const tn__pair *p = &f->pair[i];
        if (!strcmp(p[-1].key, p->key)) return fail_twice(f, "the key", p->key, p[-1].at, p->at);
    }
    return true;
}

static bool sort_entries(tn_file *f)
{
    size_t n = (size_t)f->n_entries;
    f->by_name = tn_malloc(n * sizeof *f->by_name);
    if (!f->by_name) return out_of_memory(f);
    if (n) qsort(f->entry, n, sizeof *f->entry, compare_places);
    for (size_t i = 0; i < n; i++) f->by_name[i] = &f->entry[i];
    if (n) qsort(f->by_name, n, sizeof *f->by_name, compare_names);
    for (size_t i = 1; i < n; i++) {
        const tn__entry *a = f->by_name[i - 1], *b = f->by_name[i];
        if (!strcmp(a->name, b->name)) return fail_twice(f, "tensor", a->name, a->at, b->at);
    }
    return true;
}

/* Records `byte N: tensor "name" ...`; returns false. */
static bool fail_entry(const tn_file *f, tn_code code, const tn__entry *e, const char *format, ...) TN_PRINTF(4, 5);
static bool fail_entry(const tn_file *f, tn_code code, const tn__entry *e, const char *format, ...)
{
    char text[300];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return tn__file_fail(f, code, "byte %lld: tensor %s %s", (ll)e->at, TN__QUOTE(e->name), text);
}

/* One entry, whose data must begin at byte `at` of the data. */
static bool check_place(const tn_file *f, const tn__entry *e, int64_t at)
{
    ll all = f->in.size - TN__PREFIX - f->header, size = e->end - e->begin;
    if (size < 0 || e->end > all)
        return fail_entry(f, TN_EFORMAT, e, "is at bytes %lld to %lld of the data, which has %lld", (ll)e->begin,
                          (ll)e->end, all);
    if (e->begin != at)
        return fail_entry(f, TN_EFORMAT, e, "begins at byte %lld of the data, the one before it ends at %lld: %s",
                          (ll)e->begin, (ll)at, e->begin > at ? "a hole" : "an overlap");
    if (e->dtype && size / e->dtype->width != e->n)
        return fail_entry(f, TN_EFORMAT, e, "has %lld numbers of %d bytes, but %lld bytes of data", (ll)e->n,
                          e->dtype->width, size);
    if (e->dtype && size % e->dtype->width != 0)
        return fail_entry(f, TN_EFORMAT, e, "has %lld bytes of data, no multiple of %d", size, e->dtype->width);
    return true;
}

static bool check_places(const tn_file *f)
{
    int64_t at = 0, data = TN__PREFIX + f->header;
    for (int i = 0; i < f->n_entries; i++) {
        if (!check_place(f, &f->entry[i], at)) return false;
        at = f->entry[i].end;
    }
    if (at == f->in.size - data) return true;
    return tn__file_fail(f, TN_EFORMAT, "byte %lld: the tensors end here, the file has %lld bytes", (ll)(data + at),
                         (ll)f->in.size);
}

/* Last, so that a file which is also malformed is called that. */
static bool check_dtypes(const tn_file *f)
{
    for (int i = 0; i < f->n_entries; i++) {
        const tn__entry *e = &f->entry[i];
        if (!e->dtype)
            return fail_entry(f, TN_EUSAGE, e, "is of type %s, which tarn does not know: save it as F32",
                              TN__QUOTE(e->dtype_name));
    }
    return true;
}

bool tn__header_parse(tn_file *f, const char *text)
{
    return parse_text(f, text) && sort_pairs(f) && sort_entries(f) && check_places(f) && check_dtypes(f);
}

bool tn__header_size(tn_file *f, const unsigned char *prefix)
{
    uint64_t n = 0;
    if (f->in.size < TN__PREFIX)
        return tn__file_fail(f, TN_EFORMAT, "byte %lld: the file ends here, the header's size takes 8 bytes",
                             (ll)f->in.size);
    if (!memcmp(prefix, "PK\3\4", 4))
        return tn__file_fail(f, TN_EFORMAT, "byte 0: a zip archive, as torch.save writes it: save the state_dict as safetensors "
                             "(examples/pytorch.py does)");
    for (int i = TN__PREFIX; i-- > 0;) n = n << 8 | prefix[i];
    if (n > TN__MAX_HEADER)
        return tn__file_fail(f, TN_EFORMAT, "byte 0: the header's size is %llu, at most %d is possible: "
                             "no safetensors file?", (unsigned long long)n, TN__MAX_HEADER);
    if ((int64_t)n > f->in.size - TN__PREFIX)
        return tn__file_fail(f, TN_EFORMAT, "byte %lld: the file ends here, its header at %lld", (ll)f->in.size,
                             (ll)(TN__PREFIX + n));
    f->header = (int64_t)n;
    return true;
}
