import { wireBytes } from '../../support/raw-exchange.ts';
import type { WireRequest } from '../../support/signed-http.ts';
import { createRequest, getRequest, type MalformedRule } from './malformed-rule.ts';

const list = getRequest('/2015-03-31/functions');
const withHeaders = (request: WireRequest, headers: Readonly<Record<string, string>>): WireRequest => ({
  ...request,
  headers: { ...request.headers, ...headers },
});
const authorization = (request: WireRequest, change: (text: string) => string): WireRequest =>
  withHeaders(request, { authorization: change(request.headers['authorization'] ?? '') });
const mismatch = { status: [403], type: 'InvalidSignatureException' } as const;
const incomplete = { status: [403], type: 'IncompleteSignatureException' } as const;
const minuteMs = 60_000;

/** Signature Version 4, as the AWS General Reference and its troubleshooting page have it. */
export const signatureRules: readonly MalformedRule[] = [
  {
    rule: 'no signature at all',
    bytes: async ({ key }) => wireBytes({ method: 'GET', target: list.path, headers: { host: new URL(key.endpoint).host }, body: undefined }),
    status: [403],
    type: 'MissingAuthenticationTokenException',
  },
  { rule: 'another scheme', bytes: async ({ sign }) => wireBytes(withHeaders(await sign(list), { authorization: 'Basic YTpi' })), ...incomplete },
  { rule: 'an empty Authorization', bytes: async ({ sign }) => wireBytes(withHeaders(await sign(list), { authorization: '' })), ...incomplete },
  ...['Credential', 'SignedHeaders', 'Signature'].map(
    (part) =>
      ({
        rule: `no ${part}`,
        bytes: async ({ sign }) => wireBytes(authorization(await sign(list), (text) => text.replace(new RegExp(`${part}=[^,]+`), 'Nothing=1'))),
        ...incomplete,
        message: new RegExp(`Authorization header requires '${part}' parameter`),
      }) satisfies MalformedRule,
  ),
  {
    rule: 'a part without an equals sign',
    bytes: async ({ sign }) => wireBytes(authorization(await sign(list), (text) => `${text}, garbage`)),
    ...incomplete,
  },
  {
    rule: 'a credential scope of four parts',
    bytes: async ({ sign }) => wireBytes(authorization(await sign(list), (text) => text.replace('/lambda/', '/'))),
    ...incomplete,
  },
  {
    rule: 'a signature that is no hexadecimal number',
    bytes: async ({ sign }) => wireBytes(authorization(await sign(list), (text) => text.replace(/Signature=.*/, `Signature=${'z'.repeat(64)}`))),
    ...mismatch,
  },
  {
    rule: 'a signature too short',
    bytes: async ({ sign }) => wireBytes(authorization(await sign(list), (text) => text.replace(/Signature=.*/, 'Signature=00'))),
    ...mismatch,
  },
  {
    rule: 'a Date that is none',
    bytes: async ({ sign }) => wireBytes(withHeaders(await sign(list), { 'x-amz-date': 'yesterday' })),
    ...incomplete,
  },
  {
    rule: 'a key nobody has',
    bytes: async ({ sign, key }) => wireBytes(await sign(list, { key: { ...key, accessKeyId: 'AKIA0000000000000000' } })),
    status: [403],
    type: 'UnrecognizedClientException',
  },
  { rule: 'a wrong secret', bytes: async ({ sign, key }) => wireBytes(await sign(list, { key: { ...key, secretAccessKey: 'x' } })), ...mismatch },
  {
    rule: 'a session token nobody gave out',
    bytes: async ({ sign }) => wireBytes(withHeaders(await sign(list), { 'x-amz-security-token': 'forged' })),
    status: [403],
    type: 'UnrecognizedClientException',
  },
  {
    rule: 'another region',
    bytes: async ({ sign, key }) => wireBytes(await sign(list, { key: { ...key, region: 'eu-west-1' } })),
    ...mismatch,
    message: /valid region/,
  },
  { rule: 'another service', bytes: async ({ sign }) => wireBytes(await sign(list, { service: 's3' })), ...mismatch, message: /correct service/ },
  {
    rule: 'an old signature',
    bytes: async ({ sign }) => wireBytes(await sign(list, { offsetMs: -16 * minuteMs })),
    ...mismatch,
    message: /^Signature expired: /,
  },
  {
    rule: 'a signature of the future',
    bytes: async ({ sign }) => wireBytes(await sign(list, { offsetMs: 16 * minuteMs })),
    ...mismatch,
    message: /^Signature not yet current: /,
  },
  {
    rule: 'another path than the signed one',
    bytes: async ({ sign }) => wireBytes({ ...(await sign(list)), target: '/2018-10-31/layers' }),
    ...mismatch,
  },
  {
    rule: 'a query added after signing',
    bytes: async ({ sign }) => wireBytes({ ...(await sign(list)), target: `${list.path}?MaxItems=1` }),
    ...mismatch,
  },
  {
    rule: 'another method than the signed one',
    bytes: async ({ sign }) => wireBytes({ ...(await sign(createRequest('{}'))), method: 'PUT' }),
    status: [403, 404],
  },
  {
    rule: 'another body than the signed one',
    bytes: async ({ sign }) => wireBytes({ ...(await sign(createRequest('{"a":1}'))), body: Buffer.from('{"a":2}') }),
    ...mismatch,
  },
  {
    rule: 'a signed header changed',
    bytes: async ({ sign }) => {
      const signed = await sign({ ...list, headers: { 'x-amz-log-type': 'Tail' } });
      return wireBytes(withHeaders(signed, { 'x-amz-log-type': 'None' }));
    },
    ...mismatch,
  },
  {
    rule: 'a signed header that is missing',
    bytes: async ({ sign }) => {
      const { headers, ...signed } = await sign({ ...list, headers: { 'x-amz-log-type': 'Tail' } });
      const { 'x-amz-log-type': _dropped, ...rest } = headers;
      return wireBytes({ ...signed, headers: rest });
    },
    ...mismatch,
  },
  {
    rule: 'a host that was not signed',
    bytes: async ({ sign }) => wireBytes(authorization(await sign(list), (text) => text.replace('SignedHeaders=host;', 'SignedHeaders='))),
    ...mismatch,
  },
  {
    rule: 'the hash of another body declared',
    bytes: async ({ sign }) => wireBytes(withHeaders(await sign(createRequest('{}')), { 'x-amz-content-sha256': '0'.repeat(64) })),
    ...mismatch,
  },
  {
    rule: 'an unsigned payload',
    bytes: async ({ sign }) => wireBytes(withHeaders(await sign(createRequest('{}')), { 'x-amz-content-sha256': 'UNSIGNED-PAYLOAD' })),
    ...mismatch,
  },
  {
    rule: 'a presigned request of yesterday',
    bytes: async ({ presign }) => wireBytes(await presign(list, { offsetMs: -24 * 60 * minuteMs })),
    ...mismatch,
    message: /^Signature expired: /,
  },
  {
    rule: 'a presigned request with a longer life than signed',
    bytes: async ({ presign }) => {
      const signed = await presign(list);
      return wireBytes({ ...signed, target: signed.target.replace('X-Amz-Expires=60', 'X-Amz-Expires=600') });
    },
    ...mismatch,
  },
  {
    rule: 'a presigned request for longer than a week',
    bytes: async ({ presign }) => {
      const signed = await presign(list);
      return wireBytes({ ...signed, target: signed.target.replace('X-Amz-Expires=60', 'X-Amz-Expires=604801') });
    },
    ...incomplete,
  },
  {
    rule: 'a presigned request without its date',
    bytes: async ({ presign }) => {
      const signed = await presign(list);
      return wireBytes({ ...signed, target: signed.target.replace(/X-Amz-Date=[^&]+&?/, '') });
    },
    ...incomplete,
  },
];
