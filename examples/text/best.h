/* best.h: the parameters of the epoch that did best on validation, for a training that stops when it gets no better. */
#ifndef TEXT_BEST_H
#define TEXT_BEST_H

#include "checkpoint.h"

typedef struct text_best {
    int64_t      patience; /* epochs; 0: nothing is kept */
    int64_t      epoch;    /* from 1; 0: none yet */
    double       score;
    tn_snapshot *params;
} text_best; /* starts as {.patience = ...} */

void text_best_free(text_best *b);

/* After an epoch: its parameters, if no earlier one scored as high, into b and, with a checkpoint, into a file beside it.
 * Errors: memory, those of tn_save. */
bool text_best_offer(text_best *b, int64_t epoch, double score, text_checkpoint *c, const text_model *m, tn_params *ps);

/* Has the training waited long enough? */
bool text_best_is_final(const text_best *b, int64_t epoch);

/* What stands in the file beside the checkpoint; that it may be from later than the checkpoint does no harm, since the same
 * steps lead there again. Changes ps. Errors: those of tn_load; usage: it is of another training. */
bool text_best_load(text_best *b, text_checkpoint *c, tn_params *ps);

/* Brings ps to the best epoch, of which there is one. */
bool text_best_restore(const text_best *b, tn_params *ps);

#endif
