/* product.h: a product of matrices, or one for each batch, shared out over the threads. Row-major, contiguous. */
#ifndef TN__PRODUCT_H
#define TN__PRODUCT_H

#include <tarn/op.h>

/* Batch i takes the matrices that the steps name, counted in matrices: 0 where an operand is broadcast. */
typedef struct tn__batches {
    int64_t        n;
    int            rank;
    const int64_t *size, *a_step, *b_step, *c_step;
    bool           c_shared; /* by several batches: it must be added to */
} tn__batches;

/* C (m x n) = or += op(A) op(B), where op(A) is (m x k). */
typedef struct tn__product {
    bool               ta, tb, add;
    int64_t            m, n, k;
    const tn_real     *a, *b;
    tn_real           *c;
    const tn__batches *batches; /* NULL: there is one product */
} tn__product;

/* In shape: room for products of this size; once for each kind of product that forward and backward make. */
bool tn__product_reserve(tn_tensor *y, int64_t batches, int64_t m, int64_t n, int64_t k);

/* In forward and backward. */
void tn__product_run(const tn_tensor *y, const tn__product *p);

#endif
