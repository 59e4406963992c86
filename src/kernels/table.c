/* table.c: the table of one instruction set. */
#include "isa.h"

#define NAME_OF(isa)  NAME_OF_(isa)
#define NAME_OF_(isa) #isa

const tn__kernels TN_K(kernels) = {
    .isa                    = NAME_OF(TN_ISA),
    .gemm                   = TN_K(gemm),
    .exp                    = TN_K(exp),
    .log                    = TN_K(log),
    .tanh                   = TN_K(tanh),
    .erf                    = TN_K(erf),
    .sigmoid                = TN_K(sigmoid),
    .sum                    = TN_K(sum),
    .dot                    = TN_K(dot),
    .max                    = TN_K(max),
    .sum_sq_diff            = TN_K(sum_sq_diff),
    .axpy                   = TN_K(axpy),
    .gather_sum             = TN_K(gather_sum),
    .gather_max             = TN_K(gather_max),
    .scatter_add            = TN_K(scatter_add),
    .softmax                = TN_K(softmax),
    .softmax_grad           = TN_K(softmax_grad),
    .log_softmax            = TN_K(log_softmax),
    .log_softmax_grad       = TN_K(log_softmax_grad),
    .attend                 = TN_K(attend),
    .attend_grad            = TN_K(attend_grad),
    .layer_norm             = TN_K(layer_norm),
    .layer_norm_grad        = TN_K(layer_norm_grad),
    .layer_norm_grad_params = TN_K(layer_norm_grad_params),
    .gelu                   = TN_K(gelu),
    .gelu_grad              = TN_K(gelu_grad),
    .gelu_tanh              = TN_K(gelu_tanh),
    .gelu_tanh_grad         = TN_K(gelu_tanh_grad),
    .silu                   = TN_K(silu),
    .silu_grad              = TN_K(silu_grad),
};
