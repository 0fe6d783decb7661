import { anyOf, type Rule } from '../rule.ts';

/** Requests to devices and sockets (asm-generic/ioctls.h, linux/sockios.h). The kernel takes the number as 32 bits. */
export const requestRules: readonly Rule[] = [
  {
    answer: 'allow',
    reason: 'what isatty, terminal libraries and job control ask; there is no terminal, so most answer ENOTTY',
    names: ['ioctl'],
    when: anyOf(1, {
      TCGETS: 0x5401,
      TCSETS: 0x5402,
      TCSETSW: 0x5403,
      TCSETSF: 0x5404,
      TCGETS2: 0x802c_542a,
      TCSETS2: 0x402c_542b,
      TCSETSW2: 0x402c_542c,
      TCSETSF2: 0x402c_542d,
      TIOCGPGRP: 0x540f,
      TIOCSPGRP: 0x5410,
      TIOCGWINSZ: 0x5413,
      TIOCSWINSZ: 0x5414,
      TIOCGSID: 0x5429,
    }),
  },
  {
    answer: 'allow',
    reason: 'flags and queue lengths of descriptors',
    names: ['ioctl'],
    when: anyOf(1, { TIOCOUTQ: 0x5411, FIONREAD: 0x541b, FIONBIO: 0x5421, FIONCLEX: 0x5450, FIOCLEX: 0x5451 }),
  },
  {
    answer: 'allow',
    reason: 'reading the addresses of its own network namespace (the JVM, Python)',
    names: ['ioctl'],
    when: anyOf(1, {
      SIOCGIFNAME: 0x8910,
      SIOCGIFCONF: 0x8912,
      SIOCGIFFLAGS: 0x8913,
      SIOCGIFADDR: 0x8915,
      SIOCGIFBRDADDR: 0x8919,
      SIOCGIFNETMASK: 0x891b,
      SIOCGIFMTU: 0x8921,
      SIOCGIFHWADDR: 0x8927,
      SIOCGIFINDEX: 0x8933,
    }),
  },
  {
    answer: 'EPERM',
    reason: 'typing into a terminal, taking its console, changing its line discipline',
    names: ['ioctl'],
    when: anyOf(1, { TIOCSCTTY: 0x540e, TIOCSTI: 0x5412, TIOCLINUX: 0x541c, TIOCCONS: 0x541d, TIOCSETD: 0x5423 }),
  },
  {
    answer: 'EPERM',
    reason: 'everything of type f is file systems: a process adds encryption keys to a volume without any privilege',
    names: ['ioctl'],
    when: [[{ index: 1, mask: 0xff00, value: 0x6600 }]],
  },
];
