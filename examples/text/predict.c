/* predict.c: labels for texts without labels. */
#include "predict.h"

#include <string.h>

#include "answer.h"
#include "mask.h"
#include "table.h"
#include "utf8.h"

enum { LINES = 256 };

/* Lines that are labelled together, and what is written about them. */
typedef struct answers {
    text_span   line[LINES];
    text_data   data;
    tn_tape    *t;
    text_shares shares;
    text_table  table;
    tn_error    bad; /* of the table: what came before it is answered first */
    text_buffer clean, masked, cell, out; /* a line as UTF-8, a text without the words that are masked; what is written */
    int64_t     malformed;
    int32_t     match; /* the label whose lines are written; -1: all lines */
    int32_t     kept;  /* the label whose words are not masked; -1: all are */
} answers;

/* ---- labels that options name ------------------------------------------------------------------------------------ */

static int32_t find_label(const text_program *p, const char *name)
{
    return text_vocabulary_find_name(&p->text.labels, p->text.classes, text_span_of(name));
}

/* "option says: it has a, b" */
static bool refuse_label(const text_program *p, const char *says)
{
    text_buffer names = {0};

    text_vocabulary_list(&p->text.labels, p->text.classes, &names, p->err);
    tn_fail(p->err, TN_EUSAGE, "%s: the model has %.600s", says, names.s);
    text_buffer_free(&names);
    return false;
}

static bool find_labels(const text_program *p, answers *a)
{
    const text_options *o = &p->options;
    char                says[100];

    if (o->match && (a->match = find_label(p, o->match)) < 0) {
        snprintf(says, sizeof says, "--match %.60s: there is no such label", o->match);
        return refuse_label(p, says);
    }
    if (o->words && !o->match && (a->kept = find_label(p, "clean")) < 0)
        return refuse_label(p, "--words: no label is \"clean\", so --match LABEL must say whose words");
    return true;
}

/* ---- answers ----------------------------------------------------------------------------------------------------- */

static bool begin(text_program *p, answers *a)
{
    *a = (answers){.data.err = p->err, .t = tn_tape_new(0, 0, p->err), .match = -1, .kept = -1};
    return a->t && find_labels(p, a);
}

static void end(answers *a)
{
    if (a->malformed)
        fprintf(stderr, "classify: %lld pieces were not UTF-8, and became U+FFFD\n", (long long)a->malformed);
    tn_tape_free(a->t);
    text_shares_free(&a->shares);
    text_data_free(&a->data);
    text_buffer_free(&a->clean);
    text_buffer_free(&a->masked);
    text_buffer_free(&a->cell);
    text_table_free(&a->table);
    text_buffer_free(&a->out);
}

/* With malformed UTF-8 as U+FFFD. */
static bool clean(text_program *p, answers *a, text_span *text)
{
    if (text_utf8_check(*text) == text->n) return true;
    a->clean.n = 0;
    if (!text_utf8_replace(&a->clean, *text, &a->malformed, p->err)) return false;
    *text = (text_span){a->clean.s, (size_t)a->clean.n};
    return true;
}

static bool mask(text_program *p, answers *a, text_span *text)
{
    a->masked.n = 0;
    if (!text_mask_words(&a->shares, &a->masked, p->err)) return false;
    *text = (text_span){a->masked.s, (size_t)a->masked.n};
    return true;
}

/* The record with label, probability and, with shares, the tokens as its last columns. */
static bool add_record(text_program *p, answers *a, text_span record, const text_answer *one)
{
    a->cell.n = 0;
    text_add_probability(&a->cell, (double)one->probability[one->label], p->err);
    text_table_add(&a->table, record, one->text, &a->out, p->err);
    text_table_add_cell(&a->table, text_vocabulary_at(&p->text.labels, one->label), &a->out, p->err);
    text_table_add_cell(&a->table, (text_span){a->cell.s, (size_t)a->cell.n}, &a->out, p->err);
    if (one->shares) {
        a->cell.n = 0;
        text_add_shares(&a->cell, one->shares, p->err);
        text_table_add_cell(&a->table, (text_span){a->cell.s, (size_t)a->cell.n}, &a->out, p->err);
    }
    text_buffer_add(&a->out, "\n", 1, p->err);
    return !p->err->code;
}

static bool write_answer(text_program *p, answers *a, text_span line, int32_t label, const tn_real *probability)
{
    const text_options *o = &p->options;
    const bool          masks = o->words && label != a->kept;
    text_answer         one = {.label = label, .probability = probability, .shares = o->explain ? &a->shares : NULL};

    if (!clean(p, a, &line)) return false;
    one.text = line;
    if (o->column && !text_table_text(&a->table, line, &one.text)) return false;
    if ((masks || o->explain) && !text_shares_find(&a->shares, p, one.text, label)) return false;
    if (masks && !mask(p, a, &one.text)) return false;
    if (o->explain && !o->json) text_shares_sort(&a->shares, TEXT_SHOWN);
    if (o->column && !o->json) return add_record(p, a, line, &one);
    return (o->json ? text_answer_add_json : text_answer_add)(p, &one, &a->out);
}

