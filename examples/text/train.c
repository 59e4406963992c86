/* train.c: the training of examples/classify's model. */
#include "train.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <tarn/tarn.h>

#include "best.h"
#include "calibrate.h"
#include "class_weights.h"
#include "progress.h"
#include "signals.h"
#include "vectors.h"

static optim *new_optim(tn_params *ps, text_rule rule, double lr)
{
    optim_sgd_options     sgd = optim_sgd_defaults();
    optim_adam_options    adam = rule == TEXT_ADAMW ? optim_adamw_defaults() : optim_adam_defaults();
    optim_adagrad_options adagrad = optim_adagrad_defaults();
    optim_rmsprop_options rmsprop = optim_rmsprop_defaults();

    sgd.lr = adam.lr = adagrad.lr = rmsprop.lr = lr;
    switch (rule) {
    case TEXT_SGD:
        return optim_sgd(ps, sgd);
    case TEXT_ADAM:
        return optim_adam(ps, adam);
    case TEXT_ADAMW:
        return optim_adamw(ps, adam);
    case TEXT_ADAGRAD:
        return optim_adagrad(ps, adagrad);
    case TEXT_RMSPROP:
        return optim_rmsprop(ps, rmsprop);
    default: /* TEXT_SPARSE_ADAM */
        return optim_sparse_adam(ps, adam);
    }
}

/* What a training works with, and its own room. */
typedef struct training {
    tn_tape        *t;
    optim          *opt;
    text_sets      *sets;
    text_report    *report; /* NULL: none is wanted */
    tn_real        *weights; /* of the classes; NULL: all count the same */
    int32_t        *answers; /* of a batch */
    int64_t         room;
    int64_t         batches, steps; /* in an epoch; in all */
    double          loss;           /* the last finite one */
    text_checkpoint checkpoint;
    text_best       best;
    text_progress   progress;
} training;

/* What is left to do is told from where it begins. */
static void begin_progress(training *tr, const text_options *o)
{
    const int64_t done = optim_steps(tr->opt);
    const double  left = 1 - (double)done / (double)tr->steps;

    text_progress_begin(&tr->progress, o->quiet ? NULL : stderr, o->epochs,
                        (int64_t)((double)(tr->sets->train.ids.n * o->epochs) * left));
    tr->progress.epoch = done / tr->batches;
}

/* To where the checkpoint was; before the end of the first epoch there is no best one. */
static void go_on(training *tr, text_program *p)
{
    if (!text_checkpoint_load(&tr->checkpoint, tr->opt, p->err) || !tr->best.patience || tr->checkpoint.step < tr->batches)
        return;
    if (text_best_load(&tr->best, &tr->checkpoint, p->ps)) text_checkpoint_load(&tr->checkpoint, tr->opt, p->err);
}

static void training_begin(training *tr, text_program *p, text_sets *sets, text_report *report)
{
    const text_options *o = &p->options;
    const text_data    *data = &sets->train;

    *tr = (training){.sets = sets, .report = report, .best.patience = o->patience, .loss = NAN};
    tr->batches = (data->n + o->batch - 1) / o->batch;
    tr->steps = tr->batches * o->epochs;
    tr->t = tn_tape_new((uint64_t)o->seed, 0, p->err);
    tr->opt = new_optim(p->ps, o->rule, o->lr);
    text_class_weights(o->class_weights, &p->text.labels, p->text.classes, data, &tr->weights, p->err);
    text_reserve(&tr->answers, &tr->room, o->batch < data->n ? o->batch : data->n, sizeof *tr->answers, p->err);
    if (text_checkpoint_begin(&tr->checkpoint, o, &p->text, data, &sets->validation, p->err) && o->resume) go_on(tr, p);
    tn_tape_set_count(tr->t, (uint64_t)optim_steps(tr->opt));
    if (tr->checkpoint.path) text_signals_catch();
    begin_progress(tr, o);
}

static void training_end(training *tr)
{
    if (tr->checkpoint.path) text_signals_release();
    text_progress_end(&tr->progress);
    text_checkpoint_end(&tr->checkpoint);
    text_best_free(&tr->best);
    free(tr->answers);
    free(tr->weights);
    optim_free(tr->opt);
    tn_tape_free(tr->t);
}

static void show(training *tr, const text_batch *b, const tn_tensor *logits, double loss)
{
    int64_t right = 0;

    if (!tn_argmax(tr->t, logits, -1, tr->answers)) return;
    for (int64_t i = 0; i < b->labels.n; i++) right += tr->answers[i] == b->labels.id[i];
    text_progress_step(&tr->progress, b->labels.n, b->texts.ids.n, loss, right);
}

