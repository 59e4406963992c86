/* progress.c: how far the training is. */
#include "progress.h"

#include <string.h>
#include <time.h>
#include <unistd.h>

#include "locale.h"

enum { BAR = 24 };

static double now(void)
{
    struct timespec t = {0};

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

void text_progress_begin(text_progress *p, FILE *to, int64_t epochs, int64_t total)
{
    *p = (text_progress){.to = to, .epochs = epochs, .total = total, .started = now()};
    p->terminal = to && isatty(fileno(to));
}

static double mean_of(double sum, int64_t n)
{
    return n ? sum / (double)n : 0;
}

static double rate_of(const text_progress *p, double seconds)
{
    return seconds > 0 ? (double)p->done / seconds : 0;
}

static void print_time(double seconds, FILE *to)
{
    long long s = (long long)(seconds + 0.5);

    if (s < 3600)
        fprintf(to, "%lld:%02lld", s / 60, s % 60);
    else
        fprintf(to, "%lld:%02lld:%02lld", s / 3600, s / 60 % 60, s % 60);
}

static void draw_bar(text_progress *p, double seconds)
{
    locale_t users = text_locale_plain();
    double   part = p->total ? (double)p->done / (double)p->total : 1;
    int      full = (int)(part * BAR);
    double   rate = rate_of(p, seconds);

    fprintf(p->to, "\repoch %lld/%lld [%.*s%.*s] loss %.4f  %.2f M tokens/s  ", (long long)p->epoch + 1,
            (long long)p->epochs, full, "########################", BAR - full, "........................",
            mean_of(p->loss, p->texts), rate / 1e6);
    print_time(rate > 0 ? (double)(p->total - p->done) / rate : 0, p->to);
    fprintf(p->to, " left \033[K");
    text_locale_back(users);
    fflush(p->to);
    p->shown = seconds;
}

void text_progress_step(text_progress *p, int64_t texts, int64_t tokens, double loss, int64_t right)
{
    double seconds;

    p->texts += texts;
    p->done += tokens;
    p->loss += loss * (double)texts;
    p->right += right;
    if (!p->terminal) return;
    seconds = now() - p->started;
    if (seconds - p->shown >= 0.1) draw_bar(p, seconds);
}

double text_progress_loss(const text_progress *p)
{
    return mean_of(p->loss, p->texts);
}

void text_progress_epoch(text_progress *p)
{
    locale_t users = text_locale_plain();
    double   seconds = now() - p->started;

    if (p->to)
        fprintf(p->to, "%sepoch %lld/%lld  loss %.4f  accuracy %.4f  %.2f M tokens/s\n",
                p->terminal ? "\r\033[K" : "", (long long)p->epoch + 1, (long long)p->epochs,
                mean_of(p->loss, p->texts), mean_of((double)p->right, p->texts), rate_of(p, seconds) / 1e6);
    text_locale_back(users);
    p->epoch++;
    p->texts = p->right = 0;
    p->loss = 0;
}

void text_progress_score(const text_progress *p, double f1)
{
    locale_t users = text_locale_plain();

    if (p->to) fprintf(p->to, "            on validation: macro-F1 %.4f\n", f1);
    text_locale_back(users);
}

void text_progress_end(text_progress *p)
{
    if (p->terminal) fprintf(p->to, "\r\033[K");
}
