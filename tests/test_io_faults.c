/* Every call to the system by which a model, an array or a text goes to a file or comes from one fails in every way at
 * every place: of the library, and of examples/classify, which is run here from its main on. The old file is whole, or the
 * new one is; the error names the file, what was tried and the system's reason; no file is left beside it, no descriptor is
 * open, no block of memory held. */
#define _GNU_SOURCE /* fopencookie */
int classify_main(int argc, char **argv);
#define main classify_main
#include "examples/classify.c"
#undef main

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "faults.h"
#include "tests.h"

/* ---- files ----------------------------------------------------------------------------------------------------- */

static char folder[] = "/tmp/tarn-test-XXXXXX", texts_path[64], model_path[64], output_path[64], errors_path[64], checkpoint_path[64];

enum { MOST = 1 << 16, MODE = 0640 };

typedef struct bytes {
    char   at[MOST];
    size_t n;
} bytes;

static const bytes old = {"the old file", 12};

static void write_whole(const char *path, const bytes *b)
{
    FILE *f = fopen(path, "wb");
    ck_assert(f != NULL);
    ck_assert_uint_eq(fwrite(b->at, 1, b->n, f), b->n);
    ck_assert_int_eq(fclose(f), 0);
}

static void read_whole(const char *path, bytes *b)
{
    FILE *f = fopen(path, "rb");
    ck_assert_msg(f != NULL, "%s", path);
    b->n = fread(b->at, 1, sizeof b->at - 1, f);
    b->at[b->n] = 0;
    fclose(f);
}

static bool same(const bytes *a, const bytes *b)
{
    return a->n == b->n && memcmp(a->at, b->at, a->n) == 0;
}

static int count_entries(const char *path)
{
    DIR *d = opendir(path);
    int  n = 0;
    ck_assert(d != NULL);
    while (readdir(d)) n++;
    closedir(d);
    return n;
}

static void make_folder(void)
{
    static const bytes texts = {"good\tthe cat\nbad\tno no never\ngood\t一隻貓\nbad\tnever say no\ngood\ta mat\n", 72};
    ck_assert(mkdtemp(folder) != NULL);
    snprintf(texts_path, sizeof texts_path, "%s/texts.tsv", folder);
    snprintf(model_path, sizeof model_path, "%s/model", folder);
    snprintf(output_path, sizeof output_path, "%s/output", folder);
    snprintf(errors_path, sizeof errors_path, "%s/errors", folder);
    snprintf(checkpoint_path, sizeof checkpoint_path, "%s/checkpoint", folder);
    ck_assert_uint_eq(strlen(texts.at), texts.n);
    write_whole(texts_path, &texts);
}

static void drop_folder(void)
{
    remove(texts_path);
    remove(model_path);
    remove(output_path);
    remove(errors_path);
    remove(checkpoint_path);
    rmdir(folder);
}

/* ---- faults ---------------------------------------------------------------------------------------------------- */

typedef struct fault {
    fault_call call;
    int        error;
    bool       on;
} fault;

static const fault faults[] = {
    {FAULT_OPEN, EIO, false},   {FAULT_OPEN, EINTR, false},       {FAULT_READ, EIO, false},        {FAULT_READ, EINTR, false},
    {FAULT_READ, FAULT_SHORT, false}, {FAULT_READ, FAULT_SHORT, true}, {FAULT_WRITE, EIO, false},   {FAULT_WRITE, EINTR, false},
    {FAULT_WRITE, ENOSPC, true}, {FAULT_WRITE, FAULT_SHORT, false}, {FAULT_WRITE, FAULT_SHORT, true}, {FAULT_FSYNC, EIO, false},
    {FAULT_FSYNC, ENOSPC, true}, {FAULT_FSYNC, EINTR, false},      {FAULT_CLOSE, EIO, false},       {FAULT_CLOSE, ENOSPC, true},
    {FAULT_CLOSE, EINTR, false}, {FAULT_RENAME, EIO, false},       {FAULT_RENAME, ENOSPC, false},   {FAULT_STAT, EIO, false},
    {FAULT_CHMOD, EIO, false},   {FAULT_MEMORY, ENOMEM, false},    {FAULT_WRITE, FAULT_NOTHING, true},
};
enum { FAULTS = sizeof faults / sizeof *faults };

