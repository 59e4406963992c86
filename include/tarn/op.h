/* op.h: the door. Everything that the library ever knows of an operator is one const struct; the library's own ops come
 * in by the same door as yours. README.md, "Add an op", goes through one from an empty file to a passing gradcheck. */
#ifndef TARN_OP_H
#define TARN_OP_H

#include <tarn/tensor.h>

#ifdef __cplusplus
extern "C" {
#endif

/* An operator. Write one as a static const, and apply it with tn_apply. */
struct tn_op {
    const char *name;      /* in every error, profile and drawing */
    int         n_in;      /* -1: any number */
    unsigned    optional;  /* bit i: in[i] may be absent (a bias) */
    unsigned    constant;  /* bit i: in[i] gets no gradient (a mask, a target); one that wants it is an error at tn_apply */
    size_t      attr_size; /* attributes are copied onto the tape */

    /* Checks the inputs; sets y's shape and what forward and backward need (the calls under "in shape" below). The only
     * part that can fail: returns tn_op_fail(...). Pointers in attr (ids, labels) are checked here too. */
    bool (*shape)(tn_tensor *y);

    /* Fills y->data and y->saved. Never allocates, never fails. NULL for an alias. */
    void (*forward)(tn_tensor *y);

    /* Adds to the inputs' gradients, where they are wanted (tn_grad). NULL: the op has no gradient, and asking for one
     * is an error at tn_apply (an alias needs none). */
    void (*backward)(tn_tensor *y);

    /* The k-th example of the op applied to fresh inputs, NULL after the last: every option, empty and size-1
     * dimensions. It is what tn_gradcheck runs. NULL for an op without gradient. */
    tn_tensor *(*sample)(tn_tape *t, int k);
};

/* Applies op to n inputs on tape t. attr (op->attr_size bytes) is copied; NULL: all zero. Usage error: no step begun; a
 * tape that tn_backward has walked; an op that is NULL or has no name or shape; another number of inputs; inputs at NULL; a
 * required input that is NULL; a tensor of another tape; a tensor of an earlier step; a gradient wanted of an op that has
 * none; a gradient wanted of an input that gets none; a shape function that sets no shape. Memory error: no room. Errors:
 * those of op->shape. */
tn_tensor *tn_apply(tn_tape *t, const tn_op *op, int n, tn_tensor *const *in, const void *attr);

/* ---- in shape ---------------------------------------------------------------------------------------------------- */

/* Sets y's shape. Shape error: a negative size; a rank over TN_MAX_RANK. Memory error: a shape larger than any memory.
 * Usage error: size is NULL. */
bool tn_set_shape(tn_tensor *y, int rank, const int64_t *size);

/* Sets y's shape to x's. Usage error: x is NULL. */
bool tn_set_shape_like(tn_tensor *y, const tn_tensor *x);

/* y shares in[i]'s data and gradient; the shape is set as usual, with the same number of elements. Usage error: no such
 * input. */
bool tn_alias(tn_tensor *y, int i);

/* Room for y->saved, kept until the tape's next begin. Memory error: no room. */
bool tn_alloc_saved(tn_tensor *y, size_t bytes);

/* Room that forward and backward reach by tn_scratch(y): 64-byte aligned, its content does not outlive the call; for 0
 * bytes too it is a place, which may be moved by 0. Memory error: no room. */
bool tn_alloc_scratch(tn_tensor *y, size_t bytes);

/* Declares that backward adds to rows ids[0..] of in[i] only, through tn_grad_row: a table's gradient then stays compact.
 * One such input per op; in[i]'s first dimension counts its rows. The ids must be checked already. Usage error: no such
 * input. Memory error: no room. */
bool tn_touch_rows(tn_tensor *y, int i, tn_ids ids);

/* Declares that forward writes in[i]'s data in place (Embedding's max_norm). Usage error: an input that is no parameter; an
 * earlier op on this tape needs the old values. */
bool tn_write_input(tn_tensor *y, int i);

/* Declares a random op. Its numbers are a function of the tape's seed, stream and count, of the op's ordinal among the
 * tape's random ops and of the element (tn_op_rng, in rng.h), so backward computes them again and saves nothing. */
void tn_random(tn_tensor *y);

/* Room for the next value of the buffer in[i], which forward fills; committed by optim_step, forgotten by a step that fails
 * or is dropped. Usage error: an input that is no buffer. Memory error: no room. */
bool tn_propose(tn_tensor *y, int i);

/* Where forward reaches it. */
tn_real *tn_proposal(const tn_tensor *y, int i);

/* Records the error `op "param": text` and returns false. */
bool tn_op_fail(const tn_tensor *y, tn_code code, const char *format, ...) TN_PRINTF(3, 4);

/* dim from -rank to rank - 1 as 0 to rank - 1 in *dim. Index error: another dim. Usage error: dim is NULL. */
bool tn_wrap_dim(const tn_tensor *y, int rank, int64_t *dim);

/* ---- in forward and backward ------------------------------------------------------------------------------------- */

/* The room that tn_alloc_scratch reserved. */
void *tn_scratch(const tn_tensor *y);

/* Is the tape in TN_TRAIN? */
bool tn_training(const tn_tensor *y);

/* d L / d y: n numbers, complete when backward is called. */
const tn_real *tn_grad_out(const tn_tensor *y);

/* The gradient of in[i], or NULL if it is not wanted. If *first, write every element of it; else add. Ask once per input
 * and backward: the answer for the same tensor twice is "first" once. */
tn_real *tn_grad(tn_tensor *y, int i, bool *first);
bool     tn_wants(const tn_tensor *y, int i); /* without taking it */

/* The gradient of the row of the k-th id that shape declared: always add. NULL if it is not wanted. */
tn_real *tn_grad_row(tn_tensor *y, int i, int64_t k);

/* All of them in one call: the k-th id's row is the at[k]-th from what is returned on. */
tn_real *tn_grad_rows(tn_tensor *y, int i, const int32_t **at);

/* ---- for optimisers ---------------------------------------------------------------------------------------------- */

/* A parameter's gradient as it is held: n_rows rows of width numbers. row[s] is the table's row that data + s * width
 * belongs to, in order of first touch; slot_of[r] is 1 + the slot s of the table's row r, 0 if r has no gradient. Both
 * are NULL if the gradient is dense, all rows in order. */
typedef struct tn_gradient {
    tn_real       *data;
    const int32_t *row, *slot_of;
    int64_t        n_rows, width;
} tn_gradient;

/* False if the parameter holds no gradient. */
bool tn_param_gradient(const tn_tensor *param, tn_gradient *g);

/* What optim_step ends with: commits the proposed changes of buffers, forgets all gradients. */
void tn_params_commit(tn_params *ps);

/* ---- checking an op ---------------------------------------------------------------------------------------------- */

/* Runs every sample of op on t (which it begins anew each time) and compares, element by element, each input's gradient by
 * backward with central differences; with every subset of constant inputs, and with the same tensor in two places where the
 * shapes allow it. Passes when |a - n| <= tol * max(1, |a|, |n|), tol 1e-6 in the double build and 1e-2 in float. Usage
 * error: a gradient that differs (it names the op, the sample, the input, the element and both values); an op that is NULL;
 * an op without sample; an op without backward; no sample at all; a sample of more than 16 inputs; a sample that is not this
 * op's result. Errors: those of the samples. */
bool tn_gradcheck(tn_tape *t, const tn_op *op);

/* An input for samples: values in [low, high), the same in every run and build; it wants a gradient. Errors: tn_input's. */
tn_tensor *tn_sample(tn_tape *t, tn_dims shape, double low, double high);

/* ---- running in parallel ----------------------------------------------------------------------------------------- */

/* Calls f(begin, end, arg) over pieces of [0, n) that cover it once, and returns when all are done. Pieces are cut by
 * grain alone, so results cannot depend on the number of threads if pieces write different places. What is no larger
 * than grain, and what is called from inside a piece or while another thread's work is under way, runs on the caller's
 * thread. Never fails: where threads cannot be made, fewer do the work. */
void tn_parallel_for(int64_t n, int64_t grain, void (*f)(int64_t begin, int64_t end, void *arg), void *arg);

/* How many threads work on one call, the caller's among them. 0: as many as the processors that the process may use,
 * which is the default. Call it while no op runs. */
void tn_set_threads(int n);
int  tn_threads(void);

#ifdef __cplusplus
}
#endif
#endif
