import type { SubscriptionOutcome, TelemetryStream, TelemetrySubscription } from '../../runtime-api/telemetry/telemetry-subscription.ts';
import type { Clock } from '../clock.ts';
import type { PlatformEvent } from '../log/platform-event.ts';
import { TokenBudget } from '../token-budget.ts';
import { HttpSender } from './http-sender.ts';
import { InitHistory } from './init-history.ts';
import { MemoryAllowance } from './memory-allowance.ts';
import { TcpSender } from './tcp-sender.ts';
import { platformEvent, type TelemetryEvent } from './telemetry-event.ts';
import type { ConnectInside } from './telemetry-sender.ts';
import { TelemetrySubscriber } from './telemetry-subscriber.ts';

/** SECURITY: what waits for all subscribers of one environment together, and what they may be sent a second. */
const maxWaitingBytes = 4 * 1024 * 1024;
const bytesPerSecond = 8 * 1024 * 1024;
const burstBytes = 4 * 1024 * 1024;

/** As many as an environment may have extensions. */
const maxSubscriptions = 10;

export interface TelemetryRelayOptions {
  readonly clock: Clock;
  readonly connect: ConnectInside;
}

interface Held {
  readonly extensionName: string;
  readonly subscriber: TelemetrySubscriber;
  /** Made by processes that have ended since. */
  isEarlier: boolean;
}

/**
 * Hands what the platform, the function and the extensions of one environment have to tell to those that subscribed. It follows the inits by their events:
 * between initStart and initReport subscriptions are taken, and each gets what has been told since initStart.
 */
export class TelemetryRelay {
  readonly #options: TelemetryRelayOptions;
  readonly #allowance = new MemoryAllowance(maxWaitingBytes);
  readonly #budget: TokenBudget;
  /** By all that makes a subscription another one. They outlive a reset, as Lambda's do: the listener that comes back gets what has waited. */
  readonly #held = new Map<string, Held>();
  #history: InitHistory | undefined;
  #isPaused = false;

  constructor(options: TelemetryRelayOptions) {
    this.#options = options;
    this.#budget = new TokenBudget({ tokensPerSecond: bytesPerSecond, burst: burstBytes, clock: options.clock });
  }

  /** Whether a line of this stream would be of use to anybody. */
  wants(stream: TelemetryStream): boolean {
    if (this.#history !== undefined) return true;
    for (const { subscriber } of this.#held.values()) if (subscriber.wants(stream)) return true;
    return false;
  }

  event(event: PlatformEvent, timeMs: number): void {
    if (event.type === 'platform.initStart') this.#initBegins();
    if (this.wants('platform')) this.#tell(platformEvent(event, timeMs));
    if (event.type === 'platform.initReport') this.#history = undefined;
  }

  /** `record`: JSON of what was written, a string or the object that it is. */
  line(stream: 'function' | 'extension', record: string, timeMs: number): void {
    const text = `{"time":"${new Date(timeMs).toISOString()}","type":"${stream}","record":${record}}`;
    this.#tell({ stream, textFor: () => text });
  }

  subscribe(extensionName: string, subscription: TelemetrySubscription): SubscriptionOutcome {
    if (this.#history === undefined) return 'closed';
    const key = JSON.stringify([extensionName, subscription]);
    const known = this.#held.get(key);
    if (known !== undefined) {
      known.isEarlier = false;
      known.subscriber.forgive();
      return 'alreadySubscribed';
    }
    this.#dropEarlier(extensionName);
    if (this.#held.size >= maxSubscriptions) return 'full';
    const subscriber = this.#subscriber(subscription);
    this.#held.set(key, { extensionName, subscriber, isEarlier: false });
    this.#history.tell(subscriber);
    return 'subscribed';
  }

  /** The environment is about to be frozen: nothing is delivered until `resume`. */
  pause(): void {
    this.#isPaused = true;
    for (const { subscriber } of this.#held.values()) subscriber.pause();
  }

  resume(): void {
    this.#isPaused = false;
    for (const { subscriber } of this.#held.values()) subscriber.resume();
  }

  /** Sends what there is without waiting for more: the environment is about to end. */
  flush(): void {
    for (const { subscriber } of this.#held.values()) subscriber.flush();
  }

  close(): void {
    for (const { subscriber } of this.#held.values()) subscriber.close();
    this.#held.clear();
    this.#history = undefined;
  }

  #initBegins(): void {
    this.#history = new InitHistory();
    for (const held of this.#held.values()) held.isEarlier = true;
  }

  /** An extension that has come back and listens elsewhere no longer listens where it did. */
  #dropEarlier(extensionName: string): void {
    for (const [key, held] of this.#held) {
      if (!held.isEarlier || held.extensionName !== extensionName) continue;
      held.subscriber.close();
      this.#held.delete(key);
    }
  }

  #subscriber(subscription: TelemetrySubscription): TelemetrySubscriber {
    const { clock, connect } = this.#options;
    const { destination } = subscription;
    const sender = destination.protocol === 'HTTP' ? new HttpSender(destination, connect) : new TcpSender(destination.port, connect);
    const subscriber = new TelemetrySubscriber({ subscription, sender, clock, allowance: this.#allowance, budget: this.#budget });
    if (this.#isPaused) subscriber.pause();
    return subscriber;
  }

  #tell(event: TelemetryEvent): void {
    this.#history?.add(event);
    for (const { subscriber } of this.#held.values()) {
      if (subscriber.wants(event.stream)) subscriber.offer(event.textFor(subscriber.schema));
    }
  }
}
