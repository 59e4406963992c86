/* neighbours.h: what training did to the random rows: the tokens whose rows point where a word's does. */
#ifndef TEXT_NEIGHBOURS_H
#define TEXT_NEIGHBOURS_H

#include "program.h"

/* cosine<TAB>token for the top tokens of the vocabulary nearest to word, the nearest first, to the standard output: a . b /
 * (|a| |b|) of their rows, 0 for a row of zeros. Usage error: the word is not one token of the vocabulary. */
bool text_neighbours(text_program *p, const char *word);

#endif
