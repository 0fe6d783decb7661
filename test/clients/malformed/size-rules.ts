import { wireBytes } from '../../support/raw-exchange.ts';
import { createBody, createRequest, invokeRequest, type MalformedRule } from './malformed-rule.ts';

const tooLarge = { status: [413], type: 'RequestEntityTooLargeException' } as const;
const broken = { status: [400] } as const;

/** Sizes, lengths and chunks. */
export const sizeRules: readonly MalformedRule[] = [
  {
    rule: 'an event over 6 MiB',
    bytes: async ({ sign, functionName }) => wireBytes(await sign(invokeRequest(functionName, { body: Buffer.from(`"${'x'.repeat(6_291_456)}"`) }))),
    ...tooLarge,
    message: /^Request must be smaller than 6291456 bytes for the InvokeFunction operation$/,
  },
  {
    rule: 'a configuration over 1 MiB',
    bytes: async ({ sign, functionName }) => {
      const body = Buffer.from(JSON.stringify({ Description: 'x'.repeat(1_048_576) }));
      return wireBytes(await sign({ method: 'PUT', path: `/2015-03-31/functions/${functionName}/configuration`, query: {}, headers: {}, body }));
    },
    ...tooLarge,
  },
  {
    rule: 'an upload announced with over 70,167,211 bytes',
    bytes: async ({ sign }) => wireBytes({ ...(await sign(createRequest('{}'))), body: Buffer.from('{}') }, ['content-length: 70167212']),
    ...tooLarge,
    message: /^Request must be smaller than 70167211 bytes for the CreateFunction operation$/,
    thenEnd: true,
  },
  {
    rule: 'a length beyond every number',
    bytes: async ({ sign }) => wireBytes(await sign(createRequest('{}')), [`content-length: ${'9'.repeat(30)}`]),
    ...broken,
  },
  { rule: 'a negative length', bytes: async ({ sign }) => wireBytes(await sign(createRequest('{}')), ['content-length: -1']), ...broken },
  { rule: 'a length that is no number', bytes: async ({ sign }) => wireBytes(await sign(createRequest('{}')), ['content-length: two']), ...broken },
  {
    rule: 'two lengths',
    bytes: async ({ sign }) => wireBytes(await sign(createRequest('{}')), ['content-length: 2', 'content-length: 3']),
    ...broken,
  },
  {
    rule: 'a length and chunks (request smuggling)',
    bytes: async ({ sign }) =>
      wireBytes({ ...(await sign(createRequest('{}'))), body: Buffer.from('2\r\n{}\r\n0\r\n\r\n') }, [
        'content-length: 2',
        'transfer-encoding: chunked',
      ]),
    ...broken,
  },
  {
    rule: 'a chunk whose size is no number',
    bytes: async ({ sign }) =>
      wireBytes({ ...(await sign(createRequest('{}'))), body: Buffer.from('zz\r\n{}\r\n0\r\n\r\n') }, ['transfer-encoding: chunked']),
    ...broken,
  },
  {
    rule: 'a chunk longer than it says',
    bytes: async ({ sign }) =>
      wireBytes({ ...(await sign(createRequest('{}'))), body: Buffer.from('1\r\n{}\r\n0\r\n\r\n') }, ['transfer-encoding: chunked']),
    ...broken,
  },
  {
    rule: 'a transfer encoding nobody knows',
    bytes: async ({ sign }) => wireBytes(await sign(createRequest('{}')), ['transfer-encoding: gzip']),
    ...broken,
  },
  {
    rule: 'chunks in order, but a body that is refused',
    bytes: async ({ sign }) => {
      const body = createBody({ Timeout: 0, Code: {} });
      const chunked = Buffer.from(`${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`);
      return wireBytes({ ...(await sign(createRequest(body))), body: chunked }, ['transfer-encoding: chunked']);
    },
    status: [400],
    type: 'ValidationException',
    message: /Member must have value greater than or equal to 1$/,
  },
  {
    rule: 'neither a length nor chunks',
    bytes: async ({ sign }) => {
      const { headers, ...request } = await sign(createRequest(''));
      return Buffer.from(
        wireBytes({ ...request, headers })
          .toString('latin1')
          .replace('content-length: 0\r\n', ''),
        'latin1',
      );
    },
    status: [400],
    type: 'ValidationException',
  },
  {
    rule: 'a body that ends before its length',
    bytes: async ({ sign }) => wireBytes(await sign(createRequest('{}')), ['content-length: 100']),
    // The client is gone: whatever is answered, nobody may be waited for.
    status: [0, 400],
    thenEnd: true,
  },
  {
    rule: 'a body that goes on after its length',
    bytes: async ({ sign }) => Buffer.concat([wireBytes(await sign(createRequest('{}'))), Buffer.from('GARBAGE\r\n\r\n')]),
    status: [400],
  },
];
