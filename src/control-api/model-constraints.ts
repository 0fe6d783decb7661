import { ApiError } from './api-error.ts';
import type { BoundInput } from './bind-input.ts';
import type { Shape } from './service-model.ts';
import { shapeNamed } from './service-model.ts';

const maxEchoLength = 1_024;
/** Beyond this a pattern is not tried: no name that a pattern describes is longer, and a match costs time. */
const maxPatternLength = 16_384;
/** Lambda answers an unknown runtime with an error of its own. */
const membersWithOwnCheck: ReadonlySet<string> = new Set(['Runtime']);
/** Lists whose members may be null, as recorded answers print them: their constraint ends without `Member must not be null`. */
const sparseLists: ReadonlySet<string> = new Set(['SubnetIds', 'SecurityGroupIds']);
/** Recorded answers print this list's constraint as if it were its members', and before those of other members. */
const listsCheckedAsMembers: ReadonlySet<string> = new Set(['CompatibleRuntimes']);
/** Enumerations that recorded answers print in another order than the model's. */
const printedOrders: Readonly<Record<string, readonly string[]>> = {
  EventSourcePosition: ['LATEST', 'AT_TIMESTAMP', 'TRIM_HORIZON'],
  InvokeMode: ['RESPONSE_STREAM', 'BUFFERED'],
  RecursiveLoop: ['Terminate', 'Allow'],
};
const patterns = new Map<string, RegExp>();

/** Throws Lambda's ValidationException, naming every constraint of the service model that the input breaks. */
export function checkModelConstraints(inputShape: string, input: BoundInput): void {
  const violations = structureViolations(shapeNamed(inputShape), input, '');
  if (violations.length === 0) return;
  const count = violations.length === 1 ? '1 validation error' : `${violations.length} validation errors`;
  throw new ApiError('ValidationException', `${count} detected: ${violations.join('; ')}`);
}

function structureViolations(shape: Shape, value: BoundInput, path: string): string[] {
  const violations: string[] = [];
  const members = Object.entries(shape.members ?? {});
  for (const [name, member] of [...members.filter(isCheckedFirst), ...members.filter((each) => !isCheckedFirst(each))]) {
    const memberPath = `${path}${name.charAt(0).toLowerCase()}${name.slice(1)}`;
    const memberValue = Object.hasOwn(value, name) ? value[name] : undefined;
    if (memberValue === undefined) {
      if (shape.required?.includes(name)) violations.push(`Value null at '${memberPath}' failed to satisfy constraint: Member must not be null`);
    } else if (!membersWithOwnCheck.has(name)) {
      violations.push(...valueViolations(named(typeof member === 'string' ? member : member.shape), memberValue, memberPath));
    }
  }
  return violations;
}

function isCheckedFirst([, member]: readonly [string, unknown]): boolean {
  return typeof member === 'string' && listsCheckedAsMembers.has(member);
}

/** A shape and what the model calls it: exceptions go by the name. */
interface NamedShape {
  readonly name: string;
  readonly shape: Shape;
}

const named = (name: string): NamedShape => ({ name, shape: shapeNamed(name) });

function valueViolations(type: NamedShape, value: unknown, path: string): string[] {
  const { shape } = type;
  if (shape.type === 'structure') return structureViolations(shape, value as BoundInput, `${path}.`);
  const violations = brokenConstraints(type, value).map((constraint) => violation(shape, value, path, constraint));
  if (shape.type === 'list') violations.push(...listViolations(type, value as readonly unknown[], path));
  if (shape.type === 'map') violations.push(...mapViolations(shape, value as Readonly<Record<string, unknown>>, path));
  return violations;
}

function listViolations({ name, shape }: NamedShape, items: readonly unknown[], path: string): string[] {
  const member = named(shape.member ?? '');
  if (member.shape.type === 'structure') {
    return items.flatMap((item, index) =>
      item === null
        ? [`Value null at '${path}.${index + 1}.member' failed to satisfy constraint: Member must not be null`]
        : structureViolations(member.shape, item as BoundInput, `${path}.${index + 1}.member.`),
    );
  }
  if (items.every((item) => item !== null && brokenConstraints(member, item).length === 0)) return [];
  if (listsCheckedAsMembers.has(name)) return [violation(shape, items, path, allConstraints(member).join(', '))];
  const constraints = [...allConstraints(member), ...(sparseLists.has(name) ? [] : [notNull])];
  return [violation(shape, items, path, `Member must satisfy constraint: [${constraints.join(', ')}]`)];
}

