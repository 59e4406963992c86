/* npy.c: one array in NumPy's .npy format (numpy.lib.format), in and out. */
#include <inttypes.h>
#include <string.h>

#include "npy.h"
#include "outfile.h"
#include "safetensors.h"

enum { MAGIC = 6, MAX_HEADER = 1 << 16, BLOCK_NUMBERS = 4096 };
static const char magic[] = "\x93NUMPY";

/* ---- the header: a Python dictionary of three keys --------------------------------------------------------------- */

typedef struct npy {
    const char *path;
    tn_error   *err;
    tn__in      in;
    int64_t     place;          /* of the next byte to read */
    char       *header;         /* its text, with a zero byte */
    const char *at;             /* the next character */
    char        descr[16];
    bool        fortran_order;
    tn_dims     shape;
    int64_t     n;
    unsigned    seen;           /* bit k: the k-th of the keys */
    const tn__dtype *dtype;
} npy;

static bool fail(const npy *p, tn_code code, const char *what)
{
    return tn_fail(p->err, code, "load \"%s\": %s", p->path, what);
}

static bool fail_header(const npy *p, const char *wanted)
{
    return tn_fail(p->err, TN_EFORMAT, "load \"%s\": character %lld of the .npy header: %s is wanted here", p->path,
                   (long long)(p->at - p->header), wanted);
}

static bool take(npy *p, const char *token)
{
    p->at += strspn(p->at, " ");
    if (strncmp(p->at, token, strlen(token)) != 0) return false;
    p->at += strlen(token);
    return true;
}

/* 'text' or "text" of at most size - 1 characters, none of them escaped. */
static bool read_string(npy *p, char *to, size_t size)
{
    p->at += strspn(p->at, " ");
    char quote = *p->at;
    const char *end = quote == '\'' || quote == '"' ? strchr(p->at + 1, quote) : NULL;
    size_t n = end ? (size_t)(end - p->at - 1) : size;
    if (n >= size || memchr(p->at + 1, '\\', n)) return fail_header(p, "a short string");
    memcpy(to, p->at + 1, n);
    to[n] = 0;
    p->at = end + 1;
    return true;
}

static bool read_size(npy *p)
{
    int64_t size = 0;
    p->at += strspn(p->at, " ");
    if (*p->at < '0' || *p->at > '9') return fail_header(p, "a size");
    if (p->shape.n == TN_MAX_RANK) return fail(p, TN_EFORMAT, "more than 8 dimensions");
    for (; *p->at >= '0' && *p->at <= '9'; p->at++) {
        if (size > (INT64_MAX - 9) / 10) return fail(p, TN_EFORMAT, "the shape is larger than any memory");
        size = 10 * size + (*p->at - '0');
    }
    p->shape.at[p->shape.n++] = size;
    return true;
}

/* (), (3,), (3, 4) or (3, 4,) */
static bool read_shape(npy *p)
{
    if (!take(p, "(")) return fail_header(p, "(");
    while (!take(p, ")")) {
        if (!read_size(p)) return false;
        if (take(p, ",")) continue;
        if (p->shape.n < 2 || !take(p, ")")) return fail_header(p, "a comma");
        return true;
    }
    return true;
}

static bool read_order(npy *p)
{
    p->fortran_order = take(p, "True");
    return p->fortran_order || take(p, "False") || fail_header(p, "True or False");
}

static bool read_item(npy *p)
{
    static const char *const keys[] = {"descr", "fortran_order", "shape"};
    char key[16];
    unsigned k = 0;
    if (!read_string(p, key, sizeof key)) return false;
    while (k < 3 && strcmp(key, keys[k]) != 0) k++;
    if (k == 3 || p->seen & 1u << k)
        return tn_fail(p->err, TN_EFORMAT, "load \"%s\": the .npy header has the key \"%s\"%s", p->path, key, k == 3 ? "" : " twice");
    p->seen |= 1u << k;
    if (!take(p, ":")) return fail_header(p, "a colon");
    return k == 0 ? read_string(p, p->descr, sizeof p->descr) : k == 1 ? read_order(p) : read_shape(p);
}

