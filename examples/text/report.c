/* report.c: a page about a training. */
#include "report.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <tarn/ops.h>

#include "chart.h"
#include "escapes.h"
#include "locale.h"
#include "output.h"
#include "pca.h"

enum { ON_MAP = 400, MISTAKES = 20, STRONGEST = 12, SHOWN_BYTES = 400, MOST_LABELS = 12, BINS = 10, RARE = 3 };

/* ---- during training --------------------------------------------------------------------------------------------- */

void text_report_free(text_report *r)
{
    free(r->epoch);
    free(r->rows);
    *r = (text_report){0};
}

bool text_report_begin(text_report *r, const text_program *p)
{
    const tn_tensor *table = p->model.words.weight;
    const int64_t    words = p->text.encoder.words.n;

    r->n_rows = words < ON_MAP ? words : ON_MAP;
    size_t bytes = (size_t)(r->n_rows * table->size[1]) * sizeof *r->rows;
    r->rows = malloc(bytes + 1);
    if (!r->rows) return tn_fail(p->err, TN_EMEMORY, "out of memory: no room for %lld rows", (long long)r->n_rows);
    memcpy(r->rows, table->data, bytes);
    return true;
}

bool text_report_epoch(text_report *r, text_epoch e, tn_error *err)
{
    if (!text_reserve(&r->epoch, &r->room, r->epochs + 1, sizeof *r->epoch, err)) return false;
    r->epoch[r->epochs++] = e;
    return true;
}

text_data *text_report_judge(text_sets *sets)
{
    return sets->test.n ? &sets->test : &sets->validation;
}

/* ---- the page ------------------------------------------------------------------------------------------------------ */

/* A text, and how strongly something is said about it. */
typedef struct ranked {
    int64_t i;
    double  score;
} ranked;

typedef struct page {
    const text_report *r;
    text_program      *p;
    text_data         *judged;
    text_metrics       metrics;
    tn_real           *probability; /* of the judged texts: (n, classes) */
    tn_real           *plain;       /* the same at temperature 1 */
    int32_t           *answer;
    int32_t           *leaning; /* each token's likeliest label, where it stands alone; -1: it is too rare to say */
    double            *lean;    /* the log odds of that label */
    text_buffer        out;
    tn_error          *err;
} page;

static void put(page *g, const char *s)
{
    text_buffer_add(&g->out, s, strlen(s), g->err);
}

static void put_text(page *g, text_span s)
{
    text_add_html(&g->out, s, g->err);
}

static void put_label(page *g, int64_t label)
{
    put_text(g, text_vocabulary_at(&g->p->text.labels, (int32_t)label));
}

