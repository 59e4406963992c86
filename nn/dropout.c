/* dropout.c: zeroes at random while training (Srivastava et al. 2014). */
#include <tarn/nn.h>

tn_tensor *nn_dropout_forward(const nn_dropout *d, tn_tape *t, tn_tensor *x)
{
    return tn_dropout(t, d ? x : NULL, d ? d->p : 0);
}
