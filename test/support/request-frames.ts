import fc from 'fast-check';
import { z } from 'zod';
import { requestSchemas, type Verb } from '../../src/agent/messages.ts';

interface JsonSchema {
  readonly type?: string;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly anyOf?: readonly JsonSchema[];
  readonly pattern?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly maxLength?: number;
  readonly maxItems?: number;
  readonly items?: JsonSchema;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly propertyNames?: JsonSchema;
  readonly additionalProperties?: JsonSchema | boolean;
}

/** Values that pass this schema, made from the schema itself: a new verb or field is covered without anybody remembering it here. */
function valid(schema: JsonSchema): fc.Arbitrary<unknown> {
  if (schema.const !== undefined) return fc.constant(schema.const);
  if (schema.enum !== undefined) return fc.constantFrom(...schema.enum);
  if (schema.anyOf !== undefined) return fc.oneof(...schema.anyOf.map(valid));
  if (schema.type === 'string')
    return schema.pattern === undefined
      ? fc.string({ maxLength: Math.min(schema.maxLength ?? 40, 40) })
      : fc.stringMatching(new RegExp(schema.pattern));
  if (schema.type === 'integer') return fc.integer({ min: schema.minimum ?? 0, max: Math.min(schema.maximum ?? 1_000_000, 2 ** 31 - 1) });
  if (schema.type === 'array') return fc.array(valid(schema.items ?? {}), { maxLength: schema.maxItems ?? 3 });
  if (schema.properties !== undefined)
    return fc.record(Object.fromEntries(Object.entries(schema.properties).map(([name, field]) => [name, valid(field)])));
  if (schema.propertyNames !== undefined && typeof schema.additionalProperties === 'object')
    return fc.dictionary(valid(schema.propertyNames) as fc.Arbitrary<string>, valid(schema.additionalProperties), { maxKeys: 4 });
  return fc.constant({});
}

const hostile = fc.oneof(
  fc.constantFrom<unknown>(
    '../../etc/passwd',
    '/etc/shadow',
    '/proc/self/root',
    'env-../../../root',
    '-',
    '\u0000',
    '$(reboot)',
    '`id`',
    '',
    null,
    true,
    -1,
    0.5,
    1e308,
    [],
    {},
    [[[]]],
  ),
  fc.string({ maxLength: 200, unit: 'binary' }),
  fc.integer(),
  fc.double(),
  fc.jsonValue(),
);

const depth = 20_000;
const bombs = [
  '['.repeat(depth),
  `${'['.repeat(depth)}${']'.repeat(depth)}`,
  '{"a":'.repeat(depth / 2),
  `{"id":1e999,"verb":"listRuntimes","fields":{}}`,
  `{"id":${'9'.repeat(5_000)},"verb":"listRuntimes","fields":{}}`,
  '{"id":900001,"id":900002,"verb":"exec","verb":"listRuntimes","fields":{},"fields":{"a":1}}',
  '{"id":900003,"__proto__":{"verb":"listRuntimes"},"fields":{}}',
  '{"id":900004,"verb":"destroy","fields":{"__proto__":{"id":"slot-1"}}}',
  '{"id":900005,"verb":"start","fields":{"environmentId":"env-0123456789abcdef","process":{"kind":"runtime"},"environment":{"__proto__":"x"}}}',
  '{"id":900006,"verb":"constructor","fields":{}}',
  '{"id":900007,"verb":"openUpload","fields":{"sizeBytes":262144001}}',
  `{"id":900008,"verb":"${'a'.repeat(60_000)}","fields":{}}`,
  '\ufeff{"id":900009,"verb":"listRuntimes","fields":{}}',
];

/** Bodies of frames: requests of every verb, most of them with one thing wrong; verbs out of order on ids that exist; bombs; garbage. */
export function requestFrames(knownIds: readonly string[]): fc.Arbitrary<string> {
  const known = fc.constantFrom('slot-1', 'env-0123456789abcdef', ...knownIds);
  const id = fc.oneof(
    { weight: 9, arbitrary: fc.integer({ min: 1_000_000, max: 2_000_000_000 }) as fc.Arbitrary<unknown> },
    { weight: 1, arbitrary: hostile },
  );
  const requests = (Object.keys(requestSchemas) as Verb[]).map((verb) => {
    const schema = z.toJSONSchema(requestSchemas[verb], { unrepresentable: 'any' }) as JsonSchema;
    const names = Object.keys(schema.properties ?? {});
    return fc
      .record({
        id,
        fields: valid(schema),
        spoilt: fc.constantFrom('none', 'field', 'extra', 'missing', 'known', 'all'),
        name: fc.nat(),
        value: hostile,
        known,
      })
      .map((made) => {
        const fields = { ...(made.fields as Record<string, unknown>) };
        const name = names[made.name % Math.max(1, names.length)] ?? 'field';
        if (made.spoilt === 'field') fields[name] = made.value;
        if (made.spoilt === 'extra') fields['path'] = made.value;
        if (made.spoilt === 'missing') delete fields[name];
        if (made.spoilt === 'known') for (const one of names) if (/[iI]d$/.test(one)) fields[one] = made.known;
        return JSON.stringify({ id: made.id, verb, fields: made.spoilt === 'all' ? made.value : fields });
      });
  });
  const cut = fc.tuple(fc.oneof(...requests), fc.nat(400)).map(([text, length]) => text.slice(0, length));
  return fc.oneof(
    { weight: 14, arbitrary: fc.oneof(...requests) },
    { weight: 2, arbitrary: cut },
    { weight: 1, arbitrary: fc.constantFrom(...bombs) },
    { weight: 2, arbitrary: fc.string({ maxLength: 2_000, unit: 'binary' }) },
    { weight: 1, arbitrary: fc.json() },
  );
}
