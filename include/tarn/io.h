/* io.h: saved models, in the safetensors format: PyTorch loads them as a state_dict, and tarn loads PyTorch's. Single
 * arrays, in NumPy's. */
#ifndef TARN_IO_H
#define TARN_IO_H

#include <tarn/tensor.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A pair for the file's __metadata__: strings in UTF-8, which end in a zero byte. */
typedef struct tn_meta {
    const char *key, *value;
} tn_meta;

/* Writes every parameter and buffer of ps, and n pairs, to path. The same state gives the same bytes. The file is written
 * under a temporary name beside path, flushed to the disk and renamed over path only when all of it is there: a failed save
 * leaves an old file as it was, and nothing else behind; a new one has the old one's mode, and a symbolic link stays one.
 * Io error: a file that cannot be written (it names the file, the operation and the system's reason). The last of them,
 * where the folder cannot be flushed, comes after the rename: the new file is there as a whole, and may be gone after a
 * power cut. Usage error: path is NULL; pairs at NULL; a key or value that is NULL; a key twice; text that is not UTF-8; a
 * name that is the format's own; more than 100 MB of names and pairs. Memory error: no room. */
bool tn_save(const tn_params *ps, const char *path, int n, const tn_meta *meta);

/* The same with n_more arrays beside, as an optimiser's state (optim_save): of each the name, data, n, rank and size are
 * read. Usage error: a name twice; a name or data that is NULL; arrays at NULL. Shape error: n is not the product of the
 * sizes. Errors: tn_save's. */
bool tn_save_with(const tn_params *ps, const char *path, int n_more, const tn_tensor *more, int n, const tn_meta *meta);

/* An opened model file: its header, checked from end to end before any number is read. */
typedef struct tn_file tn_file;

/* Io error: a file that cannot be opened or read. Format error: a damaged header (it names the file and the byte; more than
 * TN_MAX_RANK dimensions and a zero byte in a string are damage too). Usage error: path is NULL; a well-formed file with a
 * type that tarn does not know. Memory error: no room. */
tn_file *tn_file_open(const char *path, tn_error *err);

/* Also after a load that failed. */
void tn_file_close(tn_file *f);

const char *tn_file_meta(const tn_file *f, const char *key); /* borrowed from f; NULL if there is none */

/* A tensor of an opened file, as the header describes it. */
typedef struct tn_file_entry {
    const char *name;  /* borrowed from f */
    const char *dtype; /* "F32", "F64", "F16", "BF16", "I64", "I32", "U8", ... */
    tn_dims     shape;
} tn_file_entry;
int  tn_file_count(const tn_file *f); /* tensors in the file */
bool tn_file_at(const tn_file *f, int i, tn_file_entry *entry); /* false outside [0, count) */

/* For tn_file_load and tn_load. */
enum { TN_STRICT = 0, TN_IGNORE_UNEXPECTED = 1 };

/* Reads every parameter and buffer of ps from f by name, converting the number type. Strict: all names that are missing,
 * unexpected or of the wrong shape are reported together, and then ps is as it was before; with TN_IGNORE_UNEXPECTED
 * further names in the file are fine. Always fine is a second name for weights that are read (tied weights: the same type,
 * shape, of two dimensions or more, and bytes), which tn_save writes once. A buffer may be there in integers (I64, I32,
 * U8). Gradients are forgotten. Names under "optim." belong to checkpoints and are passed over. The error goes to ps's, and
 * to f's if that is another; nothing is done after an earlier one. Format error: a name that is missing; a name that is
 * unexpected; a tensor of another shape; a value that does not fit. Usage error: f is NULL; other flags. Io error: a file
 * that cannot be read. Memory error: no room for a copy of the values. */
bool tn_file_load(tn_file *f, tn_params *ps, unsigned flags);

/* open, load, close. Errors: tn_file_open's; tn_file_load's. */
bool tn_load(tn_params *ps, const char *path, unsigned flags);

/* The numbers of one entry, converted to int64 (I64, I32, U8) or tn_real (the floating types), into room for its n. Shape
 * error: the entry has another number of them. Usage error: an entry of the other kind; an entry of a type that neither
 * reads; name is NULL; room at NULL. Format error: no such entry. Io error: a file that cannot be read. */
bool tn_file_read_ints(tn_file *f, const char *name, int64_t *to, int64_t n);
bool tn_file_read(tn_file *f, const char *name, tn_real *to, int64_t n); /* Format error: a value that does not fit */

/* ---- one array, for NumPy ---------------------------------------------------------------------------------------- */

/* An array of numpy.save's as a tensor of tape t that wants no gradient. To keep it for many steps, load it on a tape of
 * its own, and give tn_const its data. Versions 1.0 to 3.0, little-endian f4, f8, i4 and i8, converted. Io error: a file
 * that cannot be opened or read. Format error: a damaged header; a file of another length than that says; a number that
 * does not fit. Usage error: path is NULL; another type (the text names it); Fortran's order. Memory error: no room.
 * Errors: tn_input's. */
tn_tensor *tn_npy_load(tn_tape *t, const char *path);

/* x in this build's type, for numpy.load; written as tn_save writes, all or nothing. Usage error: x is NULL; path is NULL.
 * Io error: a file that cannot be written. Memory error: no room. */
bool tn_npy_save(const tn_tensor *x, const char *path, tn_error *err);

#ifdef __cplusplus
}
#endif
#endif