static const char head[] =
    "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
    "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
    "<title>classify: a training</title>\n<style>\n"
    ":root { color-scheme: light dark; --ink: #1b1f24; --soft: #57606a; --paper: #fff; --card: #f6f8fa; --edge: #d0d7de;\n"
    "  --s0: #0072b2; --s1: #d55e00; --s2: #008a65; --s3: #b8568a; --s4: #8a6d00; --s5: #4f5bd5; --hit: 0, 114, 178;\n"
    "  --miss: 213, 94, 0 }\n"
    "@media (prefers-color-scheme: dark) { :root { --ink: #e6edf3; --soft: #a9b4bf; --paper: #0d1117; --card: #161b22;\n"
    "  --edge: #30363d; --s0: #56b4e9; --s1: #ff9a52; --s2: #3ecf9f; --s3: #e6a1c6; --s4: #e0c341; --s5: #a5adff;\n"
    "  --hit: 86, 180, 233; --miss: 255, 154, 82 } }\n"
    "* { box-sizing: border-box }\n"
    "body { margin: 0; background: var(--paper); color: var(--ink); font: 15px/1.5 system-ui, sans-serif }\n"
    "main { max-width: 1120px; margin: 0 auto; padding: 16px }\n"
    "h1 { font-size: 24px; margin: 8px 0 }\nh2 { font-size: 17px; margin: 0 0 4px }\n"
    "p { margin: 4px 0; overflow-wrap: anywhere }\n.soft, figcaption { color: var(--soft); font-size: 13px }\n"
    ".grid2 { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 340px), 1fr)); gap: 16px; margin: 16px 0 }\n"
    ".card { background: var(--card); border: 1px solid var(--edge); border-radius: 8px; padding: 12px; min-width: 0;\n"
    "  margin: 0 }\n.wide { margin: 16px 0 }\n"
    ".tiles { display: flex; flex-wrap: wrap; gap: 12px; margin: 16px 0 }\n.tiles .card { flex: 1 1 130px }\n"
    ".tiles b { display: block; font-size: 22px; font-variant-numeric: tabular-nums }\n"
    "svg { display: block; width: 100%; height: auto }\n"
    "svg text { fill: var(--soft); font: 11px system-ui, sans-serif }\nsvg text.word { fill: var(--ink);\n"
    "  paint-order: stroke; stroke: var(--card); stroke-width: 3px }\n"
    "svg .grid { stroke: var(--edge); stroke-width: .7 }\nsvg .axis { fill: none; stroke: var(--soft) }\n"
    "svg .mark { stroke: var(--ink); stroke-dasharray: 2 3 }\n"
    "svg .line { fill: none; stroke: var(--c); stroke-width: 2 }\nsvg .dashed { stroke-dasharray: 5 4 }\n"
    "svg .dot { fill: var(--c); fill-opacity: .75 }\nsvg .even { stroke: var(--soft); stroke-dasharray: 1 3 }\n"
    ".s0 { --c: var(--s0) } .s1 { --c: var(--s1) } .s2 { --c: var(--s2) } .s3 { --c: var(--s3) } .s4 { --c: var(--s4) }\n"
    ".s5 { --c: var(--s5) }\n"
    ".key { font-size: 13px; margin-right: 14px; white-space: nowrap }\n"
    ".key::before { content: \"\"; display: inline-block; width: 18px; border-top: 3px solid var(--c); margin-right: 5px;\n"
    "  vertical-align: middle }\n.key.dashed::before { border-top-style: dashed }\n"
    ".key.disc::before { width: 10px; height: 10px; border: 0; border-radius: 50%; background: var(--c) }\n"
    ".scroll { overflow-x: auto }\n"
    "table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums }\n"
    "th, td { padding: 4px 8px; text-align: right; border-top: 1px solid var(--edge); vertical-align: top }\n"
    "th { font-weight: 600; color: var(--soft); font-size: 13px }\n"
    "th:first-child, td:first-child, .text { text-align: left }\n.text { overflow-wrap: anywhere; min-width: 112px }\n"
    "@media (max-width: 480px) { th, td { padding: 4px 5px; font-size: 13px } main { padding: 10px } }\n"
    ".bar { display: block; height: 9px; margin-top: 7px; border-radius: 2px; background: var(--c); min-width: 1px }\n"
    ".token { overflow-wrap: break-word; max-width: 160px }\n"
    "</style>\n</head>\n<body>\n<main>\n";

static void key(page *g, int series, const char *kind, text_span name)
{
    text_buffer_print(&g->out, g->err, "<span class=\"key s%d %s\">", series % TEXT_SERIES, kind);
    put_text(g, name);
    put(g, "</span>\n");
}

static text_chart chart_of(page *g, text_interval x, text_interval y)
{
    return (text_chart){&g->out, g->err, x, y};
}

static void open_card(page *g, const char *title)
{
    text_buffer_print(&g->out, g->err, "<figure class=\"card\">\n<h2>%s</h2>\n", title);
}

static void close_card(page *g, const char *about)
{
    text_buffer_print(&g->out, g->err, "<figcaption>%s</figcaption>\n</figure>\n", about);
}

/* ---- how it went --------------------------------------------------------------------------------------------------- */

static void tile(page *g, const char *name, double x, const char *format)
{
    put(g, "<div class=\"card\"><b>");
    if (isnan(x))
        put(g, "none");
    else {
        char number[32];
        snprintf(number, sizeof number, format[0] == 'd' ? "%.0f" : "%.4f", x);
        put(g, number);
    }
    text_buffer_print(&g->out, g->err, "</b><span class=\"soft\">%s</span></div>\n", name);
}

