/* npy.h: a .npy file in memory. */
#ifndef TARN_NPY_H
#define TARN_NPY_H

#include <tarn/tensor.h>

/* The array of a file whose content is bytes; path is for errors. What tn_npy_load does, but for the system's part. */
tn_tensor *tn__npy_parse(tn_tape *t, const void *bytes, size_t size, const char *path);

#endif
