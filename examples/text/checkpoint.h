/* checkpoint.h: the file that a stopped training goes on from: the model, the optimiser's state, the step, and what the
 * training is of. All else (the rate, the epoch, the order of its texts and the place in it, the random numbers) is a
 * function of the options and the step. */
#ifndef TEXT_CHECKPOINT_H
#define TEXT_CHECKPOINT_H

#include <tarn/optim.h>

#include "data.h"
#include "model_file.h"
#include "options.h"

typedef struct text_checkpoint {
    const char *path;     /* NULL: none is kept */
    int64_t     every;    /* steps */
    int64_t     step;     /* of the one in the file; 0: there is none */
    text_buffer training; /* what decides its result, a line each */
    text_buffer beside;   /* the other file's name */
} text_checkpoint;

/* Asked before hours of training. Io error: no file can be written there. Usage: there is one, and it would be lost. */
bool text_checkpoint_path_check(const text_options *o, tn_error *err);

/* Describes the training of m on data, which looks at validation. Memory error. */
bool text_checkpoint_begin(text_checkpoint *c, const text_options *o, const text_model *m, const text_data *data,
                           const text_data *validation, tn_error *err);
void text_checkpoint_end(text_checkpoint *c);

/* Is one to be written after this many steps? */
bool text_checkpoint_is_due(const text_checkpoint *c, int64_t steps);

/* Writes it, all or nothing. Errors: those of optim_save. */
bool text_checkpoint_save(text_checkpoint *c, const text_model *m, const optim *o, tn_error *err);

/* Brings parameters and optimiser to where they were. Errors: those of optim_load; usage: it is of another training, by
 * the first line in which they differ; format: it is no checkpoint of classify. */
bool text_checkpoint_load(text_checkpoint *c, optim *o, tn_error *err);

/* A model of the same training in a file beside the checkpoint (its name and ".best"), with n pairs more, 2 at most; and
 * back. Errors: as above. */
bool     text_checkpoint_save_beside(text_checkpoint *c, const text_model *m, const tn_params *ps, int n, const tn_meta *more);
tn_file *text_checkpoint_open_beside(text_checkpoint *c, tn_error *err);

#endif
