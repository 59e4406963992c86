/* tensor.h: tensors, the tape that records them, the parameters that outlive it.
 *
 * A tensor is a contiguous row-major array and, in one, the graph node that made it. Parameters belong to a tn_params;
 * everything else belongs to a tn_tape and is gone at the next tn_tape_begin. Nothing else is ever freed by hand.
 *
 *     tn_error  err = {0};
 *     tn_params *ps = tn_params_new(1, &err);
 *     tn_tape   *t  = tn_tape_new(1, 0, &err);
 *     tn_tensor *w  = tn_param(ps, TN_DIMS(2, 3), tn_normal(0, 1), "w");
 *     tn_tape_begin(t, TN_GRAD);
 *     tn_backward(t, tn_sum(t, tn_square(t, w), TN_ALL, false));
 *     if (err.code) fprintf(stderr, "%s\n", err.text);
 */
#ifndef TARN_TENSOR_H
#define TARN_TENSOR_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <tarn/error.h>

/* One number type per build. The double build's constructors have other link names, so that a program compiled for one
 * build does not link with the other's library. */
#ifdef TN_DOUBLE
typedef double tn_real;
#define tn_tape_new   tn_tape_new_double
#define tn_params_new tn_params_new_double
#else
typedef float tn_real;
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* ---- shapes ------------------------------------------------------------------------------------------------------ */

/* The most dimensions that a tensor has. */
enum { TN_MAX_RANK = 8 };

/* A shape, or a list of dimensions: a small value, passed by value. */
typedef struct tn_dims {
    int     n;
    int64_t at[TN_MAX_RANK];
} tn_dims;

#define TN__COUNT_(a, b, c, d, e, f, g, h, n, ...) n
#define TN__COUNT(...) TN__COUNT_(__VA_ARGS__, 8, 7, 6, 5, 4, 3, 2, 1, 0)
/* Shapes written down. */
#ifdef __cplusplus
#define TN_DIMS(...) (tn_dims{TN__COUNT(__VA_ARGS__), {__VA_ARGS__}})
#define TN_SCALAR    (tn_dims{0, {0}})
#else
#define TN_DIMS(...) ((tn_dims){TN__COUNT(__VA_ARGS__), {__VA_ARGS__}}) /* TN_DIMS(2, 3): 1 to 8 numbers */
#define TN_SCALAR    ((tn_dims){0, {0}})                                /* the shape of a single number */
#endif
#define TN_ALL TN_SCALAR /* as a list of dimensions: all of them */

typedef struct tn_tape   tn_tape;   /* one step's tensors, in order of creation */
typedef struct tn_params tn_params; /* named leaves: weights, their gradients, buffers */
typedef struct tn_op     tn_op;     /* an operator: op.h */

/* What everybody may read of a tensor. Gradients are reached through calls (tn_grad in op.h, tn_grad_data here). */
typedef struct tn_tensor {
    tn_real           *data; /* n numbers, row-major; NULL only while an op's shape function runs */
    int64_t            n;    /* the product of the sizes; 1 for a scalar */
    int64_t            size[TN_MAX_RANK];
    int                rank; /* 0: a scalar */
    int                n_in;
    struct tn_tensor **in;   /* the inputs of the op that made it */
    const tn_op       *op;   /* NULL for parameters, inputs and constants */
    const void        *attr; /* the op's attributes, copied onto the tape */
    void              *saved; /* what forward leaves for backward */
    tn_tape           *tape; /* NULL for parameters */
    const char        *name; /* of parameters and buffers; else NULL */
} tn_tensor;

/* Ids and labels are borrowed integers, not tensors: they must stay as they are until the tape's next begin (or free). */
typedef struct tn_ids {
    const int32_t *id;
    int64_t        n;
} tn_ids;

/* n bags of ids: bag b is ids[offsets[b]] up to ids[offsets[b + 1]], the last one up to ids.n. offsets[0] == 0, and the
 * offsets never decrease. */
typedef struct tn_bags {
    tn_ids         ids;
    const int64_t *offsets;
    int64_t        n;
} tn_bags;

/* ---- the tape ---------------------------------------------------------------------------------------------------- */

/* The mode of a step, for tn_tape_begin. */
enum {
    TN_EVAL  = 0, /* neither of the two */
    TN_GRAD  = 1, /* record: tn_backward will be called */
    TN_TRAIN = 2  /* dropout drops, batch statistics are taken, max_norm writes */
};

/* A tape. seed and stream pick its random numbers (two tapes with the same seed want different streams). err must outlive
 * the tape; NULL is answered with NULL. Memory error: no room. */
tn_tape *tn_tape_new(uint64_t seed, uint64_t stream, tn_error *err);

/* Frees the tape and all of its tensors. */
void tn_tape_free(tn_tape *t);

/* Drops everything that the tape holds and starts a new step. mode is TN_EVAL, TN_GRAD, TN_TRAIN or TN_GRAD | TN_TRAIN.
 * Does nothing when there is an earlier error. Usage error: another mode. */