static bool read_dictionary(npy *p)
{
    if (!take(p, "{")) return fail_header(p, "{");
    while (!take(p, "}")) {
        if (!read_item(p)) return false;
        if (take(p, ",")) continue;
        if (!take(p, "}")) return fail_header(p, "a comma");
        break;
    }
    p->at += strspn(p->at, " ");
    if (strcmp(p->at, "\n") != 0) return fail_header(p, "spaces and the end of the line");
    return p->seen == 7 || fail(p, TN_EFORMAT, "the .npy header wants descr, fortran_order and shape");
}

/* ---- what it says ------------------------------------------------------------------------------------------------ */

static const char *dtype_of(const char *descr)
{
    static const char *const known[][2] = {{"<f4", "F32"}, {"<f8", "F64"}, {"<i4", "I32"}, {"<i8", "I64"}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (!strcmp(descr, known[i][0])) return known[i][1];
    return NULL;
}

static bool check_header(npy *p, int64_t begin)
{
    const char *dtype = dtype_of(p->descr);
    if (!dtype)
        return tn_fail(p->err, TN_EUSAGE, "load \"%s\": it has numbers of type \"%s\"; <f4, <f8, <i4 and <i8 are read: convert "
                       "it with astype(\"<f4\")", p->path, p->descr);
    if (p->fortran_order)
        return fail(p, TN_EUSAGE, "it is in Fortran's order: save numpy.ascontiguousarray of it");
    p->dtype = tn__dtype_find(dtype);
    if (!tn__count(p->shape.n, p->shape.at, &p->n)) return fail(p, TN_EFORMAT, "the shape is larger than any memory");
    int64_t wanted = begin + p->n * p->dtype->width;
    if (wanted != p->in.size)
        return tn_fail(p->err, TN_EFORMAT, "load \"%s\": the file has %" PRId64 " bytes, its header says %" PRId64, p->path, p->in.size,
                       wanted);
    return true;
}

static bool read_bytes(npy *p, void *to, size_t n)
{
    int64_t got = tn__in_read(&p->in, p->place, to, n);
    if (got < 0) return fail(p, TN_EIO, tn__in_reason("read", (char[TN__REASON]){0}));
    p->place += got;
    return got == (int64_t)n || fail(p, TN_EFORMAT, "the file ends too early: no .npy file?");
}

/* Magic, version, the length of the header in 2 bytes (version 1) or 4, the header. */
static bool read_header(npy *p)
{
    unsigned char b[MAGIC + 6];
    if (!read_bytes(p, b, MAGIC + 2)) return false;
    if (memcmp(b, magic, MAGIC) != 0) return fail(p, TN_EFORMAT, "byte 0: it does not begin as a .npy file does");
    int version = b[MAGIC], width = version == 1 ? 2 : 4;
    if (version < 1 || version > 3 || b[MAGIC + 1]) return fail(p, TN_EFORMAT, "byte 6: only versions 1.0, 2.0 and 3.0 are known");
    if (!read_bytes(p, b, (size_t)width)) return false;
    int64_t n = 0;
    for (int i = width; i-- > 0;) n = n << 8 | b[i];
    if (n < 1 || n > MAX_HEADER || n > p->in.size) return fail(p, TN_EFORMAT, "byte 8: a header of this length is not possible");
    p->header = tn_malloc((size_t)n + 1);
    if (!p->header) return fail(p, TN_EMEMORY, "out of memory");
    if (!read_bytes(p, p->header, (size_t)n)) return false;
    p->header[n] = 0;
    if (memchr(p->header, 0, (size_t)n)) return fail(p, TN_EFORMAT, "the .npy header has a zero byte");
    p->at = p->header;
    return read_dictionary(p) && check_header(p, MAGIC + 2 + width + n);
}

/* ---- numbers ----------------------------------------------------------------------------------------------------- */

/* The index of the first that does not fit, n if all do. */
static int64_t decode(const tn__dtype *type, const unsigned char *from, int64_t n, tn_real *to)
{
    int64_t whole[BLOCK_NUMBERS];
    if (type->to_real) return type->to_real(from, n, to);
    type->to_int(from, n, whole);
    for (int64_t i = 0; i < n; i++) {
        to[i] = (tn_real)whole[i];
        if (to[i] >= (tn_real)0x1p63 || (int64_t)to[i] != whole[i]) return i;
    }
    return n;
}

static bool read_numbers(npy *p, tn_real *to)
{
    unsigned char block[BLOCK_NUMBERS * 8];
    for (int64_t i = 0; i < p->n; i += BLOCK_NUMBERS) {
        int64_t n = p->n - i < BLOCK_NUMBERS ? p->n - i : BLOCK_NUMBERS;
        if (!read_bytes(p, block, (size_t)(n * p->dtype->width))) return false;
        int64_t bad = decode(p->dtype, block, n, to + i);
        if (bad < n)
            return tn_fail(p->err, TN_EFORMAT, "load \"%s\": number %" PRId64 " does not fit this build's type", p->path, i + bad);
    }
    return true;
}

static bool open_file(npy *p)
{
    if (!p->path) return tn_fail(p->err, TN_EUSAGE, "load: the path is NULL");
    const char *wrong = tn__in_open(&p->in, p->path, (char[TN__REASON]){0});
    return !wrong || fail(p, TN_EIO, wrong);
}

static tn_tensor *load(tn_tape *t, npy *p)
{
    tn_tensor *x = read_header(p) ? tn_input(t, p->shape, NULL, false) : NULL;
    if (x && !read_numbers(p, x->data)) x = NULL;
    tn__in_close(&p->in);
    tn_free(p->header);
    return x;
}

tn_tensor *tn__npy_parse(tn_tape *t, const void *bytes, size_t size, const char *path)
{
    return load(t, &(npy){.path = path, .err = tn_tape_error(t), .in = tn__in_memory(bytes, size)});
}

tn_tensor *tn_npy_load(tn_tape *t, const char *path)
{
    if (!tn_ok(t)) return NULL;
    npy p = {.path = path, .err = tn_tape_error(t)};
    return open_file(&p) ? load(t, &p) : NULL;
}

/* ---- out --------------------------------------------------------------------------------------------------------- */

/* Magic, version 1.0, the length and the dictionary, padded so that the numbers begin at a multiple of 64. */
static size_t put_header(const tn_tensor *x, char *to)
{
    enum { BEFORE = MAGIC + 4 };
    int n = BEFORE + sprintf(to + BEFORE, "{'descr': '<f%d', 'fortran_order': False, 'shape': %s, }", (int)sizeof(tn_real), TN_STR(x));
    while (n % 64 != 63) to[n++] = ' ';
    to[n++] = '\n';
    memcpy(to, magic, MAGIC);
    to[MAGIC] = 1;
    to[MAGIC + 1] = 0;
    to[MAGIC + 2] = (char)((n - BEFORE) & 255);
    to[MAGIC + 3] = (char)((n - BEFORE) >> 8);
    return (size_t)n;
}

static bool write_file(tn__out *o, const tn_tensor *x, const char *path, tn_error *err)
{
    char header[TN_SHAPE_TEXT + 192];
    if (!tn__out_open(o, path, err)) return false;
    tn__out_write(o, header, put_header(x, header));
    tn__out_numbers(o, x->data, x->n);
    return tn__out_commit(o);
}

bool tn_npy_save(const tn_tensor *x, const char *path, tn_error *err)
{
    if (!err || err->code) return false;
    if (!x || !path) return tn_fail(err, TN_EUSAGE, "save: the %s is NULL", x ? "path" : "tensor");
    tn__out *o = tn_malloc(sizeof *o);
    bool ok = o ? write_file(o, x, path, err) : tn_fail(err, TN_EMEMORY, "save \"%s\": out of memory", path);
    tn_free(o);
    return ok;
}
