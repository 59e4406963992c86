/* xor.cpp: examples/xor.c in C++: the headers are C++ as they are, and what tarn hands out has an owner. */
#include <memory>

#include <tarn/tarn.h>

struct release {
    void operator()(tn_params *p) const { tn_params_free(p); }
    void operator()(tn_tape *t) const { tn_tape_free(t); }
    void operator()(optim *o) const { optim_free(o); }
};
template <class T> using owner = std::unique_ptr<T, release>;

int main()
{
    const tn_real x[] = {0, 0, 0, 1, 1, 0, 1, 1}, y[] = {0, 1, 1, 0};
    tn_error err = {};
    owner<tn_params> ps(tn_params_new(1, &err)); /* 1: the seed */
    owner<tn_tape>   tape(tn_tape_new(1, 0, &err));
    tn_tape         *t = tape.get();
    nn_linear hidden, out;
    nn_linear_init(&hidden, ps.get(), "hidden", 2, 8);
    nn_linear_init(&out, ps.get(), "out", 8, 1);
    optim_adam_options options = optim_adam_defaults();
    options.lr = 0.05;
    owner<optim> opt(optim_adam(ps.get(), options));

    tn_tensor *logits = nullptr;
    for (int step = 0; step < 500 && tn_ok(t); step++) {
        tn_tape_begin(t, TN_GRAD | TN_TRAIN); /* drops the previous step */
        tn_tensor *h = tn_tanh(t, nn_linear_forward(&hidden, t, tn_const(t, TN_DIMS(4, 2), x)));
        logits = nn_linear_forward(&out, t, h);
        tn_tensor *loss = tn_bce_with_logits(t, logits, tn_const(t, TN_DIMS(4, 1), y), nullptr, TN_MEAN);
        tn_backward(t, loss);
        optim_step(opt.get());
        if (step % 100 == 99) printf("step %d: loss %.4f\n", step + 1, (double)tn_item(loss));
    }
    for (int i = 0; i < 4 && logits; i++)
        printf("%g xor %g = %d\n", (double)x[2 * i], (double)x[2 * i + 1], logits->data[i] > 0);
    if (err.code) fprintf(stderr, "%s\n", err.text); /* the one check */
    return err.code != TN_OK;
}
