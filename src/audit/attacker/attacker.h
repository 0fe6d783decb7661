/*
 * What the audit runs inside an execution environment: each attack is a function that makes system calls and notes what they answered. Nothing
 * here judges a wall: `reached` only says whether a call got what it was after; the audit compares it with what the kernel says outside.
 */
#ifndef CLOISTER_ATTACKER_H
#define CLOISTER_ATTACKER_H
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { MAX_STEPS = 160, MAX_FACTS = 48 };
/* What a step is for: set-up, or a goal that was missed or reached. */
enum goal { NO_GOAL = -1, MISSED = 0, REACHED = 1 };

struct step {
	char what[120];
	long number; /* of the system call; -1: none */
	uint32_t audit_arch; /* linux/audit.h: which table the number is of */
	unsigned long arguments[6];
	long result;
	int error;
	enum goal goal;
};

struct fact {
	char name[40];
	char value[400];
};

/* Shared with the process that answers, so that what was noted is there when the attack's own process is killed. */
struct report {
	int steps;
	int facts;
	struct step step[MAX_STEPS];
	struct fact fact[MAX_FACTS];
};

struct attack {
	const char *name;
	void (*run)(void);
	unsigned limit_ms; /* killed after it; 0: 10 s */
};

extern const struct attack seccomp_attacks[], privilege_attacks[], namespace_attacks[], rootfs_attacks[], escape_attacks[], network_attacks[],
	tmp_attacks[], bomb_attacks[], runtime_api_attacks[], rate_attacks[], neighbour_tasks[];

/* The event's value of a name, or "" when it has none. The event is flat: {"name":"value"}. */
const char *event_text(const char *name);
long event_number(const char *name, long otherwise);

/* Makes the system call and notes it as set-up. */
long try_call(const char *what, long number, unsigned long a, unsigned long b, unsigned long c, unsigned long d, unsigned long e, unsigned long f);
/* The same; the goal is reached when it succeeds. */
long goal_call(const char *what, long number, unsigned long a, unsigned long b, unsigned long c, unsigned long d, unsigned long e, unsigned long f);
/* The same with arguments that the kernel must refuse; the goal is reached when it is the kernel's code that answers: anything but EPERM and ENOSYS. */
long reach_call(const char *what, long number, unsigned long a, unsigned long b, unsigned long c, unsigned long d, unsigned long e, unsigned long f);
/* Says of the last step whether it reached what it was after. */
void judge(int reached);
/* Notes a step that is no single system call. */
void note(const char *what, long result, int error, enum goal goal);
void note_call(const char *what, uint32_t audit_arch, long number, long result, int error, enum goal goal);
void fact(const char *name, const char *format, ...) __attribute__((format(printf, 2, 3)));

#define U(x) ((unsigned long)(x))
#define ARGS6(what, nr, a, b, c, d, e, f, ...) what, nr, U(a), U(b), U(c), U(d), U(e), U(f)
#define TRY(...) try_call(ARGS6(__VA_ARGS__, 0, 0, 0, 0, 0, 0, 0))
#define GOAL(...) goal_call(ARGS6(__VA_ARGS__, 0, 0, 0, 0, 0, 0, 0))
#define REACH(...) reach_call(ARGS6(__VA_ARGS__, 0, 0, 0, 0, 0, 0, 0))

long long now_ms(void);
/* Reads a small file; the number of bytes, or -1. */
long read_file(const char *path, char *text, size_t size);
/* The id of the invocation that is being answered. */
const char *current_request(void);
/* Requests of the Runtime API. */
int connect_runtime_api(void);
int send_all(int fd, const char *bytes, size_t size);

#endif
