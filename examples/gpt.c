/* gpt.c: a small GPT (Radford et al. 2018) on the bytes of any text. It learns what comes next, and then goes on by itself.
 *
 * The names in its file are those of a PyTorch module with words = Embedding(256, dim), places = Embedding(context, dim)
 * and encoder = TransformerEncoder(layer, layers, LayerNorm(dim)), the layer with norm_first and gelu; the output layer
 * is words again. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <tarn/tarn.h>

enum { BYTES = 256, MAX_LAYERS = 32, REPORTS = 10 };

static const char usage[] =
    "gpt train TEXT [OPTION VALUE]...      learns the file TEXT, and saves a model\n"
    "gpt sample PROMPT [OPTION VALUE]...   writes on from PROMPT\n"
    "\n"
    "  --model FILE (gpt.safetensors)      --seed N (1)\n"
    "  train:  --steps N (2000)  --batch N (16)  --lr X (0.001)  --dropout X (0)\n"
    "          --context N (64: how many bytes back it looks)  --dim N (128)  --heads N (4)  --layers N (4)\n"
    "  sample: --bytes N (500)  --temperature X (0.8; less: what is likelier)\n";

/* ---- options --------------------------------------------------------------------------------------------------------- */

typedef struct settings {
    double      context, dim, heads, layers, steps, batch, bytes, seed, lr, dropout, temperature;
    const char *argument, *model;
} settings;

static bool parse_option(settings *s, const char *name, const char *text, tn_error *err)
{
    const struct { const char *name; double *to, low, high; bool whole; } known[] = {
        {"--context", &s->context, 1, 4096, true},        {"--dim", &s->dim, 1, 4096, true},
        {"--heads", &s->heads, 1, 4096, true},            {"--layers", &s->layers, 1, MAX_LAYERS, true},
        {"--steps", &s->steps, 1, 1e9, true},             {"--batch", &s->batch, 1, 4096, true},
        {"--lr", &s->lr, 0, 1, false},                    {"--dropout", &s->dropout, 0, 1, false},
        {"--temperature", &s->temperature, 0, 10, false}, {"--bytes", &s->bytes, 0, 1e9, true},
        {"--seed", &s->seed, 0, 1e9, true},
    };
    size_t k = 0, n = sizeof known / sizeof *known;
    char *end;
    if (!text) return tn_fail(err, TN_EUSAGE, "%s wants a value", name);
    if (strcmp(name, "--model") == 0) return s->model = text, true;
    while (k < n && strcmp(name, known[k].name) != 0) k++;
    if (k == n) return tn_fail(err, TN_EUSAGE, "there is no option %s: gpt alone says which there are", name);
    *known[k].to = strtod(text, &end);
    const double x = *known[k].to;
    const bool is_number = end != text && !*end && (!known[k].whole || x == floor(x));
    return (is_number && x >= known[k].low && x <= known[k].high) ||
           tn_fail(err, TN_EUSAGE, "%s wants a%s number from %g to %g", name, known[k].whole ? " whole" : "",
                   known[k].low, known[k].high);
}

/* ---- the model ------------------------------------------------------------------------------------------------------- */

typedef struct gpt {
    nn_embedding         words;
    nn_positional        places;
    nn_transformer_block layer[MAX_LAYERS];
    nn_layer_norm        norm;
    int64_t              layers, context;
} gpt;

static void gpt_init(gpt *m, tn_params *ps, const settings *s)
{
    const tn_init small = tn_normal(0, 0.02); /* words are an output layer too */
    const int64_t dim = (int64_t)s->dim;
    *m = (gpt){.layers = (int64_t)s->layers, .context = (int64_t)s->context};
    m->words = (nn_embedding){tn_param(ps, TN_DIMS(BYTES, dim), small, "words.weight"), tn_embedding_defaults()};
    m->places = (nn_positional){tn_param(ps, TN_DIMS(m->context, dim), small, "places.weight")};
    for (int i = 0; i < m->layers; i++) {
        char name[32];
        snprintf(name, sizeof name, "encoder.layers.%d", i);
        nn_transformer_block_init(&m->layer[i], ps, name, dim, (int64_t)s->heads, 4 * dim);
        m->layer[i].norm_first = true, m->layer[i].activation = tn_gelu, m->layer[i].dropout = s->dropout;
    }
    nn_layer_norm_init(&m->norm, ps, "encoder.norm", dim);
}

/* Sequences, one behind the other -> what may come after each byte: logits (batch, length, 256). */
static tn_tensor *gpt_forward(const gpt *m, tn_tape *t, tn_ids bytes, int64_t batch)
{
    tn_tensor *x = nn_embedding_forward(&m->words, t, bytes);
    x = nn_positional_forward(&m->places, t, tn_reshape(t, x, TN_DIMS(batch, bytes.n / batch, -1)));
    for (int i = 0; i < m->layers; i++) x = nn_transformer_block_forward(&m->layer[i], t, x, NULL, true);
    return tn_linear(t, nn_layer_norm_forward(&m->norm, t, x), m->words.weight, NULL);
}

