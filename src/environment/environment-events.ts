import type { HostAgent } from '../agent/host-agent.ts';
import type { AgentEvent } from '../agent/messages.ts';

/** What the host agent tells of one environment. */
export type EnvironmentNotice = Extract<AgentEvent, { readonly environmentId: string }>;

/** Leads the agent's events to the environment they speak of. */
export class EnvironmentEvents {
  readonly #listeners = new Map<string, (notice: EnvironmentNotice) => void>();

  constructor(agent: Pick<HostAgent, 'onEvent'>) {
    agent.onEvent((event) => {
      if ('environmentId' in event) this.#listeners.get(event.environmentId)?.(event);
    });
  }

  /** Returns the way to stop listening. */
  listen(environmentId: string, listener: (notice: EnvironmentNotice) => void): () => void {
    this.#listeners.set(environmentId, listener);
    return () => this.#listeners.delete(environmentId);
  }
}
