/* chart.c: pictures of numbers, as SVG. */
#include "chart.h"

#include <math.h>

#include "escapes.h"

/* In units of the picture: a line of text is 12 high, its widest letters are not much wider than LETTER. */
enum { WIDTH = 360, HEIGHT = 250, LEFT = 48, RIGHT = 12, TOP = 10, BOTTOM = 40, LETTER = 8 };

static double place(text_interval r, double at, double from, double to)
{
    double part = r.to > r.from ? (at - r.from) / (r.to - r.from) : 0.5;

    return from + (part < 0 ? 0 : part > 1 ? 1 : part) * (to - from);
}

static double place_x(const text_chart *c, double x)
{
    return place(c->x, x, LEFT, WIDTH - RIGHT);
}

static double place_y(const text_chart *c, double y)
{
    return place(c->y, y, HEIGHT - BOTTOM, TOP);
}

/* 1, 2 or 5 times a power of ten, so that there are 3 to 7 ticks. */
static double step_of(text_interval r, bool whole)
{
    double wide = (r.to - r.from) / 5, power = pow(10, floor(log10(wide > 0 ? wide : 1))), step = wide / power;

    step = power * (step > 5 ? 10 : step > 2 ? 5 : step > 1 ? 2 : 1);
    return whole && step < 1 ? 1 : step;
}

static void x_ticks(text_chart *c, bool whole)
{
    const double step = step_of(c->x, whole);

    for (double k = ceil(c->x.from / step - 1e-9); k * step <= c->x.to + 1e-9 * step; k++) {
        double at = place_x(c, k * step);
        text_buffer_print(c->page, c->err,
                          "<line class=\"grid\" x1=\"%.1f\" y1=\"%d\" x2=\"%.1f\" y2=\"%d\"/>"
                          "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%.6g</text>\n",
                          at, TOP, at, HEIGHT - BOTTOM, at, HEIGHT - BOTTOM + 15, k * step + 0.0);
    }
}

static void y_ticks(text_chart *c)
{
    const double step = step_of(c->y, false);

    for (double k = ceil(c->y.from / step - 1e-9); k * step <= c->y.to + 1e-9 * step; k++) {
        double at = place_y(c, k * step);
        text_buffer_print(c->page, c->err,
                          "<line class=\"grid\" x1=\"%d\" y1=\"%.1f\" x2=\"%d\" y2=\"%.1f\"/>"
                          "<text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%.6g</text>\n",
                          LEFT, at, WIDTH - RIGHT, at, LEFT - 5, at + 4, k * step + 0.0);
    }
}

void text_chart_begin(text_chart *c, const char *x_name, const char *y_name, bool whole)
{
    const int middle = (HEIGHT - BOTTOM + TOP) / 2;

    text_buffer_print(c->page, c->err, "<svg viewBox=\"0 0 %d %d\" role=\"img\" aria-label=\"%s by %s\">\n", WIDTH, HEIGHT,
                      y_name, x_name);
    x_ticks(c, whole);
    y_ticks(c);
    text_buffer_print(c->page, c->err,
                      "<path class=\"axis\" d=\"M%d %dV%dH%d\"/>"
                      "<text x=\"%d\" y=\"%d\" text-anchor=\"middle\">%s</text>"
                      "<text transform=\"translate(11 %d) rotate(-90)\" text-anchor=\"middle\">%s</text>\n",
                      LEFT, TOP, HEIGHT - BOTTOM, WIDTH - RIGHT, (LEFT + WIDTH - RIGHT) / 2, HEIGHT - 6, x_name, middle,
                      y_name);
}

void text_chart_end(text_chart *c)
{
    text_buffer_print(c->page, c->err, "</svg>\n");
}

void text_chart_line(text_chart *c, int series, bool dashed, int64_t n, const double *x, const double *y)
{
    text_buffer_print(c->page, c->err, "<polyline class=\"line s%d%s\" points=\"", series % TEXT_SERIES,
                      dashed ? " dashed" : "");
    for (int64_t i = 0; i < n; i++)
        text_buffer_print(c->page, c->err, "%.1f,%.1f ", place_x(c, x[i]), place_y(c, y[i]));
    text_buffer_print(c->page, c->err, "\"/>\n");
}

void text_chart_diagonal(text_chart *c)
{
    double from = c->x.from > c->y.from ? c->x.from : c->y.from, to = c->x.to < c->y.to ? c->x.to : c->y.to;

    text_buffer_print(c->page, c->err, "<line class=\"even\" x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\"/>\n",
                      place_x(c, from), place_y(c, from), place_x(c, to), place_y(c, to));
}

void text_chart_dot(text_chart *c, int series, double x, double y, double radius, text_span about)
{
    text_buffer_print(c->page, c->err, "<circle class=\"dot s%d\" cx=\"%.1f\" cy=\"%.1f\" r=\"%.1f\"><title>",
                      series % TEXT_SERIES, place_x(c, x), place_y(c, y), radius);
    text_add_html(c->page, about, c->err);
    text_buffer_print(c->page, c->err, "</title></circle>\n");
}

void text_chart_mark(text_chart *c, double x, const char *word)
{
    double at = place_x(c, x);
    bool   left = at > (LEFT + WIDTH - RIGHT) / 2;

    text_buffer_print(c->page, c->err,
                      "<line class=\"mark\" x1=\"%.1f\" y1=\"%d\" x2=\"%.1f\" y2=\"%d\"/>"
                      "<text x=\"%.1f\" y=\"%d\" text-anchor=\"%s\">%s</text>\n",
                      at, TOP, at, HEIGHT - BOTTOM, left ? at - 4 : at + 4, TOP + 10, left ? "end" : "start", word);
}

static double width_of(text_span word)
{
    double width = 0;

    for (size_t i = 0; i < word.n; i++) {
        unsigned char byte = (unsigned char)word.s[i];
        width += byte >= 0xE0 ? 1.5 * LETTER : byte < 0x80 || byte >= 0xC0 ? LETTER : 0;
    }
    return width;
}

static bool is_free(const text_places *taken, const struct text_box *box)
{
    for (int i = 0; i < taken->n; i++) {
        const struct text_box *other = &taken->box[i];
        if (box->left < other->right && other->left < box->right && box->top < other->bottom && other->top < box->bottom)
            return false;
    }
    return box->right < WIDTH && box->bottom < HEIGHT - BOTTOM;
}

void text_chart_word(text_chart *c, text_places *taken, double x, double y, text_span word)
{
    const double    left = place_x(c, x) + 4, line = place_y(c, y) + 4;
    struct text_box box = {left, line - 10, left + width_of(word), line + 3};

    if (taken->n == TEXT_MOST_WORDS || !is_free(taken, &box)) return;
    taken->box[taken->n++] = box;
    text_buffer_print(c->page, c->err, "<text class=\"word\" x=\"%.1f\" y=\"%.1f\">", left, line);
    text_add_html(c->page, word, c->err);
    text_buffer_print(c->page, c->err, "</text>\n");
}
