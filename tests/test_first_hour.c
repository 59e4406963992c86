/* What a newcomer gets wrong in the first hour, and the text that says what to do. */
#include <stdio.h>

#include "tests.h"

static const tn_real zeros[16];
static const int32_t four[4] = {0, 1, 2, 3};
static const tn_ids  labels = {four, 4};

static tn_tensor *logits(int64_t rows, int64_t classes)
{
    return tn_const(t, TN_DIMS(rows, classes), zeros);
}

static tn_tensor *layer(void)
{
    nn_linear l;
    nn_linear_init(&l, ps, "out", 4, 2);
    return nn_linear_forward(&l, t, logits(2, 4));
}

static tn_tensor *loss(void)
{
    return tn_mean(t, layer(), TN_ALL, false);
}

static void step(void)
{
    optim *o = optim_adam(ps, optim_adam_defaults());
    optim_step(o);
    optim_free(o);
}

static void no_begin(void) { logits(2, 3); }

static void no_second_begin(void)
{
    tn_tape_begin(t, TN_GRAD | TN_TRAIN);
    tn_backward(t, loss());
    logits(2, 3);
}

static void no_recording(void)
{
    tn_tape_begin(t, TN_EVAL);
    tn_backward(t, loss());
}

static void no_reduction(void)
{
    tn_tape_begin(t, TN_GRAD);
    tn_backward(t, layer());
}

static void no_backward(void)
{
    tn_tape_begin(t, TN_GRAD);
    loss();
    step();
}

static void two_steps(void)
{
    tn_tape_begin(t, TN_GRAD);
    tn_backward(t, loss());
    step();
    step();
}

static void all_frozen(void)
{
    tn_tape_begin(t, TN_EVAL);
    layer();
    tn_freeze(tn_params_at(ps, 0), true);
    tn_freeze(tn_params_at(ps, 1), true);
    step();
}

static void no_init(void)
{
    nn_linear l = {0};
    tn_tape_begin(t, TN_EVAL);
    nn_linear_forward(&l, t, logits(2, 3));
}

static void labels_from_1(void)
{
    tn_tape_begin(t, TN_EVAL);
    tn_cross_entropy(t, logits(4, 3), labels);
}

static void labels_missing(void)
{
    tn_tape_begin(t, TN_EVAL);
    tn_cross_entropy(t, logits(5, 4), labels);
}

static void targets_flat(void)
{
    tn_tape_begin(t, TN_EVAL);
    tn_mse(t, logits(4, 1), tn_const(t, TN_DIMS(4), zeros), TN_MEAN);
}

static void other_vocabulary(void)
{
    nn_embedding words;
    nn_embedding_init(&words, ps, "words", 3, 2);
    tn_tape_begin(t, TN_EVAL);
    nn_embedding_forward(&words, t, labels);
}

static void two_of_a_name(void)
{
    tn_tape_begin(t, TN_EVAL);
    layer();
    layer();
}

static void missing_file(void) { tn_load(ps, "nosuch.safetensors", TN_STRICT); }

static void pickled_file(void)
{
    char path[] = "/tmp/tarn-first-hour-XXXXXX";
    int fd = mkstemp(path);
    FILE *f = fdopen(fd, "wb");
    fputs("PK\3\4 and what torch.save writes", f);
    fclose(f);
    tn_load(ps, path, TN_STRICT);
    remove(path);
    char *quoted = strstr(err.text, path); /* a text that is the same in every run */
    if (quoted) memcpy(quoted + strlen(path) - 6, "XXXXXX", 6);
}

static const struct mistake {
    void      (*make)(void);
    tn_code     code;
    const char *text;
} MISTAKES[] = {
    {no_begin, TN_EUSAGE, "tn_const: no step has begun on this tape: call tn_tape_begin first, with TN_GRAD | TN_TRAIN to train or "
                          "TN_EVAL to predict"},
    {no_second_begin, TN_EUSAGE, "tn_const: this tape is spent: tn_backward has walked it; begin the next step with tn_tape_begin"},
    {no_recording, TN_EUSAGE, "backward: this step does not record: begin it with tn_tape_begin(t, TN_GRAD)"},
    {no_reduction, TN_ESHAPE, "backward: the loss is (2, 2), it must be a single number: reduce it (tn_mean, tn_sum), or give its "
                              "gradient to tn_backward_from"},
    {no_backward, TN_EUSAGE, "optim_step: no gradient since the last step: call tn_backward first"},
    {two_steps, TN_EUSAGE, "optim_step: no gradient since the last step: call tn_backward first"},
    {all_frozen, TN_EUSAGE, "optim_step: every parameter is frozen: tn_freeze(p, false) lets one move"},
    {step, TN_EUSAGE, "optim_step: its params have no parameters: make the layers (nn_linear_init, tn_param) with the same params"},
    {no_init, TN_EUSAGE, "linear: input 1 is NULL, and no earlier error says why" UNMADE},
    {labels_from_1, TN_EINDEX, "cross_entropy: label 3 at position 3 is outside [0, 3): the logits have 3 classes, counted from 0"},
    {labels_missing, TN_ESHAPE, "cross_entropy: 4 labels for the 5 rows of (5, 4)"},
    {targets_flat, TN_ESHAPE, "mse: target is (4,), it must be as x (4, 1)" NO_BROADCAST},
    {other_vocabulary, TN_EINDEX, "embedding \"words\": id 3 at position 3 is outside [0, 3)" STRANGE_ID},
    {two_of_a_name, TN_EUSAGE, "tn_param: there is a \"out.weight\" already"},
    {missing_file, TN_EIO, "load \"nosuch.safetensors\": cannot open: No such file or directory"},
    {pickled_file, TN_EFORMAT, "load \"/tmp/tarn-first-hour-XXXXXX\": byte 0: a zip archive, as torch.save writes it: save the "
                               "state_dict as safetensors (examples/pytorch.py does)"},
};

START_TEST(says_what_to_do)
{
    MISTAKES[_i].make();
    ck_error(MISTAKES[_i].code, MISTAKES[_i].text);
}
END_TEST

static void add(TCase *c)
{
    tcase_add_loop_test(c, says_what_to_do, 0, (int)(sizeof MISTAKES / sizeof *MISTAKES));
}

int main(void)
{
    return run_case("first_hour", add);
}