static void gpt_save(const tn_params *ps, const settings *s)
{
    char sizes[128];
    snprintf(sizes, sizeof sizes, "%g %g %g %g", s->context, s->dim, s->heads, s->layers);
    tn_save(ps, s->model, 1, (tn_meta[]){{"gpt", sizes}});
}

/* The sizes in a model's file, read as options are. */
static bool read_sizes(const tn_file *f, settings *s, tn_error *err)
{
    static const char *const names[] = {"--context", "--dim", "--heads", "--layers"};
    const char *sizes = tn_file_meta(f, "gpt");
    char text[4][16];
    if (!sizes || sscanf(sizes, "%15s %15s %15s %15s", text[0], text[1], text[2], text[3]) != 4)
        return tn_fail(err, TN_EFORMAT, "\"%s\" is not a model that gpt saved", s->model);
    for (int i = 0; i < 4; i++)
        if (!parse_option(s, names[i], text[i], err)) return false;
    return true;
}

static bool gpt_load(gpt *m, tn_params *ps, settings *s)
{
    tn_error *err = tn_params_error(ps);
    tn_file *f = tn_file_open(s->model, err);
    bool ok = f && read_sizes(f, s, err);
    if (ok) gpt_init(m, ps, s);
    ok = ok && tn_file_load(f, ps, TN_STRICT);
    tn_file_close(f);
    return ok;
}

/* ---- the text -------------------------------------------------------------------------------------------------------- */

/* The bytes of a file, and of windows into them what is seen and what comes next. */
typedef struct text {
    unsigned char *byte;
    int64_t        n;
    int32_t       *seen, *next;
} text;

static bool read_bytes(text *d, const char *path, tn_error *err)
{
    FILE *f = fopen(path, "rb");
    const bool reads = f && (fgetc(f) != EOF || !ferror(f)) && fseek(f, 0, SEEK_END) == 0; /* a directory does not */
    if (reads && (d->n = ftell(f)) >= 0 && (d->byte = malloc((size_t)d->n + 1))) {
        rewind(f);
        if (fread(d->byte, 1, (size_t)d->n, f) == (size_t)d->n) return fclose(f) == 0;
    }
    tn_fail(err, TN_EIO, "cannot read \"%s\": %s", path, strerror(errno));
    if (f) fclose(f);
    return false;
}

static bool text_read(text *d, const settings *s, tn_error *err)
{
    if (!read_bytes(d, s->argument, err)) return false;
    if (d->n / 10 <= s->context)
        return tn_fail(err, TN_EFORMAT, "\"%s\" has %lld bytes, for a context of %g it takes more than %g", s->argument,
                       (long long)d->n, s->context, 10 * s->context + 9);
    d->seen = calloc((size_t)(2 * s->batch * s->context), sizeof *d->seen);
    d->next = d->seen ? d->seen + (int64_t)(s->batch * s->context) : NULL;
    return d->seen || tn_fail(err, TN_EMEMORY, "out of memory");
}

/* A batch of windows at random places in [begin, end), and how well it is foretold. */
static tn_tensor *loss_of(const gpt *m, tn_tape *t, text *d, int64_t batch, tn_rng random, int64_t begin, int64_t end)
{
    const int64_t n = batch * m->context;
    for (int64_t i = 0; i < n; i++) {
        const uint64_t window = (uint64_t)(i / m->context);
        const int64_t at = begin + tn_rng_below(random, window, end - begin - m->context) + i % m->context;
        d->seen[i] = d->byte[at], d->next[i] = d->byte[at + 1];
    }
    return tn_cross_entropy(t, gpt_forward(m, t, (tn_ids){d->seen, n}, batch), (tn_ids){d->next, n});
}

/* ---- training -------------------------------------------------------------------------------------------------------- */

