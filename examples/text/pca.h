/* pca.h: the plane in which points spread most. */
#ifndef TEXT_PCA_H
#define TEXT_PCA_H

#include <tarn/tensor.h>

/* The places (n, 2) of n points (n, dim) along their first two principal axes, their mean at 0: by iteration X'(X v) from
 * fixed vectors, so the same points give the same picture; where two axes spread alike, a mix of both. share[k]: of the whole
 * spread, what lies along axis k (0 if there is none). Memory error. */
bool text_pca(const tn_real *points, int64_t n, int64_t dim, double *places, double share[2], tn_error *err);

#endif
