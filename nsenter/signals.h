#ifndef TEU_SIGNALS_H
#define TEU_SIGNALS_H

/* teu_catch makes each of the n signals write its number into the non-blocking pipe; 0 or an errno. */
int teu_catch(int pipe_fd, const unsigned char *signals, int n);

#endif