/* May the work go on as if nothing had been? */
static bool is_passing(const fault *f)
{
    return f->error == EINTR || f->error == FAULT_SHORT;
}

/* Does the text say why? */
static void check_reason(const fault *f, const char *text)
{
    const char *reason = f->call == FAULT_MEMORY ? "memory" : strerror(f->error == FAULT_NOTHING ? EIO : f->error);
    ck_assert_msg(strstr(text, reason) != NULL, "%s at a %s, and the text is: %s", reason, fault_names[f->call], text);
}

/* ---- the library ----------------------------------------------------------------------------------------------- */

/* What it does with a file, and how it calls what fails. */
typedef struct job {
    bool      (*run)(const char *path);
    bool        saves;
    const char *operation[FAULT_CALLS];
} job;

static bool run_save(const char *path)
{
    return tn_save(ps, path, 0, NULL);
}

static bool run_npy_save(const char *path)
{
    return tn_npy_save(tn_params_at(ps, 0), path, &err);
}

static bool run_load(const char *path)
{
    return tn_load(ps, path, TN_STRICT);
}

static bool run_npy_load(const char *path)
{
    tn_tape_begin(t, TN_EVAL);
    const tn_tensor *x = tn_npy_load(t, path);
    if (x) memcpy(tn_params_at(ps, 0)->data, x->data, (size_t)x->n * sizeof *x->data);
    return x;
}

#define WRITES                                                                                                       \
    {                                                                                                                \
        [FAULT_OPEN] = "open", [FAULT_WRITE] = "write", [FAULT_FSYNC] = "disk", [FAULT_CLOSE] = "close",             \
        [FAULT_RENAME] = "replace", [FAULT_STAT] = "look", [FAULT_CHMOD] = "mode", [FAULT_MEMORY] = "",              \
    }
#define READS {[FAULT_OPEN] = "open", [FAULT_READ] = "read", [FAULT_STAT] = "look", [FAULT_MEMORY] = ""}

static const job jobs[] = {
    {run_save, true, WRITES}, {run_npy_save, true, WRITES}, {run_load, false, READS}, {run_npy_load, false, READS}};
enum { JOBS = sizeof jobs / sizeof *jobs, NUMBERS = 9000 }; /* more than a block of what is written or read */

static void fill_params(double value)
{
    for (int i = 0; i < tn_params_count(ps); i++)
        for (int64_t k = 0; k < tn_params_at(ps, i)->n; k++) tn_params_at(ps, i)->data[k] = (tn_real)(value + (double)k);
}

static void describe(bytes *b)
{
    b->n = 0;
    for (int i = 0; i < tn_params_count(ps); i++) {
        const tn_tensor *x = tn_params_at(ps, i);
        const size_t     n = (size_t)x->n * sizeof *x->data, room = sizeof b->at - b->n;
        memcpy(b->at + b->n, x->data, n < room ? n : room);
        b->n += n < room ? n : room;
    }
}

/* The file that a load reads, or the old one that a save is to replace. */
static void prepare(const job *j)
{
    if (j->saves) {
        write_whole(model_path, &old);
        ck_assert_int_eq(chmod(model_path, MODE), 0);
    } else {
        fill_params(2);
        ck_assert(j->run == run_load ? run_save(model_path) : run_npy_save(model_path));
        fill_params(1);
    }
}

/* The n-th close of a save is the new file's, the others of what was only read. */
static bool must_fail(const job *j, const fault *f, long n)
{
    if (is_passing(f)) return false;
    if (f->call == FAULT_CLOSE) return j->saves && n == 1;
    return true;
}

