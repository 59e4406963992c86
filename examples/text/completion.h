/* completion.h: what a shell needs to complete the command line of classify. */
#ifndef TEXT_COMPLETION_H
#define TEXT_COMPLETION_H

#include <stdio.h>

/* Scripts made of the table of options: to be sourced by bash, and for a folder of zsh's fpath as _classify. */
void text_completion_bash(FILE *to);
void text_completion_zsh(FILE *to);

#endif
