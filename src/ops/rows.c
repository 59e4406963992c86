/* rows.c: ids and the rows that they name. */
#include <math.h>
#include <stdlib.h>

#include "rows.h"

bool tn__check_ids(const tn_tensor *y, tn_ids ids, int64_t n)
{
    if (ids.n < 0) return tn_op_fail(y, TN_EUSAGE, "the number of ids is %lld", (long long)ids.n);
    if (ids.n > 0 && !ids.id) return tn_op_fail(y, TN_EUSAGE, "ids is NULL, and should hold %lld", (long long)ids.n);
    for (int64_t k = 0; k < ids.n; k++)
        if (ids.id[k] < 0 || ids.id[k] >= n)
            return tn_op_fail(y, TN_EINDEX, "id %d at position %lld is outside [0, %lld): was it made for another table, with "
                              "another vocabulary?", (int)ids.id[k], (long long)k, (long long)n);
    return true;
}

/* ---- repeats --------------------------------------------------------------------------------------------------- */

/* Of the hash table: a power of two, at least twice n. */
static int64_t slots_for(int64_t n)
{
    int64_t slots = 16;
    while (slots < 2 * n) slots *= 2;
    return slots;
}

size_t tn__repeats_bytes(int64_t n)
{
    return (size_t)(2 * n + slots_for(n)) * sizeof(int64_t);
}

/* Where id's first position stands in the hash table, or the free place (-1) where it belongs. */
static int64_t *find_slot(int64_t *slot, int64_t slots, tn_ids ids, int32_t id)
{
    uint64_t h = (uint32_t)id * UINT64_C(0x9E3779B97F4A7C15) >> 20;
    int64_t at = (int64_t)(h & (uint64_t)(slots - 1));
    while (slot[at] >= 0 && ids.id[slot[at]] != id) at = (at + 1) & (slots - 1);
    return &slot[at];
}

tn__repeats tn__find_repeats(tn_ids ids, void *room)
{
    tn__repeats r = {.first = room, .count = (int64_t *)room + ids.n};
    int64_t *slot = r.count + ids.n, slots = slots_for(ids.n);
    for (int64_t s = 0; s < slots; s++) slot[s] = -1;
    for (int64_t k = 0; k < ids.n; k++) {
        int64_t *at = find_slot(slot, slots, ids, ids.id[k]);
        if (*at < 0) *at = k;
        r.first[k] = *at;
        r.count[k] = 0;
        r.count[*at]++;
    }
    return r;
}

/* ---- lookups with options -------------------------------------------------------------------------------------- */

int32_t tn__padding_id(const tn_tensor *table, const tn_embedding_options *o)
{
    if (o->padding_idx == TN_NO_PADDING) return -1;
    return (int32_t)(o->padding_idx < 0 ? o->padding_idx + table->size[0] : o->padding_idx);
}

static bool check_options(const tn_tensor *y, const tn_embedding_options *o)
{
    int64_t rows = y->in[0]->size[0];
    if (o->padding_idx != TN_NO_PADDING && (o->padding_idx < -rows || o->padding_idx >= rows))
        return tn_op_fail(y, TN_EINDEX, "padding_idx %lld is outside [%lld, %lld)", (long long)o->padding_idx,
                          (long long)-rows, (long long)rows);
    if (!(o->max_norm >= 0))
        return tn_op_fail(y, TN_EUSAGE, "max_norm is %g, it must be 0 (off) or more", o->max_norm);
    if (o->max_norm > 0 && !(o->norm_type > 0))
        return tn_op_fail(y, TN_EUSAGE, "norm_type is %g, it must be more than 0", o->norm_type);
    return true;
}

static bool writes_table(const tn_tensor *y, const tn_embedding_options *o)
{
    return o->max_norm > 0 && tn_training(y) && tn_is_param(y->in[0]);
}

static tn_ids without(tn_ids ids, int32_t padding, int32_t *kept)
{
    if (padding < 0) return ids;
    int64_t n = 0;
    for (int64_t k = 0; k < ids.n; k++)
        if (ids.id[k] != padding) kept[n++] = ids.id[k];
    return (tn_ids){kept, n};
}

bool tn__lookup_shape(tn_tensor *y, tn_ids ids, const tn_embedding_options *o, int32_t *kept)
{
    const tn_tensor *table = y->in[0];
    if (!check_options(y, o) || !tn__check_ids(y, ids, table->size[0])) return false;
    bool repeats = o->scale_grad_by_freq || writes_table(y, o);
    if (repeats && !tn_alloc_scratch(y, tn__repeats_bytes(ids.n))) return false;
    if (writes_table(y, o) && !tn_write_input(y, 0)) return false;
    return tn_touch_rows(y, 0, without(ids, tn__padding_id(table, o), kept));
}

static double row_norm(int64_t n, const tn_real *row, double p)
{
    double sum = 0;
    if (isinf(p)) {
        for (int64_t d = 0; d < n; d++) sum = fabs((double)row[d]) > sum ? fabs((double)row[d]) : sum;
        return sum;
    }
    if (p == 2) {
        for (int64_t d = 0; d < n; d++) sum += (double)row[d] * (double)row[d];
        return sqrt(sum);
    }
    for (int64_t d = 0; d < n; d++) sum += p == 1 ? fabs((double)row[d]) : pow(fabs((double)row[d]), p);
    return p == 1 ? sum : pow(sum, 1 / p);
}

static tn_real norm_scale(const tn_tensor *table, int32_t id, const tn_embedding_options *o)
{
    int64_t width = table->size[1];
    double norm = row_norm(width, table->data + id * width, o->norm_type);
    return norm > o->max_norm ? (tn_real)(o->max_norm / (norm + 1e-7)) : 1;
}

/* Once per distinct id: what rounding leaves over the norm must not be scaled by a second occurrence. */
void tn__renorm_rows(const tn_tensor *y, tn_ids ids, const tn_embedding_options *o)
{
    if (!writes_table(y, o)) return;
    const tn_tensor *table = y->in[0];
    tn__repeats r = tn__find_repeats(ids, tn_scratch(y));
    for (int64_t k = 0; k < ids.n; k++) {
        if (r.first[k] != k) continue;
        tn_real *row = table->data + ids.id[k] * table->size[1], scale = norm_scale(table, ids.id[k], o);
        for (int64_t d = 0; d < table->size[1] && scale < 1; d++) row[d] *= scale;
    }
}

tn_real tn__read_scale(const tn_tensor *y, int32_t id, const tn_embedding_options *o)
{
    if (!(o->max_norm > 0) || writes_table(y, o)) return 1;
    return norm_scale(y->in[0], id, o);
}