/* The one failure after which the new file is there: of the second fsync. */
static const char undone[] = "cannot flush its folder (a power cut may undo the save)";

static void check_failure(const job *j, const fault *f, long n, const bytes *before, const bytes *want)
{
    static bytes now;
    const bool is_new = f->call == FAULT_FSYNC && n == 2;
    ck_assert_int_eq(err.code, f->call == FAULT_MEMORY ? TN_EMEMORY : TN_EIO);
    check_reason(f, err.text);
    ck_assert_msg(strstr(err.text, j->operation[f->call]) || strstr(err.text, "create a file beside") || is_new,
                  "%s", err.text);
    ck_assert_msg(is_new == (strstr(err.text, undone) != NULL), "%s", err.text);
    ck_assert_msg(f->call == FAULT_MEMORY || strstr(err.text, model_path), "%s", err.text);
    describe(&now);
    ck_assert(same(&now, before));
    read_whole(model_path, &now);
    ck_assert(!j->saves || same(&now, is_new ? want : &old));
    tn_error_clear(&err);
}

static void check_success(const job *j, const bytes *want)
{
    static bytes now;
    struct stat  s;
    if (j->saves) read_whole(model_path, &now);
    else describe(&now);
    ck_assert(same(&now, want));
    ck_assert(!stat(model_path, &s) && (!j->saves || (s.st_mode & 07777) == MODE));
}

static void run_job(const job *j, bytes *want)
{
    prepare(j);
    ck_assert(j->run(model_path));
    if (j->saves) read_whole(model_path, want);
    else describe(want);
}

static long run_faulty(const job *j, const fault *f, long n, const bytes *want)
{
    static bytes before;
    prepare(j);
    describe(&before);
    const int  entries = count_entries(folder), descriptors = count_entries("/proc/self/fd");
    const long blocks = fault_blocks();
    fault_set(f->call, n, f->error, f->on);
    fault_watch(true);
    const bool ok = j->run(model_path);
    fault_watch(false);
    if (ok) check_success(j, want);
    else check_failure(j, f, n, &before, want);
    ck_assert_msg(!fault_struck() || ok != must_fail(j, f, n), "%s %ld, %s: %s", fault_names[f->call], n,
                  f->error < 0 ? "short" : strerror(f->error), ok ? "done" : "failed");
    ck_assert_int_eq(count_entries(folder), entries);
    ck_assert_int_eq(count_entries("/proc/self/fd"), descriptors);
    ck_assert_int_eq(fault_blocks(), blocks);
    return fault_struck();
}

START_TEST(a_file_of_the_library)
{
    static bytes want;
    const job   *j = &jobs[_i / FAULTS];
    const fault *f = &faults[_i % FAULTS];
    long         n = 1;
    tn_param(ps, TN_DIMS(NUMBERS), tn_constant(0), "a");
    if (j->run == run_save || j->run == run_load) tn_param(ps, TN_DIMS(2, 3), tn_constant(0), "b");
    fill_params(1);
    run_job(j, &want);
    run_job(j, &want);
    while (run_faulty(j, f, n, &want)) n++;
    fault_clear();
    /* what the job calls at all fails at least once: a wrapper that is passed by would prove nothing */
    const bool calls = j->operation[f->call] || f->call == FAULT_CLOSE;
    ck_assert_msg((n > 1) == calls, "%s: %ld", fault_names[f->call], n);
}
END_TEST