static tn_tensor *loss_of(training *tr, tn_tensor *logits, tn_ids labels, double smoothing)
{
    tn_cross_entropy_options options = tn_cross_entropy_defaults();
    tn_tensor               *weights = NULL, *loss;

    options.label_smoothing = smoothing;
    if (tr->weights) weights = tn_const(tr->t, TN_DIMS(logits ? logits->size[1] : 0), tr->weights);
    loss = tn_cross_entropy_with(tr->t, logits, labels, weights, options);
    if (isfinite(tn_item(loss)))
        tr->loss = tn_item(loss);
    else if (loss)
        tn_fail(tn_tape_error(tr->t), TN_ENONFINITE, "the loss is %s",
                isnan(tn_item(loss)) ? "not a number" : "infinite");
    return loss;
}

/* Says where it was that a number was none, and what is left. */
static void tell_where(const training *tr, tn_error *err)
{
    const tn_error  cause = *err;
    const long long steps = optim_steps(tr->opt);
    char            kept[300] = "";

    if (cause.code != TN_ENONFINITE) return;
    if (tr->checkpoint.step)
        snprintf(kept, sizeof kept, "; %.200s is as it was after step %lld", tr->checkpoint.path,
                 (long long)tr->checkpoint.step);
    tn_error_clear(err);
    tn_fail(err, cause.code,
            "step %lld, batch %lld of epoch %lld: %s; the last finite loss was %.6g: try a smaller --lr%s", steps + 1,
            steps % tr->batches + 1, steps / tr->batches + 1, cause.text, tr->loss, kept);
}

/* Between a loss and its step: the loss has just shown that the parameters are good. False: the training ends here.
 */
static bool keep_checkpoint(text_program *p, training *tr)
{
    const int stop = text_signals_caught();

    if (stop && !tr->checkpoint.path) {
        p->stopped = stop;
        return false;
    }
    if (!stop && !text_checkpoint_is_due(&tr->checkpoint, optim_steps(tr->opt))) return tn_ok(tr->t);
    if (!tn_ok(tr->t) || !text_checkpoint_save(&tr->checkpoint, &p->text, tr->opt, p->err)) return false;
    p->stopped = stop;
    return !stop;
}

/* After an epoch: what there is to say of it, and is it the best one? */
static void end_epoch(text_program *p, training *tr)
{
    const int64_t epoch = optim_steps(tr->opt) / tr->batches;
    const double  loss = text_progress_loss(&tr->progress);
    text_data    *judge = tr->report ? text_report_judge(tr->sets) : NULL, *validation = &tr->sets->validation;
    text_scores   s;

    text_progress_epoch(&tr->progress);
    if (judge && (!text_program_score(p, judge, &s) ||
                  !text_report_epoch(tr->report, (text_epoch){(double)epoch, loss, s.loss, s.macro_f1}, p->err)))
        return;
    if (!tr->best.patience || (judge != validation && !text_program_score(p, validation, &s))) return;
    text_progress_score(&tr->progress, s.macro_f1);
    text_best_offer(&tr->best, epoch, s.macro_f1, &tr->checkpoint, &p->text, p->ps);
}

static void train_epoch(text_program *p, training *tr)
{
    tn_tape *t = tr->t;

    for (text_batch b; tn_ok(t) && text_next(&tr->sets->train, p->options.batch, &b);) {
        tn_tape_begin(t, TN_GRAD | TN_TRAIN); /* drops the previous step */
        tn_tensor *logits = text_classifier_forward(&p->model, t, b.texts);
        tn_tensor *loss = loss_of(tr, logits, b.labels, p->options.smoothing);
        if (!keep_checkpoint(p, tr)) return;
        tn_backward(t, loss);
        optim_clip_norm(p->ps, 1); /* large batches come with large rates: one step must not throw the run away */
        optim_set_lr(tr->opt, optim_linear_lr(p->options.lr, optim_steps(tr->opt), tr->steps, 1, 0));
        optim_step(tr->opt); /* does nothing if the step failed */
        show(tr, &b, logits, tn_item(loss));
    }
    if (tn_ok(t)) end_epoch(p, tr);
}

static void take_best(training *tr, text_program *p)
{
    if (!tr->best.epoch) return;
    text_best_restore(&tr->best, p->ps);
    if (!p->options.quiet) fprintf(stderr, "the best epoch on validation: %lld\n", (long long)tr->best.epoch);
}

