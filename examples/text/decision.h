/* decision.h: from logits to a label: how sure the model is, and from when on it says so. */
#ifndef TEXT_DECISION_H
#define TEXT_DECISION_H

#include <tarn/tensor.h>

/* With a threshold, a text is labelled positive if p(positive) >= threshold, else as the likeliest of the others. */
typedef struct text_decision {
    double  temperature; /* p = softmax(logits / temperature) */
    double  threshold;   /* 0: the likeliest label */
    int32_t positive;    /* the label that a threshold is about; -1: none was named */
} text_decision;

text_decision text_decision_plain(void); /* temperature 1, the likeliest label */

/* p for logits (texts, classes). */
tn_tensor *text_decision_probability(const text_decision *d, tn_tape *t, tn_tensor *logits);

/* The label of a text whose n probabilities these are. */
int32_t text_decision_label(const text_decision *d, const tn_real *probability, int64_t n);

/* p of one label, for the n logits of a text. */
double text_decision_of(const text_decision *d, const tn_real *logits, int64_t n, int64_t label);

/* ---- chosen on texts whose labels are known ---------------------------------------------------------------------- */

/* What a model said about n texts: classes logits for each, beside its true label. */
typedef struct text_answers {
    const tn_real *logits;
    const int32_t *labels; /* one of classes or more is a label that the model does not know */
    int64_t        n, classes;
} text_answers;

/* The temperature at which the true labels are likeliest (Guo et al. 2017), each counted as its label with 1 - 1/(n + 2)
 * and as the others with the rest (after Platt 1999): else no temperature would be low enough where all answers are
 * right. 1 if nothing can be said. */
double text_temperature_fit(text_answers a);

/* How a threshold does: of those that are said to be positive, how many are; of those that are, how many are said to be. */
typedef struct text_cut {
    double threshold, precision, recall;
} text_cut;

/* The lowest threshold with at least this precision for d's positive label at d's temperature; if there is none, the one
 * with the greatest. Memory error. */
bool text_threshold_fit(const text_decision *d, text_answers a, double precision, text_cut *cut, tn_error *err);

#endif
