import type { TelemetryBatch } from './telemetry-batch.ts';

/** Brings batches to one destination, one at a time. */
export interface TelemetrySender {
  /** Resolves with whether the batch arrived; never rejects. Give it up with `abandon`. */
  send(batch: TelemetryBatch): Promise<boolean>;
  /** Ends what is on its way and closes every connection. A later `send` opens a new one. */
  abandon(): void;
}

/** Opens a TCP connection to a port of 127.0.0.1 inside the environment: a descriptor, owned by the caller. */
export type ConnectInside = (port: number) => Promise<{ readonly descriptor: number }>;
