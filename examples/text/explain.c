/* explain.c: why texts have their labels, for people. */
#include "explain.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "answer.h"
#include "escapes.h"
#include "output.h"
#include "utf8.h"

typedef struct explanation {
    text_program *p;
    text_buffer   clean, out; /* the text as UTF-8; what is written */
    text_data     data;
    text_shares   shares;
    tn_tape      *t;
    double        most; /* the largest share's size */
    int64_t       malformed;
    bool          colour;
} explanation;

static double largest(const text_shares *s)
{
    double most = 0;

    for (int64_t i = 0; i < s->n; i++) most = fmax(most, fabs(s->of[i].share));
    return most;
}

/* ---- columns ----------------------------------------------------------------------------------------------------- */

static bool is_coloured(void)
{
    const char *no = getenv("NO_COLOR"), *term = getenv("TERM"); /* no-color.org */

    return isatty(STDOUT_FILENO) && !(no && *no) && term && strcmp(term, "dumb");
}

/* Bold from half of the largest share on, faint below an eighth. */
static const char *colour_of(double share, double most)
{
    const double size = fabs(share) / most;

    if (!(size >= 0.125)) return "\033[2m";
    if (share > 0) return size < 0.5 ? "\033[31m" : "\033[1;31m";
    return size < 0.5 ? "\033[34m" : "\033[1;34m";
}

static void add_coloured(explanation *x, int64_t token)
{
    const text_span   s = text_shares_token(&x->shares, token);
    const char *const colour = colour_of(x->shares.of[token].share, x->most);

    text_buffer_print(&x->out, x->p->err, "%s", x->colour ? colour : "");
    text_add(&x->out, s, x->p->err);
    text_buffer_print(&x->out, x->p->err, "%s", x->colour ? "\033[0m" : "");
}

typedef void add_token(explanation *x, int64_t token);
typedef void add_text(text_buffer *to, text_span text, tn_error *err);

/* The text with its tokens as token writes them, and what is between as between does. */
static void add_whole(explanation *x, add_token *token, add_text *between)
{
    const text_shares *s = &x->shares;
    int64_t            at = 0;

    for (int64_t i = 0; i < s->n; i++) {
        between(&x->out, (text_span){s->text.s + at, (size_t)(s->of[i].at.begin - at)}, x->p->err);
        token(x, i);
        at = s->of[i].at.end;
    }
    between(&x->out, (text_span){s->text.s + at, s->text.n - (size_t)at}, x->p->err);
}

static void add_columns(explanation *x, text_span label, text_span rival, double probability)
{
    tn_error    *err = x->p->err;
    text_buffer *to = &x->out;

    text_buffer_print(to, err, "%.*s\t", (int)label.n, label.s);
    text_add_probability(to, probability, err);
    text_buffer_print(to, err, "\t");
    add_whole(x, add_coloured, text_add);
    text_buffer_print(to, err, "\n");
    for (int64_t i = 0; i < x->shares.n; i++) {
        text_buffer_print(to, err, "%+9.4f\t", x->shares.of[i].share);
        add_coloured(x, i);
        text_buffer_print(to, err, "\n");
    }
    text_buffer_print(to, err, "%+9.4f\t(the rest)\n%+9.4f\t(%.*s against %.*s)\n", x->shares.rest, x->shares.margin,
                      (int)label.n, label.s, (int)rival.n, rival.s);
}

/* ---- a page ------------------------------------------------------------------------------------------------------ */

static const char page_head[] =
    "<!DOCTYPE html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n"
    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>Why this label?</title>\n<style>\n"
    ":root { color-scheme: light dark; --for: 214, 40, 40; --against: 30, 100, 220; }\n"
    "body { font: 1rem/1.6 system-ui, sans-serif; max-width: 44rem; margin: 2rem auto; padding: 0 1rem; }\n"
    "h2 { font-size: 1.1rem; margin: 2.5rem 0 0; } .text { font-size: 1.3rem; overflow-wrap: anywhere; white-space: pre-wrap; }\n"
    "mark { color: inherit; border-radius: .2em; padding: .1em 0; }\n"
    ".for { background: rgba(var(--for), var(--size)); } .against { background: rgba(var(--against), var(--size)); }\n"
    "table { border-collapse: collapse; width: 100%; } td { padding: .1rem .5rem .1rem 0; overflow-wrap: anywhere; }\n"
    "td.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; width: 1%; }\n"
    "td.bar { width: 50%; } td.bar div { height: .8em; border-radius: .2em; --size: .7; } tr.sum td { border-top: 1px solid; }\n"
    "</style>\n<h1>Why this label?</h1>\n"
    "<p>What each token adds to the logarithm of the odds of the label against the next one: <mark class=\"for\" "
    "style=\"--size:.5\">for it</mark>, <mark class=\"against\" style=\"--size:.5\">against it</mark>.</p>\n";

