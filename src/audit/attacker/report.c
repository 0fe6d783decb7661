#include "attacker.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "report.h"

#if defined(__x86_64__)
static const uint32_t own_arch = 0xC000003E; /* AUDIT_ARCH_X86_64 */
#else
static const uint32_t own_arch = 0xC00000B7; /* AUDIT_ARCH_AARCH64 */
#endif

struct report *report;

static struct step *next_step(const char *what)
{
	struct step *step = &report->step[report->steps < MAX_STEPS ? report->steps++ : MAX_STEPS - 1];
	memset(step, 0, sizeof(*step));
	snprintf(step->what, sizeof(step->what), "%s", what);
	return step;
}

static long call(enum goal goal, const char *what, long number, const unsigned long *arguments)
{
	struct step *step = next_step(what);
	step->number = number;
	step->audit_arch = own_arch;
	memcpy(step->arguments, arguments, sizeof(step->arguments));
	/* Noted before the call: a filter may answer by killing the caller. */
	step->result = -1;
	step->error = -1;
	step->goal = goal;
	errno = 0;
	long result = syscall(number, arguments[0], arguments[1], arguments[2], arguments[3], arguments[4], arguments[5]);
	step->result = result;
	step->error = result < 0 ? errno : 0;
	return result;
}

long try_call(const char *what, long number, unsigned long a, unsigned long b, unsigned long c, unsigned long d, unsigned long e, unsigned long f)
{
	const unsigned long arguments[6] = { a, b, c, d, e, f };
	return call(NO_GOAL, what, number, arguments);
}

long goal_call(const char *what, long number, unsigned long a, unsigned long b, unsigned long c, unsigned long d, unsigned long e, unsigned long f)
{
	const unsigned long arguments[6] = { a, b, c, d, e, f };
	long result = call(MISSED, what, number, arguments);
	int error = errno;
	judge(result >= 0);
	errno = error;
	return result;
}

long reach_call(const char *what, long number, unsigned long a, unsigned long b, unsigned long c, unsigned long d, unsigned long e, unsigned long f)
{
	const unsigned long arguments[6] = { a, b, c, d, e, f };
	long result = call(MISSED, what, number, arguments);
	int error = errno;
	judge(result >= 0 || (error != EPERM && error != ENOSYS));
	errno = error;
	return result;
}

void judge(int reached)
{
	if (report->steps > 0)
		report->step[report->steps - 1].goal = reached ? REACHED : MISSED;
}

void note(const char *what, long result, int error, enum goal goal)
{
	note_call(what, own_arch, -1, result, error, goal);
}

void note_call(const char *what, uint32_t audit_arch, long number, long result, int error, enum goal goal)
{
	struct step *step = next_step(what);
	step->number = number;
	step->audit_arch = audit_arch;
	step->result = result;
	step->error = error;
	step->goal = goal;
}

void fact(const char *name, const char *format, ...)
{
	struct fact *fact = &report->fact[report->facts < MAX_FACTS ? report->facts++ : MAX_FACTS - 1];
	va_list list;
	snprintf(fact->name, sizeof(fact->name), "%s", name);
	va_start(list, format);
	vsnprintf(fact->value, sizeof(fact->value), format, list);
	va_end(list);
}

long long now_ms(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

long read_file(const char *path, char *text, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return -1;
	ssize_t got = read(fd, text, size - 1);
	int error = errno;
	close(fd);
	errno = error;
	text[got < 0 ? 0 : got] = '\0';
	return got;
}

/* ---- the report as JSON ---- */

struct text {
	char *bytes;
	size_t size, used;
};

static void add(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void add(struct text *text, const char *format, ...)
{
	va_list list;
	va_start(list, format);
	int wanted = vsnprintf(text->bytes + text->used, text->size - text->used, format, list);
	va_end(list);
	if (wanted > 0 && text->used + (size_t)wanted < text->size)
		text->used += (size_t)wanted;
}

static void add_string(struct text *text, const char *value)
{
	add(text, "\"");
	for (const unsigned char *at = (const unsigned char *)value; *at != '\0'; at++) {
		if (*at == '"' || *at == '\\')
			add(text, "\\%c", *at);
		else if (*at < 0x20 || *at > 0x7e)
			add(text, "\\u%04x", *at);
		else
			add(text, "%c", *at);
	}
	add(text, "\"");
}

size_t report_as_json(const struct ending *ending, char *bytes, size_t size)
{
	struct text text = { bytes, size, 0 };
	add(&text, "{\"steps\":[");
	for (int i = 0; i < report->steps; i++) {
		const struct step *step = &report->step[i];
		add(&text, "%s{\"what\":", i == 0 ? "" : ",");
		add_string(&text, step->what);
		add(&text, ",\"number\":%ld,\"arch\":%u,\"arguments\":[", step->number, step->audit_arch);
		for (int j = 0; j < 6; j++)
			add(&text, "%s\"%lx\"", j == 0 ? "" : ",", step->arguments[j]);
		add(&text, "],\"result\":%ld,\"errno\":%d,\"goal\":%s}", step->result, step->error,
			step->goal == NO_GOAL ? "null" : step->goal == REACHED ? "true" : "false");
	}
	add(&text, "],\"facts\":{");
	for (int i = 0; i < report->facts; i++) {
		add(&text, i == 0 ? "" : ",");
		add_string(&text, report->fact[i].name);
		add(&text, ":");
		add_string(&text, report->fact[i].value);
	}
	add(&text, "},\"ended\":{\"status\":%d,\"signal\":%d,\"timedOut\":%s}}", ending->status, ending->signal, ending->timed_out ? "true" : "false");
	return text.used;
}
