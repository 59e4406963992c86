/* output.h: a text file that is there as a whole or not at all. */
#ifndef TEXT_OUTPUT_H
#define TEXT_OUTPUT_H

#include <stdio.h>

#include "memory.h"

typedef struct text_output {
    FILE       *to;
    const char *path;   /* as the caller gave it; NULL: the standard output */
    char       *target; /* the same without symbolic links */
    text_buffer temp;   /* the name beside it until all is there; empty: what stands at path is no regular file */
    tn_error   *err;
} text_output;

/* Begins a file of path, under another name beside it; a pipe or a device is written as it is. NULL and "-" are the
 * standard output. Io error: names the file and the system's reason. */
bool text_output_open(text_output *o, const char *path, tn_error *err);

/* Has what was written, to the disk, and gives it its name; what had it before keeps its mode. False after any error of
 * o->err: the new file is gone then, and the old one as it was. */
bool text_output_close(text_output *o);

#endif
