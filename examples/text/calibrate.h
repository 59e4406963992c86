/* calibrate.h: what a trained model is told by texts that it has not seen: how sure it may be, and from when on it says so. */
#ifndef TEXT_CALIBRATE_H
#define TEXT_CALIBRATE_H

#include "program.h"

/* Before training on data: no temperature, no threshold, and the label that the options name, or that is rarest in data.
 * Usage error: there is no such label. */
bool text_calibrate_begin(text_program *p, const text_data *data);

/* Fits the temperature to validation, if there is a text in it, and the threshold, if the options want a precision. Says
 * what that gives, if the options are not quiet; and always, if there is no such threshold. */
bool text_calibrate(text_program *p, text_data *validation);

#endif