void tn_tape_begin(tn_tape *t, unsigned mode);

unsigned  tn_tape_mode(const tn_tape *t);  /* of the last begin */
tn_error *tn_tape_error(const tn_tape *t); /* the one that it was made with */
bool      tn_ok(const tn_tape *t);         /* no error so far? What loops ask. */

/* The number of TN_TRAIN begins, which random ops draw by: with seed and stream it is all of the tape's random state. */
uint64_t tn_tape_count(const tn_tape *t);
void     tn_tape_set_count(tn_tape *t, uint64_t count);

/* Bytes that the tape holds from the system now. A step keeps its memory for the next one; tn_tape_trim drops the
 * tape's tensors (as tn_tape_begin does) and gives the memory back. */
size_t tn_tape_bytes(const tn_tape *t);
void   tn_tape_trim(tn_tape *t);

/* ---- data in and out --------------------------------------------------------------------------------------------- */

/* A leaf with a copy of data (zeros if data is NULL). Wants a gradient if grad; read it with tn_grad_data after
 * tn_backward. Shape error: a negative size; a rank over TN_MAX_RANK. Memory error: a shape larger than any memory; no
 * room. Usage error: no step begun; a tape that tn_backward has walked. */
tn_tensor *tn_input(tn_tape *t, tn_dims shape, const tn_real *data, bool grad);

/* A constant that borrows data until the tape's next begin. Usage error: data is NULL, and the shape has elements. Errors:
 * tn_input's. */
tn_tensor *tn_const(tn_tape *t, tn_dims shape, const tn_real *data);

/* A constant of shape (). Errors: tn_input's. */
tn_tensor *tn_scalar(tn_tape *t, double value);

/* The one number of a tensor with n == 1; NaN for NULL or any other size. */
double tn_item(const tn_tensor *x);

/* The same values as a constant: the gradient stops here. Shares x's data. Usage error: x is NULL; x is of another tape; x
 * is of an earlier step. Errors: tn_input's. */
tn_tensor *tn_detach(tn_tape *t, tn_tensor *x);

/* ---- gradients --------------------------------------------------------------------------------------------------- */

/* Walks the tape back from loss and adds d loss / d p to every parameter that is not frozen. loss must be a single number
 * made on this tape under TN_GRAD, and must depend on something that wants a gradient; each step has one tn_backward, after
 * which the tape is spent: values can be read, but no op is added before the next tn_tape_begin. Adds a whole gradient or
 * nothing: memory is reserved before the walk. Returns false, and writes nothing, if there was an error. Usage error: no
 * step begun; a step without TN_GRAD; a second tn_backward in a step; loss is NULL; loss is of another tape; loss is of an
 * earlier step; loss depends on nothing that wants a gradient; loss is a parameter. Shape error: loss is no single number.
 * Memory error: no room. */
bool tn_backward(tn_tape *t, tn_tensor *loss);

/* The same from any tensor, given d L / d y in dy (n numbers, borrowed for the call; not the gradient of a parameter that
 * the call adds to). Usage error: dy is NULL. Errors: tn_backward's. */
bool tn_backward_from(tn_tape *t, tn_tensor *y, const tn_real *dy);

/* Keeps the gradient of a temporary, so that tn_grad_data can read it after tn_backward. Returns x. Does nothing to a
 * parameter, which keeps its own anyway. Usage error: x wants no gradient; tn_backward has walked the tape. */
tn_tensor *tn_keep_grad(tn_tensor *x);

/* The gradient of an input, of a kept temporary or of a parameter, dense: n numbers, borrowed until the next begin (for a
 * parameter until the next optim_step). NULL if there is none. For a parameter that holds rows only this makes the whole
 * table dense; tn_param_gradient in op.h reads the rows as they are. Memory error: no room for that. */
const tn_real *tn_grad_data(tn_tensor *x);

/* ---- parameters -------------------------------------------------------------------------------------------------- */

/* A set of named leaves. seed picks the initial values; err is as a tape's. Memory error: no room. */
tn_params *tn_params_new(uint64_t seed, tn_error *err);

/* Frees the params and all of its parameters. */
void tn_params_free(tn_params *ps);

/* The error that it was made with. */
tn_error *tn_params_error(const tn_params *ps);

/* How a parameter starts. Each parameter draws from a stream of its own, by its place in the params. */
typedef enum tn_init_kind { TN_INIT_CONSTANT, TN_INIT_UNIFORM, TN_INIT_NORMAL, TN_INIT_COPY } tn_init_kind;

/* One of these, by the calls below. */
typedef struct tn_init {
    tn_init_kind   kind;
    double         a, b;
    const tn_real *data;
} tn_init;

tn_init tn_constant(double value);             /* all the same */
tn_init tn_uniform(double low, double high);   /* U[low, high) */
tn_init tn_normal(double mean, double std);    /* N(mean, std^2) */
tn_init tn_copy_of(const tn_real *data);       /* copied at once */