/* From the step on that the optimiser is at: 0, or a checkpoint's. */
static bool train_model(text_program *p, text_sets *sets, text_report *report)
{
    const text_options *o = &p->options;
    training            tr;

    tn_freeze(p->model.words.weight, o->freeze);
    training_begin(&tr, p, sets, report);
    while (tn_ok(tr.t) && !p->stopped && optim_steps(tr.opt) < tr.steps) {
        const int64_t epoch = optim_steps(tr.opt) / tr.batches, seen = optim_steps(tr.opt) % tr.batches;
        if (seen == 0 && text_best_is_final(&tr.best, epoch)) break;
        if (!text_data_shuffle(&sets->train, tn_rng_new((uint64_t)o->seed, 1, (uint64_t)epoch, 0))) break;
        text_data_skip(&sets->train, seen * o->batch);
        train_epoch(p, &tr);
    }
    tell_where(&tr, p->err);
    if (!p->err->code && !p->stopped) take_best(&tr, p);
    training_end(&tr);
    if (p->stopped && o->checkpoint)
        fprintf(stderr, "classify: stopped after step %lld of %lld: the same command with --resume goes on from %s\n",
                (long long)tr.checkpoint.step, (long long)tr.steps, o->checkpoint);
    return !p->err->code && !p->stopped;
}

/* A model for what was read. Rows start small, not as N(0, 1): one that training never touches then says next to
 * nothing. */
static bool build(text_program *p)
{
    const text_options *o = &p->options;
    text_sizes          size = {text_encoder_rows(&p->text.encoder), o->dim, o->hidden, p->text.classes, p->text.pooling};

    if (size.classes < 2)
        return tn_fail(p->err, TN_EFORMAT, "%s: all texts have the same label; to learn takes two or more",
                       o->files[0]);
    if (size.rows < 1)
        return tn_fail(p->err, TN_EFORMAT, "%s: no token occurs %lld times: lower --min-count", o->files[0],
                       (long long)o->min_count);
    p->ps = tn_params_new((uint64_t)o->seed, p->err);
    text_classifier_init(&p->model, p->ps, size, tn_uniform(-1.0 / (double)o->dim, 1.0 / (double)o->dim));
    return !p->err->code;
}

/* A small set needs more epochs to be learnt: about 120,000 texts are shown in all, each 5 to 25 times. */
static int64_t epochs_for(int64_t texts)
{
    int64_t epochs = (120000 + texts - 1) / texts;

    return epochs < 5 ? 5 : epochs > 25 ? 25 : epochs;
}

/* dim is as --vectors has it; a --dim that was given must be the same. */
static bool open_vectors(text_options *o, text_vectors *v, tn_error *err)
{
    if (!o->vectors) return true;
    if (!text_vectors_open(v, o->vectors, err)) return false;
    if (o->dim && o->dim != v->dim)
        return tn_fail(err, TN_EUSAGE, "%s has %lld numbers for each token, but --dim is %lld: leave --dim out",
                       o->vectors, (long long)v->dim, (long long)o->dim);
    o->dim = v->dim;
    return true;
}

static bool fill_rows(text_program *p, text_vectors *v)
{
    text_coverage coverage;

    if (!p->options.vectors) return true;
    if (!text_vectors_fill(v, &p->text.encoder, p->model.words.weight, &coverage)) return false;
    if (!p->options.quiet) text_coverage_print(&coverage, p->options.vectors, stderr);
    return true;
}

static bool read_texts(text_program *p, text_sets *sets)
{
    const text_options *o = &p->options;
    const bool          needed = o->precision >= 0 || o->patience || (o->report && !o->test);

    if (!text_program_learn(p, sets)) return false;
    if (!o->quiet)
        fprintf(stderr, "%lld texts, %lld ids of %lld, %d labels\n", (long long)sets->train.n, (long long)sets->train.ids.n,
                (long long)text_encoder_rows(&p->text.encoder), (int)p->text.classes);
    if (sets->validation.n || !needed) return true;
    return tn_fail(p->err, TN_EUSAGE, "--validation %g: of so few texts that is none: a larger share, please, or a file",
                   o->held_out);
}

bool text_train_on(text_program *p, text_sets *sets, text_report *report)
{
    text_options *o = &p->options;
    text_vectors  v = {0};
    bool          ok;

    if (!o->epochs) o->epochs = epochs_for(sets->train.n);
    ok = open_vectors(o, &v, p->err) && text_calibrate_begin(p, &sets->train) && build(p) && fill_rows(p, &v);
    text_vectors_close(&v);
    return ok && (!report || text_report_begin(report, p)) && train_model(p, sets, report) &&
           text_calibrate(p, &sets->validation);
}

bool text_train(text_program *p, text_sets *sets, text_report *report)
{
    return read_texts(p, sets) && text_train_on(p, sets, report);
}