/* An empty line of a table: it stays one. */
static bool write_empty(text_program *p, answers *a)
{
    return a->match >= 0 || p->options.json || text_buffer_add(&a->out, "\n", 1, p->err);
}

/* Labels all lines of a, and writes out those that are wanted. */
static bool answer(text_program *p, answers *a)
{
    int32_t        label[LINES];
    const tn_real *probability = a->data.n ? text_answers_find(p, a->t, &a->data, label) : NULL;
    bool           ok = probability || !a->data.n;

    for (int64_t i = 0; ok && i < a->data.n; i++) {
        const bool is_empty = p->options.column && !a->line[i].n;
        if (is_empty) ok = write_empty(p, a);
        if (is_empty || (a->match >= 0 && label[i] != a->match)) continue;
        p->matched = true;
        ok = p->options.quiet || write_answer(p, a, a->line[i], label[i], probability + i * p->text.classes);
    }
    if (ok && a->out.n) fwrite(a->out.s, 1, (size_t)a->out.n, stdout);
    ok = ok && text_program_flush(p);
    text_data_clear(&a->data);
    a->out.n = 0;
    return ok;
}

static bool add_line(text_program *p, answers *a, text_span line, text_span text)
{
    a->line[a->data.n] = line;
    return text_data_add(&a->data, &p->text.encoder, text, 0);
}

/* ---- tables ------------------------------------------------------------------------------------------------------ */

static bool write_header(text_program *p, answers *a, text_span header)
{
    static const char *const names[] = {"label", "probability", "explain"};

    if (!clean(p, a, &header)) return false;
    text_add(&a->out, header, p->err);
    for (int i = 0; i < 2 + p->options.explain; i++) text_table_add_cell(&a->table, text_span_of(names[i]), &a->out, p->err);
    text_buffer_add(&a->out, "\n", 1, p->err);
    return !p->err->code;
}

/* The first record: in CSV the header. */
static bool begin_table(text_program *p, answers *a, text_lines *in, text_span record, bool *is_header)
{
    if (!text_table_begin(&a->table, record, is_header)) return false;
    in->csv = *is_header;
    return !*is_header || p->options.quiet || p->options.json || write_header(p, a, record);
}

static bool add_record_text(text_program *p, answers *a, text_lines *in, text_span record)
{
    const bool is_first = a->table.line == 1;
    bool       is_header = false;
    text_span  text = {"", 0};

    if (is_first && !begin_table(p, a, in, record, &is_header)) return false;
    if (!is_header && record.n && !text_table_text(&a->table, record, &text)) return false;
    text_table_pass(&a->table, record);
    return is_header || add_line(p, a, record, text);
}

/* ---- all of it --------------------------------------------------------------------------------------------------- */

/* False: at the end, after an error, and when nothing more is asked. */
static bool next_line(text_program *p, answers *a, text_lines *in)
{
    text_span line;

    if (!text_lines_next(in, &line)) return false;
    return p->options.column ? add_record_text(p, a, in, line) : add_line(p, a, line, line);
}

/* As many lines as there are, up to LINES, and then their answers: nothing is held back while more input is awaited.
 */
static bool answer_lines(text_program *p, answers *a, text_lines *in)
{
    bool more = true, ok = true;

    while (more && ok && !(p->options.quiet && p->matched)) {
        more = next_line(p, a, in);
        while (more && a->data.n < LINES && !text_lines_will_read(in)) more = next_line(p, a, in);
        ok = answer(p, a);
    }
    if (a->bad.code) tn_fail(p->err, a->bad.code, "%s", a->bad.text);
    return !p->err->code;
}

bool text_predict(text_program *p, const char *path)
{
    answers    a;
    text_lines in;
    bool       ok = begin(p, &a) && text_lines_open(&in, path, p->err);

    if (ok) {
        a.table = (text_table){
            .path = path, .format = p->options.reader.format, .column = p->options.column, .line = 1, .err = &a.bad};
        in.csv = p->options.column && (a.table.format == TEXT_CSV || (!a.table.format && text_is_csv_name(path)));
        ok = answer_lines(p, &a, &in);
        text_lines_close(&in);
    }
    end(&a);
    return ok;
}

bool text_predict_all(text_program *p, int n, const char *const *texts)
{
    answers a;
    bool    ok = begin(p, &a);

    for (int i = 0; ok && i < n; i++) ok = add_line(p, &a, text_span_of(texts[i]), text_span_of(texts[i]));
    ok = ok && answer(p, &a);
    end(&a);
    return ok;
}
