/* classify.c: learns to label texts, and labels them. Here are the commands; the model is in text/classifier.c, its
 * training in text/train.c, and around them in text/ are the files, tokens, vocabulary, command line and scores. */
#include <signal.h>
#include <stdlib.h>

#include <tarn/tarn.h>

#include "text/checkpoint.h"
#include "text/completion.h"
#include "text/explain.h"
#include "text/neighbours.h"
#include "text/output.h"
#include "text/predict.h"
#include "text/train.h"
#include "text/tune.h"
#include "text/vectors.h"

/* ---- commands -------------------------------------------------------------------------------------------------- */

static bool train_command(text_program *p)
{
    const text_options *o = &p->options;
    text_sets           sets = {{.err = p->err}, {.err = p->err}, {.err = p->err}};
    text_report         report = {0};
    bool                ok;

    p->text.encoder.settings = o->settings;
    p->text.pooling = o->pooling;
    ok = text_model_path_check(o->model, p->err) && text_checkpoint_path_check(o, p->err) &&
         (!o->report || text_model_path_check(o->report, p->err)) && text_train(p, &sets, o->report ? &report : NULL) &&
         text_model_save(&p->text, p->ps, o->model, 0, NULL, p->err) && (!o->test || text_program_report(p, &sets.test)) &&
         (!o->report || text_report_write(&report, p, &sets));
    text_report_free(&report);
    text_sets_free(&sets);
    return ok;
}

static bool eval_command(text_program *p)
{
    text_data data = {.err = p->err};
    bool      ok = text_program_load(p) && text_program_read(p, p->options.files[0], &data) &&
              text_program_report(p, &data);

    text_data_free(&data);
    return ok;
}

static bool predict_command(text_program *p)
{
    return text_program_load(p) && text_predict(p, p->options.n_files ? p->options.files[0] : NULL);
}

static bool explain_command(text_program *p)
{
    return text_program_load(p) && text_explain(p, p->options.n_files, p->options.files);
}

static bool neighbours_command(text_program *p)
{
    return text_program_load(p) && text_neighbours(p, p->options.files[0]);
}

static bool export_command(text_program *p)
{
    text_output out;
    int64_t     left = 0;
    bool        ok = text_program_load(p) &&
              text_output_open(&out, p->options.n_files ? p->options.files[0] : NULL, p->err) &&
              (text_vectors_write(&p->text.encoder, p->model.words.weight, out.to, &left, p->err), text_output_close(&out));

    if (ok && left) fprintf(stderr, "classify: %lld tokens with a space are left out\n", (long long)left);
    return ok;
}

/* ---- without a command: the bundled texts ---------------------------------------------------------------------- */

/* In none of the bundled texts, though some of their characters stand in profane ones (cocktail, 幹部, 操場, 操作).
 */
static const char *const samples[] = {
    "the cocktail class starts at seven",
    "could you water the plants while we are away",
    "shut up, you stupid bastard",
    "this game is such bullsh1t",
    "放學後我要去操場跑步",
    "我們的幹部都很認真",
    "靠北，錢包不見了",
    "这台机器操作起来很简单",
    "他妈的又堵车了",
    "Ｆｕｃｋ　ｔｈｉｓ　ｇａｍｅ",
};

static bool demo_command(text_program *p)
{
    char        path[] = "examples/data/train.tsv";
    char *const files[] = {path};
    text_sets   sets = {{.err = p->err}, {.err = p->err}, {.err = p->err}};
    bool        ok;

    p->options.files = files;
    p->options.n_files = 1;
    p->options.test = "examples/data/test.tsv";
    p->text.encoder.settings = p->options.settings;
    p->text.pooling = p->options.pooling;
    ok = text_train(p, &sets, NULL) && text_program_report(p, &sets.test);
    if (ok) {
        printf("\nSentences that it has not seen:\n");
        ok = text_predict_all(p, sizeof samples / sizeof *samples, samples);
    }
    text_sets_free(&sets);
    return ok;
}

/* ---- main ------------------------------------------------------------------------------------------------------ */

static bool run(text_program *p)
{
    switch (p->options.command) {
    case TEXT_TRAIN:
        return train_command(p);
    case TEXT_EVAL:
        return eval_command(p);
    case TEXT_PREDICT:
        return predict_command(p);
    case TEXT_EXPLAIN:
        return explain_command(p);
    case TEXT_NEIGHBOURS:
        return neighbours_command(p);
    case TEXT_EXPORT_VECTORS:
        return export_command(p);
    case TEXT_TUNE:
        return text_tune(p);
    case TEXT_COMPLETION:
        (p->options.files[0][0] == 'b' ? text_completion_bash : text_completion_zsh)(stdout);
        return true;
    case TEXT_HELP:
        text_options_help(p->options.about, stdout);
        return true;
    case TEXT_VERSION:
        printf("classify %s\n", TN_VERSION);
        return true;
    default:
        return demo_command(p);
    }
}

/* With --match as grep's: 1 says that no line matched, and so 2 every error. */
static int exit_status(const text_program *p)
{
    const bool matches = p->options.match;

    if (p->err->code) return matches || p->err->code == TN_EUSAGE ? 2 : 1;
    return matches && !p->matched;
}

int main(int argc, char **argv)
{
    tn_error     err = {0};
    text_program p = {.err = &err};

    text_prefer_large_pages();
    if (text_options_parse(&p.options, argc, argv, &err) && run(&p)) text_program_flush(&p);
    if (err.code) fprintf(stderr, "classify: %s\n", err.text);
    tn_params_free(p.ps);
    text_model_free(&p.text);
    if (p.stopped) raise(p.stopped); /* so that whoever waits for the program sees why it ended */
    return exit_status(&p);
}