/* Two faults: the new file cannot be written, and not be removed. The old one is whole, the first fault is told. */
START_TEST(a_new_file_that_cannot_be_removed)
{
    static bytes  now;
    struct rlimit limit, small;
    tn_param(ps, TN_DIMS(NUMBERS), tn_constant(0), "a");
    write_whole(model_path, &old);
    getrlimit(RLIMIT_FSIZE, &limit);
    signal(SIGXFSZ, SIG_IGN);
    small = (struct rlimit){100, limit.rlim_max};
    ck_assert(!setrlimit(RLIMIT_FSIZE, &small));
    fault_set(FAULT_UNLINK, 1, EIO, true);
    fault_watch(true);
    tn_save(ps, model_path, 0, NULL);
    fault_watch(false);
    setrlimit(RLIMIT_FSIZE, &limit);
    ck_assert(fault_struck());
    ck_assert_int_eq(err.code, TN_EIO);
    ck_assert_msg(strstr(err.text, "cannot write: File too large") != NULL, "%s", err.text);
    read_whole(model_path, &now);
    ck_assert(same(&now, &old));
    snprintf(now.at, sizeof now.at, "%s/.tarn-%ld-0.tmp", folder, (long)getpid());
    fault_clear();
    ck_assert_int_eq(remove(now.at), 0);
}
END_TEST

/* ---- classify -------------------------------------------------------------------------------------------------- */

typedef struct command {
    const char *name;
    char       *arguments[20];
    bool        saves;
} command;

static char train_[] = "train", eval_[] = "eval", predict_[] = "predict", model_[] = "--model", quiet_[] = "--quiet";
static char test_[] = "--test", epochs_[] = "--epochs", one_[] = "1", buckets_[] = "--buckets", fifty_[] = "50", json_[] = "--json";
static char classify_[] = "classify", hidden_[] = "--hidden", dim_[] = "--dim", two_[] = "2", resume_[] = "--resume";
static char checkpoint_[] = "--checkpoint", every_[] = "--checkpoint-every";

static const command commands[] = {
    {"train", {classify_, train_, quiet_, epochs_, one_, buckets_, fifty_, dim_, one_, hidden_, one_, test_, texts_path, model_,
               model_path, texts_path}, true},
    {"eval", {classify_, eval_, model_, model_path, texts_path}, false},
    {"eval --json", {classify_, eval_, json_, model_, model_path, texts_path}, false},
    {"predict", {classify_, predict_, model_, model_path, texts_path}, false},
    {"train --checkpoint", {classify_, train_, quiet_, epochs_, two_, buckets_, fifty_, dim_, one_, checkpoint_, checkpoint_path,
                            every_, one_, model_, model_path, texts_path}, true},
    {"train --resume", {classify_, train_, quiet_, epochs_, two_, buckets_, fifty_, dim_, one_, checkpoint_, checkpoint_path,
                        resume_, model_, model_path, texts_path}, true},
};
enum { COMMANDS = sizeof commands / sizeof *commands };

/* As libc does it for a file. */
static ssize_t put(void *fd, const char *from, size_t n)
{
    ssize_t done, all = 0;
    do {
        done = write(*(int *)fd, from + all, n - (size_t)all);
        all += done > 0 ? done : 0;
    } while (done > 0 && all < (ssize_t)n);
    if (done == 0) errno = EIO;
    return all;
}

/* Runs classify with its standard output through write, which may fail, to a file, and its errors to another. */
static int run_main(const command *c)
{
    const cookie_io_functions_t by_write = {.write = put};
    int   n = 0, status, fd = open(output_path, O_WRONLY | O_CREAT | O_TRUNC, 0666);
    char *arguments[20];
    FILE *const output = stdout, *const errors = stderr;
    memcpy(arguments, c->arguments, sizeof arguments);
    while (arguments[n]) n++;
    stdout = fopencookie(&fd, "w", by_write);
    stderr = fopen(errors_path, "w");
    ck_assert(fd >= 0 && stdout && stderr);
    fault_watch(true);
    status = classify_main(n, arguments);
    fault_watch(false);
    fclose(stdout);
    fclose(stderr);
    close(fd);
    stdout = output;
    stderr = errors;
    return status;
}

static bool told_of_output(const char *text)
{
    return strstr(text, "cannot write to the standard output: ");
}