/* A new parameter; the name is a printf format, as PyTorch's state_dict has it ("hidden.weight"). Usage error: a name that
 * is NULL; an empty name; a name longer than TN_NAME - 1 bytes; a name that is there already; a name under the reserved
 * optim.; data to copy that is NULL. Shape error: a negative size; a rank over TN_MAX_RANK. Memory error: a shape larger
 * than any memory; no room. */
enum { TN_NAME = 128 };
tn_tensor *tn_param(tn_params *ps, tn_dims shape, tn_init init, const char *name, ...) TN_PRINTF(4, 5);

/* A named array that is saved and loaded, but never trained and never wants a gradient (running statistics). Errors:
 * tn_param's. */
tn_tensor *tn_buffer(tn_params *ps, tn_dims shape, tn_init init, const char *name, ...) TN_PRINTF(4, 5);

int        tn_params_count(const tn_params *ps);              /* parameters and buffers */
tn_tensor *tn_params_at(const tn_params *ps, int i);          /* in order of creation; NULL outside */
tn_tensor *tn_params_find(const tn_params *ps, const char *name); /* NULL if there is none */

/* What x is. NULL is nothing. */
bool tn_is_param(const tn_tensor *x);  /* of a params, and not a buffer */
bool tn_is_buffer(const tn_tensor *x);
bool tn_is_frozen(const tn_tensor *x);

/* Frozen: wants no gradient, is not moved by any optimiser. Also forgets the gradient that it holds. Does nothing to what
 * is no parameter. */
void tn_freeze(tn_tensor *param, bool frozen);

/* Forgets every gradient, and every proposed change of a buffer. */
void tn_params_zero_grad(tn_params *ps);

/* A copy of all values, for keeping the best ones or averaging. */
typedef struct tn_snapshot tn_snapshot;
tn_snapshot *tn_params_snapshot(const tn_params *ps); /* Memory error: no room */
bool         tn_params_restore(tn_params *ps, const tn_snapshot *s);
                 /* Usage error: s is NULL; s is of another params; a params that grew since */
bool         tn_snapshot_update(tn_snapshot *s, const tn_params *ps);
                 /* takes the values of now. Errors: tn_params_restore's */
bool         tn_snapshot_average(tn_snapshot *s, const tn_params *ps, double weight);
                 /* s += weight * (now - s). Errors: tn_params_restore's */
void         tn_snapshot_free(tn_snapshot *s);

/* ---- looking at things ------------------------------------------------------------------------------------------- */

/* The tensor as NumPy prints it, shortened beyond 1,000 elements, and the end of the line; "None" for NULL. */
void tn_print(const tn_tensor *x, FILE *to);

/* The recorded graph as Graphviz dot, with shapes: `dot -Tsvg`. Memory error: no room. */
void tn_draw(const tn_tape *t, FILE *to);

/* Looks at every number of the steps to come, as torch.autograd.set_detect_anomaly does; false: no longer. The first one
 * that is not finite is an error, which names the op, its place on the tape (as in tn_draw), forward or backward, and
 * whether it is the result, an input from outside or an input's gradient, with the parameter's name if it is one: `linear
 * "out": backward, tensor 3 of the tape: the gradient of input 1, the parameter "out.weight" (2, 8), is inf at number 5`.
 * An error in backward has the parameters of the step forget their gradients, those of earlier steps too. Infinities that
 * are meant are errors as well. Off, as a tape starts, it costs nothing; on, a reading of all values and gradients, and of
 * each parameter for each op that takes it. Nonfinite error: a result; an input; a gradient; dy of tn_backward_from. */
void tn_tape_check_finite(tn_tape *t, bool on);

/* Records what each op of the tape takes from now on, forgetting what it took before; false: stops. Off, as a tape starts,
 * it costs nothing; on, two looks at the clock and about 100 bytes for each call. */
void tn_profile(tn_tape *t, bool on);

/* What was recorded, as a table of ops, the dearest first: calls of forward, milliseconds of forward and of backward, the
 * share of both in all, bytes of the results. Ops that only rename (reshape) take no time and are not in it. Memory error:
 * no room. */
void tn_profile_print(const tn_tape *t, FILE *to);

/* The same call by call, in time's order, as a trace file of Chrome's format: ui.perfetto.dev opens it. */
void tn_profile_trace(const tn_tape *t, FILE *to);

/* Names, shapes, counts, trainable or frozen or buffer, as a table, with the totals. */
void tn_summary(const tn_params *ps, FILE *to);

/* "(2, 3)", "(4,)", "()" into buffer; returns buffer. TN_STR(x) is for the arguments of one printf-like call. */
enum { TN_SHAPE_TEXT = 8 * 21 + 4 };
const char *tn_shape_text(const tn_tensor *x, char *buffer);
#define TN_STR(x) tn_shape_text((x), (char[TN_SHAPE_TEXT]){0})

#ifdef __cplusplus
}
#endif
#endif
