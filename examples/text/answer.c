/* answer.c: what a model says about a text, and how that is written. */
#include "answer.h"

#include <tarn/ops.h>

#include "escapes.h"

const tn_real *text_answers_find(text_program *p, tn_tape *t, const text_data *data, int32_t *label)
{
    const text_decision *how = &p->text.decision;
    tn_tensor           *probability;

    tn_tape_begin(t, TN_EVAL);
    probability = text_decision_probability(how, t, text_classifier_forward(&p->model, t, text_data_all(data).texts));
    for (int64_t i = 0; probability && i < data->n; i++)
        label[i] = text_decision_label(how, probability->data + i * p->text.classes, p->text.classes);
    return probability ? probability->data : NULL;
}

void text_add_probability(text_buffer *to, double probability, tn_error *err)
{
    int  parts = (int)(probability * 10000 + 0.5);
    char number[] = {(char)('0' + parts / 10000),     '.', (char)('0' + parts / 1000 % 10), (char)('0' + parts / 100 % 10),
                     (char)('0' + parts / 10 % 10), (char)('0' + parts % 10)};

    text_buffer_add(to, number, sizeof number, err);
}

void text_add_shares(text_buffer *to, const text_shares *s, tn_error *err)
{
    for (int64_t i = 0; i < s->n && i < TEXT_SHOWN; i++) {
        text_buffer_add(to, " ", i > 0, err);
        text_add(to, text_shares_token(s, i), err);
        text_buffer_print(to, err, ":%+.4f", s->of[i].share);
    }
}

bool text_answer_add(const text_program *p, const text_answer *a, text_buffer *to)
{
    text_add(to, text_vocabulary_at(&p->text.labels, a->label), p->err);
    text_buffer_add(to, "\t", 1, p->err);
    text_add_probability(to, (double)a->probability[a->label], p->err);
    text_buffer_add(to, "\t", 1, p->err);
    text_add(to, a->text, p->err);
    if (a->shares) {
        text_buffer_add(to, "\t", 1, p->err);
        text_add_shares(to, a->shares, p->err);
    }
    text_buffer_add(to, "\n", 1, p->err);
    return !p->err->code;
}

static void add_probabilities(const text_program *p, const text_answer *a, text_buffer *to)
{
    for (int32_t i = 0; i < p->text.classes; i++) {
        text_buffer_print(to, p->err, i ? ", " : "{");
        text_add_json(to, text_vocabulary_at(&p->text.labels, i), p->err);
        text_buffer_print(to, p->err, ": %.6f", (double)a->probability[i]);
    }
    text_buffer_print(to, p->err, "}");
}

static void add_explanation(const text_program *p, const text_shares *s, text_buffer *to)
{
    text_buffer_print(to, p->err, ", \"explain\": {\"against\": ");
    text_add_json(to, text_vocabulary_at(&p->text.labels, s->rival), p->err);
    text_buffer_print(to, p->err, ", \"rest\": %.6f, \"tokens\": [", s->rest);
    for (int64_t i = 0; i < s->n; i++) {
        text_buffer_print(to, p->err, i ? ", {\"token\": " : "{\"token\": ");
        text_add_json(to, text_shares_token(s, i), p->err);
        text_buffer_print(to, p->err, ", \"share\": %.6f}", s->of[i].share);
    }
    text_buffer_print(to, p->err, "]}");
}

bool text_answer_add_json(const text_program *p, const text_answer *a, text_buffer *to)
{
    text_buffer_print(to, p->err, "{\"label\": ");
    text_add_json(to, text_vocabulary_at(&p->text.labels, a->label), p->err);
    text_buffer_print(to, p->err, ", \"probability\": %.6f, \"probabilities\": ", (double)a->probability[a->label]);
    add_probabilities(p, a, to);
    text_buffer_print(to, p->err, ", \"text\": ");
    text_add_json(to, a->text, p->err);
    if (a->shares) add_explanation(p, a->shares, to);
    text_buffer_print(to, p->err, "}\n");
    return !p->err->code;
}
