/* new_op.c: an op of your own is a first-class op. Softsign, y = x / (1 + |x|), is defined here, outside the library;
 * gradcheck proves it, and a small net trains through it. */
#include <math.h>

#include <tarn/tarn.h>

static bool softsign_shape(tn_tensor *y)
{
    return tn_set_shape_like(y, y->in[0]);
}

static void softsign_forward(tn_tensor *y)
{
    const tn_real *x = y->in[0]->data;
    for (int64_t i = 0; i < y->n; i++) y->data[i] = x[i] / (1 + (tn_real)fabs((double)x[i]));
}

/* dy/dx = 1 / (1 + |x|)^2 = (1 - |y|)^2 */
static void softsign_backward(tn_tensor *y)
{
    bool first;
    const tn_real *g = tn_grad_out(y);
    tn_real *gx = tn_grad(y, 0, &first);
    for (int64_t i = 0; gx && i < y->n; i++) {
        tn_real slope = 1 - (tn_real)fabs((double)y->data[i]);
        gx[i] = (first ? 0 : gx[i]) + g[i] * slope * slope;
    }
}

static tn_tensor *softsign(tn_tape *t, tn_tensor *x);

static tn_tensor *softsign_sample(tn_tape *t, int k)
{
    switch (k) {
    case 0: return softsign(t, tn_sample(t, TN_DIMS(2, 3), 0.2, 2));
    case 1: return softsign(t, tn_sample(t, TN_DIMS(5), -2, -0.2));
    case 2: return softsign(t, tn_sample(t, TN_DIMS(0, 4), -1, 1));
    }
    return NULL;
}

static const tn_op softsign_op = {
    .name = "softsign", .n_in = 1, .shape = softsign_shape, .forward = softsign_forward,
    .backward = softsign_backward, .sample = softsign_sample,
};

static tn_tensor *softsign(tn_tape *t, tn_tensor *x)
{
    return tn_apply(t, &softsign_op, 1, &x, NULL);
}

/* Fits y = sin(3 x) on [-1, 1] with one hidden layer. */
static double train(tn_params *ps, tn_tape *t)
{
    enum { POINTS = 32 };
    tn_real x[POINTS], y[POINTS];
    for (int i = 0; i < POINTS; i++) {
        x[i] = (tn_real)(2.0 * i / (POINTS - 1) - 1);
        y[i] = (tn_real)sin(3 * (double)x[i]);
    }
    nn_linear hidden, out;
    nn_linear_init(&hidden, ps, "hidden", 1, 16);
    nn_linear_init(&out, ps, "out", 16, 1);
    optim_adam_options options = optim_adam_defaults();
    options.lr = 0.02;
    optim *opt = optim_adam(ps, options);
    double last = 0;
    for (int step = 0; step < 1000 && tn_ok(t); step++) {
        tn_tape_begin(t, TN_GRAD | TN_TRAIN);
        tn_tensor *h = softsign(t, nn_linear_forward(&hidden, t, tn_const(t, TN_DIMS(POINTS, 1), x)));
        tn_tensor *loss = tn_mse(t, nn_linear_forward(&out, t, h), tn_const(t, TN_DIMS(POINTS, 1), y), TN_MEAN);
        tn_backward(t, loss);
        optim_step(opt);
        last = tn_item(loss);
    }
    optim_free(opt);
    return last;
}

int main(void)
{
    tn_error  err = {0};
    tn_params *ps = tn_params_new(1, &err);
    tn_tape   *t = tn_tape_new(1, 0, &err);
    if (tn_gradcheck(t, &softsign_op)) printf("gradcheck: softsign passes\n");
    double loss = train(ps, t);
    printf("sin(3x) through softsign: mean squared error %.5f\n", loss);
    if (err.code) fprintf(stderr, "%s\n", err.text);
    tn_tape_free(t);
    tn_params_free(ps);
    return err.code || !(loss < 0.01);
}
