/* tarn.h: all of it. Start with tensor.h, then ops.h, nn.h and optim.h; op.h is for ops of your own. */
#ifndef TARN_TARN_H
#define TARN_TARN_H

/* This version; the headers and the library are of the same. */
#define TN_VERSION "0.1.0"

#include <tarn/error.h>
#include <tarn/io.h>
#include <tarn/memory.h>
#include <tarn/nn.h>
#include <tarn/op.h>
#include <tarn/ops.h>
#include <tarn/optim.h>
#include <tarn/rng.h>
#include <tarn/tensor.h>

#endif
