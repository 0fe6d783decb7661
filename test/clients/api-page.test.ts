import { describe, expect, it } from 'vitest';
import { operationModels } from '../../src/control-api/service-model.ts';
import { supportedOperations } from '../../src/control-api/supported-operations.ts';

/** What a reader should know of an operation besides whether it is there. */
const notes: Readonly<Record<string, string>> = {
  CreateFunction: 'zip archives, in the request or from S3 where the administrator has named an endpoint; no container images',
  GetFunction: '`Code.Location` is a signed address that gives the archive',
  GetLayerVersion: '`Content.Location` is a signed address that gives the archive',
  Invoke: '`DryRun`, `Tail`, client context, tenant ids',
  InvokeWithResponseStream: 'as it comes; `InvokeComplete` tells of errors ([streaming.md](streaming.md))',
  PublishVersion: 'without `PublishTo`',
};

/** Why an operation that is not there is not there. */
const reasons: readonly (readonly [RegExp, string])[] = [
  [/DurableExecution/, 'durable executions: not built'],
  [/CapacityProvider|ScalingConfig/, 'capacity is the host’s: there are no instances to provide'],
  [/EventSourceMapping/, 'event source mappings: not built yet'],
  [/ResourcePolicy/, 'policies of functions and layers are kept by AddPermission and AddLayerVersionPermission'],
];

function page(): string {
  const rows = [...operationModels].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([name, { method, uri }]) => row(name, method, uri));
  return [
    '# Operations',
    '',
    'Every operation of Lambda’s service model, and whether Cloister serves it. A test compares this page with the operations that are really served',
    '(`test/clients/api-page.test.ts`); after a change `vitest run --update test/clients/api-page.test.ts` writes it anew.',
    '',
    'What is refused answers `NotImplementedException` (400) with the name of the operation: a client error, so that clients do not try again.',
    '',
    `${supportedOperations.size} of ${operationModels.size} operations are served.`,
    '',
    '| operation | request | served | notes |',
    '|---|---|---|---|',
    ...rows,
    '',
  ].join('\n');
}

function row(name: string, method: string, uri: string): string {
  const served = supportedOperations.has(name);
  const note = served ? notes[name] : reasons.find(([pattern]) => pattern.test(name))?.[1];
  return `| ${name} | \`${method} ${uri}\` | ${served ? 'yes' : 'refused'} | ${note ?? ''} |`;
}

describe('docs/api.md', () => {
  it('says of every operation whether it is served', async () => {
    await expect(page(), 'write it anew with: vitest run --update test/clients/api-page.test.ts').toMatchFileSnapshot('../../docs/api.md');
  });

  it('serves and explains no operation that Lambda has not', () => {
    for (const name of [...supportedOperations.keys(), ...Object.keys(notes)]) expect(operationModels.has(name), name).toBe(true);
  });
});
