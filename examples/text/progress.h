/* progress.h: how far the training is: a bar on a terminal, a line per epoch elsewhere. */
#ifndef TEXT_PROGRESS_H
#define TEXT_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

typedef struct text_progress {
    FILE   *to; /* NULL: quiet */
    bool    terminal;
    int64_t epochs, epoch; /* epoch: from 0 */
    int64_t total, done;   /* tokens, in all epochs */
    double  started, shown;
    double  loss;         /* summed over this epoch's texts */
    int64_t texts, right; /* in this epoch */
} text_progress;

/* total: the tokens of all epochs. */
void text_progress_begin(text_progress *p, FILE *to, int64_t epochs, int64_t total);
/* After each batch: its texts and tokens, its mean loss and how many answers were right. */
void text_progress_step(text_progress *p, int64_t texts, int64_t tokens, double loss, int64_t right);
double text_progress_loss(const text_progress *p); /* of this epoch so far: the mean */
void text_progress_epoch(text_progress *p); /* an epoch has ended: its line */
void text_progress_score(const text_progress *p, double f1); /* how the epoch does on validation */
void text_progress_end(text_progress *p);   /* clears the bar: also after an error */

#endif
