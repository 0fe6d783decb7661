import type { FilterInstruction } from '../linux/seccomp-filter.ts';
import type { KernelReading } from './kernel-view.ts';

export const walls = ['cgroups', 'namespaces', 'seccomp', 'network', 'rootfs', 'rate-limits', 'tmp', 'privileges', 'runtime-api', 'escapes'] as const;
export type Wall = (typeof walls)[number];

/** One thing that the attacker did inside, as src/audit/attacker notes it. */
export interface Step {
  readonly what: string;
  /** Of the system call; -1: the step is no single call. */
  readonly number: number;
  /** linux/audit.h: which table the number is of. */
  readonly arch: number;
  /** Hexadecimal. */
  readonly arguments: readonly string[];
  readonly result: number;
  readonly errno: number;
  /** Whether it reached what it was after; null: the step only sets up. */
  readonly goal: boolean | null;
}

/** What was seen inside. */
export interface Inside {
  readonly steps: readonly Step[];
  readonly facts: Readonly<Record<string, string>>;
  readonly ended: { readonly status: number; readonly signal: number; readonly timedOut: boolean };
  /** The invocation itself ended with this error: the attacker could not answer. */
  readonly functionError?: string;
}

/** How a neighbour fared while it was invoked over and over. */
export interface NeighbourTiming {
  readonly invocations: number;
  readonly wrong: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/** What was read outside: before, and after or at the last moment at which the environment was there. */
export interface Outside {
  readonly before: KernelReading;
  readonly after: KernelReading;
  readonly neighbour?: NeighbourTiming;
}

export interface Verdict {
  readonly blocked: boolean;
  readonly stoppedBy: string;
  readonly evidence: string;
  readonly neighbour?: NeighbourTiming;
}

/** The programs that the kernel runs on each system call of a process. */
export type SeccompFilters = readonly (readonly FilterInstruction[])[];

/** One run of the attacker's code: what was seen inside, and what was read outside around it. */
export interface Attempt {
  readonly inside: Inside;
  readonly outside: Outside;
  readonly filters: SeccompFilters;
}

/** What an attack may use beside its own function. */
export interface AttackContext {
  /** Runs the attacker's code of that name in an environment of account A. */
  attack(name: string, event?: Readonly<Record<string, string | number>>, options?: AttackOptions): Promise<Attempt>;
  /** The neighbour's environment, of account B, as the host sees it now. */
  neighbour(): Promise<KernelReading>;
  /** Has the neighbour serve an invocation for so long. Answers its id, and what comes of it. */
  neighbourInvocation(durationMs: number): Promise<{ readonly requestId: string; readonly answered: Promise<Inside> }>;
  /** What leads to the neighbour and from it: addresses of its links, and the gateways it knows. */
  neighbourAddresses(): Promise<NeighbourAddresses>;
  /** Counters of the router namespace behind a function's environment, read there now. */
  routerCounters(of: FunctionName): Promise<RouterCounters>;
  /** What the daemon keeps of functions' logs on the host's disk, in bytes. */
  loggedBytes(): number;
  /** Facts about the host and the two environments that attacks are aimed at. */
  readonly aim: Aim;
}

export type FunctionName = 'attacker' | 'attacker-egress' | 'attacker-small' | 'attacker-stopped' | 'neighbour';

export interface AttackOptions {
  /** Invokes the neighbour over and over meanwhile, and times it. */
  readonly neighbour?: boolean;
  /** Keeps the neighbour in invocations meanwhile: between them it is frozen, and answers nobody, wall or no wall. */
  readonly neighbourAwake?: boolean;
  /** Which of the attacker's functions. @default 'attacker' */
  readonly from?: FunctionName;
}

export interface NeighbourAddresses {
  readonly ipv4: readonly string[];
  readonly ipv6: readonly string[];
  /** Names of links that lead somewhere, inside. */
  readonly links: readonly string[];
  readonly gateways: readonly string[];
}

/** What the router has kept from passing so far: by rules of its packet filter, and for want of a route. */
export interface RouterCounters {
  readonly dropped: number;
  readonly withoutRoute: number;
  readonly readFrom: string;
}

/** What the attacker is told: an enemy may know all of it, no wall may rest on its being secret. */
export interface Aim {
  readonly canary: string;
  readonly key: number;
  readonly queue: string;
  readonly socket: string;
  readonly port: number;
  readonly hostName: string;
  readonly agentPid: number;
  readonly rootDevice: number;
  /** Of the daemon's API, on the host. */
  readonly apiPort: number;
}

/** One attack: what it tries, against which wall, and how it is judged. */
export interface Attack {
  readonly id: string;
  readonly wall: Wall;
  /** What is tried, in half a line. */
  readonly what: string;
  /** Bombs and silence take seconds: such an attack is made where it is asked for, not with every mutation. */
  readonly takesSeconds?: boolean;
  /** It is made on a Cloister whose rate limits are low. */
  readonly lowRates?: boolean;
  run(context: AttackContext): Promise<Verdict>;
}
