/* metrics.h: how often which label was given for which: accuracy, precision, recall, F1. */
#ifndef TEXT_METRICS_H
#define TEXT_METRICS_H

#include <stdio.h>

#include "vocabulary.h"

enum { TEXT_BINS = 15 };

typedef struct text_metrics {
    const text_vocabulary *names; /* of the classes; borrowed */
    int64_t                classes;
    int64_t               *confusion; /* [truth * classes + answer] */
    int64_t                n;
    double                 loss; /* -log p(truth), summed, if whoever adds knows it */
    struct text_bin {
        int64_t n, right;
        double  confidence; /* summed */
    } bin[TEXT_BINS]; /* the answers by their confidence: bin k has those in [k, k + 1) / TEXT_BINS */
} text_metrics;

/* One class for each name. Memory error: no room for classes x classes numbers. */
bool text_metrics_init(text_metrics *m, const text_vocabulary *names, tn_error *err);

/* A text whose label is truth, and the answer that was given for it with this confidence. */
void text_metrics_add(text_metrics *m, int32_t truth, int32_t answer, double confidence);
void text_metrics_free(text_metrics *m);

typedef struct text_score {
    int64_t support, answers;      /* how many are this class, how many were said to be */
    double  precision, recall, f1; /* 0 where they would be 0/0, as scikit-learn has it */
} text_score;

text_score text_metrics_score(const text_metrics *m, int64_t class);
double     text_metrics_accuracy(const text_metrics *m); /* of nothing: 0 */
double text_metrics_macro_f1(const text_metrics *m); /* the mean over the classes that occur, in truths or answers */

/* Expected calibration error: the mean over the answers of |how often such ones are right - how sure they are|, such ones
 * being those of the same bin (Guo et al. 2017). */
double text_metrics_calibration_error(const text_metrics *m);

/* A table for people, with the confusion of up to 12 classes; or one JSON object on one line. */
void text_metrics_print(const text_metrics *m, FILE *to);
void text_metrics_json(const text_metrics *m, FILE *to);

#endif
