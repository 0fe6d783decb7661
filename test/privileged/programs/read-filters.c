/*
 * Writes the seccomp filters that the kernel holds for a thread to standard output: for each, newest first, its length in instructions as 32 bits and then
 * struct sock_filter after struct sock_filter. Needs root and a kernel with CONFIG_CHECKPOINT_RESTORE.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/filter.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

#ifndef PTRACE_SECCOMP_GET_FILTER
#define PTRACE_SECCOMP_GET_FILTER 0x420c
#endif

int main(int argc, char **argv)
{
	static struct sock_filter program[BPF_MAXINSNS];
	pid_t pid = argc == 2 ? atoi(argv[1]) : 0;
	int status;
	if (pid <= 0 || ptrace(PTRACE_SEIZE, pid, 0, 0) != 0 || ptrace(PTRACE_INTERRUPT, pid, 0, 0) != 0 || waitpid(pid, &status, __WALL) != pid) {
		perror("ptrace");
		return 1;
	}
	for (unsigned long index = 0;; index++) {
		long length = ptrace(PTRACE_SECCOMP_GET_FILTER, pid, index, program);
		uint32_t count = (uint32_t)length;
		if (length < 0 && errno == ENOENT)
			return 0;
		if (length < 0 || length > BPF_MAXINSNS) {
			perror("PTRACE_SECCOMP_GET_FILTER");
			return 1;
		}
		fwrite(&count, sizeof(count), 1, stdout);
		fwrite(program, sizeof(*program), count, stdout);
	}
}
