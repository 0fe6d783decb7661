/*
 * Makes the system calls of a plan, each in a child of its own, and tells how each went. As bootstrap of a custom runtime it reads the plan from its code,
 * on the host from the file named as its argument: the same program shows what the kernel says with and without a filter.
 *
 * A line of the plan: "ID ENTRY NUMBER ARG0 ... ARG5" in hexadecimal; ENTRY 1 is the machine's own entry point, 2 the 32-bit one (int 0x80).
 * A line of the answer: "ID HOW VALUE": "returned ERRNO" (0 for success), "signal NUMBER", "exited STATUS" (it never came back).
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

/* One that waits (pause, accept) was let in: a timer ends it. */
enum { PATIENCE_MICROSECONDS = 150000 };

struct outcome {
	volatile int returned;
	volatile long result;
};

static inline long enter(long number, const unsigned long *a)
{
	long result;
#if defined(__x86_64__)
	register unsigned long r10 __asm__("r10") = a[3], r8 __asm__("r8") = a[4], r9 __asm__("r9") = a[5];
	__asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(a[0]), "S"(a[1]), "d"(a[2]), "r"(r10), "r"(r8), "r"(r9) : "rcx", "r11", "memory");
#else
	register unsigned long x8 __asm__("x8") = (unsigned long)number, x0 __asm__("x0") = a[0], x1 __asm__("x1") = a[1], x2 __asm__("x2") = a[2];
	register unsigned long x3 __asm__("x3") = a[3], x4 __asm__("x4") = a[4], x5 __asm__("x5") = a[5];
	__asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5) : "memory");
	result = (long)x0;
#endif
	return result;
}

static inline long enter_32_bit(long number)
{
#if defined(__x86_64__)
	long result = number;
	__asm__ volatile("int $0x80" : "+a"(result) : "b"(0), "c"(0), "d"(0) : "r8", "r9", "r10", "r11", "memory");
	return (int)result;
#else
	(void)number;
	abort();
#endif
}

static _Noreturn void make(struct outcome *outcome, int entry, long number, const unsigned long *arguments)
{
	static const unsigned long none[6];
	const unsigned long zero[6] = { 0 };
	struct rlimit no_core = { 0, 0 };
	struct itimerval patience = { .it_value = { .tv_usec = PATIENCE_MICROSECONDS } };
	pid_t self = getpid();
	long result;
	setrlimit(RLIMIT_CORE, &no_core);
	setitimer(ITIMER_REAL, &patience, NULL);
	result = entry == 1 ? enter(number, arguments) : enter_32_bit(number);
	/* A process that the call itself made (fork, vfork, clone) tells nothing. Straight into the kernel: vfork shares this very stack. */
	if (enter(SYS_getpid, none) != self)
		enter(SYS_exit_group, zero);
	outcome->result = result;
	outcome->returned = 1;
	enter(SYS_exit_group, zero);
	abort();
}

int main(int argc, char **argv)
{
	FILE *plan = fopen(argc > 1 ? argv[1] : "/var/task/plan", "r");
	struct outcome *outcome = mmap(NULL, sizeof(*outcome), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	unsigned long id, entry, number, a[6];
	if (plan == NULL || outcome == MAP_FAILED)
		return 1;
	while (fscanf(plan, "%lx %lx %lx %lx %lx %lx %lx %lx %lx", &id, &entry, &number, &a[0], &a[1], &a[2], &a[3], &a[4], &a[5]) == 9) {
		int status;
		pid_t child;
		outcome->returned = 0;
		fflush(stdout);
		child = fork();
		if (child == 0)
			make(outcome, (int)entry, (long)number, a);
		if (child < 0 || waitpid(child, &status, 0) != child)
			return 2;
		if (outcome->returned)
			printf("%lx returned %ld\n", id, outcome->result < 0 && outcome->result > -4096 ? -outcome->result : 0);
		else if (WIFSIGNALED(status))
			printf("%lx signal %d\n", id, WTERMSIG(status));
		else
			printf("%lx exited %d\n", id, WEXITSTATUS(status));
	}
	printf("plan done\n");
	fflush(stdout);
	return 0;
}
