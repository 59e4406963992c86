/* labelled.c: bytes as a file of labelled texts, TSV, fastText or CSV, which is read, learnt from and encoded; and as lines
 * that come through a pipe. The first byte is the settings. */
#include <string.h>
#include <unistd.h>

#include "examples/text/data.h"
#include "fuzz.h"

static tn_error err;

/* Labels and texts lie in the file that they are borrowed from, and labels are fit to be printed. */
static void check_record(const text_reader *r, const text_record *record)
{
    const char *begin = r->bytes.s, *end = begin + r->bytes.n;
    require(record->label.n && record->label.s >= begin && record->label.s + record->label.n <= end);
    require(!record->text.n || (record->text.s >= begin && record->text.s + record->text.n <= end));
    require(record->line >= 1 && record->line <= r->line);
    for (size_t i = 0; i < record->label.n; i++) require((unsigned char)record->label.s[i] >= 0x20);
}

static void learn(text_reader *r, text_encoder *e, text_vocabulary *labels)
{
    static text_tokens tokens;
    text_record        record;
    while (text_reader_next(r, &record)) {
        check_record(r, &record);
        require(text_vocabulary_add(labels, (text_token){record.label, text_hash(record.label)}, &err) >= 0);
        require(text_encoder_learn(e, &tokens, record.text, &err));
    }
}

static void encode(text_reader *r, const text_encoder *e, const text_vocabulary *labels)
{
    static text_data data = {.err = &err};
    text_record      record;
    text_data_clear(&data);
    while (text_reader_next(r, &record)) {
        int32_t label = text_vocabulary_find(labels, (text_token){record.label, text_hash(record.label)});
        require(label >= 0 && text_data_add(&data, e, record.text, label));
    }
    text_batch b = text_data_all(&data);
    require(b.labels.n == data.n);
    for (int64_t i = 0; i < b.texts.ids.n; i++) require(b.texts.ids.id[i] >= 0 && b.texts.ids.id[i] < text_encoder_rows(e));
}

/* Twice, since CSV's quotes are taken away where they stand. */
static void read_file(text_span file, const char *path, text_reader_options options, text_settings settings)
{
    text_encoder    e = {.settings = settings};
    text_vocabulary labels = {0};
    text_reader     r;
    if (text_reader_parse(&r, file, path, options, &err)) {
        learn(&r, &e, &labels);
        text_reader_close(&r);
    }
    bool well = !err.code;
    require_told(well, &err);
    if (well) {
        require(text_reader_parse(&r, file, path, options, &err));
        encode(&r, &e, &labels);
        text_reader_close(&r);
    }
    require_told(!err.code, &err);
    text_vocabulary_free(&labels);
    text_encoder_free(&e);
}

/* Standard input is a pipe that holds the bytes, and then its end. */
static void fill_stdin(text_span bytes)
{
    int    end[2];
    size_t most = bytes.n < 4096 ? bytes.n : 4096; /* what every pipe has room for */
    require(pipe(end) == 0 && write(end[1], bytes.s, most) == (ssize_t)most && dup2(end[0], STDIN_FILENO) >= 0);
    close(end[0]);
    close(end[1]);
}

static void read_lines(text_span bytes)
{
    text_lines lines;
    text_span  line;
    size_t     n = 0;
    fill_stdin(bytes);
    require(text_lines_open(&lines, NULL, &err));
    while (text_lines_next(&lines, &line)) {
        require(!memchr(line.s, '\n', line.n));
        n += line.n;
    }
    require(n <= bytes.n);
    text_lines_close(&lines);
    require_told(true, &err);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    if (!n) return 0;
    unsigned            b = bytes[0];
    text_span           file = {(const char *)bytes + 1, n - 1};
    text_reader_options options = {b & 3, b & 8 ? "Review" : NULL, b & 8 ? "stars" : NULL, b & 4};
    text_settings       settings = {(b >> 4) % 3, 1 + (b >> 6) % 2, b & 128 ? 4 : 0, 7};
    if (b == 'L') read_lines(file);
    else read_file(file, b & 16 ? "texts.csv" : "texts", options, settings);
    return 0;
}