/* A save that has been done before the fault stays. */
static void check_failed_main(const command *c, const fault *f, const bytes *model)
{
    static bytes text, now;
    read_whole(errors_path, &text);
    ck_assert_msg(strncmp(text.at, "classify: ", 10) == 0, "%s", text.at);
    check_reason(f, text.at);
    ck_assert_msg(f->call == FAULT_MEMORY || told_of_output(text.at) || strstr(text.at, folder), "%s", text.at);
    ck_assert_msg(!is_passing(f) || (told_of_output(text.at) && f->error == EINTR), "%s", text.at);
    read_whole(model_path, &now);
    ck_assert_msg(same(&now, model) || (c->saves && same(&now, &old)), "%s", text.at);
}

static void check_done_main(const command *c, const fault *f, const bytes *model, const bytes *output)
{
    static bytes now;
    const bool ignored = f->call == FAULT_STAT || f->call == FAULT_CLOSE; /* where it would change nothing */
    ck_assert_msg(!fault_struck() || is_passing(f) || ignored || f->call == FAULT_MEMORY, "%s: %s", c->name, fault_names[f->call]);
    read_whole(output_path, &now);
    ck_assert_str_eq(now.at, output->at);
    read_whole(model_path, &now);
    ck_assert(same(&now, model));
}

static const command *const checkpointing = &commands[4], *const resuming = &commands[5];
static bytes checkpoint; /* of a training that has ended: to go on is to save */

/* A checkpoint, if there is one, is whole. */
static void drop_checkpoint(void)
{
    if (access(checkpoint_path, F_OK)) return;
    tn_file *file = tn_file_open(checkpoint_path, &err);
    ck_no_error();
    tn_file_close(file);
    remove(checkpoint_path);
}

static bool run_faulty_main(const command *c, const fault *f, long n, const bytes *model, const bytes *output)
{
    write_whole(model_path, c->saves ? &old : model);
    const int  entries = count_entries(folder), descriptors = count_entries("/proc/self/fd");
    const long blocks = fault_blocks();
    fault_set(f->call, n, f->error, f->on);
    if (c == resuming) write_whole(checkpoint_path, &checkpoint);
    const int status = run_main(c);
    drop_checkpoint();
    ck_assert_int_eq(count_entries(folder), entries);
    ck_assert_int_eq(count_entries("/proc/self/fd"), descriptors);
    ck_assert_int_eq(fault_blocks(), blocks);
    ck_assert(status == 0 || status == 1);
    if (status) check_failed_main(c, f, model);
    else check_done_main(c, f, model, output);
    return fault_struck();
}

START_TEST(a_file_of_classify)
{
    static bytes   model, output;
    const command *c = &commands[_i / FAULTS];
    const fault   *f = &faults[_i % FAULTS];
    long           n = 1;
    tn_set_threads(1);
    ck_assert_int_eq(run_main(checkpointing), 0);
    read_whole(checkpoint_path, &checkpoint);
    if (c != resuming) drop_checkpoint();
    if (!c->saves) ck_assert_int_eq(run_main(&commands[0]), 0);
    ck_assert_int_eq(run_main(c), 0);
    read_whole(model_path, &model);
    read_whole(output_path, &output);
    drop_checkpoint();
    while (run_faulty_main(c, f, n, &model, &output)) n++;
    ck_assert_int_gt(n, !c->saves && (f->call == FAULT_FSYNC || f->call == FAULT_RENAME || f->call == FAULT_CHMOD) ? 0 : 1);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("io_faults");
    TCase *c = tcase_create("io_faults");
    tcase_add_unchecked_fixture(c, make_folder, drop_folder);
    tcase_add_checked_fixture(c, setup, teardown);
    tcase_set_timeout(c, 600);
    tcase_add_loop_test(c, a_file_of_the_library, 0, JOBS * FAULTS);
    tcase_add_test(c, a_new_file_that_cannot_be_removed);
    tcase_add_loop_test(c, a_file_of_classify, 0, COMMANDS * FAULTS);
    suite_add_tcase(s, c);
    return run_suite(s);
}
