import { gzipSync } from 'node:zlib';
import { wireBytes } from '../../support/raw-exchange.ts';
import { createBody, createRequest, invokeRequest, type MalformedRule } from './malformed-rule.ts';

const notJson = { status: [400], type: 'InvalidRequestContentException', message: /^Could not parse request body into json: / } as const;
const wrongType = { status: [400], type: 'SerializationException' } as const;
const creates = (rule: string, body: Buffer | string, expected: Omit<MalformedRule, 'rule' | 'bytes'>): MalformedRule => ({
  rule,
  bytes: async ({ sign }) => wireBytes(await sign(createRequest(body))),
  ...expected,
});
const invokes = (rule: string, body: Buffer | string, expected: Omit<MalformedRule, 'rule' | 'bytes'>): MalformedRule => ({
  rule: `an event that is ${rule}`,
  bytes: async ({ sign, functionName }) => wireBytes(await sign(invokeRequest(functionName, { body: Buffer.from(body) }))),
  ...expected,
});
const deep = (depth: number) => '['.repeat(depth) + ']'.repeat(depth);

/** Bodies: JSON, the types in it, and base64. */
export const bodyRules: readonly MalformedRule[] = [
  creates('not JSON', 'FunctionName=f', notJson),
  creates('JSON that ends early', '{"FunctionName": "f"', notJson),
  creates('something after the JSON', `${createBody({})}x`, notJson),
  creates('two documents', '{}{}', notJson),
  creates('a trailing comma', '{"FunctionName": "f",}', notJson),
  creates('single quotes', "{'FunctionName': 'f'}", notJson),
  creates('NaN', '{"Timeout": NaN}', notJson),
  creates('a bare control character in a string', '{"FunctionName": "a\u0001b"}', notJson),
  creates('bytes that are not UTF-8', Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x7d]), notJson),
  creates('UTF-16', Buffer.from('{}', 'utf16le'), notJson),
  creates('a compressed body', gzipSync(createBody({})), notJson),
  creates('a null document', 'null', wrongType),
  creates('a list for a structure', '[]', wrongType),
  creates('a text for a structure', '"x"', wrongType),
  creates('a hundred thousand lists within each other', deep(100_000), { status: [400] }),
  creates('a thousand lists for a text', createBody({ Description: JSON.parse(deep(1_000)) }), wrongType),
  creates('a text for a number', createBody({ Timeout: '3' }), { ...wrongType, message: /^STRING_VALUE can not be converted to an Integer$/ }),
  creates('a fraction for an integer', createBody({ Timeout: 3.5 }), wrongType),
  creates('a number beyond 32 bits', createBody({ Timeout: 2 ** 40 }), wrongType),
  creates('a number beyond everything', '{"Timeout": 1e999}', wrongType),
  creates('a number for a text', createBody({ Handler: 1 }), wrongType),
  creates('a text for a boolean', createBody({ Publish: 'true' }), wrongType),
  creates('a structure for a list', createBody({ Layers: {} }), wrongType),
  creates('a text for a map', createBody({ Tags: 'a=b' }), wrongType),
  creates('a number in a map of texts', createBody({ Tags: { a: 1 } }), wrongType),
  creates('a number for bytes', createBody({ Code: { ZipFile: 1 } }), wrongType),
  creates('bytes that are not base64', createBody({ Code: { ZipFile: '!!!!' } }), wrongType),
  creates('no body', '', { status: [400], type: 'ValidationException', message: /^3 validation errors detected: / }),
  creates('members under another prototype', '{"__proto__": {"FunctionName": "f"}, "constructor": 1}', {
    status: [400],
    type: 'ValidationException',
  }),
  creates('a NUL in a variable', createBody({ Code: { ZipFile: 'UEs=' }, Environment: { Variables: { AB: 'a\0b' } } }), {
    status: [400],
    type: 'InvalidParameterValueException',
  }),
  invokes('not JSON', 'hello', notJson),
  invokes('JSON that ends early', '{"a":', notJson),
  invokes('not UTF-8', Buffer.from([0x22, 0xff, 0x22]), notJson),
  invokes('a hundred thousand lists that are not closed', '['.repeat(100_000), notJson),
];
