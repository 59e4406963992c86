/* layer.h: what every _init begins with. */
#ifndef TARN_LAYER_H
#define TARN_LAYER_H

#include <string.h>

#include <tarn/nn.h>

/* Empties the layer. False if it or its name is NULL, which the error says. */
static inline bool nn__begin(void *layer, size_t size, const tn_params *ps, const char *name, const char *init)
{
    if (layer) memset(layer, 0, size);
    return (layer && name) || tn_fail(tn_params_error(ps), TN_EUSAGE, "%s: the %s is NULL", init, layer ? "name" : "layer");
}

#endif
