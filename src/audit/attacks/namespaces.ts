import type { Attack } from '../attack.ts';
import { namespaceReading } from '../explain.ts';
import { byGoals } from './by-goals.ts';

const inNamespace = (id: string, kind: string, what: string): Attack =>
  byGoals({ id: `namespaces.${id}`, wall: 'namespaces', what, nothingFound: (kernel) => namespaceReading(kind, kernel) });

export const namespaceAttacks: readonly Attack[] = [
  inNamespace('signals', 'pid', "signals to the neighbour's processes and to the host agent"),
  inNamespace('processes', 'pid', "the neighbour's /proc, and its /tmp through it"),
  inNamespace('user-ids', 'user', 'be a user that exists on the host'),
  inNamespace('shared-memory', 'ipc', "the neighbour's shared memory, queues and semaphores"),
  inNamespace('abstract-sockets', 'net', "the neighbour's abstract UNIX socket"),
  inNamespace('host-name', 'uts', "the host's name; changing it"),
  inNamespace('control-groups', 'cgroup', "its place in the host's control groups"),
  inNamespace('uptime', 'time', 'how long the host has been up'),
  inNamespace('join', 'user', "entering other namespaces by /proc's descriptors"),
];
