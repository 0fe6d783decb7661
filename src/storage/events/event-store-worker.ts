import { parentPort, workerData } from 'node:worker_threads';
import { EventDatabase } from './event-database.ts';
import type { EventDatabaseAnswer, EventDatabaseCall } from './event-store-calls.ts';

/** A thread of the daemon that owns the events' database: the disk's time for a commit is spent here, and nobody else's request waits for it. */
const port = parentPort;
if (port === null) throw new Error('event-store-worker runs as a worker thread');

try {
  const database = await EventDatabase.open((workerData as { readonly path: string }).path);
  port.on('message', (call: EventDatabaseCall) => void answer(database, call));
  port.postMessage({ id: 0, result: undefined } satisfies EventDatabaseAnswer);
} catch (error) {
  port.postMessage({ id: 0, failure: String(error) } satisfies EventDatabaseAnswer);
}

async function answer(database: EventDatabase, call: EventDatabaseCall): Promise<void> {
  try {
    port?.postMessage({ id: call.id, result: await perform(database, call) } satisfies EventDatabaseAnswer);
  } catch (error) {
    port?.postMessage({ id: call.id, failure: String(error) } satisfies EventDatabaseAnswer);
  }
}

async function perform(database: EventDatabase, call: EventDatabaseCall): Promise<unknown> {
  switch (call.verb) {
    case 'commit':
      return database.commit(call.groups);
    case 'next':
      return database.next(call.phase, call.lane, call.limit);
    case 'read':
      return database.read(call.eventId);
    case 'backlog':
      return database.backlog();
    case 'close':
      await database.close();
      port?.unref();
      return undefined;
  }
}
