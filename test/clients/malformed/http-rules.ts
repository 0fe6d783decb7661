import { rawHead, wireBytes } from '../../support/raw-exchange.ts';
import { createRequest, getRequest, invokeRequest, type MalformedRule } from './malformed-rule.ts';

const list = getRequest('/2015-03-31/functions');
const unknown = { status: [404], type: 'UnknownOperationException' } as const;
const broken = { status: [400] } as const;
const path = (rule: string, target: string, expected: Omit<MalformedRule, 'rule' | 'bytes'>): MalformedRule => ({
  rule: `the path ${rule}`,
  bytes: async ({ sign }) => wireBytes(await sign(getRequest(target))),
  ...expected,
});
const invokeWith = (rule: string, headers: Readonly<Record<string, string>>, expected: Omit<MalformedRule, 'rule' | 'bytes'>): MalformedRule => ({
  rule,
  bytes: async ({ sign, functionName }) => wireBytes(await sign(invokeRequest(functionName, { headers }))),
  ...expected,
});
const raw = (rule: string, change: (head: string) => string, expected: Omit<MalformedRule, 'rule' | 'bytes'>): MalformedRule => ({
  rule,
  bytes: async ({ sign }) => rawHead(await sign(list), change),
  ...expected,
});

/** Paths, methods and headers. */
export const httpRules: readonly MalformedRule[] = [
  path('of nothing', '/nowhere', unknown),
  path('with a broken percent sign', '/2015-03-31/functions/%zz', unknown),
  path('with a cut percent sign', '/2015-03-31/functions/a%', unknown),
  path('with bytes that are not UTF-8', '/2015-03-31/functions/%c3%28', { status: [400, 404] }),
  path('with a NUL in the name', '/2015-03-31/functions/a%00b', { status: [400], type: 'ValidationException' }),
  path('with a slash in the name', '/2015-03-31/functions/a%2Fb', { status: [400], type: 'ValidationException' }),
  path('that climbs, encoded', '/2015-03-31/functions/%2e%2e%2f%2e%2e%2fetc', { status: [400], type: 'ValidationException' }),
  path('with a double slash', '/2015-03-31//functions', unknown),
  path('of an older date', '/2014-11-13/functions', unknown),
  path('longer than any name', `/2015-03-31/functions/${'x'.repeat(5_000)}`, unknown),
  path('with a name over 256 characters', `/2015-03-31/functions/${'x'.repeat(257)}`, { status: [400], type: 'ValidationException' }),
  {
    rule: 'a query with a broken percent sign',
    bytes: async ({ sign }) => wireBytes({ ...(await sign(list)), target: `${list.path}?Marker=%zz` }),
    ...unknown,
  },
  {
    rule: 'a number in the query that is none',
    bytes: async ({ sign }) => wireBytes(await sign(getRequest(list.path, { query: { MaxItems: 'ten' } }))),
    status: [400],
    type: 'SerializationException',
  },
  {
    rule: 'a marker nobody gave out',
    bytes: async ({ sign }) => wireBytes(await sign(getRequest(list.path, { query: { Marker: 'forged' } }))),
    status: [400],
    type: 'InvalidParameterValueException',
  },
  {
    rule: 'a method the path does not have',
    bytes: async ({ sign }) => wireBytes(await sign({ ...list, method: 'PATCH' })),
    ...unknown,
  },
  invokeWith('an unknown invocation type', { 'x-amz-invocation-type': 'Soon' }, { status: [400], type: 'ValidationException' }),
  invokeWith('an unknown log type', { 'x-amz-log-type': 'All' }, { status: [400], type: 'ValidationException' }),
  invokeWith('a client context that is not base64', { 'x-amz-client-context': '{"a":1}' }, { status: [400], type: 'InvalidRequestContentException' }),
  invokeWith(
    'a client context over 3,583 bytes',
    { 'x-amz-client-context': 'x'.repeat(3_584) },
    { status: [400], type: 'InvalidRequestContentException' },
  ),
  invokeWith('a tenant id for a function without tenants', { 'x-amz-tenant-id': 'blue' }, { status: [400], type: 'InvalidParameterValueException' }),
  invokeWith('headers over 16 KiB', { 'x-large': 'x'.repeat(20_000) }, { status: [431] }),
  raw('a method nobody knows', (head) => head.replace(/^GET/, 'FETCH'), broken),
  raw('a version of HTTP nobody knows', (head) => head.replace('HTTP/1.1', 'HTTP/9.9'), broken),
  raw('no host', (head) => head.replace(/^host: .*\r\n/im, ''), broken),
  raw('another host than the signed one', (head) => head.replace(/^host: .*\r\n/im, 'host: example.org\r\n'), {
    status: [403],
    type: 'InvalidSignatureException',
  }),
  raw('a blank in a header name', (head) => head.replace('\r\n\r\n', '\r\na b: c\r\n\r\n'), broken),
  raw('a header without a colon', (head) => head.replace('\r\n\r\n', '\r\nnothing\r\n\r\n'), broken),
  raw('a NUL in a header', (head) => head.replace('\r\n\r\n', '\r\nx-nul: a\0b\r\n\r\n'), broken),
  raw('a header folded over two lines', (head) => head.replace('\r\n\r\n', '\r\nx-fold: a\r\n b\r\n\r\n'), { status: [200, 400] }),
  raw('a path that is no path', (head) => head.replace(/^GET \S+/, 'GET functions'), broken),
  raw('a target of another host', (head) => head.replace(/^GET /, 'GET http://example.org'), { status: [403, 404] }),
  {
    rule: 'an expectation nobody can meet',
    bytes: async ({ sign }) => wireBytes(await sign(createRequest('{}')), ['expect: 200-maybe']),
    status: [417, 400],
  },
  { rule: 'bytes that are not HTTP', bytes: async () => Buffer.from([0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xfc, 0x03, 0x03]), ...broken },
  { rule: 'the beginning of HTTP/2', bytes: async () => Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), ...broken },
];
