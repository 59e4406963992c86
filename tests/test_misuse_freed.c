/* What is used after it is gone: AddressSanitizer stops it at its first touch, because the tape poisons what it has rewound.
 * Each is tried in a process of its own; without the sanitizer there is nothing to see. */
#include "misuse.h"

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#include <sys/wait.h>
#include <unistd.h>

enum { STOPPED = 44, OTHERWISE = 45 };

static const char *expected; /* the kind of error, in the sanitizer's words */

static void end(const char *report)
{
    _exit(strstr(report, expected) ? STOPPED : OTHERWISE);
}

static int end_of(void (*use)(void))
{
    int status = 0;
    pid_t child = fork();
    if (child == 0) {
        __asan_set_error_report_callback(end);
        fclose(stderr); /* the report is long, and known */
        use();
        _exit(0);
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* ---- what is gone -------------------------------------------------------------------------------------------------- */

static tn_tensor *old;

static void make_old(void)
{
    tn_tape_begin(t, TN_GRAD);
    old = tn_square(t, tn_input(t, TN_SCALAR, NULL, true));
}

/* It was of the step before, or of a tape that has given its memory back, or is freed itself. */
static void begin(void)
{
    make_old();
    tn_tape_begin(t, TN_GRAD);
}

static void trim(void)
{
    make_old();
    tn_tape_trim(t);
    tn_tape_begin(t, TN_GRAD);
}

static void free_tape(void)
{
    make_old();
    tn_tape_free(t);
}

static tn_tensor *other_tapes(void)
{
    tn_tape *other = tn_tape_new(2, 2, &err);
    tn_tape_begin(other, TN_GRAD);
    tn_tensor *x = tn_input(other, TN_SCALAR, NULL, true);
    tn_tape_free(other);
    return x;
}

static tn_tensor *freed_param(void)
{
    tn_params *other = tn_params_new(2, &err);
    tn_tensor *x = tn_param(other, TN_DIMS(2), tn_constant(0), "w");
    tn_params_free(other);
    return x;
}

static optim *optim_of_freed_params(void)
{
    tn_params *other = tn_params_new(2, &err);
    optim *o = optim_sgd(other, optim_sgd_defaults());
    tn_params_free(other);
    return o;
}

static optim *freed_optim(void)
{
    optim *o = optim_sgd(ps, optim_sgd_defaults());
    optim_free(o);
    return o;
}

static tn_snapshot *freed_snapshot(void)
{
    tn_snapshot *s = tn_params_snapshot(ps);
    tn_snapshot_free(s);
    return s;
}

/* A path of the test's, and a file behind it that is open and unlinked, so that nothing stays. */
static tn_file *new_file(void)
{
    char path[64];
    snprintf(path, sizeof path, "/tmp/tarn-test-%ld.safetensors", (long)getpid());
    tn_param(ps, TN_DIMS(2), tn_constant(0), "w");
    tn_save(ps, path, 1, (tn_meta[]){{"key", "value"}});
    tn_file *f = tn_file_open(path, &err);
    remove(path);
    return f;
}

static tn_file *closed_file(void)
{
    tn_file *f = new_file();
    tn_file_close(f);
    return f;
}

static tn_real *freed_numbers(void)
{
    tn_real *x = tn_calloc(4, sizeof *x);
    tn_free(x);
    return x;
}

static tn_ids freed_ids(void)
{
    int32_t *id = tn_calloc(4, sizeof *id);
    tn_free(id);
    return (tn_ids){id, 4};
}

/* ---- and used ------------------------------------------------------------------------------------------------------ */

#define USE(name, before, call)            \
    static void name(void)                 \
    {                                      \
        before;                            \
        volatile bool used = (call, true); \
        (void)used;                        \
    }
USE(first_number, make_old(); tn_real *x = old->data; tn_tape_begin(t, TN_GRAD), tn_fail(NULL, TN_EUSAGE, "%g", (double)*x))
USE(item, begin(), tn_item(old))
USE(op, begin(), tn_square(t, old))
USE(second_input, begin(), tn_add(t, tn_scalar(t, 1), old))
USE(detached, begin(), tn_detach(t, old))
USE(loss, begin(), tn_backward(t, old))
USE(gradient, begin(), tn_grad_data(old))
USE(kept, begin(), tn_keep_grad(old))
USE(maximum, begin(), tn_argmax(t, old, 0, NULL))
USE(printed, begin(), tn_print(old, stdout))
USE(shown, begin(), tn_shape_text(old, (char[TN_SHAPE_TEXT]){0}))
USE(trimmed, trim(), tn_item(old))
USE(tensor_of_freed, free_tape(), tn_item(old))
USE(others_tensor, tn_tape_begin(t, TN_GRAD), tn_square(t, other_tapes()))
USE(begin_freed, free_tape(), tn_tape_begin(t, TN_GRAD))
USE(ok_freed, free_tape(), tn_ok(t))
USE(op_freed, free_tape(), tn_scalar(t, 1))
USE(free_twice, free_tape(), tn_tape_free(t))
USE(count_freed, tn_params_free(ps), tn_params_count(ps))
USE(param_freed, tn_params_free(ps), tn_param(ps, TN_SCALAR, tn_constant(0), "w"))
USE(op_on_freed_param, tn_tape_begin(t, TN_GRAD), tn_neg(t, freed_param()))
USE(freeze_freed, (void)0, tn_freeze(freed_param(), true))
USE(step_of_freed_params, (void)0, optim_step(optim_of_freed_params()))
USE(clip_freed_params, tn_params_free(ps), optim_clip_norm(ps, 1))
USE(step_freed, (void)0, optim_step(freed_optim()))
USE(rate_freed, (void)0, optim_lr(freed_optim()))
USE(restore_freed, (void)0, tn_params_restore(ps, freed_snapshot()))
USE(count_closed, (void)0, tn_file_count(closed_file()))
USE(read_closed, tn_real x[2], tn_file_read(closed_file(), "w", x, 2))
USE(load_closed, (void)0, tn_file_load(closed_file(), ps, TN_STRICT))
USE(borrowed_key, tn_file *f = new_file(); const char *value = tn_file_meta(f, "key"); tn_file_close(f),
    tn_params_find(ps, value))
USE(borrowed_data, tn_tape_begin(t, TN_GRAD), tn_neg(t, tn_const(t, TN_DIMS(4), freed_numbers())))
USE(borrowed_ids, tn_tape_begin(t, TN_GRAD), tn_gather_rows(t, tn_input(t, TN_DIMS(4, 1), NULL, true), freed_ids()))
USE(beyond_the_end, make_old(), old->data[1] = 1)

#define POISON "use-after-poison"
#define FREED "heap-use-after-free"

static const struct freed {
    void      (*use)(void);
    const char *kind;
} rows[] = {
    {first_number, POISON},
    {item, POISON},
    {op, POISON},
    {second_input, POISON},
    {detached, POISON},
    {loss, POISON},
    {gradient, POISON},
    {kept, POISON},
    {maximum, POISON},
    {printed, POISON},
    {shown, POISON},
    {trimmed, FREED},
    {tensor_of_freed, FREED},
    {others_tensor, FREED},
    {begin_freed, FREED},
    {ok_freed, FREED},
    {op_freed, FREED},
    {free_twice, FREED},
    {count_freed, FREED},
    {param_freed, FREED},
    {op_on_freed_param, FREED},
    {freeze_freed, FREED},
    {step_of_freed_params, FREED},
    {clip_freed_params, FREED},
    {step_freed, FREED},
    {rate_freed, FREED},
    {restore_freed, FREED},
    {count_closed, FREED},
    {read_closed, FREED},
    {load_closed, FREED},
    {borrowed_key, FREED},
    {borrowed_data, FREED},
    {borrowed_ids, FREED},
    {beyond_the_end, POISON},
};
enum { ROWS = sizeof rows / sizeof *rows };

START_TEST(stopped_at_the_first_touch)
{
    expected = rows[_i].kind;
    ck_assert_int_eq(end_of(rows[_i].use), STOPPED);
}
END_TEST

USE(nothing_wrong, make_old(), tn_item(old))

START_TEST(the_living_may_be_used)
{
    ck_assert_int_eq(end_of(nothing_wrong), 0);
}
END_TEST
#endif

static void add(TCase *c)
{
#if defined(__SANITIZE_ADDRESS__)
    tcase_add_loop_test(c, stopped_at_the_first_touch, 0, ROWS);
    tcase_add_test(c, the_living_may_be_used);
#else
    (void)c;
#endif
}

int main(void)
{
    return run_case("misuse_freed", add);
}
