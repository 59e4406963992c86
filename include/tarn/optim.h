/* optim.h: update rules and their state. Defaults and formulas are PyTorch's.
 *
 *     optim *opt = optim_adam(ps, optim_adam_defaults());
 *     optim_set_weight_decay(opt, "*.bias", 0);
 *     for (int64_t step = 0; tn_ok(t) && step < steps; step++) {
 *         optim_set_lr(opt, optim_cosine_lr(1e-3, step, steps, 0));
 *         tn_tape_begin(t, TN_GRAD | TN_TRAIN);
 *         tn_backward(t, ...);
 *         optim_clip_norm(ps, 1);
 *         optim_step(opt);
 *     }
 *
 * Errors go to the params' tn_error. A call that meets an earlier error, or an optim that is NULL, does nothing. */
#ifndef TARN_OPTIM_H
#define TARN_OPTIM_H

#include <tarn/io.h>
#include <tarn/op.h>
#include <tarn/tensor.h>

#ifdef __cplusplus
extern "C" {
#endif

/* An update rule, its options, and its state for each parameter of one tn_params (also for those added later). */
typedef struct optim optim;

/* Moves every parameter that has a gradient, commits the changes of buffers that the step proposed, and forgets the
 * gradients. A parameter without a gradient is skipped whole: no decay, no momentum, no count. Changes everything or
 * nothing. Usage error: no parameter has a gradient. Memory error: no room for a state. */
bool optim_step(optim *o);

void    optim_free(optim *o); /* the optimiser and its states; the parameters stay */
int64_t optim_steps(const optim *o); /* steps made */

/* The learning rate: what a schedule sets before each step. Usage error: a rate that is negative; a rate that is not
 * finite. */
void optim_set_lr(optim *o, double lr);

/* That rate; NaN for NULL. */
double optim_lr(const optim *o);

/* ---- a checkpoint: parameters and state in one file -------------------------------------------------------------- */

/* tn_save (io.h), with what the optimiser needs to go on: the count of steps and each parameter's states, under names and
 * keys that begin with "optim."; to tn_load the file is a model. Settings (options, rates, decays, what is frozen) are not
 * in it: a program that goes on makes them as it did at first. Memory error: no room. Errors: tn_save's. */
bool optim_save(const optim *o, const char *path, int n, const tn_meta *meta);

/* The reverse: parameters, buffers and state, so that k steps, optim_save, optim_load into a new params and optim, and k
 * steps give the bytes of 2k steps, if the tape's count (tn_tape_set_count) is as it was. All or nothing. Format error: a
 * file without an optimiser's state; the state of another rule; only a part of a state. Shape error: a state of another
 * size. Memory error: no room. Errors: tn_load's, strictly. */
bool optim_load(optim *o, const char *path);

/* ---- groups: parameters whose name matches a shell pattern ("words.*", "*.bias", "layer[12].*") ---------------- */

/* Settings of their own, until a later call for the same parameter. Each returns how many parameters match, 0 after an
 * error. Usage error: no parameter matches; pattern is NULL. Memory error: no room for settings. */
int optim_set_lr_scale(optim *o, const char *pattern, double scale);
        /* their rate: scale times the optim's, always. Usage error: a scale that is negative or not finite */
int optim_set_weight_decay(optim *o, const char *pattern, double decay);
        /* Usage error: a decay that is negative or not finite; one that the rule has no use for */
int optim_set_frozen(optim *o, const char *pattern, bool frozen); /* tn_freeze for each */

/* ---- the rules ------------------------------------------------------------------------------------------------- */

/* Each copies the options, and returns NULL after an error; the text names an option that is impossible ("sgd: lr is -1, it
 * must be at least 0").
 *
 * A table whose gradient is held by rows (an embedding) is visited in its touched rows only by SGD without momentum and
 * decay, by Adagrad without decay (that is what the dense rule gives for both) and by SparseAdam. The others also move rows
 * whose gradient is zero, so they visit the whole table at each step, as they do for a dense gradient. */

/* g += wd p; b = m b + (1 - dampening) g; p -= lr b, or lr (g + m b) for nesterov. Sutskever et al. 2013. */
typedef struct optim_sgd_options {
    double lr, momentum, dampening, weight_decay;
    bool   nesterov; /* needs momentum > 0 and dampening 0 */
} optim_sgd_options;
optim_sgd_options optim_sgd_defaults(void); /* lr 1e-3, the rest 0 */
/* Usage error: momentum below 0; dampening that is not finite; nesterov without momentum or with dampening. Errors:
 * optim_new's. */
optim *optim_sgd(tn_params *ps, optim_sgd_options options);

/* m = b1 m + (1 - b1) g; v = b2 v + (1 - b2) g^2; p -= lr m' / (sqrt(v') + eps), m' and v' without their bias towards the
 * zeros that they start from. Kingma and Ba 2015. */
typedef struct optim_adam_options {
    double lr, beta1, beta2, eps, weight_decay;
    bool   amsgrad;
} optim_adam_options;
optim_adam_options optim_adam_defaults(void);  /* 1e-3, 0.9, 0.999, 1e-8, 0 */
optim_adam_options optim_adamw_defaults(void); /* the same, but weight_decay 1e-2, decoupled: arXiv 1711.05101 */
/* Usage error: beta1 outside [0, 1); beta2 outside [0, 1); eps below 0. Errors: optim_new's. */
optim *optim_adam(tn_params *ps, optim_adam_options options);
optim *optim_adamw(tn_params *ps, optim_adam_options options);

/* Adam on the touched rows of the parameter and of its two moments only; a dense gradient touches all rows. eps is added to
 * sqrt(v) before the correction, as in PyTorch. */
optim_adam_options optim_sparse_adam_defaults(void);
/* Usage error: weight_decay other than 0; amsgrad. Errors: optim_adam's. */
optim *optim_sparse_adam(tn_params *ps, optim_adam_options options);

/* s += g^2; p -= lr / (1 + (t - 1) lr_decay) g / (sqrt(s) + eps). Duchi et al. 2011. */
typedef struct optim_adagrad_options {
    double lr, lr_decay, weight_decay, initial_accumulator, eps;
} optim_adagrad_options;
optim_adagrad_options optim_adagrad_defaults(void); /* 1e-2, 0, 0, 0, 1e-10 */
/* Usage error: lr_decay below 0; initial_accumulator below 0; eps below 0. Errors: optim_new's. */
optim *optim_adagrad(tn_params *ps, optim_adagrad_options options);

/* s = alpha s + (1 - alpha) g^2; p -= lr g / (sqrt(s) + eps); centered takes the mean's square off s. Graves 2013. */
typedef struct optim_rmsprop_options {
    double lr, alpha, eps, weight_decay, momentum;
    bool   centered;
} optim_rmsprop_options;
optim_rmsprop_options optim_rmsprop_defaults(void); /* 1e-2, 0.99, 1e-8, 0, 0 */
/* Usage error: alpha outside [0, 1); eps below 0; momentum below 0. Errors: optim_new's. */
optim *optim_rmsprop(tn_params *ps, optim_rmsprop_options options);

/* ---- clipping, between tn_backward and optim_step -------------------------------------------------------------- */

/* Scales all gradients by min(1, max / (norm + 1e-6)), norm being that of all of them together; returns the norm before,
 * NaN after an error. An infinite max only measures. Nonfinite error: a norm that is not finite (it names the parameter,
 * and nothing is changed). Usage error: max is negative or NaN. */
double optim_clip_norm(tn_params *ps, double max);

/* Each number of a gradient into [-max, max]. Usage error: max is negative or NaN. */
void optim_clip_value(tn_params *ps, double max);

/* ---- schedules: closed forms of the step (or epoch) t >= 0, so resuming needs t alone -------------------------- */

/* As in optim_set_lr(opt, optim_warm_up(optim_cosine_lr(1e-3, t, 1000, 0), t, 100)). A negative t counts as 0; every,
 * period or total below 1 gives NaN, which optim_set_lr refuses. */
double optim_step_lr(double base, int64_t t, int64_t every, double gamma); /* base gamma^floor(t / every) */
double optim_exponential_lr(double base, int64_t t, double gamma);         /* base gamma^t */
/* min + (base - min)(1 + cos(pi t / period)) / 2 */
double optim_cosine_lr(double base, int64_t t, int64_t period, double min);
/* base (start + (end - start) min(t, total) / total) */
double optim_linear_lr(double base, int64_t t, int64_t total, double start, double end);
double optim_warm_up(double lr, int64_t t, int64_t steps); /* lr (t + 1) / steps while t < steps, then lr */

/* ---- a rule of your own ---------------------------------------------------------------------------------------- */

/* The most arrays of state that a rule may keep. */
enum { OPTIM_MAX_STATE = 4 };

/* One step of one parameter, for optim_rule's update. The fields below the line are optim_next's. */
typedef struct optim_update {
    const void *options;
    double      lr, weight_decay; /* this parameter's */
    int64_t     t;                /* this parameter's step, from 1 */
    /* ---- */
    tn_tensor         *param;
    tn_gradient        grad;
    tn_real    *const *state;
    int                n_state;
    const tn_real     *zeros; /* the gradient of a row that has none; NULL: such rows are not visited */
} optim_update;

/* n numbers of the parameter side by side, their gradient and their states. */
typedef struct optim_span {
    tn_real       *param;
    const tn_real *grad;
    tn_real       *state[OPTIM_MAX_STATE];
    int64_t        n;
    int64_t        next; /* optim_next's */
} optim_span;

/* The spans that an update has to visit, one at each call, then false; s is {0} at first:
 *
 *     static void update(const optim_update *u)
 *     {
 *         for (optim_span s = {0}; optim_next(u, &s);)
 *             for (int64_t i = 0; i < s.n; i++) s.param[i] -= (tn_real)u->lr * s.grad[i];
 *     } */
bool optim_next(const optim_update *u, optim_span *s);

/* Before the definition of a function of plain loops, as a move is: it is compiled once for each kind of vectors that the
 * processor may have, and the best is taken when the program starts. Values do not change. GCC alone: Clang gives each such
 * function a global name beside its own, also a static one, and two in a program that are called alike do not link. Not for
 * ThreadSanitizer, which is not there yet when the choice is made. */
#if defined __x86_64__ && defined __GLIBC__ && __GNUC__ >= 11 && !defined __clang__ && !defined __SANITIZE_THREAD__
#define OPTIM_WIDE __attribute__((target_clones("default", "avx2", "avx512f")))
#else
#define OPTIM_WIDE
#endif

/* Calls move for all of them, cut into pieces that threads share: what it writes but s's arrays is its own care. factors
 * is handed on. */
typedef void optim_move(const optim_span *s, const void *factors);
void optim_each(const optim_update *u, optim_move *move, const void *factors);

/* What makes an optimiser, for optim_new. Write one as a static const. */
typedef struct optim_rule {
    const char *name;
    size_t      options_size;
    /* Are the options possible, with this weight decay? Else it fails with TN_EUSAGE. NULL: always. lr and decay are
     * finite and at least 0 already. */
    bool   (*check)(const void *options, double weight_decay, tn_error *err);
    int    (*n_state)(const void *options);            /* arrays of the parameter's size that it keeps; NULL: none */
    double (*initial)(const void *options, int state); /* what they hold at first; NULL: 0 */
    /* May rows without gradient be left alone? NULL: no, they are visited with a gradient of zero. */
    bool   (*touched_rows_only)(const void *options, double weight_decay);
    void   (*update)(const optim_update *u);           /* never fails, never allocates */
} optim_rule;

/* An optimiser of all parameters of ps by rule. options (options_size bytes) is copied, the rule is borrowed. NULL after an
 * error. Usage error: lr below 0; lr not finite; weight_decay below 0 or not finite; a rule that is NULL; a rule without
 * name or update; options at NULL; more than OPTIM_MAX_STATE states. Memory error: no room. Errors: those of check. */
optim *optim_new(tn_params *ps, const optim_rule *rule, const void *options, double lr, double weight_decay);

/* For check: is value finite and in [low, high)? Else the error is `rule: option is 7, it must be in [0, 1)`. high
 * INFINITY: any finite number from low on. Usage error: a value outside; a value that is not finite. */
bool optim_check_option(tn_error *err, const char *rule, const char *option, double value, double low, double high);

#ifdef __cplusplus
}
#endif
#endif