static void introduction(page *g)
{
    const text_options  *o = &g->p->options;
    const text_decision *d = &g->p->text.decision;

    put(g, head);
    put(g, "<h1>A training of classify</h1>\n<p>The model <code>");
    put_text(g, text_span_of(o->model));
    text_buffer_print(&g->out, g->err, "</code>, judged by %lld texts that it has not learnt: those of ", (long long)g->judged->n);
    put_text(g, text_span_of(o->test ? o->test : o->validation ? o->validation : "the part that was held out"));
    put(g, ".</p>\n<div class=\"tiles\">\n");
    tile(g, "macro-F1", text_metrics_macro_f1(&g->metrics), "");
    tile(g, "accuracy", text_metrics_accuracy(&g->metrics), "");
    tile(g, "expected calibration error", text_metrics_calibration_error(&g->metrics), "");
    tile(g, "temperature", d->temperature, "");
    tile(g, "threshold", d->threshold > 0 ? d->threshold : NAN, "");
    tile(g, "epochs", g->r->epochs ? g->r->epoch[g->r->epochs - 1].number : NAN, "d");
    put(g, "</div>\n");
}

typedef struct series {
    double *x, *y[3];
    int64_t n;
} series;

static void epochs_line(text_chart *c, const series *s, int which, int colour)
{
    text_chart_line(c, colour, colour == 1, s->n, s->x, s->y[which]);
    for (int64_t i = 0; i < s->n && s->n <= 60; i++) {
        char about[64];
        snprintf(about, sizeof about, "epoch %.0f: %.4f", s->x[i], s->y[which][i]);
        text_chart_dot(c, colour, s->x[i], s->y[which][i], 2.5, text_span_of(about));
    }
}

static double least_of(int64_t n, const double *x)
{
    double least = x[0];

    for (int64_t i = 1; i < n; i++)
        if (x[i] < least) least = x[i];
    return least;
}

static double most_of(int64_t n, const double *x)
{
    double most = x[0];

    for (int64_t i = 1; i < n; i++)
        if (x[i] > most) most = x[i];
    return most;
}

static void draw_epochs(page *g, const series *s)
{
    const text_interval x = {s->x[0], s->n > 1 ? s->x[s->n - 1] : s->x[0] + 1};
    const double     most = most_of(s->n, s->y[0]), judged = most_of(s->n, s->y[1]);
    text_chart       c = chart_of(g, x, (text_interval){0, 1.05 * (most > judged ? most : judged) + 1e-9});

    put(g, "<div class=\"grid2\">\n");
    open_card(g, "Loss");
    key(g, 0, "", text_span_of("what it learns"));
    key(g, 1, "dashed", text_span_of("what it is judged by"));
    text_chart_begin(&c, "epoch", "loss", true);
    epochs_line(&c, s, 0, 0);
    epochs_line(&c, s, 1, 1);
    text_chart_end(&c);
    close_card(g, "Where the dashed line rises while the other falls, it learns its texts by heart. Class weights and label "
                  "smoothing count in the solid line only.");
    c.y = (text_interval){floor(10 * least_of(s->n, s->y[2])) / 10, 1};
    open_card(g, "Macro-F1");
    key(g, 1, "dashed", text_span_of("what it is judged by"));
    text_chart_begin(&c, "epoch", "macro-F1", true);
    epochs_line(&c, s, 2, 1);
    text_chart_end(&c);
    close_card(g, s->x[0] > 1 ? "The training went on from a checkpoint: of the epochs before that nothing is known here."
                              : "The mean of the labels' F1, each the harmonic mean of precision and recall.");
    put(g, "</div>\n");
}

static void epochs(page *g)
{
    const int64_t n = g->r->epochs;
    double       *room = malloc((size_t)(n + 1) * 4 * sizeof *room);
    series        s = {.n = n};

    if (!room) tn_fail(g->err, TN_EMEMORY, "out of memory: no room for %lld epochs", (long long)n);
    if (!n || !room) {
        free(room);
        return;
    }
    s.x = room;
    for (int k = 0; k < 3; k++) s.y[k] = room + (k + 1) * n;
    for (int64_t i = 0; i < n; i++) {
        const text_epoch *e = &g->r->epoch[i];
        s.x[i] = e->number;
        s.y[0][i] = e->loss;
        s.y[1][i] = e->judged_loss;
        s.y[2][i] = e->judged_f1;
    }
    draw_epochs(g, &s);
    free(room);
}

/* ---- what it says -------------------------------------------------------------------------------------------------- */

