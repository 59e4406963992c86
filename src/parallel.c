/* parallel.c: work in pieces. */
#include "engine.h"

void tn_parallel_for(int64_t n, int64_t grain, void (*f)(int64_t begin, int64_t end, void *arg), void *arg)
{
    if (grain < 1) grain = 1;
    for (int64_t begin = 0; begin < n; begin += grain) f(begin, n - begin < grain ? n : begin + grain, arg);
}
