/* locale.h: numbers are read and written with a point, whatever locale the program has chosen. */
#ifndef TEXT_LOCALE_H
#define TEXT_LOCALE_H

#include <locale.h>

/* From here on, on this thread, until the locale that it returns is given back. */
locale_t text_locale_plain(void);
void     text_locale_back(locale_t users);

#endif