static void scores(page *g)
{
    open_card(g, "Labels");
    put(g, "<div class=\"scroll\"><table>\n<tr><th>label</th><th>precision</th><th>recall</th><th>F1</th><th>texts</th></tr>\n");
    for (int64_t i = 0; i < g->metrics.classes; i++) {
        text_score s = text_metrics_score(&g->metrics, i);
        put(g, "<tr><td class=\"token\">");
        put_label(g, i);
        text_buffer_print(&g->out, g->err, "</td><td>%.4f</td><td>%.4f</td><td>%.4f</td><td>%lld</td></tr>\n", s.precision,
                          s.recall, s.f1, (long long)s.support);
    }
    put(g, "</table></div>\n");
    close_card(g, "Precision: of those said to be it, how many are. Recall: of those that are, how many are said to be.");
}

static void confusion_row(page *g, int64_t truth)
{
    const text_score s = text_metrics_score(&g->metrics, truth);

    put(g, "<tr><td class=\"token\">");
    put_label(g, truth);
    put(g, "</td>");
    for (int64_t said = 0; said < g->metrics.classes; said++) {
        const int64_t n = g->metrics.confusion[truth * g->metrics.classes + said];
        text_buffer_print(&g->out, g->err, "<td style=\"background: rgba(var(--%s), %.2f)\">%lld</td>",
                          truth == said ? "hit" : "miss", s.support ? 0.6 * (double)n / (double)s.support : 0, (long long)n);
    }
    put(g, "</tr>\n");
}

static void confusion(page *g)
{
    open_card(g, "Confusion");
    if (g->metrics.classes > MOST_LABELS) {
        close_card(g, "More labels than a table has room for.");
        return;
    }
    put(g, "<div class=\"scroll\"><table>\n<tr><th>truth \\ said to be</th>");
    for (int64_t i = 0; i < g->metrics.classes; i++) {
        put(g, "<th>");
        put_label(g, i);
        put(g, "</th>");
    }
    put(g, "</tr>\n");
    for (int64_t i = 0; i < g->metrics.classes; i++) confusion_row(g, i);
    put(g, "</table></div>\n");
    close_card(g, "How many texts of each label were said to be which. The deeper the colour, the larger its share of the row.");
}

static int by_score(const void *left, const void *right)
{
    const ranked *a = left, *b = right;

    return a->score != b->score ? (a->score < b->score) - (a->score > b->score) : (a->i > b->i) - (a->i < b->i);
}

/* Precision and recall at each threshold, leaving out what no eye could tell apart. Returns how many points. */
static int64_t precision_recall(const page *g, int32_t label, ranked *order, double *recall, double *precision)
{
    const int64_t classes = g->p->text.classes, n = g->judged->n;
    int64_t       all = 0, right = 0, points = 0;

    for (int64_t i = 0; i < n; i++) {
        order[i] = (ranked){i, (double)g->probability[i * classes + label]};
        all += g->judged->labels[i] == label;
    }
    qsort(order, (size_t)n, sizeof *order, by_score);
    for (int64_t i = 0; i < n && all; i++) {
        right += g->judged->labels[order[i].i] == label;
        if (i + 1 < n && order[i + 1].score == order[i].score) continue;
        double r = (double)right / (double)all, found = (double)right / (double)(i + 1);
        if (points && i + 1 < n && fabs(r - recall[points - 1]) < 0.004 && fabs(found - precision[points - 1]) < 0.004) continue;
        recall[points] = r;
        precision[points++] = found;
    }
    return points;
}

static void draw_precision_recall(page *g, ranked *order, double *recall, double *precision)
{
    const text_decision *d = &g->p->text.decision;
    const text_score     s = text_metrics_score(&g->metrics, d->positive);
    const int32_t        labels = g->p->text.classes < TEXT_SERIES ? g->p->text.classes : TEXT_SERIES;
    text_chart           c = chart_of(g, (text_interval){0, 1}, (text_interval){0, 1});
    char                 about[160];

    for (int32_t i = 0; i < labels; i++) key(g, i, i % 2 ? "dashed" : "", text_vocabulary_at(&g->p->text.labels, i));
    text_chart_begin(&c, "recall", "precision", false);
    for (int32_t i = 0; i < labels; i++)
        text_chart_line(&c, i, i % 2, precision_recall(g, i, order, recall, precision), recall, precision);
    snprintf(about, sizeof about, "precision %.4f, recall %.4f", s.precision, s.recall);
    text_chart_dot(&c, d->positive, s.recall, s.precision, 6, text_span_of(about));
    text_chart_end(&c);
}

