/* classify_logits.c: the logits of each line of the standard input, of a model of classify: tests/check_pytorch.sh. */
#include <tarn/tarn.h>

#include "text/program.h"

int main(int argc, char **argv)
{
    tn_error     err = {0};
    text_program p = {.err = &err, .options.model = argc > 1 ? argv[1] : ""};
    text_lines   in;
    text_data    data = {.err = &err};
    tn_tape     *t = tn_tape_new(1, 0, &err);

    if (text_program_load(&p) && text_lines_open(&in, NULL, &err)) {
        for (text_span line; text_lines_next(&in, &line) && text_data_add(&data, &p.text.encoder, line, 0);)
            continue;
        text_lines_close(&in);
        tn_tape_begin(t, TN_EVAL);
        const tn_tensor *y = text_classifier_forward(&p.model, t, text_data_all(&data).texts);
        for (int64_t i = 0; y && i < y->n; i++)
            printf("%.9g%c", (double)y->data[i], (i + 1) % p.text.classes ? ' ' : '\n');
    }
    fputs(err.text, stderr);
    tn_tape_free(t);
    tn_params_free(p.ps);
    text_data_free(&data);
    text_model_free(&p.text);
    return err.code != TN_OK;
}
