/* loss.h: what the losses share. A pointwise loss compares x = in[0] with target = in[1] number by number; a row
 * loss has the classes in the last dimension of in[0], and one number for each row of them. */
#ifndef TARN_OPS_LOSS_H
#define TARN_OPS_LOSS_H

#include <tarn/op.h>
#include <tarn/ops.h>

/* ---- pointwise ------------------------------------------------------------------------------------------------- */

enum { TN__LOSS_BLOCK = 1024 }; /* n at most, of one call of a loop */

/* out[i], for n elements beginning at from: a loss, or its derivative by one of the inputs. */
typedef void tn__loss_loop(const tn_tensor *y, int64_t from, int64_t n, tn_real *out);

bool tn__pointwise_shape(tn_tensor *y, tn_reduction r, bool batchmean); /* may it be TN_BATCHMEAN? */
void tn__pointwise_forward(tn_tensor *y, tn_reduction r, tn__loss_loop *value);
void tn__pointwise_backward(tn_tensor *y, tn_reduction r, int i, tn__loss_loop *slope); /* into in[i] */

/* ---- row by row ------------------------------------------------------------------------------------------------ */

typedef struct tn__label_loss {
    tn_ids                   labels;
    tn_cross_entropy_options options;
} tn__label_loss;

int64_t tn__loss_classes(const tn_tensor *y);
int64_t tn__loss_rows(const tn_tensor *y);

/* Checks x, the class weights (NULL: ones) and the reduction; sets y's shape. */
bool tn__row_loss_shape(tn_tensor *y, const tn_tensor *weight, tn_reduction r);
bool tn__check_labels(const tn_tensor *y, const tn__label_loss *l);

tn_real tn__class_weight(const tn_tensor *weight, int64_t c);

/* What the mean divides by: the weight of the labels that are not ignored. */
double tn__label_total(const tn_tensor *weight, const tn__label_loss *l);

/* Calls loss for each row, in order, and reduces; total is what the mean divides by. */
typedef double tn__row_loss(tn_tensor *y, int64_t row);
void tn__row_loss_forward(tn_tensor *y, tn_reduction r, double total, tn__row_loss *loss);

/* d L / d (the row's loss) */
tn_real tn__row_grad_out(const tn_tensor *y, tn_reduction r, double total, int64_t row);

#endif
