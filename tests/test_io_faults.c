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

static char folder[] = "/tmp/tarn-test-XXXXXX", texts_path[64], model_path[64], output_path[64], errors_path[64];
static char checkpoint_path[64], best_path[80], page_path[64], vectors_path[64], table_path[64];

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

static void write_text(const char *path, const char *text)
{
    static bytes b;
    b.n = strlen(strcpy(b.at, text));
    write_whole(path, &b);
}

static void make_folder(void)
{
    ck_assert(mkdtemp(folder) != NULL);
    snprintf(texts_path, sizeof texts_path, "%s/texts.tsv", folder);
    snprintf(model_path, sizeof model_path, "%s/model", folder);
    snprintf(output_path, sizeof output_path, "%s/output", folder);
    snprintf(errors_path, sizeof errors_path, "%s/errors", folder);
    snprintf(checkpoint_path, sizeof checkpoint_path, "%s/checkpoint", folder);
    snprintf(best_path, sizeof best_path, "%s.best", checkpoint_path);
    snprintf(page_path, sizeof page_path, "%s/page", folder);
    snprintf(vectors_path, sizeof vectors_path, "%s/vectors", folder);
    snprintf(table_path, sizeof table_path, "%s/table.csv", folder);
    write_text(texts_path, "clean\tthe cat\nbad\tno no never\nclean\t一隻貓\nbad\tnever say no\nclean\ta mat\n");
    write_text(vectors_path, "No 1 2\ncat 3 4\n");
    write_text(table_path, "n,text\xFF\n1,\"never \xFF \"\"no\"\"\"\n2,the cat\n\n");
}

static void drop_folder(void)
{
    remove(texts_path);
    remove(model_path);
    remove(output_path);
    remove(errors_path);
    remove(checkpoint_path);
    remove(best_path);
    remove(page_path);
    remove(vectors_path);
    remove(table_path);
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
    const char *name, *words; /* @x stands for the file x */
    bool        saves;
} command;

