import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Evidence } from '../../src/evidence.ts';
import type { RateLimits } from '../../src/isolation/rate-limit/token-bucket.ts';
import { linkRuntimes } from '../runtimes.ts';
import { publicAddress, World } from './network/world.ts';
import { buildImage, claimEnvironment } from './prepared-function.ts';
import { RawDaemon } from './raw-daemon.ts';

const accountId = '111111111111';
const mebibyte = 1_048_576;
const bootstrap = `#!/bin/bash
eval "$COMMAND" 2>&1
echo finished
exec sleep 1000
`;
const bytes = { size: mebibyte, refillTimeMs: 500, oneTimeBurst: 6 * mebibyte };
const packets = { size: 200, refillTimeMs: 1_000, oneTimeBurst: 300 };
const bytesPerSecond = (bytes.size * 1_000) / bytes.refillTimeMs;

/** What leaves and reaches a function over one link, against the token buckets of the configuration. */
describe('rate limits of the network', () => {
  let world: World;

  beforeAll(async () => {
    world = await World.make();
  });
  afterAll(() => world[Symbol.asyncDispose]());

  /** Runs a script as a new function behind these limits: its output, and what the kernel says after it. */
  async function run(network: Partial<RateLimits['network']>, command: string): Promise<{ lines: string[]; evidence: Evidence['walls'][string] }> {
    const dataDirectory = mkdtempSync(join(tmpdir(), 'cloister-rates-'));
    try {
      await linkRuntimes(dataDirectory);
      const isolation = { egress: { default: 'public' }, rateLimits: { network: { rx: {}, tx: {}, ...network } } };
      writeFileSync(join(dataDirectory, 'config.json'), JSON.stringify({ isolation }), { mode: 0o600 });
      await using daemon = RawDaemon.start(dataDirectory, { network: world.host.pid as number });
      const codeDigest = await buildImage(daemon, accountId, { bootstrap });
      using claimed = await claimEnvironment(daemon, { accountId, codeDigest, memorySizeMiB: 1_769 });
      const { environmentId } = claimed;
      const environment = { COMMAND: command, PATH: '/usr/bin:/bin' };
      await daemon.request('start', { environmentId, process: { kind: 'runtime' }, environment });
      await claimed.said('finished\n');
      const { walls } = (await daemon.request('evidence', { environmentId })).result as unknown as Evidence;
      return { lines: claimed.output.trim().split('\n'), evidence: walls['network'] ?? {} };
    } finally {
      rmSync(dataDirectory, { recursive: true, force: true });
    }
  }

  const connect = `exec 3<>/dev/tcp/${publicAddress}/80`;
  const transfers = {
    rx: (count: number) => `${connect}; echo fill ${count} >&3; head -c ${count} <&3 > /dev/null`,
    tx: (count: number) => `${connect}; echo drain ${count} >&3; head -c ${count} /dev/zero >&3; read -r done <&3`,
  };

  it.each(['rx', 'tx'] as const)(
    '%s: the one-time burst and the bucket at once, then the rate within a tenth, and no second burst',
    async (direction) => {
      const timed = (count: number) => `a=$EPOCHREALTIME; ${transfers[direction](count)}; echo "$a $EPOCHREALTIME"`;
      const { lines, evidence } = await run(
        { [direction]: { bandwidth: bytes } },
        // After the burst the bucket is drained, measured, and left to fill again.
        [timed(6 * mebibyte), transfers[direction](2 * mebibyte), timed(6 * mebibyte), 'sleep 4', timed(4 * mebibyte)].join('; '),
      );
      const [burst = 0, rate = 0, later = 0] = lines.slice(0, 3).map((line) => {
        const [begin = 0, end = 0] = line.split(' ').map(Number);
        return end - begin;
      });
      console.log(direction, { burstSeconds: burst, rateBytesPerSecond: (6 * mebibyte) / rate, laterSeconds: later });
      // At the rate alone it would take three seconds.
      expect(burst).toBeLessThan(1);
      expect((6 * mebibyte) / rate / bytesPerSecond).toBeGreaterThan(0.9);
      expect((6 * mebibyte) / rate / bytesPerSecond).toBeLessThan(1.1);
      // The bucket of 1 MiB is full again, the burst of 6 MiB is not: 3 MiB are left for the rate.
      expect(later).toBeGreaterThan(1.5 * 0.9);
      expect(evidence[`${direction}Limiter`]?.value).toMatchObject({ burstBytesLeft: expect.toSatisfy((left: number) => left < 1_600) });
    },
    60_000,
  );

  it('packets: burst and bucket at once, then the rate; what is over is dropped and counted', async () => {
    const before = world.contactsOf({ protocol: 'udp', port: 9000 }).length;
    const rounds = 'for r in {1..30}; do for i in {1..100}; do echo x >&4; done; sleep 0.1; done';
    const { lines, evidence } = await run(
      { tx: { ops: packets } },
      `exec 4<>/dev/udp/${publicAddress}/9000; a=$EPOCHREALTIME; ${rounds}; echo "$a $EPOCHREALTIME"`,
    );
    const [begin = 0, end = 0] = (lines[0] ?? '').split(' ').map(Number);
    const passed = world.contactsOf({ protocol: 'udp', port: 9000 }).length - before;
    // While the burst lasts, the first three rounds of thirty, the bucket is full and gains nothing.
    const expected = packets.oneTimeBurst + packets.size + packets.size * (end - begin) * 0.9;
    console.log('tx packets', { passed, expected });
    expect(passed).toBeGreaterThan(expected * 0.9);
    expect(passed).toBeLessThan(expected * 1.1);
    const { droppedPackets, burstPacketsLeft } = (evidence['txLimiter']?.value ?? {}) as Record<string, number>;
    expect(burstPacketsLeft).toBe(0);
    expect((droppedPackets as number) + passed).toBe(3_000);
  }, 60_000);
});
