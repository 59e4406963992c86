/* signals.h: SIGINT, SIGTERM and SIGALRM as a wish to stop, which a loop asks for when it can. */
#ifndef TEXT_SIGNALS_H
#define TEXT_SIGNALS_H

/* From now on the first one of each is noted, the next one does what it did before. One that is ignored stays so. */
void text_signals_catch(void);
int  text_signals_caught(void);  /* the signal; 0: none */
void text_signals_release(void); /* both do what they did before */

#endif