static const command commands[] = {
    {"train", "train --quiet --epochs 1 --buckets 50 --dim 1 --hidden 1 --test @texts.tsv --model @model @texts.tsv", true},
    {"eval", "eval --model @model @texts.tsv", false},
    {"eval --json", "eval --json --model @model @texts.tsv", false},
    {"predict", "predict --model @model @texts.tsv", false},
    {"train --checkpoint", "train --quiet --epochs 2 --buckets 50 --dim 1 --checkpoint @checkpoint --checkpoint-every 1 "
                           "--validation 0.4 --patience 2 --model @model @texts.tsv", true},
    {"train --resume", "train --quiet --epochs 2 --buckets 50 --dim 1 --checkpoint @checkpoint --resume "
                       "--validation 0.4 --patience 2 --model @model @texts.tsv", true},
    {"train --report", "train --quiet --epochs 2 --buckets 50 --vectors @vectors --hidden 1 --validation 0.4 --target-precision 0.1 "
                       "--class-weights clean=2 --report @page --model @model @texts.tsv", true},
    {"train --report --test", "train --quiet --epochs 1 --buckets 50 --dim 1 --positive bad --report @page --test @texts.tsv "
                              "--model @model @texts.tsv", true},
    {"predict --json", "predict --json --explain --words --model @model @texts.tsv", false},
    {"predict --column", "predict --column 2 --explain --words --positive bad --threshold 0.5 --model @model @table.csv", false},
    {"predict of tabs", "predict --column 2 --format tsv --explain --model @model @texts.tsv", false},
    {"explain", "explain --model @model never 一隻貓", false},
    {"explain --html", "explain --html @page --model @model never 一隻貓", false},
    {"neighbours", "neighbours --model @model cat", false},
    {"export-vectors", "export-vectors --model @model @page", false},
    {"tune", "tune --trials 2 --epochs 1 --buckets 50 --format tsv @texts.tsv", false},
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

enum { WORDS = 30 };

/* The words of a command, until the next call. */
static int words_of(const command *c, char **words)
{
    static char line[300], paths[WORDS][100];
    int         n = 0;
    snprintf(line, sizeof line, "classify %s", c->words);
    for (char *word = strtok(line, " "); word; word = strtok(NULL, " ")) {
        snprintf(paths[n], sizeof *paths, "%s/%s", folder, word + 1);
        words[n] = *word == '@' ? paths[n] : word;
        n++;
    }
    words[n] = NULL;
    return n;
}

/* Runs classify with its standard output through write, which may fail, to a file, and its errors to another. */
static int run_main(const command *c)
{
    const cookie_io_functions_t by_write = {.write = put};
    int   n, status, fd = open(output_path, O_WRONLY | O_CREAT | O_TRUNC, 0666);
    char *words[WORDS];
    FILE *const output = stdout, *const errors = stderr;
    n = words_of(c, words);
    stdout = fopencookie(&fd, "w", by_write);
    stderr = fopen(errors_path, "w");
    ck_assert(fd >= 0 && stdout && stderr);
    fault_watch(true);
    status = classify_main(n, words);
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

/* tune tells seconds, before the best. */
static const char *timeless(const bytes *output)
{
    const char *best = strstr(output->at, "the best of");
    return best ? best : output->at;
}

static void check_done_main(const command *c, const fault *f, const bytes *model, const bytes *output)
{
    static bytes now;
    const bool ignored = f->call == FAULT_STAT || f->call == FAULT_CLOSE; /* where it would change nothing */
    ck_assert_msg(!fault_struck() || is_passing(f) || ignored || f->call == FAULT_MEMORY, "%s: %s", c->name, fault_names[f->call]);
    read_whole(output_path, &now);
    ck_assert_str_eq(timeless(&now), timeless(output));
    read_whole(model_path, &now);
    ck_assert(same(&now, model));
}

static const command *const checkpointing = &commands[4], *const resuming = &commands[5], *const tuning = &commands[15];
static bytes checkpoint, best; /* of a training that has ended: to go on is to save */

/* A model, if there is one, is whole. */
static void drop_model(const char *path)
{
    if (access(path, F_OK)) return;
    tn_file *file = tn_file_open(path, &err);
    ck_no_error();
    tn_file_close(file);
    remove(path);
}

/* A page, if there is one, is whole; without a failure there is one. */
static void drop_page(const bytes *page, bool failed)
{
    static bytes now;
    if (access(page_path, F_OK)) {
        ck_assert(failed || !page->n);
        return;
    }
    read_whole(page_path, &now);
    ck_assert(same(&now, page));
    remove(page_path);
}

/* What a command makes: model, output, page. */
typedef struct made {
    bytes model, output, page;
} made;

static bool run_faulty_main(const command *c, const fault *f, long n, const made *want)
{
    write_whole(model_path, c->saves ? &old : &want->model);
    const int  entries = count_entries(folder), descriptors = count_entries("/proc/self/fd");
    const long blocks = fault_blocks();
    fault_set(f->call, n, f->error, f->on);
    if (c == resuming) write_whole(checkpoint_path, &checkpoint), write_whole(best_path, &best);
    const int status = run_main(c);
    drop_model(checkpoint_path);
    drop_model(best_path);
    drop_page(&want->page, status);
    ck_assert_int_eq(count_entries(folder), entries);
    ck_assert_int_eq(count_entries("/proc/self/fd"), descriptors);
    ck_assert_int_eq(fault_blocks(), blocks);
    ck_assert(status == 0 || status == 1);
    if (status) check_failed_main(c, f, &want->model);
    else check_done_main(c, f, &want->model, &want->output);
    return fault_struck();
}

/* Runs all that a command needs, and the command. */
static void make(const command *c, made *want)
{
    ck_assert_int_eq(run_main(checkpointing), 0);
    read_whole(checkpoint_path, &checkpoint);
    read_whole(best_path, &best);
    if (c != resuming) drop_model(checkpoint_path), drop_model(best_path);
    if (!c->saves) ck_assert_int_eq(run_main(&commands[0]), 0);
    ck_assert_int_eq(run_main(c), 0);
    read_whole(model_path, &want->model);
    read_whole(output_path, &want->output);
    if (!access(page_path, F_OK)) read_whole(page_path, &want->page);
    remove(page_path);
    drop_model(checkpoint_path);
    drop_model(best_path);
}

/* Does it make such calls? What writes a page through stdio makes none of its own. */
static bool calls(const command *c, fault_call call, const made *want)
{
    if (call == FAULT_WRITE) return c->saves || want->output.n;
    return c->saves || (call != FAULT_FSYNC && call != FAULT_RENAME && call != FAULT_CHMOD);
}

START_TEST(a_file_of_classify)
{
    static made    want;
    const command *c = &commands[_i / FAULTS];
    const fault   *f = &faults[_i % FAULTS];
    long           n = 1;
    tn_set_threads(1);
    make(c, &want);
    while (run_faulty_main(c, f, n, &want)) n++;
    ck_assert(n > 1 || !calls(c, f->call, &want));
}
END_TEST

static volatile sig_atomic_t signals;

static void count_signal(int number)
{
    (void)number;
    signals++;
}

static void have_signal(int number, fault_call call, long n)
{
    signal(number, count_signal);
    signals = 0;
    fault_set(call, n, FAULT_SIGNAL - number, false);
}

/* SIGTERM at the n-th request for memory: it says how to go on, kills itself at the end, and goes on to the same model. */
START_TEST(a_training_that_is_stopped)
{
    static made   want;
    static bytes  text;
    const command go_on = {"train --resume", "train --quiet --epochs 2 --buckets 50 --dim 1 --checkpoint @checkpoint --checkpoint-every 1 "
                                             "--validation 0.4 --patience 2 --resume --model @model @texts.tsv", true};
    bool          struck = true;
    int           stops = 0;
    make(checkpointing, &want);
    for (long n = 1; struck; n++) {
        write_whole(model_path, &old);
        have_signal(SIGTERM, FAULT_MEMORY, n);
        run_main(checkpointing);
        struck = fault_struck();
        read_whole(errors_path, &text);
        if (text.n) {
            ck_assert_int_eq(signals, 1);
            ck_assert_msg(strstr(text.at, ": the same command with --resume goes on from ") && strstr(text.at, checkpoint_path), "%s", text.at);
            read_whole(model_path, &text);
            ck_assert(same(&text, &old));
            fault_set(FAULT_CALLS, 0, 0, false);
            ck_assert_int_eq(run_main(&go_on), 0);
            stops++;
        }
        read_whole(model_path, &text);
        ck_assert(same(&text, &want.model));
        drop_model(checkpoint_path);
        drop_model(best_path);
    }
    ck_assert_int_gt(stops, 20);
}
END_TEST

/* The time of tune is over, or a signal stops it, wherever it is: what is known until then is told. */
START_TEST(a_search_that_ends)
{
    static bytes text, told;
    const int    number = _i ? SIGTERM : SIGALRM;
    int          none = 0, one = 0, two = 0, status;
    bool         struck = true;
    for (long n = 1; struck; n++) {
        have_signal(number, FAULT_MEMORY, n);
        status = run_main(tuning);
        struck = fault_struck();
        read_whole(output_path, &text);
        read_whole(errors_path, &told);
        ck_assert_int_eq(status, told.n ? 2 : 0);
        ck_assert_int_eq(told.n > 0, number == SIGALRM && !strstr(text.at, "the best of"));
        ck_assert(!told.n || strstr(told.at, "--budget: the time was over before one training was: a longer one, please"));
        none += !strstr(text.at, "the best of");
        one += strstr(text.at, "the best of 1") != NULL;
        two += strstr(text.at, "the best of 2") != NULL;
    }
    ck_assert(none > 20 && one > 20 && two > 0);
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
    tcase_add_test(c, a_training_that_is_stopped);
    tcase_add_loop_test(c, a_search_that_ends, 0, 2);
    suite_add_tcase(s, c);
    return run_suite(s);
}
