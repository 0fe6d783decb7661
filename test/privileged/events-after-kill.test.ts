import { mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { PutFunctionEventInvokeConfigCommand } from '@aws-sdk/client-lambda';
import { afterAll, describe, expect, it } from 'vitest';
import { SignedClient } from '../../bench/signed-client.ts';
import { type RunningDaemon, startDaemon } from '../daemon.ts';
import { deploy } from '../functions.ts';
import { startOutcomeRecorder } from './outcome-recorder.ts';

const events = 10_000;
const kills = 10;
const clients = 8;
const functionName = 'echo';
const path = `/2015-03-31/functions/${functionName}/invocations`;
const queueArn = 'arn:aws:sqs:us-east-1:123456789012:done';

/** What the function itself answered reaches a queue outside before an event's row goes: so the queue, not our table, says what has run. */
describe('events accepted while the daemon is killed', () => {
  const dataDir = realpathSync(mkdtempSync(join(tmpdir(), 'cloister-events-')));
  let daemon: RunningDaemon | undefined;

  afterAll(async () => {
    await daemon?.stop();
    rmSync(dataDir, { recursive: true, force: true });
  });

  const start = async () => {
    daemon = await startDaemon({ dataDir });
    return daemon;
  };

  const killDaemon = async () => {
    const { daemonPid } = JSON.parse(readFileSync(join(dataDir, 'endpoint.json'), 'utf8')) as { daemonPid: number };
    process.kill(daemonPid, 'SIGKILL');
    await daemon?.stop();
  };

  it(`${events} events, ${kills} kills: none is lost`, async () => {
    await using recorder = await startOutcomeRecorder();
    const aws = { region: 'us-east-1', credentials: { accessKeyId: 'a', secretAccessKey: 'b' }, sqs: { endpoint: recorder.endpoint } };
    writeFileSync(join(dataDir, 'config.json'), JSON.stringify({ aws }), { mode: 0o600 });
    const lambda = (await start()).lambda();
    const code = 'export const handler = async (event) => ({ ran: event.n });';
    await deploy(lambda, { name: functionName, runtime: 'nodejs24.x', files: { 'index.mjs': code } });
    await lambda.send(
      new PutFunctionEventInvokeConfigCommand({ FunctionName: functionName, DestinationConfig: { OnSuccess: { Destination: queueArn } } }),
    );
    const startedMs = performance.now();

    const accepted = new Set<number>();
    let next = 0;
    let downMs = 0;
    let isBack = Promise.resolve();
    const client = async () => {
      let connection: SignedClient | undefined;
      let endpoint = '';
      while (next < events) {
        const n = next++;
        // A request whose answer the kill took is sent again: nobody was told that it was accepted.
        while (!accepted.has(n)) {
          await isBack;
          if (daemon !== undefined && endpoint !== daemon.endpoint) {
            connection?.close();
            connection = new SignedClient(daemon.credentials);
            endpoint = daemon.endpoint;
          }
          const status = await connection?.send(path, JSON.stringify({ n }), await eventHeaders(connection, n)).then(
            (answer) => answer.status,
            () => 0,
          );
          if (status === 202) accepted.add(n);
          else if (status !== 0 && status !== 503) throw new Error(`event ${n} was answered ${status}`);
          else await delay(20);
        }
      }
      connection?.close();
    };
    const working = Array.from({ length: clients }, client);
    for (let kill = 1; kill <= kills; kill += 1) {
      const at = Math.floor((events * (kill - Math.random() * 0.8)) / (kills + 1));
      while (accepted.size < at) await delay(5);
      const back = Promise.withResolvers<void>();
      isBack = back.promise;
      const killedMs = performance.now();
      await killDaemon();
      await start();
      downMs += performance.now() - killedMs;
      back.resolve();
    }
    await Promise.all(working);
    const acceptedMs = performance.now() - startedMs;

    await expect.poll(() => recorder.records.size, { timeout: 120_000, interval: 200 }).toBe(events);
    for (const [n, ran] of recorder.records) expect(ran).toEqual(Array(ran.length).fill(n));
    // The last rows go a moment after their records were taken.
    await expect.poll(() => waitingEvents(daemon), { timeout: 10_000 }).toBe(0);
    const seconds = (ms: number) => (ms / 1_000).toFixed(1);
    console.log(
      `${events} events accepted in ${seconds(acceptedMs)} s over ${kills} kills (${seconds(downMs)} s down), all run after ${seconds(performance.now() - startedMs)} s; ` +
        `${recorder.messages - events} records more than events`,
    );
  }, 600_000);
});

async function eventHeaders(connection: SignedClient, n: number): Promise<Record<string, string>> {
  return { ...(await connection.sign(path, JSON.stringify({ n }))), 'x-amz-invocation-type': 'Event' };
}

async function waitingEvents(daemon: RunningDaemon | undefined): Promise<unknown> {
  const { stdout } = (await daemon?.cli('status', '--json')) ?? {};
  return (JSON.parse(stdout ?? '{}') as { waitingEvents?: number }).waitingEvents;
}
