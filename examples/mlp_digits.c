/* mlp_digits.c: draws its own digits, each somewhere in a noisy picture, and trains a net with one hidden layer to read
 * them. No two pictures are the same, so those that it is asked about at the end are new to it. */
#include <tarn/tarn.h>

enum { SIDE = 10, PIXELS = SIDE * SIDE, WIDE = 5, HIGH = 7, HIDDEN = 128, BATCH = 64, STEPS = 2000, ASKED = 1000 };

static const char *const glyphs[10] = {
    " ### #   ##  ### # ###  ##   # ### ", "  #   ##    #    #    #    #   ### ", " ### #   #    #   #   #   #   #####",
    "#####   #   #     #     ##   # ### ", "   #   ##  # # #  # #####   #    # ", "######    ####     #    ##   # ### ",
    "  ##  #   #    #### #   ##   # ### ", "#####    #   #   #   #    #    #   ", " ### #   ##   # ### #   ##   # ### ",
    " ### #   ##   # ####    #   #  ##  ",
};

/* Pictures, and which digit each one shows. */
typedef struct pictures {
    int64_t n;
    tn_real pixel[ASKED][PIXELS];
    int32_t digit[ASKED];
} pictures;

/* Picture k of those that random gives: a digit at a random place, more or less dark, and noise over all. */
static int32_t draw(tn_rng random, int64_t k, tn_real *pixel)
{
    const uint64_t at = (uint64_t)k * (PIXELS + 4);
    const int64_t digit = tn_rng_below(random, at, 10), left = tn_rng_below(random, at + 1, SIDE - WIDE + 1),
                  top = tn_rng_below(random, at + 2, SIDE - HIGH + 1);
    const double ink = 0.6 + 0.4 * tn_rng_uniform(random, at + 3);
    for (uint64_t i = 0; i < PIXELS; i++) pixel[i] = (tn_real)(0.2 * tn_rng_normal(random, at + 4 + i));
    for (int64_t y = 0; y < HIGH; y++)
        for (int64_t x = 0; x < WIDE; x++)
            if (glyphs[digit][y * WIDE + x] == '#') pixel[(top + y) * SIDE + left + x] += (tn_real)ink;
    return (int32_t)digit;
}

static void draw_all(pictures *p, tn_rng random, int64_t n)
{
    p->n = n;
    for (int64_t k = 0; k < n; k++) p->digit[k] = draw(random, k, p->pixel[k]);
}

static void show(const tn_real *pixel)
{
    for (int i = 0; i < PIXELS; i++) {
        const int dark = (int)(pixel[i] * 4 + (tn_real)0.5);
        printf("%c%s", " .+##"[dark < 0 ? 0 : dark > 4 ? 4 : dark], i % SIDE == SIDE - 1 ? "\n" : "");
    }
}

/* ---- the model ------------------------------------------------------------------------------------------------------- */

typedef struct mlp {
    nn_linear hidden, out;
} mlp;

static void mlp_init(mlp *m, tn_params *ps)
{
    nn_linear_init(&m->hidden, ps, "hidden", PIXELS, HIDDEN);
    nn_linear_init(&m->out, ps, "out", HIDDEN, 10);
}

/* pictures -> logits (pictures, 10) */
static tn_tensor *mlp_forward(const mlp *m, tn_tape *t, const pictures *p)
{
    tn_tensor *x = tn_const(t, TN_DIMS(p->n, PIXELS), p->pixel[0]);
    return nn_linear_forward(&m->out, t, tn_relu(t, nn_linear_forward(&m->hidden, t, x)));
}

static void train(const mlp *m, tn_params *ps, tn_tape *t, pictures *p)
{
    optim_adam_options options = optim_adam_defaults();
    options.lr = 3e-3;
    optim *opt = optim_adam(ps, options);
    for (int step = 0; step < STEPS && tn_ok(t); step++) {
        draw_all(p, tn_rng_new(1, 1, (uint64_t)step, 0), BATCH);
        tn_tape_begin(t, TN_GRAD | TN_TRAIN); /* drops the previous step */
        tn_tensor *loss = tn_cross_entropy(t, mlp_forward(m, t, p), (tn_ids){p->digit, p->n});
        tn_backward(t, loss);
        optim_step(opt);
        if (step % 400 == 399) printf("step %4d: loss %.4f\n", step + 1, tn_item(loss));
    }
    optim_free(opt);
}

/* Of pictures that it has not seen, how many are read right? Shows the first three. */
static int64_t ask(const mlp *m, tn_tape *t, pictures *p)
{
    int32_t answer[ASKED];
    int64_t right = 0;
    draw_all(p, tn_rng_new(1, 2, 0, 0), ASKED);
    tn_tape_begin(t, TN_EVAL);
    if (!tn_argmax(t, mlp_forward(m, t, p), -1, answer)) return 0;
    for (int64_t k = 0; k < p->n; k++) right += answer[k] == p->digit[k];
    for (int64_t k = 0; k < 3; k++) {
        show(p->pixel[k]);
        printf("this is a %d, and is taken for a %d\n", (int)p->digit[k], (int)answer[k]);
    }
    return right;
}

int main(void)
{
    static pictures p; /* too large for some stacks */
    tn_error  err = {0};
    tn_params *ps = tn_params_new(1, &err);
    tn_tape   *t = tn_tape_new(1, 0, &err);
    mlp m;
    mlp_init(&m, ps);
    train(&m, ps, t, &p);
    const int64_t right = ask(&m, t, &p);
    if (err.code) fprintf(stderr, "mlp_digits: %s\n", err.text); /* the one check */
    else printf("accuracy %.3f on %d new pictures\n", (double)right / ASKED, ASKED);
    tn_tape_free(t);
    tn_params_free(ps);
    return err.code != TN_OK;
}
