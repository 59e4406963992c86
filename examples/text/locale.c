/* locale.c: C's own locale for a while. */
#include "locale.h"

locale_t text_locale_plain(void)
{
    return uselocale(newlocale(LC_ALL_MASK, "C", (locale_t)0));
}

void text_locale_back(locale_t users)
{
    locale_t plain = uselocale(users);

    if (plain != users) freelocale(plain);
}
