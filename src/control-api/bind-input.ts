import { isUtf8 } from 'node:buffer';
import { ApiError } from './api-error.ts';
import type { BoundMember, Shape } from './service-model.ts';
import { shapeNamed } from './service-model.ts';

/** The parts of a request that carry an operation's input. */
export interface RequestParts {
  readonly pathParameters: Readonly<Record<string, string>>;
  readonly query: Readonly<Record<string, string | string[]>>;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Buffer | undefined;
}

/** Input members by name; absent members are left out, numbers, booleans and blobs have their own types. */
export type BoundInput = Readonly<Record<string, unknown>>;

/** Gathers an operation's input from where the service model says each member travels. Throws SerializationException for a wrong type. */
export function bindInput(inputShape: string, parts: RequestParts): BoundInput {
  const shape = shapeNamed(inputShape);
  const members = Object.entries(shape.members ?? {});
  const hasBodyMembers = shape.payload === undefined && members.some(([, member]) => typeof member === 'string');
  const body = hasBodyMembers ? parseJsonObject(parts.body) : {};
  const bound: [string, unknown][] = [];
  for (const [name, member] of members) {
    const value = name === shape.payload ? parts.body : typeof member === 'string' ? fromBody(member, name, body) : fromText(member, parts);
    if (value !== undefined) bound.push([name, value]);
  }
  return Object.fromEntries(bound);
}

/** The JSON of a body; throws InvalidRequestContentException when it is not JSON in UTF-8. */
export function parseJson(body: Buffer): unknown {
  if (!isUtf8(body)) throw new ApiError('InvalidRequestContentException', 'Could not parse request body into json: Invalid UTF-8');
  try {
    return JSON.parse(body.toString('utf8'));
  } catch (error) {
    const reason = error instanceof SyntaxError ? error.message : 'It is nested too deeply';
    throw new ApiError('InvalidRequestContentException', `Could not parse request body into json: ${reason}`);
  }
}

function parseJsonObject(body: Buffer | undefined): Readonly<Record<string, unknown>> {
  if (body === undefined || body.length === 0) return {};
  const parsed = parseJson(body);
  if (!isPlainObject(parsed)) throw mismatch(parsed, 'a Structure');
  return parsed;
}

function fromBody(shapeName: string, name: string, body: Readonly<Record<string, unknown>>): unknown {
  return Object.hasOwn(body, name) ? convert(shapeNamed(shapeName), body[name]) : undefined;
}

function fromText(member: BoundMember, parts: RequestParts): unknown {
  const source = member.in === 'uri' ? parts.pathParameters : member.in === 'querystring' ? parts.query : parts.headers;
  const key = member.in === 'header' ? member.name.toLowerCase() : member.name;
  const value = Object.hasOwn(source, key) ? source[key] : undefined;
  if (value === undefined) return undefined;
  const shape = shapeNamed(member.shape);
  if (shape.type === 'list') return Array.isArray(value) ? value : [value];
  const text = Array.isArray(value) ? (value.at(-1) ?? '') : value;
  if (shape.type === 'integer' || shape.type === 'long') {
    if (!/^-?\d{1,15}$/.test(text)) throw new ApiError('SerializationException', `'${text.slice(0, 64)}' can not be converted to an Integer`);
    return convert(shape, Number(text));
  }
  if (shape.type === 'boolean') {
    if (text !== 'true' && text !== 'false') throw new ApiError('SerializationException', `'${text.slice(0, 64)}' can not be converted to a Boolean`);
    return text === 'true';
  }
  return text;
}

/** Checks a JSON value's type against a shape, all the way down. JSON's null is an absent member, as in Lambda. */
function convert(shape: Shape, value: unknown): unknown {
  if (value === null || value === undefined) return undefined;
  switch (shape.type) {
    case 'string':
    case 'timestamp':
      return expectType(typeof value === 'string', value, 'a String');
    case 'boolean':
      return expectType(typeof value === 'boolean', value, 'a Boolean');
    case 'double':
      return expectType(typeof value === 'number', value, 'a Double');
    case 'integer':
      return expectType(typeof value === 'number' && Number.isInteger(value) && Math.abs(value) < 2 ** 31, value, 'an Integer');
    case 'long':
      return expectType(typeof value === 'number' && Number.isSafeInteger(value), value, 'a Long');
    case 'blob':
      return decodeBlob(value);
    case 'list':
      if (!Array.isArray(value)) throw mismatch(value, 'a List');
      return value.map((item) => convert(partOf(shape.member), item) ?? null);
    case 'map':
      if (!isPlainObject(value)) throw mismatch(value, 'a Map');
      return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, convert(partOf(shape.value), item) ?? null]));
    case 'structure':
      return convertStructure(shape, value);
  }
}

function convertStructure(shape: Shape, value: unknown): BoundInput {
  if (!isPlainObject(value)) throw mismatch(value, 'a Structure');
  const bound: [string, unknown][] = [];
  for (const [name, member] of Object.entries(shape.members ?? {})) {
    if (!Object.hasOwn(value, name)) continue;
    const converted = convert(shapeNamed(typeof member === 'string' ? member : member.shape), value[name]);
    if (converted !== undefined) bound.push([name, converted]);
  }
  return Object.fromEntries(bound);
}

function decodeBlob(value: unknown): Buffer {
  if (typeof value !== 'string') throw mismatch(value, 'a Blob');
  const bytes = Buffer.from(value, 'base64');
  const padding = value.endsWith('==') ? 2 : value.endsWith('=') ? 1 : 0;
  // Node skips what is not base64, so a bad text decodes to fewer bytes than its length stands for.
  if (bytes.length !== Math.floor(((value.length - padding) * 3) / 4)) throw new ApiError('SerializationException', 'The blob is not valid base64');
  return bytes;
}

function partOf(name: string | undefined): Shape {
  return shapeNamed(name ?? '');
}

function expectType(fits: boolean, value: unknown, wanted: string): unknown {
  if (!fits) throw mismatch(value, wanted);
  return value;
}

/** The words are those of AWS's own deserializer: what it found, and for scalars what it wanted. */
function mismatch(value: unknown, wanted: string): ApiError {
  return new ApiError('SerializationException', describeMismatch(value, wanted));
}

function describeMismatch(value: unknown, wanted: string): string {
  if (Array.isArray(value)) return 'Start of list found where not expected';
  if (typeof value === 'object' && value !== null) return 'Start of structure or map found where not expected.';
  if (wanted === 'a Structure') return 'Expected null';
  if (wanted === 'a List') return 'Expected list or null';
  if (wanted === 'a Map') return 'Expected map or null';
  return `${tokenOf(value)} can not be converted to ${wanted}`;
}

function tokenOf(value: unknown): string {
  if (typeof value === 'boolean') return value ? 'TRUE_VALUE' : 'FALSE_VALUE';
  if (typeof value === 'number') return Number.isInteger(value) ? 'NUMBER_VALUE' : 'DECIMAL_VALUE';
  return 'STRING_VALUE';
}

function isPlainObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
