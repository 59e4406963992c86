/* explain.h: why texts have their labels, for people: on a terminal, or as a page. */
#ifndef TEXT_EXPLAIN_H
#define TEXT_EXPLAIN_H

#include "program.h"

/* For each text label<TAB>probability<TAB>text, then a line share<TAB>token for each token, for the rest and for their sum,
 * which is the margin (shares.h says of what), to the standard output; on a terminal, but for NO_COLOR, tokens that speak
 * for the label are red, those against it blue. With the option html, a page in its file instead. Errors: memory; io: it
 * cannot be written, and then a file of that name is as it was. */
bool text_explain(text_program *p, int n, char *const *texts);

#endif
