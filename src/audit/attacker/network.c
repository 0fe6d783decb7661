/*
 * Reaching somebody over the network. Targets come in the event, "address:port" with blanks between. An answer of any kind is a path, also a refusal;
 * silence, or "no route" from the own kernel, is none.
 */
#include "attacker.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <net/if.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum { MAX_TARGETS = 300, WAIT_MS = 1200 };

union address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

struct target {
	char text[80];
	union address address;
	socklen_t size;
	int fd;
};

static struct target targets[MAX_TARGETS];

static int parse_target(struct target *target)
{
	char host[80];
	char *colon;
	memset(&target->address, 0, sizeof(target->address));
	snprintf(host, sizeof(host), "%s", target->text);
	if (host[0] == '[') {
		char *end = strchr(host, ']');
		if (end == NULL)
			return 0;
		*end = '\0';
		char *scope = strchr(host, '%');
		if (scope != NULL)
			*scope++ = '\0';
		target->address.v6.sin6_family = AF_INET6;
		target->address.v6.sin6_scope_id = scope == NULL ? 0 : if_nametoindex(scope);
		target->address.v6.sin6_port = htons((uint16_t)atoi(end + 2));
		target->size = sizeof(target->address.v6);
		return inet_pton(AF_INET6, host + 1, &target->address.v6.sin6_addr) == 1;
	}
	if ((colon = strrchr(host, ':')) == NULL)
		return 0;
	*colon = '\0';
	target->address.v4.sin_family = AF_INET;
	target->address.v4.sin_port = htons((uint16_t)atoi(colon + 1));
	target->size = sizeof(target->address.v4);
	return inet_pton(AF_INET, host, &target->address.v4.sin_addr) == 1;
}

static int read_targets(void)
{
	int count = 0;
	static char list[8192];
	snprintf(list, sizeof(list), "%s", event_text("targets"));
	for (char *at = strtok(list, " "); at != NULL && count < MAX_TARGETS; at = strtok(NULL, " ")) {
		snprintf(targets[count].text, sizeof(targets[count].text), "%s", at);
		if (parse_target(&targets[count]))
			count += 1;
	}
	return count;
}

/* Every port of one address range: "scan" is "a.b.c." with "from", "to" and the ports of "ports". */
static int scan_targets(void)
{
	int count = 0;
	static char ports[64];
	const char *prefix = event_text("scan");
	for (long last = event_number("from", 1); last <= event_number("to", 0); last++) {
		snprintf(ports, sizeof(ports), "%s", event_text("ports"));
		for (char *port = strtok(ports, " "); port != NULL && count < MAX_TARGETS; port = strtok(NULL, " ")) {
			snprintf(targets[count].text, sizeof(targets[count].text), "%s%ld:%s", prefix, last, port);
			if (parse_target(&targets[count]))
				count += 1;
		}
	}
	return count;
}

static int is_answer(int error)
{
	return error == 0 || error == ECONNREFUSED || error == ECONNRESET;
}

/* A range that is scanned holds one's own address too. */
static int is_own(const struct target *target)
{
	union address own;
	socklen_t size = sizeof(own);
	return target->address.any.sa_family == AF_INET && target->fd >= 0 && getsockname(target->fd, &own.any, &size) == 0 &&
		own.v4.sin_addr.s_addr == target->address.v4.sin_addr.s_addr;
}

