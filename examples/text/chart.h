/* chart.h: pictures of numbers, as SVG inside a page whose style gives the classes grid, axis, mark and s0 to s5 their
 * colours. What fails is told by the error alone. */
#ifndef TEXT_CHART_H
#define TEXT_CHART_H

#include "memory.h"

enum { TEXT_SERIES = 6 }; /* s0 to s5 */

typedef struct text_interval {
    double from, to;
} text_interval;

typedef struct text_chart {
    text_buffer *page;
    tn_error    *err;
    text_interval   x, y;
} text_chart;

/* Frame, grid, ticks and the axes' names. whole: x is counted, so its ticks are whole numbers. */
void text_chart_begin(text_chart *c, const char *x_name, const char *y_name, bool whole);
void text_chart_end(text_chart *c);

/* A series' line through n points; dashed: told from another of the same kind by more than its colour. */
void text_chart_line(text_chart *c, int series, bool dashed, int64_t n, const double *x, const double *y);

void text_chart_diagonal(text_chart *c); /* where y is x, faintly */

/* A point, with a text that shows where a pointer rests on it. */
void text_chart_dot(text_chart *c, int series, double x, double y, double radius, text_span about);

/* A vertical line across all, with a word beside it. */
void text_chart_mark(text_chart *c, double x, const char *word);

/* A word beside a point, if no other stands there already: taken keeps track, and is {0} at first. */
enum { TEXT_MOST_WORDS = 24 };
typedef struct text_places {
    struct text_box {
        double left, top, right, bottom;
    } box[TEXT_MOST_WORDS];
    int n;
} text_places;
void text_chart_word(text_chart *c, text_places *taken, double x, double y, text_span word);

#endif
