import { parseAgentArguments } from '../../src/agent/agent-settings.ts';
import { startHostAgent } from '../../src/agent/host-agent-process.ts';
import { ociWalls } from '../../src/drivers/oci/walls.ts';
import { makeVolumeTemplate } from '../../src/isolation/encrypted-tmp/volume-template.ts';
import { mutations, tmpMutations } from '../support/mutations.ts';

/** `cloister up --json` with walls taken away: the first argument names the mutation (test/support/mutations.ts), or is `none` in a changed copy of the sources. */
const [name = '', ...args] = process.argv.slice(2);
const settings = parseAgentArguments(args);
const all = [...mutations, ...tmpMutations(await makeVolumeTemplate(settings.dataDirectory, 2_048))];
const mutation = all.find((one) => one.name === name);
if (mutation === undefined && name !== 'none') throw new Error(`there is no mutation ${name}`);

const asked = new Promise<void>((resolve) => {
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => resolve());
});
const agent = await startHostAgent(settings, (message) => console.error(message), { walls: mutation?.apply(ociWalls) ?? ociWalls });
console.log(JSON.stringify(await agent.ready));
await Promise.race([asked, agent.daemonEnded]);
await agent.stop();
process.exit();