static void connect_all(int count)
{
	int open_count = 0;
	long long until = now_ms() + WAIT_MS;
	static int done[MAX_TARGETS], errors[MAX_TARGETS];
	for (int i = 0; i < count; i++) {
		done[i] = 0;
		targets[i].fd = socket(targets[i].address.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		if (targets[i].fd >= 0 && connect(targets[i].fd, &targets[i].address.any, targets[i].size) == 0)
			errors[i] = 0;
		else
			errors[i] = errno;
		done[i] = errors[i] != EINPROGRESS;
		open_count += !done[i];
	}
	while (open_count > 0 && now_ms() < until) {
		static struct pollfd watched[MAX_TARGETS];
		for (int i = 0; i < count; i++)
			watched[i] = (struct pollfd){ .fd = done[i] ? -1 : targets[i].fd, .events = POLLOUT };
		if (poll(watched, (nfds_t)count, (int)(until - now_ms() < 0 ? 0 : until - now_ms())) <= 0)
			break;
		for (int i = 0; i < count; i++) {
			socklen_t size = sizeof(errors[i]);
			if (done[i] || watched[i].revents == 0)
				continue;
			getsockopt(targets[i].fd, SOL_SOCKET, SO_ERROR, &errors[i], &size);
			done[i] = 1;
			open_count -= 1;
		}
	}
	int silent = 0, reached = 0, unreachable = 0;
	for (int i = 0; i < count; i++) {
		char what[120];
		int error = done[i] ? errors[i] : ETIMEDOUT;
		if (is_own(&targets[i])) {
			close(targets[i].fd);
			continue;
		}
		silent += !done[i];
		reached += is_answer(error);
		unreachable += error == ENETUNREACH || error == EHOSTUNREACH;
		snprintf(what, sizeof(what), "TCP to %.79s", targets[i].text);
		if (count <= 40 || is_answer(error))
			note(what, error == 0 ? 0 : -1, error, is_answer(error) ? REACHED : MISSED);
		if (targets[i].fd >= 0)
			close(targets[i].fd);
	}
	if (count > 40)
		note("TCP to every address and port of the range", reached, reached == 0 && silent == 0 ? ENETUNREACH : ETIMEDOUT, reached > 0 ? REACHED : MISSED);
	fact("tried", "%d", count);
	fact("silent", "%d", silent);
	fact("unreachable", "%d", unreachable);
	fact("answered", "%d", reached);
}

static void tcp(void)
{
	connect_all(read_targets());
}

static void scan(void)
{
	connect_all(scan_targets());
}

/* What of the neighbour's answers to datagrams is heard. */
static void udp(void)
{
	int count = read_targets();
	int yes = 1;
	for (int i = 0; i < count; i++) {
		char what[120], answer[64];
		int fd = socket(targets[i].address.any.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
		setsockopt(fd, SOL_SOCKET, SO_BROADCAST, &yes, sizeof(yes));
		snprintf(what, sizeof(what), "UDP to %.79s", targets[i].text);
		if (sendto(fd, "cloister-audit", 14, 0, &targets[i].address.any, targets[i].size) < 0) {
			note(what, -1, errno, MISSED);
			close(fd);
			continue;
		}
		struct pollfd heard = { .fd = fd, .events = POLLIN };
		poll(&heard, 1, 1000);
		ssize_t got = recv(fd, answer, sizeof(answer), MSG_DONTWAIT);
		int error = got < 0 ? errno : 0;
		note(what, got, error == EAGAIN ? ETIMEDOUT : error, got >= 0 || is_answer(error) ? REACHED : MISSED);
		close(fd);
	}
}

static void ping(void)
{
	static const unsigned char request[8] = { 8, 0, 0xf7, 0xff, 0, 0, 0, 0 };
	int count = read_targets();
	int fd = (int)GOAL("socket: echo requests by datagram", SYS_socket, AF_INET, SOCK_DGRAM, IPPROTO_ICMP);
	if (fd < 0)
		return;
	/* To have the socket is not yet to reach anybody. */
	judge(0);
	for (int i = 0; i < count; i++) {
		char what[120], answer[64];
		struct pollfd heard = { .fd = fd, .events = POLLIN };
		snprintf(what, sizeof(what), "echo request to %.79s", targets[i].text);
		ssize_t got = sendto(fd, request, sizeof(request), 0, &targets[i].address.any, targets[i].size);
		if (got > 0) {
			poll(&heard, 1, 1000);
			got = recv(fd, answer, sizeof(answer), MSG_DONTWAIT);
		}
		note(what, got, got < 0 ? errno : 0, got > 0 ? REACHED : MISSED);
	}
}

static void raw(void)
{
	GOAL("socket: raw ICMP", SYS_socket, AF_INET, SOCK_RAW, IPPROTO_ICMP);
	GOAL("socket: raw IP", SYS_socket, AF_INET, SOCK_RAW, IPPROTO_RAW);
	GOAL("socket: raw IPv6", SYS_socket, AF_INET6, SOCK_RAW, 58);
	GOAL("socket: packets, for ARP and forged addresses", SYS_socket, AF_PACKET, SOCK_RAW, 0x0300);
	GOAL("socket: packets, cooked", SYS_socket, AF_PACKET, SOCK_DGRAM, 0x0608);
}

/* Changing the own link: an address, a route, a neighbour entry. */
static void configure(void)
{
	static struct { unsigned int length; unsigned short type, flags; unsigned int sequence, pid; unsigned char family, bits[3]; unsigned int index; } message;
	char names[256] = "";
	struct if_nameindex *links = if_nameindex();
	for (struct if_nameindex *link = links; link != NULL && link->if_index != 0; link++)
		snprintf(names + strlen(names), sizeof(names) - strlen(names), "%s ", link->if_name);
	fact("links", "%s", names);
	int fd = (int)TRY("socket: route netlink", SYS_socket, AF_NETLINK, SOCK_RAW, 0);
	/* RTM_NEWLINK, RTM_NEWADDR, RTM_NEWROUTE, RTM_NEWNEIGH: the answer is an error message. */
	static const struct { const char *what; unsigned short type; } changes[] = { { "netlink: change a link", 16 }, { "netlink: add an address", 20 },
		{ "netlink: add a route", 24 }, { "netlink: add a neighbour", 28 } };
	for (size_t i = 0; i < 4; i++) {
		struct { unsigned int length; unsigned short type, flags; unsigned int sequence, pid; int error; char rest[200]; } reply = { .error = -EIO };
		memset(&message, 0, sizeof(message));
		message.length = sizeof(message);
		message.type = changes[i].type;
		message.flags = 0x405;
		message.family = AF_INET;
		message.index = 1;
		struct pollfd heard = { .fd = fd, .events = POLLIN };
		if (fd < 0 || send(fd, &message, sizeof(message), 0) < 0 || poll(&heard, 1, 300) <= 0 || recv(fd, &reply, sizeof(reply), 0) <= 0)
			reply.error = -errno;
		note(changes[i].what, reply.error == 0 ? 0 : -1, -reply.error, reply.error == 0 || reply.error == -EINVAL ? REACHED : MISSED);
	}
}

const struct attack network_attacks[] = {
	{ "network.tcp", tcp, 0 },
	{ "network.scan", scan, 0 },
	{ "network.udp", udp, 20000 },
	{ "network.ping", ping, 20000 },
	{ "network.raw", raw, 0 },
	{ "network.configure", configure, 0 },
	{ NULL, NULL, 0 },
};
