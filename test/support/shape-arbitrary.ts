import fc from 'fast-check';
import type { BoundMember, OperationModel, Shape } from '../../src/control-api/service-model.ts';
import { shapeNamed } from '../../src/control-api/service-model.ts';

/** Values that mean something to the service, by the name of a shape: without them nearly every request would name nothing that exists. */
export type KnownValues = Readonly<Record<string, readonly unknown[]>>;

/** An operation's input, generated: which members are there, and what stands in each. */
export type GeneratedInput = Readonly<Record<string, unknown>>;

const maxDepth = 6;

/** Inputs of an operation from its shapes: valid, a step beyond a constraint, of a wrong type, or meant to hurt. */
export function inputArbitrary(model: OperationModel, known: KnownValues): fc.Arbitrary<GeneratedInput> {
  if (model.input === undefined) return fc.constant({});
  const { members = {}, required = [], payload } = shapeNamed(model.input);
  const parts = Object.entries(members).map(([name, member]) => {
    const shapeName = typeof member === 'string' ? member : member.shape;
    const value = name === payload ? payloadBytes : typeof member === 'string' ? memberValue(shapeName, known, 0) : textValue(member, known);
    const isNeeded = required.includes(name) || (typeof member !== 'string' && member.in === 'uri');
    return fc.tuple(fc.constant(name), fc.option(value, { nil: absent, freq: isNeeded ? 24 : 1 }));
  });
  const hostileMembers = fc.dictionary(fc.constantFrom('__proto__', 'constructor', 'toString', 'Unknown'), hostile, { maxKeys: 1 });
  return fc
    .tuple(fc.tuple(...parts), fc.option(hostileMembers, { nil: {}, freq: 8 }))
    .map(([chosen, more]) => Object.fromEntries([...chosen.filter(([, value]) => value !== absent), ...Object.entries(more)]));
}

const absent = Symbol('absent');

/** A member of the JSON body: mostly of its shape, sometimes of any other. */
function memberValue(shapeName: string, known: KnownValues, depth: number): fc.Arbitrary<unknown> {
  return fc.oneof({ weight: 8, arbitrary: ofShape(shapeName, known, depth) }, { weight: 1, arbitrary: hostile });
}

/** A member of the path, the query or a header: text, whatever its shape. */
function textValue({ shape: shapeName }: BoundMember, known: KnownValues): fc.Arbitrary<unknown> {
  const shape = shapeNamed(shapeName);
  const own = ofShape(shape.type === 'list' ? (shape.member ?? '') : shapeName, known, 0).map(String);
  return fc.oneof({ weight: 8, arbitrary: own }, { weight: 1, arbitrary: hostileText });
}

function ofShape(name: string, known: KnownValues, depth: number): fc.Arbitrary<unknown> {
  const values = known[name];
  const generated = fromConstraints(shapeNamed(name), known, depth);
  if (values === undefined) return generated;
  return fc.oneof({ weight: 6, arbitrary: fc.constantFrom(...values) }, { weight: 1, arbitrary: generated });
}

function fromConstraints(shape: Shape, known: KnownValues, depth: number): fc.Arbitrary<unknown> {
  switch (shape.type) {
    case 'string':
    case 'timestamp':
      return stringOf(shape);
    case 'boolean':
      return fc.boolean();
    case 'integer':
    case 'long':
    case 'double':
      return numberOf(shape);
    case 'blob':
      return fc.oneof(
        fc.uint8Array({ maxLength: 64 }).map((bytes) => Buffer.from(bytes).toString('base64')),
        fc.string({ maxLength: 16 }),
      );
    case 'list': {
      const most = Math.min(shape.max ?? 3, 6) + 1;
      return depth > maxDepth ? fc.constant([]) : fc.array(memberValue(shape.member ?? '', known, depth + 1), { maxLength: most });
    }
    case 'map': {
      if (depth > maxDepth) return fc.constant({});
      const key = ofShape(shape.key ?? '', known, depth + 1).map(String);
      return fc.dictionary(key, memberValue(shape.value ?? '', known, depth + 1), { maxKeys: 4, noNullPrototype: true });
    }
    case 'structure':
      return structureOf(shape, known, depth);
  }
}