static void add_mark(explanation *x, int64_t token)
{
    const double share = x->shares.of[token].share;

    text_buffer_print(&x->out, x->p->err, "<mark class=\"%s\" style=\"--size:%.2f\" title=\"%+.4f\">",
                      share < 0 ? "against" : "for", x->most > 0 ? 0.7 * fabs(share) / x->most : 0, share);
    text_add_html(&x->out, text_shares_token(&x->shares, token), x->p->err);
    text_buffer_print(&x->out, x->p->err, "</mark>");
}

static void add_bar(explanation *x, text_span name, double share)
{
    text_buffer_print(&x->out, x->p->err, "<tr><td>");
    text_add_html(&x->out, name, x->p->err);
    text_buffer_print(&x->out, x->p->err,
                      "<td class=\"number\">%+.4f<td class=\"bar\"><div class=\"%s\" style=\"width:%.1f%%\"></div></tr>\n",
                      share, share < 0 ? "against" : "for", x->most > 0 ? fmin(100, 100 * fabs(share) / x->most) : 0);
}

static void add_section(explanation *x, text_span label, text_span rival, double probability)
{
    tn_error    *err = x->p->err;
    text_buffer *to = &x->out;

    text_buffer_print(to, err, "<h2>");
    text_add_html(to, label, err);
    text_buffer_print(to, err, ", probability %.4f</h2>\n<p class=\"text\">", probability);
    add_whole(x, add_mark, text_add_html);
    text_buffer_print(to, err, "</p>\n<table>\n");
    for (int64_t i = 0; i < x->shares.n; i++) add_bar(x, text_shares_token(&x->shares, i), x->shares.of[i].share);
    add_bar(x, text_span_of("(the rest)"), x->shares.rest);
    text_buffer_print(to, err, "<tr class=\"sum\"><td>");
    text_add_html(to, label, err);
    text_buffer_print(to, err, " against ");
    text_add_html(to, rival, err);
    text_buffer_print(to, err, "<td class=\"number\">%+.4f<td></tr>\n</table>\n", x->shares.margin);
}

/* ---- both -------------------------------------------------------------------------------------------------------- */

static bool explain_one(explanation *x, text_span text)
{
    text_program         *p = x->p;
    const text_vocabulary *labels = &p->text.labels;
    const tn_real        *probability;
    int32_t               label;

    x->clean.n = 0;
    text_data_clear(&x->data);
    if (!text_utf8_replace(&x->clean, text, &x->malformed, p->err)) return false;
    text = (text_span){x->clean.s, (size_t)x->clean.n};
    if (!text_data_add(&x->data, &p->text.encoder, text, 0)) return false;
    probability = text_answers_find(p, x->t, &x->data, &label);
    if (!probability || !text_shares_find(&x->shares, p, text, label)) return false;
    x->most = largest(&x->shares);
    (p->options.html ? add_section : add_columns)(x, text_vocabulary_at(labels, label),
                                                  text_vocabulary_at(labels, x->shares.rival), (double)probability[label]);
    return !p->err->code;
}

static bool write_all(const explanation *x)
{
    text_output out;

    return text_output_open(&out, x->p->options.html, x->p->err) &&
           (fwrite(x->out.s, 1, (size_t)x->out.n, out.to), text_output_close(&out));
}

bool text_explain(text_program *p, int n, char *const *texts)
{
    explanation x = {.p = p, .data.err = p->err, .t = tn_tape_new(0, 0, p->err), .colour = is_coloured()};
    bool        ok = x.t && text_buffer_print(&x.out, p->err, "%s", p->options.html ? page_head : "");

    for (int i = 0; ok && i < n; i++) ok = explain_one(&x, text_span_of(texts[i]));
    ok = ok && write_all(&x);
    tn_tape_free(x.t);
    text_shares_free(&x.shares);
    text_data_free(&x.data);
    text_buffer_free(&x.clean);
    text_buffer_free(&x.out);
    return ok;
}
