import { type Alternatives, equals, having, type Rule, without } from '../rule.ts';

const AF_UNIX = 1;
const AF_INET = 2;
const AF_INET6 = 10;
const AF_NETLINK = 16;
const NETLINK_ROUTE = 0;
const SOCK_STREAM = 1;
const SOCK_DGRAM = 2;
const SOCK_RAW = 3;
const SOCK_SEQPACKET = 5;
const IPPROTO_TCP = 6;
const IPPROTO_UDP = 17;
// net.h: SOCK_NONBLOCK and SOCK_CLOEXEC are all that may stand beside the type.
const typeMask = 0xffff_ffff - 0x800 - 0x80000;
const MSG_OOB = 1;
const MSG_ZEROCOPY = 0x400_0000;

const type = (value: number) => ({ index: 1, mask: typeMask, value });

const internetSockets: Alternatives = [AF_INET, AF_INET6].flatMap((family) =>
  [
    [SOCK_STREAM, 0],
    [SOCK_STREAM, IPPROTO_TCP],
    [SOCK_DGRAM, 0],
    [SOCK_DGRAM, IPPROTO_UDP],
  ].map(([kind = 0, protocol = 0]) => [equals(0, family), type(kind), equals(2, protocol)]),
);

/** Families that Linux has had (linux/socket.h), but for UNIX, IPv4, IPv6 and netlink. */
const otherFamilies = Array.from({ length: 46 }, (_, family) => family).filter(
  (family) => ![AF_UNIX, AF_INET, AF_INET6, AF_NETLINK].includes(family),
);

/** Sockets and what is sent over them. */
export const socketRules: readonly Rule[] = [
  {
    answer: 'allow',
    reason: 'TCP and UDP over IPv4 and IPv6; SCTP, L2TP, MPTCP, UDP-Lite and SMC of these families are code that no function needs',
    names: ['socket'],
    when: internetSockets,
  },
  {
    answer: 'allow',
    reason: 'UNIX sockets',
    names: ['socket'],
    when: [SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET].map((kind) => [equals(0, AF_UNIX), type(kind)]),
  },
  {
    answer: 'allow',
    reason: 'getifaddrs asks route netlink for addresses',
    names: ['socket'],
    when: [SOCK_RAW, SOCK_DGRAM].map((kind) => [equals(0, AF_NETLINK), type(kind), equals(2, NETLINK_ROUTE)]),
  },
  {
    answer: 'EPERM',
    reason: 'raw sockets over IPv4 and IPv6, as without CAP_NET_RAW',
    names: ['socket'],
    when: [AF_INET, AF_INET6].map((family) => [equals(0, family), type(SOCK_RAW)]),
  },
  {
    answer: 'EAFNOSUPPORT',
    reason: 'packet, vsock, key, CAN, Bluetooth, TIPC, AF_ALG, XDP and every other family: as from a kernel without them',
    names: ['socket'],
    when: otherFamilies.map((family) => [equals(0, family)]),
  },
  {
    answer: 'allow',
    reason: 'pairs of UNIX sockets',
    names: ['socketpair'],
    when: [SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET].map((kind) => [equals(0, AF_UNIX), type(kind)]),
  },
  {
    answer: 'allow',
    reason: 'use of sockets that may be opened',
    names: [
      'bind',
      'listen',
      'accept',
      'accept4',
      'connect',
      'shutdown',
      'getsockname',
      'getpeername',
      'getsockopt',
      'recvfrom',
      'recvmsg',
      'recvmmsg',
    ],
  },
  ...(
    [
      ['sendto', 3],
      ['sendmsg', 2],
      ['sendmmsg', 3],
    ] as const
  ).flatMap(([name, flags]): Rule[] => [
    {
      answer: 'allow',
      reason: 'sending, but neither out of band (CVE-2025-38236) nor by pages that stay shared with the sender',
      names: [name],
      when: [[without(flags, MSG_OOB + MSG_ZEROCOPY)]],
    },
    { answer: 'EOPNOTSUPP', reason: 'out of band', names: [name], when: [[having(flags, MSG_OOB)]] },
  ]),
  {
    answer: 'allow',
    reason: 'waiting on many descriptors',
    names: ['poll', 'ppoll', 'select', 'pselect6', 'epoll_create', 'epoll_create1', 'epoll_ctl', 'epoll_wait', 'epoll_pwait', 'epoll_pwait2'],
  },
];
