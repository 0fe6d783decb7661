#ifndef CLOISTER_REPORT_H
#define CLOISTER_REPORT_H
#include "attacker.h"

/* How the attack's own process ended. */
struct ending {
	int status, signal, timed_out;
};

extern struct report *report;
size_t report_as_json(const struct ending *ending, char *bytes, size_t size);

#endif
