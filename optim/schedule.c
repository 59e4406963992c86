/* schedule.c: learning rates as closed forms of the step. */
#include <math.h>

#include <tarn/optim.h>

static int64_t from_zero(int64_t t)
{
    return t > 0 ? t : 0;
}

double optim_step_lr(double base, int64_t t, int64_t every, double gamma)
{
    return every < 1 ? (double)NAN : base * pow(gamma, (double)(from_zero(t) / every));
}

double optim_exponential_lr(double base, int64_t t, double gamma)
{
    return base * pow(gamma, (double)from_zero(t));
}

double optim_cosine_lr(double base, int64_t t, int64_t period, double min)
{
    const double pi = 3.14159265358979323846;
    double high = (1 + cos(pi * (double)from_zero(t) / (double)period)) / 2;
    return period < 1 ? (double)NAN : high * base + (1 - high) * min; /* exact at both ends */
}

double optim_linear_lr(double base, int64_t t, int64_t total, double start, double end)
{
    double done = t < total ? (double)from_zero(t) / (double)total : 1;
    return total < 1 ? (double)NAN : base * ((1 - done) * start + done * end);
}

double optim_warm_up(double lr, int64_t t, int64_t steps)
{
    return t < steps ? lr * (double)(from_zero(t) + 1) / (double)steps : lr;
}