function structureOf(shape: Shape, known: KnownValues, depth: number): fc.Arbitrary<unknown> {
  if (depth > maxDepth) return fc.constant({});
  const members = Object.entries(shape.members ?? {}).map(
    ([name, member]) => [name, memberValue(typeof member === 'string' ? member : member.shape, known, depth + 1)] as const,
  );
  return fc.record(Object.fromEntries(members), { requiredKeys: [...(shape.required ?? [])], noNullPrototype: true });
}

function stringOf({ enum: values, pattern, min = 0, max = 64 }: Shape): fc.Arbitrary<string> {
  const any = fc.string({ minLength: Math.max(0, Math.min(min, 200) - 1), maxLength: Math.min(max, 300) + 1 });
  const atBounds = fc.constantFrom('x'.repeat(Math.min(max, 5_000)), 'x'.repeat(Math.min(max, 5_000) + 1), 'x'.repeat(Math.max(0, min - 1)));
  if (values !== undefined) {
    const wrongCase = fc.constantFrom(...values).map((value) => value.toLowerCase());
    return fc.oneof({ weight: 8, arbitrary: fc.constantFrom(...values) }, wrongCase, any);
  }
  const matching = pattern === undefined ? undefined : matchingPattern(pattern);
  return matching === undefined ? fc.oneof({ weight: 3, arbitrary: any }, atBounds) : fc.oneof({ weight: 6, arbitrary: matching }, any, atBounds);
}

/** Undefined for a pattern that cannot be generated from, such as one that looks ahead. */
function matchingPattern(pattern: string): fc.Arbitrary<string> | undefined {
  try {
    return fc.stringMatching(new RegExp(`^(?:${pattern})$`), { maxLength: 300 });
  } catch {
    return undefined;
  }
}

function numberOf({ type, min = 0, max = 1_000 }: Shape): fc.Arbitrary<number> {
  const inside = type === 'double' ? fc.double({ min, max, noNaN: true }) : fc.integer({ min, max: Math.min(max, 2 ** 31 - 1) });
  const beyond = fc.constantFrom(min, max, min - 1, max + 1, -1, 0, 0.5, 2 ** 31, 2 ** 53, -(2 ** 63), 1e308);
  return fc.oneof({ weight: 4, arbitrary: inside }, beyond);
}

/** Payloads that are bytes: JSON mostly, sometimes anything. */
const payloadBytes: fc.Arbitrary<unknown> = fc.oneof(
  { weight: 4, arbitrary: fc.json({ maxDepth: 3 }).map((text) => Buffer.from(text)) },
  fc.uint8Array({ maxLength: 64 }).map((bytes) => Buffer.from(bytes)),
  fc.constantFrom(Buffer.alloc(0), Buffer.from('{"a":'), Buffer.from('['.repeat(20_000)), Buffer.from('\ufeff{}')),
);

const hostileText = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.constantFrom(
    '',
    ' ',
    '.',
    '..',
    '../../etc/passwd',
    '%00',
    '%2e%2e%2f',
    '$LATEST',
    'a'.repeat(3_000),
    '\u0000',
    '\u202e',
    '9'.repeat(40),
    'null',
    '-1',
  ),
  fc.constantFrom(
    "'; DROP TABLE functions; --",
    '${jndi:ldap://x}',
    '{{7*7}}',
    '__proto__',
    'constructor',
    '\ud83d\ude00',
    '*',
    'arn:',
    'arn:aws:lambda:::',
  ),
);

const hostile: fc.Arbitrary<unknown> = fc.oneof(
  hostileText,
  fc.constantFrom<unknown>(null, true, false, 0, -1, 0.1, 2 ** 53, -(2 ** 31) - 1, 1e308, [], {}, [[]], { __proto__: null }),
  fc.constantFrom<unknown>([null], { '': '' }, { constructor: { prototype: 1 } }, JSON.parse('{"__proto__": {"polluted": true}}')),
  fc.jsonValue({ maxDepth: 4 }),
  fc.integer({ min: 50, max: 400 }).map((depth) => JSON.parse('['.repeat(depth) + ']'.repeat(depth))),
);
