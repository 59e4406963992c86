/* answer.h: what a model says about a text, and how that is written. */
#ifndef TEXT_ANSWER_H
#define TEXT_ANSWER_H

#include "shares.h"

enum { TEXT_SHOWN = 5 }; /* tokens beside an answer, the weightiest */

typedef struct text_answer {
    text_span          text; /* as it is shown; UTF-8 */
    int32_t            label;
    const tn_real     *probability; /* of each label */
    const text_shares *shares;      /* the tokens that weigh most first; NULL: they are not shown */
} text_answer;

/* A tape's answers to all texts of data, until its next begin: each one's label, and p of (texts, classes). NULL after an
 * error. label has room for all. */
const tn_real *text_answers_find(text_program *p, tn_tape *t, const text_data *data, int32_t *label);

/* label<TAB>probability<TAB>text and, with shares, <TAB>token:share token:share ... */
bool text_answer_add(const text_program *p, const text_answer *a, text_buffer *to);

/* The same as a line of JSON: label, probability, probabilities of all labels, text; with shares against whom, the rest and
 * the tokens. */
bool text_answer_add_json(const text_program *p, const text_answer *a, text_buffer *to);

/* Its parts: 0.1234, and token:share token:share ... */
void text_add_probability(text_buffer *to, double probability, tn_error *err);
void text_add_shares(text_buffer *to, const text_shares *s, tn_error *err);

#endif
