import { Socket } from 'node:net';
import { parseAgentArguments } from '../../src/agent/agent-settings.ts';
import { startHostAgent } from '../../src/agent/host-agent-process.ts';

/**
 * A whole host agent, but for its daemon: the test holds the daemon's ends of both socketpairs (descriptors 3 and 4 here are the agent's ends), as a
 * taken-over daemon would. Run in a mount namespace of its own, like `cloister up`.
 */
const agent = await startHostAgent(parseAgentArguments(process.argv.slice(2)), (message) => console.error(message), {
  start: async () => {
    const control = new Socket({ fd: 3, readable: true, writable: true });
    return { pid: process.pid, control, descriptors: 4, end: async () => void control.destroy() };
  },
});
await agent.daemonEnded;
await agent.stop();
process.exit();
