/* shares.h: why a text has its label: what each of its tokens adds to the decision.
 *
 * With z the logits, the margin m = z[label] - z[rival] of a label over the strongest of the others is the logarithm of
 * their odds. Ids come into the net as rows x of the table, so a row's share in m is the gradient of m times what was put
 * in, (dm/dx) . x, by one walk back (Simonyan et al. 2013; Shrikumar et al. 2016). An id's share belongs to the tokens
 * that it was made of, in equal parts: a token has its own row, those of its pieces, and half of each pair that it is in.
 *
 *     m = the sum of all shares + the rest
 *
 * In a linear model a share is exactly what m is made of, w . x with w the difference of the two labels' weights (times
 * what pooling multiplies by), and the rest is the difference of their biases. A hidden layer of ReLU is linear around
 * the text that is explained: the shares are what is counted there, and the rest is the biases' part. In kind char the
 * tokens that are told are the words nevertheless, and what lies between them is in the rest. */
#ifndef TEXT_SHARES_H
#define TEXT_SHARES_H

#include "program.h"

typedef struct text_share {
    text_range at;
    double     share; /* > 0: it speaks for the label; e^share is what it multiplies the odds by */
} text_share;

/* What was found about the last text, and the room for it; starts as {0}. */
typedef struct text_shares {
    text_span   text; /* borrowed */
    text_share *of;   /* its tokens, in their order */
    int64_t     n, room;
    int32_t     label, rival;
    double      margin, rest;

    tn_tape    *t;
    text_ids    ids;
    text_tokens tokens;
    double     *each; /* by a row of the gradient: how often its id occurs, then the share of one */
    int64_t     each_room;
} text_shares;

/* The shares in a label of a text. The program's parameters are frozen by it, but for the table. Memory error. */
bool text_shares_find(text_shares *s, text_program *p, text_span text, int32_t label);
void text_shares_free(text_shares *s);

/* The tokens that weigh most, either way, are moved to the front: the first k of them, the weightiest first. */
void text_shares_sort(text_shares *s, int64_t k);

text_span text_shares_token(const text_shares *s, int64_t i); /* as it stands in the text */

#endif