function mapViolations(shape: Shape, entries: Readonly<Record<string, unknown>>, path: string): string[] {
  const key = named(shape.key ?? '');
  const item = named(shape.value ?? '');
  const violations: string[] = [];
  if (Object.keys(entries).some((name) => brokenConstraints(key, name).length > 0)) {
    violations.push(violation(shape, entries, path, `Map keys must satisfy constraint: [${allConstraints(key).join(', ')}]`));
  }
  if (Object.values(entries).some((value) => value === null || brokenConstraints(item, value).length > 0)) {
    violations.push(violation(shape, entries, path, `Map value must satisfy constraint: [${[...allConstraints(item), notNull].join(', ')}]`));
  }
  return violations;
}

function brokenConstraints(type: NamedShape, value: unknown): string[] {
  const { shape } = type;
  const broken: string[] = [];
  const size = sizeOf(shape, value);
  if (shape.max !== undefined && size > shape.max) broken.push(atMost(shape, shape.max));
  if (shape.min !== undefined && size < shape.min) broken.push(atLeast(shape, shape.min));
  if (typeof value === 'string') {
    if (shape.enum !== undefined && !shape.enum.includes(value)) broken.push(oneOf(type, shape.enum));
    if (shape.pattern !== undefined && value.length <= maxPatternLength && !patternOf(shape.pattern).test(value))
      broken.push(matching(shape.pattern));
  }
  return broken;
}

function sizeOf(shape: Shape, value: unknown): number {
  if (typeof value === 'number') return value;
  if (typeof value === 'string' || Array.isArray(value) || value instanceof Uint8Array) return value.length;
  if (shape.type === 'map') return Object.keys(value as object).length;
  return 0;
}

function allConstraints(type: NamedShape): string[] {
  const { max, min, enum: values, pattern } = type.shape;
  return [
    ...(max === undefined ? [] : [atMost(type.shape, max)]),
    ...(min === undefined ? [] : [atLeast(type.shape, min)]),
    ...(values === undefined ? [] : [oneOf(type, values)]),
    ...(pattern === undefined ? [] : [matching(pattern)]),
  ];
}

const notNull = 'Member must not be null';
const measured = (shape: Shape) => (shape.type === 'integer' || shape.type === 'long' || shape.type === 'double' ? 'value' : 'length');
const atMost = (shape: Shape, max: number) => `Member must have ${measured(shape)} less than or equal to ${echo(shape, max)}`;
const atLeast = (shape: Shape, min: number) => `Member must have ${measured(shape)} greater than or equal to ${echo(shape, min)}`;
const oneOf = ({ name }: NamedShape, values: readonly string[]) =>
  `Member must satisfy enum value set: [${(printedOrders[name] ?? values).join(', ')}]`;
const matching = (pattern: string) => `Member must satisfy regular expression pattern: ${pattern}`;

function violation(shape: Shape, value: unknown, path: string, constraint: string): string {
  const text = shape.sensitive === true ? '' : ` '${shortened(echo(shape, value))}'`;
  return `Value${text} at '${path}' failed to satisfy constraint: ${constraint}`;
}

/** Values as Java prints them, which is how Lambda's messages show them: a double that is whole keeps its `.0`. */
function echo(shape: Shape, value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return `[${value.map((item) => echo(shapeNamed(shape.member ?? ''), item)).join(', ')}]`;
  if (shape.type === 'map') {
    const entries = Object.entries(value as object).map(([key, item]) => `${key}=${echo(shapeNamed(shape.value ?? ''), item)}`);
    return `{${entries.join(', ')}}`;
  }
  return shape.type === 'double' && Number.isInteger(value) ? `${value}.0` : String(value);
}

function shortened(text: string): string {
  return text.length > maxEchoLength ? `${text.slice(0, maxEchoLength)}…` : text;
}

/** The model's patterns are Java's and match whole values; most also read as JavaScript's with the Unicode flag. */
function patternOf(source: string): RegExp {
  const known = patterns.get(source);
  if (known !== undefined) return known;
  const whole = `^(?:${source})$`;
  let pattern: RegExp;
  try {
    pattern = new RegExp(whole, 'u');
  } catch {
    pattern = new RegExp(whole);
  }
  patterns.set(source, pattern);
  return pattern;
}
