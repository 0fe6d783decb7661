import type { HostAgent } from '../agent/host-agent.ts';
import { CloisterError } from '../errors.ts';
import type { Clock } from './clock.ts';

const attempts = 3;
const retryMs = 200;

export interface DestroyOptions {
  readonly agent: Pick<HostAgent, 'destroy'>;
  readonly clock: Clock;
  readonly onProblem: (problem: string, cause: unknown) => void;
}

/** Has the host agent destroy a slot or an environment, again if need be; rejects with what the last attempt failed with. */
export async function destroyOnHost(id: string, { agent, clock, onProblem }: DestroyOptions): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      await agent.destroy(id);
      return;
    } catch (error) {
      // No environment outlives its agent: PID 1 ends with the agent's end of its socket.
      if (error instanceof CloisterError && error.code === 'AgentGone') return;
      onProblem(`destroying ${id} failed, attempt ${attempt} of ${attempts}`, error);
      if (attempt === attempts) throw error;
      await new Promise<void>((resolve) => {
        clock.schedule(retryMs, resolve);
      });
    }
  }
}
