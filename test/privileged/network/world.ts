import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

export interface Contact {
  readonly at: 'host' | 'internet';
  readonly protocol: 'tcp' | 'udp';
  readonly port: number;
  readonly peer: string;
  readonly peerPort: number;
}

export const hostAddress = '203.0.113.2';
/** Where the internet answers on TCP ports 80, 7777 and 8080, and UDP port 9000 and 7777. */
export const publicAddress = '198.51.100.1';
/** Addresses that no environment may reach. They are there, and answer, so that a way to them would be seen. */
export const privateAddresses = ['10.9.9.9', '172.16.9.9', '192.168.77.1', '169.254.169.254', '100.64.9.9'];

/** A host and an internet of the test's own: two network namespaces and a cable. Nothing of the machine's network is touched. */
export class World implements AsyncDisposable {
  readonly host: ChildProcess;
  readonly internet: ChildProcess;
  readonly contacts: Contact[] = [];
  readonly #children: ChildProcess[] = [];

  private constructor() {
    this.host = this.#hold();
    this.internet = this.#hold();
  }

  static async make(): Promise<World> {
    const world = new World();
    await Promise.all([world.host, world.internet].map((child) => once(child.stdout as NodeJS.ReadableStream, 'data')));
    const [host, internet] = [world.host.pid as number, world.internet.pid as number];
    inNetwork(host, 'ip', 'link', 'add', 'eth0', 'type', 'veth', 'peer', 'name', 'eth0', 'netns', `/proc/${internet}/ns/net`);
    for (const [pid, address] of [
      [host, `${hostAddress}/24`],
      [internet, '203.0.113.1/24'],
    ] as const) {
      inNetwork(pid, 'ip', 'link', 'set', 'lo', 'up');
      inNetwork(pid, 'ip', 'address', 'add', address, 'dev', 'eth0');
      inNetwork(pid, 'ip', 'link', 'set', 'eth0', 'up');
    }
    for (const address of [publicAddress, '198.51.100.2', ...privateAddresses])
      inNetwork(internet, 'ip', 'address', 'add', `${address}/32`, 'dev', 'lo');
    inNetwork(host, 'ip', 'route', 'add', 'default', 'via', '203.0.113.1');
    await world.#serve(internet, 'internet', '80,7777,8080', '9000,7777');
    // The host's resolver is on its loopback, as systemd-resolved's is.
    await world.#serve(host, 'host', '7777,8080', '7777', '127.0.0.1');
    return world;
  }

  contactsOf(select: Partial<Contact>): Contact[] {
    return this.contacts.filter((contact) => Object.entries(select).every(([name, value]) => contact[name as keyof Contact] === value));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const child of this.#children) child.kill('SIGKILL');
  }

  #hold(): ChildProcess {
    const child = spawn('unshare', ['--net', '--', 'sh', '-c', 'echo; exec sleep infinity'], { stdio: ['ignore', 'pipe', 'ignore'] });
    this.#children.push(child);
    return child;
  }

  async #serve(pid: number, ...args: readonly string[]): Promise<void> {
    const child = spawn('nsenter', [`--net=/proc/${pid}/ns/net`, '--', 'python3', program('servers.py'), ...args], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    this.#children.push(child);
    const lines = createInterface({ input: child.stdout });
    await once(lines, 'line');
    lines.on('line', (line) => this.contacts.push(JSON.parse(line) as Contact));
  }
}

export function program(name: string): string {
  return fileURLToPath(new URL(name, import.meta.url));
}

/** Runs a program in the network namespace of a process, or at a path; answers what it printed. */
export function inNetwork(where: number | string, file: string, ...args: readonly string[]): string {
  const path = typeof where === 'number' ? `/proc/${where}/ns/net` : where;
  return execFileSync('nsenter', [`--net=${path}`, '--', file, ...args], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}
