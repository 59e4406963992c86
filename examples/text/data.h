/* data.h: labelled texts as one compact array of ids, and the batches that training takes from it. */
#ifndef TEXT_DATA_H
#define TEXT_DATA_H

#include <tarn/rng.h>
#include <tarn/tensor.h>

#include "encoder.h"
#include "reader.h"

/* ---- the texts of some files, as they are read ----------------------------------------------------------------- */

typedef struct text_corpus {
    text_reader *readers; /* their bytes are what texts are borrowed from */
    int          n_readers;
    text_span   *texts;
    int32_t     *labels;
    int64_t      n, texts_room, labels_room;
    int64_t      malformed; /* pieces that were no UTF-8 and were replaced */
} text_corpus; /* starts as {0} */

/* Reads all records of n files; new labels are added to names. Errors: those of text_reader; format if there is no
 * record. */
bool text_corpus_read(text_corpus *c, int n, char *const *paths, text_reader_options options, text_vocabulary *names,
                      tn_error *err);
void text_corpus_free(text_corpus *c);

/* Numbers the labels anew, in the order of their bytes: the order of the files then does not show in the model. */
bool text_corpus_sort_labels(text_corpus *c, text_vocabulary *names, tn_error *err);

/* Moves this share of the texts of each label, drawn by rng, to part, which borrows them; no label loses all. */
bool text_corpus_split(text_corpus *c, double share, int64_t labels, tn_rng rng, text_corpus *part, tn_error *err);

/* What part borrows from c becomes its own: c is empty then. */
void text_corpus_give(text_corpus *c, text_corpus *part);

/* The encoder's vocabulary from all texts: the tokens that occur min_count times or more. */
bool text_corpus_learn(const text_corpus *c, text_encoder *e, int64_t min_count, tn_error *err);

/* ---- as ids ---------------------------------------------------------------------------------------------------- */

typedef struct text_data {
    text_ids ids;
    int64_t *offsets; /* text i is ids [offsets[i], offsets[i + 1]) */
    int32_t *labels;
    int64_t  n, offsets_room, labels_room;

    int32_t  *order; /* of the texts in this epoch; NULL: as they stand */
    int64_t   next;
    text_ids  batch;
    int64_t  *batch_offsets;
    int32_t  *batch_labels;
    int64_t   batch_offsets_room, batch_labels_room;

    text_corpus corpus; /* the texts themselves, if they are kept */
    tn_error   *err;
} text_data; /* starts as {.err = &err} */

typedef struct text_batch {
    tn_bags texts;
    tn_ids  labels;
} text_batch;

bool text_data_add(text_data *d, const text_encoder *e, text_span text, int32_t label);
void text_data_clear(text_data *d); /* keeps its room */
void text_data_free(text_data *d);

/* Adds all of c, on all threads; the ids do not depend on how many there are. */
bool text_data_encode(text_data *d, const text_corpus *c, const text_encoder *e);

/* Keeps the texts that d was made of: c is empty then. */
void text_data_keep(text_data *d, text_corpus *c);

/* All texts as one batch, in their order. */
text_batch text_data_all(const text_data *d);

/* A new epoch: in a random order, or as the texts stand. */
bool text_data_shuffle(text_data *d, tn_rng rng);
void text_data_rewind(text_data *d);
void text_data_skip(text_data *d, int64_t n); /* passes over n texts of the epoch */

/* The next size texts (the last batch may be smaller), until the next call. False at the end of the epoch, and on a
 * memory error. */
bool text_next(text_data *d, int64_t size, text_batch *b);

#endif