static double now(void)
{
    struct timespec t = {0};
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* On a terminal, a line that changes; else nothing. */
static void show(double step, double steps, double loss, double seconds)
{
    const int left = (int)(seconds / step * (steps - step) + 0.5);
    if (isatty(STDERR_FILENO))
        fprintf(stderr, "\rstep %g of %g  loss %.3f  %.1f steps/s  %d:%02d left \033[K", step, steps, loss, step / seconds,
                left / 60, left % 60);
}

static void report(double step, double steps, double loss, double unseen)
{
    fprintf(stderr, "%sstep %g of %g  loss %.3f; %.3f on the text's last tenth, which it does not learn\n",
            isatty(STDERR_FILENO) ? "\r\033[K" : "", step, steps, loss, unseen);
}

static void train(const gpt *m, tn_params *ps, tn_tape *t, text *d, const settings *s)
{
    const int64_t steps = (int64_t)s->steps, batch = (int64_t)s->batch, learnt = d->n - d->n / 10;
    const double started = now();
    optim *opt = optim_adamw(ps, optim_adamw_defaults());
    for (int64_t i = 0; i < steps && tn_ok(t); i++) {
        tn_tape_begin(t, TN_GRAD | TN_TRAIN); /* drops the previous step */
        tn_tensor *y = loss_of(m, t, d, batch, tn_rng_new((uint64_t)s->seed, 1, (uint64_t)i, 0), 0, learnt);
        const double loss = tn_item(y);
        tn_backward(t, y);
        optim_clip_norm(ps, 1);
        optim_set_lr(opt, optim_warm_up(optim_cosine_lr(s->lr, i, steps, 0), i, steps / 20));
        optim_step(opt); /* does nothing if the step failed */
        show((double)(i + 1), s->steps, loss, now() - started);
        if (!tn_ok(t) || i * REPORTS / steps == (i + 1) * REPORTS / steps) continue;
        tn_tape_begin(t, TN_EVAL);
        y = loss_of(m, t, d, batch, tn_rng_new(0, 2, 0, 0), learnt, d->n);
        report((double)(i + 1), s->steps, loss, tn_item(y));
        gpt_save(ps, s);
    }
    optim_free(opt);
}

static void train_command(settings *s, gpt *m, tn_params *ps, tn_tape *t)
{
    text d = {0};
    gpt_init(m, ps, s);
    if (text_read(&d, s, tn_params_error(ps))) train(m, ps, t, &d, s);
    free(d.byte);
    free(d.seen);
}

/* ---- sampling -------------------------------------------------------------------------------------------------------- */

/* A byte, each as often as it is likely; random is in [0, 1). */
static int32_t draw(const tn_real *logit, double temperature, double random)
{
    double weight[BYTES], sum = 0;
    int32_t best = 0, byte = 0;
    for (int32_t i = 1; i < BYTES; i++)
        if (logit[i] > logit[best]) best = i;
    if (temperature == 0) return best;
    for (int i = 0; i < BYTES; i++) sum += weight[i] = exp((double)(logit[i] - logit[best]) / temperature);
    for (random *= sum; byte < BYTES - 1 && random >= weight[byte]; byte++) random -= weight[byte];
    return byte;
}

/* Writes prompt, and then byte by byte what may come next, as far as the context lets it see. */
static void write_on(const gpt *m, tn_tape *t, const settings *s, int32_t *byte)
{
    const char *prompt = *s->argument ? s->argument : "\n";
    const tn_rng random = tn_rng_new((uint64_t)s->seed, 3, 0, 0);
    int64_t n = 0;
    for (; prompt[n]; n++) byte[n] = (unsigned char)prompt[n];
    fputs(prompt, stdout);
    for (int64_t i = 0; i < s->bytes; i++, n++) {
        const int64_t seen = n < m->context ? n : m->context;
        tn_tape_begin(t, TN_EVAL);
        const tn_tensor *y = gpt_forward(m, t, (tn_ids){byte + n - seen, seen}, 1);
        if (!y) return;
        byte[n] = draw(y->data + y->n - BYTES, s->temperature, tn_rng_uniform(random, (uint64_t)i));
        putchar(byte[n]);
        fflush(stdout);
    }
    putchar('\n');
}

static void sample_command(settings *s, gpt *m, tn_params *ps, tn_tape *t)
{
    if (!gpt_load(m, ps, s)) return;
    int32_t *byte = malloc((strlen(s->argument) + (size_t)s->bytes + 2) * sizeof *byte);
    if (byte) write_on(m, t, s, byte);
    else tn_fail(tn_params_error(ps), TN_EMEMORY, "out of memory for %g bytes", s->bytes);
    if (fflush(stdout) || ferror(stdout)) tn_fail(tn_params_error(ps), TN_EIO, "cannot write to the standard output");
    free(byte);
}

int main(int argc, char **argv)
{
    static gpt m;
    const bool trains = argc > 2 && strcmp(argv[1], "train") == 0, samples = argc > 2 && strcmp(argv[1], "sample") == 0;
    if (!trains && !samples) return fputs(usage, argc < 2 ? stdout : stderr), argc < 2 ? 0 : 2;
    tn_error err = {0};
    settings s = {64, 128, 4, 4, 2000, 16, 500, 1, 1e-3, 0, 0.8, argv[2], "gpt.safetensors"};
    for (int i = 3; i < argc && !err.code; i += 2) parse_option(&s, argv[i], argv[i + 1], &err);
    tn_params *ps = tn_params_new((uint64_t)s.seed, &err);
    tn_tape *t = tn_tape_new((uint64_t)s.seed, 0, &err);
    if (trains && t) train_command(&s, &m, ps, t);
    if (samples && t) sample_command(&s, &m, ps, t);
    if (err.code) fprintf(stderr, "gpt: %s\n", err.text); /* the one check */
    tn_tape_free(t);
    tn_params_free(ps);
    return err.code == TN_EUSAGE ? 2 : err.code != TN_OK;
}
