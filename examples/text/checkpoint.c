/* checkpoint.c: the file that a stopped training goes on from. */
#include "checkpoint.h"

#include <string.h>
#include <unistd.h>

static const char training_key[] = "tarn.training";

bool text_checkpoint_path_check(const text_options *o, tn_error *err)
{
    if (!o->checkpoint) return true;
    if (!o->resume && access(o->checkpoint, F_OK) == 0)
        return tn_fail(err, TN_EUSAGE, "%s is there already: --resume goes on from it; remove it to begin anew", o->checkpoint);
    return text_model_path_check(o->checkpoint, err);
}

/* ---- what a training is of ------------------------------------------------------------------------------------- */

static uint64_t mix(uint64_t hash, const void *bytes, size_t n)
{
    return (hash ^ text_hash((text_span){bytes, n})) * 0x9E3779B97F4A7C15u;
}

static uint64_t mix_names(uint64_t hash, const text_vocabulary *v, int32_t n)
{
    return n ? mix(hash, v->bytes.s, (size_t)v->start[n]) : hash;
}

static uint64_t mix_texts(uint64_t hash, const text_data *d)
{
    if (!d->n) return hash;
    hash = mix(hash, d->labels, (size_t)d->n * sizeof *d->labels);
    hash = mix(hash, d->offsets, ((size_t)d->n + 1) * sizeof *d->offsets);
    return d->ids.n ? mix(hash, d->ids.id, (size_t)d->ids.n * sizeof *d->ids.id) : hash;
}

/* Of all that is learnt from: ids, what they stand for, texts, labels and their names. */
static uint64_t hash_of(const text_model *m, const text_data *data, const text_data *validation)
{
    uint64_t hash = mix_texts(mix_texts(0, data), validation);

    return mix_names(mix_names(hash, &m->encoder.words, m->encoder.words.n), &m->labels, m->classes);
}

bool text_checkpoint_begin(text_checkpoint *c, const text_options *o, const text_model *m, const text_data *data,
                           const text_data *validation, tn_error *err)
{
    char texts[100];
    int  n;

    *c = (text_checkpoint){.path = o->checkpoint, .every = o->every};
    if (!c->path) return true;
    n = snprintf(texts, sizeof texts, "%lld texts of hash %016llx\n", (long long)data->n, (unsigned long long)hash_of(m, data, validation));
    return text_buffer_add(&c->beside, c->path, strlen(c->path), err) && text_buffer_add(&c->beside, ".best", 5, err) &&
           text_options_describe(o, &c->training, err) && text_buffer_add(&c->training, texts, (size_t)n, err);
}

void text_checkpoint_end(text_checkpoint *c)
{
    text_buffer_free(&c->training);
    text_buffer_free(&c->beside);
}

/* ---- writing, reading ------------------------------------------------------------------------------------------ */

bool text_checkpoint_is_due(const text_checkpoint *c, int64_t steps)
{
    return c->path && steps > c->step && steps % c->every == 0;
}

bool text_checkpoint_save(text_checkpoint *c, const text_model *m, const optim *o, tn_error *err)
{
    if (!text_model_checkpoint(m, o, c->path, (tn_meta){training_key, c->training.s}, err)) return false;
    c->step = optim_steps(o);
    return true;
}

bool text_checkpoint_save_beside(text_checkpoint *c, const text_model *m, const tn_params *ps, int n, const tn_meta *more)
{
    tn_meta all[3] = {{training_key, c->training.s}};

    memcpy(all + 1, more, (size_t)n * sizeof *more);
    return text_model_save(m, ps, c->beside.s, n + 1, all, tn_params_error(ps));
}

/* Is the file of this training? Else the first line in which they differ is named. */
static bool check_training(const text_checkpoint *c, const char *path, const char *found, tn_error *err)
{
    const char *ours = c->training.s;
    size_t      line = 0;

    if (!found) return tn_fail(err, TN_EFORMAT, "%s is no checkpoint: its metadata has no \"%s\"", path, training_key);
    if (strcmp(found, ours) == 0) return true;
    for (size_t i = 0; found[i] && found[i] == ours[i]; i++)
        if (found[i] == '\n') line = i + 1;
    return tn_fail(err, TN_EUSAGE, "%s is of another training: that one has %.*s, this one %.*s", path,
                   (int)strcspn(found + line, "\n"), found + line, (int)strcspn(ours + line, "\n"), ours + line);
}

bool text_checkpoint_load(text_checkpoint *c, optim *o, tn_error *err)
{
    tn_file *f = tn_file_open(c->path, err);
    bool     ok = f && check_training(c, c->path, tn_file_meta(f, training_key), err);

    tn_file_close(f);
    ok = ok && optim_load(o, c->path);
    if (ok) c->step = optim_steps(o);
    return ok;
}

tn_file *text_checkpoint_open_beside(text_checkpoint *c, tn_error *err)
{
    tn_file *f = tn_file_open(c->beside.s, err);

    if (!f || check_training(c, c->beside.s, tn_file_meta(f, training_key), err)) return f;
    tn_file_close(f);
    return NULL;
}