/* From which p(positive) on a text is labelled so; NaN: where it is more than that of each of several others. */
static double threshold_of(const page *g)
{
    const text_decision *d = &g->p->text.decision;

    return d->threshold > 0 ? d->threshold : g->p->text.classes == 2 ? 0.5 : NAN;
}

static void say_threshold(page *g)
{
    const double x = threshold_of(g);

    put(g, "<figcaption>The disc is where the model decides on ");
    put_label(g, g->p->text.decision.positive);
    if (isnan(x))
        put(g, ": where it is the likeliest label");
    else
        text_buffer_print(&g->out, g->err, ": from a probability of %.4f on", x);
    put(g, ".</figcaption>\n</figure>\n");
}

/* How often label is true of the texts for which it has about the same p. Returns the number of points. */
static int64_t calibration(const page *g, const tn_real *probability, int32_t label, double *p, double *share)
{
    const int64_t classes = g->p->text.classes;
    int64_t       count[BINS] = {0}, points = 0;

    for (int k = 0; k < BINS; k++) p[k] = share[k] = 0;
    for (int64_t i = 0; i < g->judged->n; i++) {
        double x = (double)probability[i * classes + label];
        int    k = x < 1 ? (int)(x * BINS) : BINS - 1;
        count[k]++;
        p[k] += x;
        share[k] += g->judged->labels[i] == label;
    }
    for (int k = 0; k < BINS; k++)
        if (count[k]) {
            p[points] = p[k] / (double)count[k];
            share[points++] = share[k] / (double)count[k];
        }
    return points;
}

static void calibration_curve(page *g)
{
    const text_decision *d = &g->p->text.decision;
    const tn_real       *source[] = {g->probability, g->plain};
    text_chart           c = chart_of(g, (text_interval){0, 1}, (text_interval){0, 1});
    const bool           both = d->temperature != 1;
    double               p[BINS], share[BINS];

    open_card(g, "How sure it may be");
    key(g, 0, "", text_span_of("as it is"));
    if (both) key(g, 1, "dashed", text_span_of("without temperature"));
    text_chart_begin(&c, "probability", "share that is it", false);
    text_chart_diagonal(&c);
    for (int k = both; k >= 0; k--) {
        int64_t n = calibration(g, source[k], d->positive, p, share);
        text_chart_line(&c, k, k == 1, n, p, share);
        for (int64_t i = 0; i < n; i++) text_chart_dot(&c, k, p[i], share[i], 2.5, text_span_of(k ? "without temperature" : "as it is"));
    }
    if (!isnan(threshold_of(g))) text_chart_mark(&c, threshold_of(g), "threshold");
    text_chart_end(&c);
    put(g, "<figcaption>Of the texts that are ");
    put_label(g, d->positive);
    put(g, " with about this probability, how many are: on the straight line it is as sure as it may be.</figcaption>\n</figure>\n");
}

static void curves(page *g)
{
    const size_t n = (size_t)g->judged->n + 1;
    ranked      *order = malloc(n * sizeof *order);
    double      *room = malloc(2 * n * sizeof *room);

    put(g, "<div class=\"grid2\">\n");
    open_card(g, "Precision and recall");
    if (order && room)
        draw_precision_recall(g, order, room, room + n);
    else
        tn_fail(g->err, TN_EMEMORY, "out of memory: no room for a curve of %zu points", n);
    say_threshold(g);
    calibration_curve(g);
    put(g, "</div>\n");
    free(order);
    free(room);
}

/* Keeps the n strongest, the first of equals first. */
static void offer(ranked *best, int *n, int most, ranked one)
{
    int i = *n < most ? (*n)++ : most;

    if (i == most && best[most - 1].score >= one.score) return;
    if (i == most) i--;
    for (; i > 0 && best[i - 1].score < one.score; i--) best[i] = best[i - 1];
    best[i] = one;
}

/* At most so many bytes, not cut within a character. */
static text_span shortened(text_span s)
{
    size_t n = s.n;

    if (n <= SHOWN_BYTES) return s;
    for (n = SHOWN_BYTES; n && ((unsigned char)s.s[n] & 0xC0) == 0x80;) n--;
    return (text_span){s.s, n};
}

