import { BpfValue, loadClassifier } from '../../linux/bpf.ts';
import { closeAll } from '../../linux/descriptor.ts';
import type { NetlinkSocket } from '../../linux/netlink-socket.ts';
import { newClassifier, newShapedClass, newShaper, shapedClassMinor } from '../../linux/traffic-control.ts';
import { bucketProgram, stateBytes, stateOffsets } from './bucket-program.ts';
import type { RateLimiter } from './token-bucket.ts';

export interface LinkLimiterOptions {
  /** A socket of the network namespace that the link is in. */
  readonly netlink: NetlinkSocket;
  readonly linkIndex: number;
  /** `rx`: towards the environment; `tx`: from it. */
  readonly direction: 'rx' | 'tx';
  readonly limiter: RateLimiter;
}

/** Firecracker's rate limiter on what leaves one end of a link. It goes with the link; what it counts can be read until it is closed. */
export class LinkLimiter implements Disposable {
  readonly direction: 'rx' | 'tx';
  readonly #state: BpfValue;
  readonly #program: number;

  private constructor(direction: 'rx' | 'tx', state: BpfValue, program: number) {
    this.direction = direction;
    this.#state = state;
    this.#program = program;
  }

  /** Undefined where nothing is limited. ORDER: before the link is up. */
  static install({ netlink, linkIndex, direction, limiter: { bandwidth, ops } }: LinkLimiterOptions): LinkLimiter | undefined {
    if (bandwidth === undefined && ops === undefined) return undefined;
    using undo = new DisposableStack();
    const state = new BpfValue('cloister_bucket', stateBytes);
    undo.defer(() => state.close());
    const initial = Buffer.alloc(stateBytes);
    initial.writeBigUInt64LE(BigInt(bandwidth?.oneTimeBurst ?? 0), stateOffsets.burstBytes);
    initial.writeBigUInt64LE(BigInt(ops?.oneTimeBurst ?? 0), stateOffsets.burstPackets);
    state.write(initial);
    const program = loadClassifier('cloister_bucket', bucketProgram(state.fd, shapedClassMinor, ops, bandwidth !== undefined));
    undo.defer(() => closeAll(program));
    const bytesPerSecond = bandwidth === undefined ? undefined : Math.max(1, Math.round((bandwidth.size * 1_000) / bandwidth.refillTimeMs));
    netlink.send('limit the rate of a link', [
      newShaper(linkIndex),
      ...(bandwidth === undefined || bytesPerSecond === undefined
        ? []
        : [newShapedClass({ linkIndex, bytesPerSecond, fillTimeMs: bandwidth.refillTimeMs })]),
      newClassifier({ linkIndex, at: 'shaper', program, name: 'cloister_bucket' }),
    ]);
    undo.move();
    return new LinkLimiter(direction, state, program);
  }

  /** What is left of the one-time bursts, and how many packets were dropped because the bucket for packets was empty. */
  counters(): { readonly burstBytesLeft: number; readonly burstPacketsLeft: number; readonly droppedPackets: number } {
    const state = this.#state.read();
    const read = (offset: number) => Number(state.readBigUInt64LE(offset));
    return {
      burstBytesLeft: read(stateOffsets.burstBytes),
      burstPacketsLeft: read(stateOffsets.burstPackets),
      droppedPackets: read(stateOffsets.droppedPackets),
    };
  }

  [Symbol.dispose](): void {
    this.#state.close();
    closeAll(this.#program);
  }
}
