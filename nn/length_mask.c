/* length_mask.c: which steps of a batch of sequences are real. */
#include <tarn/nn.h>

tn_tensor *nn_length_mask(tn_tape *t, tn_ids lengths, int64_t steps)
{
    if (tn_ok(t) && lengths.n > 0 && !lengths.id) {
        tn_fail(tn_tape_error(t), TN_EUSAGE, "nn_length_mask: lengths is NULL, and should hold %lld", (long long)lengths.n);
    }
    tn_tensor *mask = tn_input(t, TN_DIMS(lengths.n, steps), NULL, false);
    for (int64_t b = 0; mask && b < lengths.n; b++) {
        if (lengths.id[b] < 0 || lengths.id[b] > steps) {
            tn_fail(tn_tape_error(t), TN_EINDEX, "nn_length_mask: length %d at position %lld is outside [0, %lld]",
                    (int)lengths.id[b], (long long)b, (long long)steps);
            return NULL;
        }
        for (int64_t i = 0; i < lengths.id[b]; i++) mask->data[b * steps + i] = 1;
    }
    return mask;
}
