/* look.c: the recorded graph as a drawing, a params as a table. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "engine.h"

/* ---- the graph --------------------------------------------------------------------------------------------------- */

/* s inside a dot label: quotes and backslashes escaped, & spelled out (dot reads HTML entities), control characters
 * as spaces. */
static void put_label(const char *s, FILE *to)
{
    for (; *s; s++) {
        if (*s == '&') fputs("&amp;", to);
        else if (*s == '"' || *s == '\\') fprintf(to, "\\%c", *s);
        else fputc((unsigned char)*s < 0x20 ? ' ' : *s, to);
    }
}

static int compare_params(const void *a, const void *b)
{
    const tn_tensor *x = *(const tn_tensor *const *)a, *y = *(const tn_tensor *const *)b;
    int order = strcmp(x->name, y->name);
    return order ? order : (x > y) - (x < y); /* two params may have the same name */
}

/* The parameters that the tape's ops read, by name and each once; *n of them. NULL: no memory. */
static const tn_tensor **params_of(const tn_tape *t, size_t *n)
{
    size_t all = 0, kept = 0;
    for (int64_t i = 0; i < tn__tape_count_nodes(t); i++) all += (size_t)tn__tape_node(t, i)->n_in;
    const tn_tensor **param = tn_malloc(all * sizeof *param);
    if (!param) return NULL;
    all = 0;
    for (int64_t i = 0; i < tn__tape_count_nodes(t); i++) {
        const tn_tensor *y = tn__tape_node(t, i);
        for (int k = 0; k < y->n_in; k++)
            if (y->in[k] && !y->in[k]->tape) param[all++] = y->in[k];
    }
    qsort(param, all, sizeof *param, compare_params);
    for (size_t i = 0; i < all; i++)
        if (i == 0 || param[i] != param[i - 1]) param[kept++] = param[i];
    *n = kept;
    return param;
}

static const char *kind_of(const tn_tensor *x)
{
    return tn_is_buffer(x) ? "buffer" : tn_is_frozen(x) ? "frozen" : "trainable";
}

static void draw_param(const tn_tensor *x, size_t i, FILE *to)
{
    fprintf(to, "  p%zu [shape=box, label=\"", i);
    put_label(x->name, to);
    fprintf(to, "\\n%s\"%s];\n", TN_STR(x), strcmp(kind_of(x), "trainable") ? ", style=dashed" : "");
}

static void draw_node(const tn_tensor *y, FILE *to)
{
    bool wants = tn__node_of(y)->flags & TN__WANTS;
    fprintf(to, "  t%" PRId64 " [label=\"", tn__node_of(y)->index);
    put_label(y->op ? y->op->name : wants ? "input" : "constant", to);
    fprintf(to, "\\n%s\"%s];\n", TN_STR(y), y->op ? "" : ", shape=plaintext");
}

static void draw_edges(const tn_tensor *y, const tn_tensor **param, size_t n, FILE *to)
{
    for (int k = 0; k < y->n_in; k++) {
        const tn_tensor *x = y->in[k];
        if (!x) continue;
        const tn_tensor **p = x->tape ? NULL : bsearch(&x, param, n, sizeof *param, compare_params);
        if (p) fprintf(to, "  p%td", p - param);
        else fprintf(to, "  t%" PRId64, tn__node_of(x)->index);
        fprintf(to, " -> t%" PRId64 ";\n", tn__node_of(y)->index);
    }
}

void tn_draw(const tn_tape *t, FILE *to)
{
    size_t n = 0;
    if (!t || !to) return;
    const tn_tensor **param = params_of(t, &n);
    if (!param) {
        tn_fail(tn_tape_error(t), TN_EMEMORY, "draw: out of memory");
        return;
    }
    fputs("digraph tape {\n  node [shape=ellipse, fontname=\"sans-serif\"];\n", to);
    for (size_t i = 0; i < n; i++) draw_param(param[i], i, to);
    for (int64_t i = 0; i < tn__tape_count_nodes(t); i++) {
        draw_node(tn__tape_node(t, i), to);
        draw_edges(tn__tape_node(t, i), param, n, to);
    }
    fputs("}\n", to);
    tn_free(param);
}

/* ---- the table --------------------------------------------------------------------------------------------------- */

/* Columns of a text on a terminal: CJK and what stands behind it in Unicode takes two. */
static int columns(const char *s)
{
    int n = 0;
    for (; *s; s++) {
        unsigned char c = (unsigned char)*s;
        if ((c & 0xC0) != 0x80) n += c >= 0xE3 ? 2 : 1;
    }
    return n;
}

typedef struct widths {
    int name, shape, count;
} widths;

static void put_row(widths w, const char *name, const char *shape, const char *count, const char *kind, FILE *to)
{
    fprintf(to, "%s%*s  %-*s  %*s", name, w.name - columns(name), "", w.shape, shape, w.count, count);
    fprintf(to, *kind ? "  %s\n" : "\n", kind);
}

static void put_rule(widths w, FILE *to)
{
    for (int i = 0; i < w.name + w.shape + w.count + 6 + 9; i++) fputc('-', to);
    fputc('\n', to);
}

static int larger(int a, size_t b)
{
    return b > (size_t)a ? (int)b : a;
}

static widths measure(const tn_params *ps, const char *total)
{
    widths w = {.name = (int)strlen("trainable"), .shape = (int)strlen("shape"), .count = (int)strlen("numbers")};
    for (int i = 0; i < tn_params_count(ps); i++) {
        const tn_tensor *x = tn_params_at(ps, i);
        w.name = larger(w.name, (size_t)columns(x->name));
        w.shape = larger(w.shape, strlen(TN_STR(x)));
    }
    w.count = larger(w.count, strlen(total));
    return w;
}

enum { DIGITS = 24 };

static const char *count_text(int64_t n, char *buffer)
{
    snprintf(buffer, DIGITS, "%" PRId64, n);
    return buffer;
}

/* Numbers of one kind; of all kinds if it is NULL. */
static int64_t count_kind(const tn_params *ps, const char *kind)
{
    int64_t n = 0;
    for (int i = 0; i < tn_params_count(ps); i++) {
        const tn_tensor *x = tn_params_at(ps, i);
        if (!kind || !strcmp(kind, kind_of(x))) n += x->n;
    }
    return n;
}

static void put_totals(const tn_params *ps, widths w, FILE *to)
{
    static const char *const kinds[] = {"trainable", "frozen", "buffer"};
    char digits[DIGITS];
    for (int k = 0; k < 3; k++) {
        int64_t n = count_kind(ps, kinds[k]);
        if (n || k == 0) put_row(w, kinds[k], "", count_text(n, digits), "", to);
    }
    put_row(w, "total", "", count_text(count_kind(ps, NULL), digits), "", to);
}

void tn_summary(const tn_params *ps, FILE *to)
{
    char digits[DIGITS];
    if (!ps || !to) return;
    widths w = measure(ps, count_text(count_kind(ps, NULL), digits));
    put_row(w, "name", "shape", "numbers", "kind", to);
    put_rule(w, to);
    for (int i = 0; i < tn_params_count(ps); i++) {
        const tn_tensor *x = tn_params_at(ps, i);
        put_row(w, x->name, TN_STR(x), count_text(x->n, digits), kind_of(x), to);
    }
    put_rule(w, to);
    put_totals(ps, w, to);
}
