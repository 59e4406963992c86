/* rows.h: what the ops that look rows up by id share: checking ids and labels, finding repeats, the norm of a row. */
#ifndef TARN_OPS_ROWS_H
#define TARN_OPS_ROWS_H

#include <tarn/op.h>
#include <tarn/ops.h>

/* Every id in [0, n)? If not, the error says which one, and where. */
bool tn__check_ids(const tn_tensor *y, tn_ids ids, int64_t n);

/* The ids of a lookup that repeat: first[k] is the position of the first id equal to the k-th, count[first[k]] how
 * many there are. room: tn__repeats_bytes(ids.n) bytes. */
typedef struct tn__repeats {
    int64_t *first, *count;
} tn__repeats;
size_t      tn__repeats_bytes(int64_t n);
tn__repeats tn__find_repeats(tn_ids ids, void *room);

/* The shape function's part that embedding and embedding_bag have in common, for the table in[0]: checks the
 * options and the ids, reserves scratch, and declares the rows that backward touches: those of all ids but the
 * padding, in order. kept: room for ids.n numbers, looked at only if there is a padding_idx. */
bool tn__lookup_shape(tn_tensor *y, tn_ids ids, const tn_embedding_options *o, int32_t *kept);

/* padding_idx counted from the start; -1 for none. */
int32_t tn__padding_id(const tn_tensor *table, const tn_embedding_options *o);

/* max_norm of a parameter under TN_TRAIN: scales the rows in place. */
void tn__renorm_rows(const tn_tensor *y, tn_ids ids, const tn_embedding_options *o);

/* What a row is multiplied by when it is read: 1, unless max_norm applies and has not been written. */
tn_real tn__read_scale(const tn_tensor *y, int32_t id, const tn_embedding_options *o);

#endif
