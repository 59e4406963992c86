/* predict.c: labels for texts without labels. */
#include "predict.h"

#include <tarn/ops.h>

#include "reader.h"
#include "utf8.h"

enum { LINES = 256 };

/* Lines that are labelled together, and what is written about them. */
typedef struct answers {
    text_span   line[LINES];
    text_data   data;
    text_buffer out;
    int64_t     malformed;
} answers;

/* label<TAB>probability<TAB>text; malformed UTF-8 as U+FFFD. */
static bool write_answer(text_program *p, answers *a, text_span line, int32_t label, double probability)
{
    text_span name = text_vocabulary_at(&p->text.labels, label);
    int       parts = (int)(probability * 10000 + 0.5);
    char      number[] = {'\t',
                          (char)('0' + parts / 10000),
                          '.',
                          (char)('0' + parts / 1000 % 10),
                          (char)('0' + parts / 100 % 10),
                          (char)('0' + parts / 10 % 10),
                          (char)('0' + parts % 10),
                          '\t'};

    return text_buffer_add(&a->out, name.s, name.n, p->err) &&
           text_buffer_add(&a->out, number, sizeof number, p->err) &&
           text_utf8_replace(&a->out, line, &a->malformed, p->err) && text_buffer_add(&a->out, "\n", 1, p->err);
}

/* Labels all lines of a, and writes them out. */
static bool answer(text_program *p, answers *a, tn_tape *t)
{
    int32_t    label[LINES];
    tn_tensor *probability;
    bool       ok;

    tn_tape_begin(t, TN_EVAL);
    probability = tn_softmax(t, text_classifier_forward(&p->model, t, text_data_all(&a->data).texts), -1);
    ok = tn_argmax(t, probability, -1, label);
    for (int64_t i = 0; ok && i < a->data.n; i++)
        ok = write_answer(p, a, a->line[i], label[i], (double)probability->data[i * p->text.classes + label[i]]);
    if (ok) fwrite(a->out.s, 1, (size_t)a->out.n, stdout);
    ok = ok && text_program_flush(p);
    text_data_clear(&a->data);
    a->out.n = 0;
    return ok;
}

static bool add_line(text_program *p, answers *a, text_span line)
{
    a->line[a->data.n] = line;
    return text_data_add(&a->data, &p->text.encoder, line, 0);
}

/* As many lines as there are, up to LINES, and then their answers: nothing is held back while more input is awaited.
 */
static bool answer_lines(text_program *p, text_lines *in)
{
    answers  a = {.data.err = p->err};
    tn_tape *t = tn_tape_new(0, 0, p->err);
    bool     ok = t;

    for (text_span line; ok && text_lines_next(in, &line);) {
        ok = add_line(p, &a, line);
        while (ok && a.data.n < LINES && !text_lines_will_read(in) && text_lines_next(in, &line))
            ok = add_line(p, &a, line);
        ok = ok && answer(p, &a, t);
    }
    if (a.malformed)
        fprintf(stderr, "classify: %lld pieces were not UTF-8, and became U+FFFD\n", (long long)a.malformed);
    tn_tape_free(t);
    text_data_free(&a.data);
    text_buffer_free(&a.out);
    return ok && !p->err->code;
}

bool text_predict(text_program *p, const char *path)
{
    text_lines in;
    bool       ok;

    if (!text_lines_open(&in, path, p->err)) return false;
    ok = answer_lines(p, &in);
    text_lines_close(&in);
    return ok;
}

bool text_predict_all(text_program *p, int n, const char *const *texts)
{
    answers  a = {.data.err = p->err};
    tn_tape *t = tn_tape_new(0, 0, p->err);
    bool     ok = t;

    for (int i = 0; ok && i < n; i++) ok = add_line(p, &a, text_span_of(texts[i]));
    ok = ok && answer(p, &a, t);
    tn_tape_free(t);
    text_data_free(&a.data);
    text_buffer_free(&a.out);
    return ok;
}
