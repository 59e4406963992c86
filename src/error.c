/* error.c: the first failure, formatted. */
#include <locale.h>
#include <stdarg.h>
#include <string.h>

#include "engine.h"

/* Cuts a text that filled its buffer: at a whole character, with three dots. */
static void shorten(char *text, size_t size)
{
    size_t end = size - 4;
    while (end > 0 && ((unsigned char)text[end] & 0xC0) == 0x80) end--;
    memcpy(text + end, "...", 4);
}

int tn__format_with(char *to, size_t size, const char *format, va_list args)
{
    locale_t plain = newlocale(LC_ALL_MASK, "C", (locale_t)0), users = uselocale(plain);
    int n = vsnprintf(to, size, format, args);
    uselocale(users);
    if (plain) freelocale(plain);
    return n;
}

int tn__format(char *to, size_t size, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int n = tn__format_with(to, size, format, args);
    va_end(args);
    return n;
}

static bool set(tn_error *e, tn_code code, const char *prefix, const char *format, va_list args)
{
    if (!e || e->code) return false;
    e->code = code;
    size_t used = strlen(prefix);
    memcpy(e->text, prefix, used + 1);
    int n = format ? tn__format_with(e->text + used, sizeof e->text - used, format, args) : 0;
    if (n < 0 || (size_t)n >= sizeof e->text - used) shorten(e->text, sizeof e->text);
    return false;
}

bool tn_fail(tn_error *e, tn_code code, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    set(e, code, "", format, args);
    va_end(args);
    return false;
}

/* The layer that a parameter belongs to: "words" for "words.weight". */
static int layer_length(const char *name)
{
    const char *dot = strrchr(name, '.');
    return (int)(dot && dot > name ? (size_t)(dot - name) : strlen(name));
}

bool tn_op_fail(const tn_tensor *y, tn_code code, const char *format, ...)
{
    char prefix[TN_NAME + 64], *end = prefix;
    if (!y) return false;
    end += snprintf(prefix, sizeof prefix, "%.40s", y->op->name);
    for (int i = 0; i < y->n_in; i++) {
        const char *name = y->in[i] ? y->in[i]->name : NULL;
        if (!name) continue;
        end += snprintf(end, sizeof prefix - (size_t)(end - prefix), " \"%.*s\"", layer_length(name), name);
        break;
    }
    snprintf(end, sizeof prefix - (size_t)(end - prefix), ": ");
    va_list args;
    va_start(args, format);
    set(y->tape->err, code, prefix, format, args);
    va_end(args);
    return false;
}

void tn_error_clear(tn_error *e)
{
    if (e) *e = (tn_error){TN_OK, ""};
}

const char *tn_code_name(tn_code code)
{
    static const char *const name[] = {"ok", "shape", "index", "memory", "io", "format", "nonfinite", "usage"};
    return code >= TN_OK && code <= TN_EUSAGE ? name[code] : "unknown";
}

const char *tn_shape_text(const tn_tensor *x, char *buffer)
{
    char *end = buffer;
    if (!buffer) return NULL;
    if (!x) return memcpy(buffer, "NULL", 5);
    *end++ = '(';
    for (int d = 0; d < x->rank; d++) end += sprintf(end, d ? ", %lld" : "%lld", (long long)x->size[d]);
    memcpy(end, x->rank == 1 ? ",)" : ")", x->rank == 1 ? 3 : 2);
    return buffer;
}

tn_code tn__shape_fault(int rank, const int64_t *size, char text[TN__SHAPE_FAULT])
{
    tn_tensor x = {.rank = rank};
    bool negative = false;
    if (rank < 0 || rank > TN_MAX_RANK) {
        snprintf(text, TN__SHAPE_FAULT, "a rank of %d is not in 0..%d", rank, TN_MAX_RANK);
        return TN_ESHAPE;
    }
    for (int d = 0; d < rank; d++) {
        x.size[d] = size[d];
        negative = negative || size[d] < 0;
    }
    snprintf(text, TN__SHAPE_FAULT, "the shape %s %s", TN_STR(&x), negative ? "has a negative size" : "is larger than any memory");
    return negative ? TN_ESHAPE : TN_EMEMORY;
}
