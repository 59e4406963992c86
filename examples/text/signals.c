/* signals.c: SIGINT, SIGTERM and SIGALRM as a wish to stop. */
#include "signals.h"

#include <signal.h>
#include <stddef.h>

/* A handler is given a number and nothing else. */
static volatile sig_atomic_t caught;

static const int which[] = {SIGINT, SIGTERM, SIGALRM};
enum { SIGNALS = sizeof which / sizeof *which };
static struct sigaction before[SIGNALS];

static void note(int number)
{
    caught = number;
}

void text_signals_catch(void)
{
    struct sigaction ours = {.sa_handler = note, .sa_flags = (int)(SA_RESETHAND | SA_RESTART)};

    sigemptyset(&ours.sa_mask);
    caught = 0;
    for (int i = 0; i < SIGNALS; i++) {
        sigaction(which[i], NULL, &before[i]);
        if (before[i].sa_handler != SIG_IGN) sigaction(which[i], &ours, NULL);
    }
}

int text_signals_caught(void)
{
    return caught;
}

void text_signals_release(void)
{
    for (int i = 0; i < SIGNALS; i++) sigaction(which[i], &before[i], NULL);
}
