/* Writing faster than the rate that was given. */
#include "attacker.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK = 256 * 1024, FILE_BLOCKS = 256 };
static char *block;

static int open_file(void)
{
	if (posix_memalign((void **)&block, 4096, BLOCK) != 0)
		return -1;
	memset(block, 0x5a, BLOCK);
	return open("/tmp/rate", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
}

/* Writes over the same file, to the disk each time. */
static void write_fast(void)
{
	long long began = now_ms(), until = began + event_number("durationMs", 3000), written = 0;
	int fd = open_file();
	for (long i = 0; now_ms() < until; i++) {
		ssize_t size = pwrite(fd, block, BLOCK, (i % FILE_BLOCKS) * BLOCK);
		if (size < 0 || fdatasync(fd) != 0)
			break;
		written += size;
	}
	note("write to the disk", (long)(written >> 10), 0, NO_GOAL);
	fact("KiB", "%lld", written >> 10);
	fact("ms", "%lld", now_ms() - began);
}

const struct attack rate_attacks[] = {
	{ "rate-limits.block-write", write_fast, 30000 },
	{ NULL, NULL, 0 },
};