static void mistake_row(page *g, ranked one)
{
    const text_span text = g->judged->corpus.texts[one.i], shown = shortened(text);

    put(g, "<tr><td class=\"text\">");
    put_text(g, shown);
    put(g, shown.n < text.n ? " &hellip;</td><td>" : "</td><td>");
    put_label(g, g->judged->labels[one.i]);
    put(g, "</td><td>");
    put_label(g, g->answer[one.i]);
    text_buffer_print(&g->out, g->err, "</td><td>%.4f</td></tr>\n", one.score);
}

static void mistakes(page *g)
{
    ranked best[MISTAKES];
    int    n = 0;

    for (int64_t i = 0; i < g->judged->n; i++)
        if (g->answer[i] != g->judged->labels[i])
            offer(best, &n, MISTAKES, (ranked){i, (double)g->probability[i * g->p->text.classes + g->answer[i]]});
    put(g, "<figure class=\"card wide\">\n<h2>The most mistaken lines</h2>\n<div class=\"scroll\"><table>\n"
           "<tr><th>text</th><th>truth</th><th>said to be</th><th>with</th></tr>\n");
    for (int i = 0; i < n; i++) mistake_row(g, best[i]);
    put(g, "</table></div>\n");
    close_card(g, n ? "Where it was surest of a wrong answer. Some of them may be labelled wrongly."
                    : "There is none: all answers are right.");
}

/* ---- what it has learnt -------------------------------------------------------------------------------------------- */

/* Is the token frequent enough to say something about? */
static bool is_common(const page *g, int64_t word)
{
    return g->p->text.encoder.words.count[word] >= RARE;
}

/* The likeliest label, and its log odds. */
static void read_lean(page *g, const tn_real *z, int64_t word)
{
    const int64_t n = g->p->text.classes;
    int32_t       best = 0;

    for (int32_t i = 1; i < n; i++)
        if (z[i] > z[best]) best = i;
    double others = 1 / text_decision_of(&g->p->text.decision, z, n, best) - 1;
    g->leaning[word] = best;
    g->lean[word] = -log(others > 1e-12 ? others : 1e-12);
}

static void read_leans(page *g, const tn_tensor *y, int64_t first, const text_data *d)
{
    for (int64_t i = 0; i < d->n; i++)
        if (is_common(g, first + i) && d->offsets[i + 1] > d->offsets[i])
            read_lean(g, y->data + i * g->p->text.classes, first + i);
}

/* Each token as a text of its own. */
static bool find_leans(page *g)
{
    enum { SIZE = 256 };
    const text_encoder *e = &g->p->text.encoder;
    const size_t        n = (size_t)e->words.n + 1;
    tn_tape            *t = tn_tape_new(0, 0, g->err);
    text_data           d = {.err = g->err};

    g->lean = malloc(n * sizeof *g->lean);
    g->leaning = malloc(n * sizeof *g->leaning);
    if (!g->lean || !g->leaning) tn_fail(g->err, TN_EMEMORY, "out of memory: no room for %zu numbers", n);
    for (int32_t i = 0; tn_ok(t) && i < e->words.n; i++) g->leaning[i] = -1;
    for (int32_t from = 0; tn_ok(t) && from < e->words.n; from += SIZE) {
        text_data_clear(&d);
        for (int32_t i = from; i < e->words.n && i < from + SIZE; i++)
            if (!text_data_add(&d, e, text_vocabulary_at(&e->words, i), 0)) break;
        tn_tape_begin(t, TN_EVAL);
        const tn_tensor *y = text_classifier_forward(&g->p->model, t, text_data_all(&d).texts);
        if (y && tn_ok(t)) read_leans(g, y, from, &d);
    }
    tn_tape_free(t);
    text_data_free(&d);
    return !g->err->code;
}

static int strongest(const page *g, int64_t label, ranked *best)
{
    int n = 0;

    for (int64_t i = 0; i < g->p->text.encoder.words.n; i++)
        if (g->leaning[i] == label && g->lean[i] > 0) offer(best, &n, STRONGEST, (ranked){i, g->lean[i]});
    return n;
}

