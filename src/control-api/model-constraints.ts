import { ApiError } from './api-error.ts';
import type { BoundInput } from './bind-input.ts';
import type { Shape } from './service-model.ts';
import { shapeNamed } from './service-model.ts';

const maxEchoLength = 1_024;
/** Beyond this a pattern is not tried: no name that a pattern describes is longer, and a match costs time. */
const maxPatternLength = 16_384;
/** Lambda answers an unknown runtime with an error of its own. */
const membersWithOwnCheck: ReadonlySet<string> = new Set(['Runtime']);
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
  for (const [name, member] of Object.entries(shape.members ?? {})) {
    const memberPath = `${path}${name.charAt(0).toLowerCase()}${name.slice(1)}`;
    const memberValue = Object.hasOwn(value, name) ? value[name] : undefined;
    if (memberValue === undefined) {
      if (shape.required?.includes(name)) violations.push(`Value null at '${memberPath}' failed to satisfy constraint: Member must not be null`);
    } else if (!membersWithOwnCheck.has(name)) {
      violations.push(...valueViolations(shapeNamed(typeof member === 'string' ? member : member.shape), memberValue, memberPath));
    }
  }
  return violations;
}

function valueViolations(shape: Shape, value: unknown, path: string): string[] {
  if (shape.type === 'structure') return structureViolations(shape, value as BoundInput, `${path}.`);
  const broken = brokenConstraints(shape, value);
  const violations = broken.map((constraint) => violation(shape, value, path, constraint));
  if (shape.type === 'list') violations.push(...listViolations(shape, value as readonly unknown[], path));
  if (shape.type === 'map') violations.push(...mapViolations(shape, value as Readonly<Record<string, unknown>>, path));
  return violations;
}

function listViolations(shape: Shape, items: readonly unknown[], path: string): string[] {
  const member = shapeNamed(shape.member ?? '');
  if (member.type === 'structure') {
    return items.flatMap((item, index) =>
      item === null
        ? [`Value null at '${path}.${index + 1}.member' failed to satisfy constraint: Member must not be null`]
        : structureViolations(member, item as BoundInput, `${path}.${index + 1}.member.`),
    );
  }
  if (items.every((item) => item !== null && brokenConstraints(member, item).length === 0)) return [];
  return [violation(shape, items, path, `Member must satisfy constraint: [${allConstraints(member).join(', ')}]`)];
}

function mapViolations(shape: Shape, entries: Readonly<Record<string, unknown>>, path: string): string[] {
  const key = shapeNamed(shape.key ?? '');
  const item = shapeNamed(shape.value ?? '');
  const violations: string[] = [];
  if (Object.keys(entries).some((name) => brokenConstraints(key, name).length > 0)) {
    violations.push(violation(shape, entries, path, `Map keys must satisfy constraint: [${allConstraints(key).join(', ')}]`));
  }
  if (Object.values(entries).some((value) => value === null || brokenConstraints(item, value).length > 0)) {
    violations.push(violation(shape, entries, path, `Map value must satisfy constraint: [${allConstraints(item).join(', ')}]`));
  }
  return violations;
}

function brokenConstraints(shape: Shape, value: unknown): string[] {
  const broken: string[] = [];
  const size = sizeOf(shape, value);
  if (shape.max !== undefined && size > shape.max) broken.push(atMost(shape));
  if (shape.min !== undefined && size < shape.min) broken.push(atLeast(shape));
  if (typeof value === 'string') {
    if (shape.enum !== undefined && !shape.enum.includes(value)) broken.push(oneOf(shape));
    if (shape.pattern !== undefined && value.length <= maxPatternLength && !patternOf(shape.pattern).test(value)) broken.push(matching(shape));
  }
  return broken;
}

function sizeOf(shape: Shape, value: unknown): number {
  if (typeof value === 'number') return value;
  if (typeof value === 'string' || Array.isArray(value) || value instanceof Uint8Array) return value.length;
  if (shape.type === 'map') return Object.keys(value as object).length;
  return 0;
}

function allConstraints(shape: Shape): string[] {
  return [
    ...(shape.max === undefined ? [] : [atMost(shape)]),
    ...(shape.min === undefined ? [] : [atLeast(shape)]),
    ...(shape.enum === undefined ? [] : [oneOf(shape)]),
    ...(shape.pattern === undefined ? [] : [matching(shape)]),
    'Member must not be null',
  ];
}

const measured = (shape: Shape) => (shape.type === 'integer' || shape.type === 'long' || shape.type === 'double' ? 'value' : 'length');
const atMost = (shape: Shape) => `Member must have ${measured(shape)} less than or equal to ${shape.max}`;
const atLeast = (shape: Shape) => `Member must have ${measured(shape)} greater than or equal to ${shape.min}`;
const oneOf = (shape: Shape) => `Member must satisfy enum value set: [${shape.enum?.join(', ')}]`;
const matching = (shape: Shape) => `Member must satisfy regular expression pattern: ${shape.pattern}`;

function violation(shape: Shape, value: unknown, path: string, constraint: string): string {
  const shown = shape.sensitive === true ? '' : ` '${echo(value)}'`;
  return `Value${shown} at '${path}' failed to satisfy constraint: ${constraint}`;
}

/** Values as Java prints them, which is how Lambda's messages show them. */
function echo(value: unknown): string {
  const text = Array.isArray(value)
    ? `[${value.join(', ')}]`
    : typeof value === 'object' && value !== null
      ? `{${Object.entries(value)
          .map(([key, item]) => `${key}=${item}`)
          .join(', ')}}`
      : String(value);
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
