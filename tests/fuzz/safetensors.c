/* safetensors.c: bytes as a safetensors file, which is listed, read, loaded as parameters, as an optimiser's checkpoint
 * and as a model of classify. */
#include "safetensors.h"

#include <string.h>

#include <tarn/optim.h>

#include "examples/text/program.h"
#include "fuzz.h"
#include "tests/peak.h"

/* The file that every path names: the linker brings calls of tn_file_open here. */
static const uint8_t *content;
static size_t         size;
tn_file *__wrap_tn_file_open(const char *path, tn_error *err);
tn_file *__wrap_tn_file_open(const char *path, tn_error *err)
{
    return tn__safetensors_parse(content, size, path, err);
}

static tn_error err;
static peak     memory;

static void read_all(tn_file *f)
{
    static int64_t to[1 << 14];
    tn_file_entry  e;
    for (int i = 0; tn_file_at(f, i, &e); i++) {
        int64_t n = 1;
        for (int d = 0; d < e.shape.n; d++) n = n && e.shape.at[d] > INT64_MAX / n ? 0 : n * e.shape.at[d];
        require(n <= (int64_t)size);
        if (n > (1 << 14)) n = 1 << 14;
        if (!tn_file_read_ints(f, e.name, to, n)) tn_error_clear(&err);
        if (!tn_file_read(f, e.name, (tn_real *)to, n)) tn_error_clear(&err);
    }
}

static void look(void)
{
    tn_file *f = __wrap_tn_file_open("m.safetensors", &err);
    if (f) read_all(f);
    tn_file_meta(f, "tarn.classify");
    bool ok = f;
    tn_file_close(f);
    require_told(ok, &err);
}

/* Whatever loads, loads all or nothing. */
static void load(bool (*load_into)(tn_params *ps, optim *o))
{
    tn_params *ps = tn_params_new(1, &err);
    tn_tensor *w = tn_param(ps, TN_DIMS(2, 2), tn_constant(7), "w"), *b = tn_param(ps, TN_DIMS(3), tn_constant(7), "b");
    tn_tensor *n = tn_buffer(ps, TN_SCALAR, tn_constant(7), "n");
    optim     *o = optim_adam(ps, optim_adam_defaults());
    require(n && o);
    bool ok = load_into(ps, o);
    require(ok || (w->data[0] == 7 && w->data[3] == 7 && b->data[0] == 7 && b->data[2] == 7 && n->data[0] == 7));
    require_told(ok, &err);
    optim_free(o);
    tn_params_free(ps);
}

static bool load_params(tn_params *ps, optim *o)
{
    (void)o;
    tn_file *f = __wrap_tn_file_open("m.safetensors", &err);
    bool     ok = f && tn_file_load(f, ps, TN_STRICT);
    tn_file_close(f);
    return ok;
}

static bool load_optim(tn_params *ps, optim *o)
{
    (void)ps;
    return optim_load(o, "m.safetensors");
}

static void load_model(void)
{
    text_program p = {.options = {.model = "m.safetensors"}, .err = &err};
    bool         ok = text_program_load(&p);
    text_model_free(&p.text);
    tn_params_free(p.ps);
    require_told(ok, &err);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    if (!memory.limit) require(peak_begin(&memory, SIZE_MAX));
    content = bytes;
    size = n;
    peak_reset(&memory);
    look();
    load(load_params);
    load(load_optim);
    load_model();
    require(memory.now == 0 && memory.most <= 64 * n + (1 << 14));
    return 0;
}
