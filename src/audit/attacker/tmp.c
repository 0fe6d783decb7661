/* Taking more of /tmp than was given, and getting behind its encryption. */
#include "attacker.h"

#include <fcntl.h>
#include <linux/fscrypt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static void fill(void)
{
	static char block[1 << 20];
	long limit = event_number("mebibytes", 640), written = 0;
	int error = 0;
	int fd = open("/tmp/fill", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	memset(block, 0x5a, sizeof(block));
	while (written < limit) {
		ssize_t size = write(fd, block, sizeof(block));
		if (size <= 0) {
			error = errno;
			break;
		}
		written += size == (ssize_t)sizeof(block);
	}
	note("write past the size of /tmp", written, error, written >= limit ? REACHED : MISSED);
	fact("mebibytes written", "%ld", written);
	/* More than there is space for, in one call and without writing. */
	long result = TRY("fallocate past it", SYS_fallocate, fd, 0, 0, limit << 20);
	judge(result == 0);
	close(fd);
	unlink("/tmp/fill");
}

static void inodes(void)
{
	long limit = event_number("files", 36000), made = 0;
	int error = 0;
	mkdir("/tmp/many", 0700);
	for (; made < limit; made++) {
		char path[64];
		snprintf(path, sizeof(path), "/tmp/many/%ld", made);
		int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
		if (fd < 0) {
			error = errno;
			break;
		}
		close(fd);
	}
	note("make more files than /tmp has inodes", made, error, made >= limit ? REACHED : MISSED);
	fact("files made", "%ld", made);
	for (long i = 0; i < made; i++) {
		char path[64];
		snprintf(path, sizeof(path), "/tmp/many/%ld", i);
		unlink(path);
	}
	rmdir("/tmp/many");
}

static void encryption_requests(void)
{
	static struct fscrypt_get_policy_ex_arg policy = { .policy_size = sizeof(policy.policy) };
	static struct { struct fscrypt_add_key_arg head; unsigned char key[64]; } key;
	static struct fscrypt_get_key_status_arg status;
	static struct fscrypt_remove_key_arg removal;
	int fd = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	REACH("ioctl: read the encryption policy", SYS_ioctl, fd, FS_IOC_GET_ENCRYPTION_POLICY_EX, &policy);
	key.head.key_spec.type = FSCRYPT_KEY_SPEC_TYPE_IDENTIFIER;
	key.head.raw_size = sizeof(key.key);
	memset(key.key, 0x5a, sizeof(key.key));
	GOAL("ioctl: add a key of one's own", SYS_ioctl, fd, FS_IOC_ADD_ENCRYPTION_KEY, &key);
	status.key_spec.type = FSCRYPT_KEY_SPEC_TYPE_IDENTIFIER;
	REACH("ioctl: ask for a key's state", SYS_ioctl, fd, FS_IOC_GET_ENCRYPTION_KEY_STATUS, &status);
	removal.key_spec.type = FSCRYPT_KEY_SPEC_TYPE_IDENTIFIER;
	memcpy(removal.key_spec.u.identifier, key.head.key_spec.u.identifier, sizeof(removal.key_spec.u.identifier));
	REACH("ioctl: remove a key", SYS_ioctl, fd, FS_IOC_REMOVE_ENCRYPTION_KEY, &removal);
}

/* Leaves a marker in a file's bytes and in its name; the audit looks for both on the host's disk. */
static void marker(void)
{
	char path[640], text[512];
	snprintf(text, sizeof(text), "%s", event_text("marker"));
	snprintf(path, sizeof(path), "/tmp/%s", text);
	int fd = (int)TRY("make the marked file", SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT, 0600);
	for (int i = 0; i < 256; i++)
		if (write(fd, text, strlen(text)) < 0)
			break;
	TRY("fsync", SYS_fsync, fd);
	sync();
}

static void device_files(void)
{
	GOAL("mknod: character device in /tmp", SYS_mknodat, AT_FDCWD, "/tmp/device", S_IFCHR | 0600, 0x101);
	GOAL("chown to root", SYS_fchownat, AT_FDCWD, "/tmp", 0, 0, 0);
	int fd = open("/tmp/set-uid", O_WRONLY | O_CREAT | O_CLOEXEC, 0755);
	close(fd);
	GOAL("chown a program to root", SYS_fchownat, AT_FDCWD, "/tmp/set-uid", 0, 0, 0);
	unlink("/tmp/set-uid");
	unlink("/tmp/device");
}

const struct attack tmp_attacks[] = {
	{ "tmp.fill", fill, 60000 },
	{ "tmp.inodes", inodes, 60000 },
	{ "tmp.encryption-requests", encryption_requests, 0 },
	{ "tmp.marker", marker, 0 },
	{ "tmp.device-files", device_files, 0 },
	{ NULL, NULL, 0 },
};