static void token_row(page *g, ranked one, double most)
{
    const text_vocabulary *words = &g->p->text.encoder.words;

    put(g, "<tr><td class=\"token\">");
    put_text(g, text_vocabulary_at(words, (int32_t)one.i));
    text_buffer_print(&g->out, g->err,
                      "</td><td style=\"width: 40%%\"><span class=\"bar\" style=\"width: %.0f%%\"></span></td>"
                      "<td>%.2f</td><td>%lld</td></tr>\n",
                      100 * one.score / most, one.score, (long long)words->count[one.i]);
}

static void tokens_of(page *g, int64_t label)
{
    ranked best[STRONGEST];
    int    n = strongest(g, label, best);

    text_buffer_print(&g->out, g->err, "<figure class=\"card s%d\">\n<h2>Strongest for ", (int)label % TEXT_SERIES);
    put_label(g, label);
    put(g, "</h2>\n<table>\n<tr><th>token</th><th></th><th>log odds</th><th>times</th></tr>\n");
    for (int i = 0; i < n; i++) token_row(g, best[i], best[0].score);
    put(g, "</table>\n");
    close_card(g, "ln p / (1 - p) of the label for a text of this token alone; and how often the token stands in what was learnt.");
}

static void all_tokens(page *g)
{
    const int32_t labels = g->p->text.classes < MOST_LABELS ? g->p->text.classes : MOST_LABELS;

    put(g, "<div class=\"grid2\">\n");
    for (int32_t i = 0; i < labels; i++) tokens_of(g, i);
    put(g, "</div>\n");
}

static text_interval range_of(int64_t n, const double *places, int axis)
{
    text_interval r = {places[axis], places[axis]};

    for (int64_t i = 0; i < n; i++) {
        double x = places[2 * i + axis];
        if (x < r.from) r.from = x;
        if (x > r.to) r.to = x;
    }
    double edge = r.to - r.from > 1e-6 ? 0.04 * (r.to - r.from) : 1;
    return (text_interval){r.from - edge, r.to + edge};
}

static void map_words(page *g, text_chart *c, const double *places)
{
    text_places taken = {.n = 0};
    ranked      best[TEXT_MOST_WORDS];
    int         n = 0;

    for (int64_t i = 0; i < g->r->n_rows; i++)
        if (g->leaning[i] >= 0) offer(best, &n, TEXT_MOST_WORDS, (ranked){i, g->lean[i]});
    for (int i = 0; i < n; i++)
        text_chart_word(c, &taken, places[2 * best[i].i], places[2 * best[i].i + 1],
                        text_vocabulary_at(&g->p->text.encoder.words, (int32_t)best[i].i));
}

static void draw_map(page *g, const double *places, const double share[2])
{
    const int64_t n = g->r->n_rows;
    text_chart    c = chart_of(g, range_of(n, places, 0), range_of(n, places, 1));
    char          name[2][60];

    for (int a = 0; a < 2; a++)
        snprintf(name[a], sizeof name[a], "%s axis: %.0f %% of the spread", a ? "second" : "first", 100 * share[a]);
    text_chart_begin(&c, name[0], name[1], false);
    for (int64_t i = 0; i < n; i++)
        if (g->leaning[i] >= 0)
            text_chart_dot(&c, g->leaning[i], places[2 * i], places[2 * i + 1], 2.5,
                           text_vocabulary_at(&g->p->text.encoder.words, (int32_t)i));
    map_words(g, &c, places);
    text_chart_end(&c);
}

static void map(page *g, const char *title, const tn_real *rows, const char *about)
{
    const int64_t n = g->r->n_rows;
    const int32_t labels = g->p->text.classes < TEXT_SERIES ? g->p->text.classes : TEXT_SERIES;
    double       *places = malloc((size_t)(2 * n + 1) * sizeof *places), share[2];

    open_card(g, title);
    for (int32_t i = 0; i < labels; i++) key(g, i, "disc", text_vocabulary_at(&g->p->text.labels, i));
    if (!places) tn_fail(g->err, TN_EMEMORY, "out of memory: no room for a map of %lld tokens", (long long)n);
    if (places && n && text_pca(rows, n, g->p->model.words.weight->size[1], places, share, g->err)) draw_map(g, places, share);
    close_card(g, about);
    free(places);
}

static void maps(page *g)
{
    put(g, "<div class=\"grid2\">\n");
    map(g, "The tokens' rows before training", g->r->rows,
        "The most frequent tokens, in the plane in which their rows spread most. The colour is the label that a token leans to "
        "in the end.");
    map(g, "The same after training", g->p->model.words.weight->data,
        "What training did to them. The words are those that lean most.");
    put(g, "</div>\n");
}

/* ---- settings ------------------------------------------------------------------------------------------------------ */

static void setting(page *g, text_span name, text_span value)
{
    put(g, "<tr><td>");
    put_text(g, name);
    put(g, "</td><td class=\"text\">");
    put_text(g, value);
    put(g, "</td></tr>\n");
}

static void settings(page *g)
{
    const text_options *o = &g->p->options;
    text_buffer         lines = {0};

    put(g, "<figure class=\"card wide\">\n<h2>Settings</h2>\n<div class=\"scroll\"><table>\n");
    for (int i = 0; i < o->n_files; i++) setting(g, text_span_of("learnt from"), text_span_of(o->files[i]));
    if (o->test) setting(g, text_span_of("--test"), text_span_of(o->test));
    if (o->precision >= 0) {
        char number[32];
        snprintf(number, sizeof number, "%.6g", o->precision);
        setting(g, text_span_of("--target-precision"), text_span_of(number));
    }
    if (text_options_describe(o, &lines, g->err))
        for (char *s = lines.s; *s;) {
            size_t name = strcspn(s, " "), n = strcspn(s, "\n");
            setting(g, (text_span){s, name}, (text_span){s + name + 1, n - name - 1});
            s += n + 1;
        }
    put(g, "</table></div>\n");
    close_card(g, "The same settings, among them the seed, give the same model from the same texts.");
    put(g, "</main>\n</body>\n</html>\n");
    text_buffer_free(&lines);
}

/* ---- all of it ----------------------------------------------------------------------------------------------------- */

static bool reserve(page *g)
{
    const size_t n = (size_t)(g->judged->n * g->p->text.classes) + 1;

    g->probability = malloc(n * sizeof *g->probability);
    g->plain = malloc(n * sizeof *g->plain);
    g->answer = malloc(n * sizeof *g->answer);
    return (g->probability && g->plain && g->answer) ||
           tn_fail(g->err, TN_EMEMORY, "out of memory: no room for %zu probabilities", n);
}

static bool judge(page *g)
{
    const int64_t       classes = g->p->text.classes;
    const text_decision plain = text_decision_plain(), *d = &g->p->text.decision;
    tn_real            *logits = text_program_logits(g->p, g->judged);

    for (int64_t i = 0; logits && !g->err->code && i < g->judged->n; i++) {
        const tn_real *z = logits + i * classes;
        for (int32_t k = 0; k < classes; k++) {
            g->probability[i * classes + k] = (tn_real)text_decision_of(d, z, classes, k);
            g->plain[i * classes + k] = (tn_real)text_decision_of(&plain, z, classes, k);
        }
        g->answer[i] = text_decision_label(d, g->probability + i * classes, classes);
        text_metrics_add(&g->metrics, g->judged->labels[i], g->answer[i],
                         (double)g->probability[i * classes + g->answer[i]]);
    }
    free(logits);
    return !g->err->code;
}

static void page_free(page *g)
{
    text_metrics_free(&g->metrics);
    free(g->probability);
    free(g->plain);
    free(g->answer);
    free(g->lean);
    free(g->leaning);
    text_buffer_free(&g->out);
}

static bool write_page(page *g)
{
    text_output out;

    introduction(g);
    epochs(g);
    put(g, "<div class=\"grid2\">\n");
    scores(g);
    confusion(g);
    put(g, "</div>\n");
    curves(g);
    mistakes(g);
    all_tokens(g);
    maps(g);
    settings(g);
    if (g->err->code || !text_output_open(&out, g->p->options.report, g->err)) return false;
    fwrite(g->out.s, 1, (size_t)g->out.n, out.to);
    return text_output_close(&out);
}

bool text_report_write(const text_report *r, text_program *p, text_sets *sets)
{
    locale_t users = text_locale_plain();
    page     g = {.r = r, .p = p, .judged = text_report_judge(sets), .err = p->err};
    bool     ok;

    ok = text_metrics_init(&g.metrics, &p->text.labels, p->err) && reserve(&g) && judge(&g) && find_leans(&g) && write_page(&g);
    text_locale_back(users);
    page_free(&g);
    return ok;
}
