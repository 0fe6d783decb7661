import { alwaysSentByOperation, alwaysSentByShape } from './always-sent-members.ts';
import { type AnswerShape, answerMember, answerModelOf, answerShape } from './answer-model.ts';

/** An answer as it came over HTTP. */
export interface RawAnswer {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  /** Undefined when a client kept the stream to itself. */
  readonly body: Buffer | undefined;
}

/** Operations whose successes have other statuses than the model's: Invoke by its invocation type, and DeleteFunction, recorded with 204. */
const otherStatuses: Readonly<Record<string, readonly number[]>> = { Invoke: [200, 202, 204], DeleteFunction: [204] };
/** Errors of AWS's front door and of this service as a whole, which the model does not list for each operation. */
const undeclaredErrors: ReadonlySet<string> = new Set([
  'AccessDeniedException',
  'ExpiredTokenException',
  'IncompleteSignatureException',
  'InvalidRequestContentException',
  'InvalidSignatureException',
  'MissingAuthenticationTokenException',
  'NotImplementedException',
  'RequestEntityTooLargeException',
  'SerializationException',
  'UnknownOperationException',
  'UnrecognizedClientException',
  'ValidationException',
]);

/** Where an answer departs from the service model: members it does not know, wrong types, members that Lambda always sends and that are missing. */
export function answerFaults(operation: string, answer: RawAnswer): readonly string[] {
  return answer.status < 300 ? successFaults(operation, answer) : errorFaults(operation, answer);
}

function successFaults(operation: string, { status, headers, body }: RawAnswer): readonly string[] {
  const { status: modelled, output } = answerModelOf(operation);
  const faults = (otherStatuses[operation] ?? [modelled]).includes(status) ? [] : [`status ${status}, not ${modelled}`];
  if (output === undefined)
    return body === undefined || body.length === 0 ? faults : [...faults, `a body where there is none: ${body.subarray(0, 80)}`];
  const shape = answerShape(output);
  const inBody: Record<string, string> = {};
  for (const [name, member] of Object.entries(shape.members ?? {})) {
    const { in: place, name: header = '' } = answerMember(member);
    if (typeof member === 'string') inBody[name] = member;
    else if (place === 'header' && shape.required?.includes(name) && headers[header.toLowerCase()] === undefined) faults.push(`no header ${header}`);
  }
  if (shape.payload !== undefined || body === undefined) return faults;
  if (Object.keys(inBody).length === 0) return body.length === 0 || body.toString() === '{}' ? faults : [...faults, 'a body where there is none'];
  const parsed = parseBody(body, headers);
  if (typeof parsed === 'string') return [...faults, parsed];
  const required = [...(shape.required ?? []), ...(alwaysSentByShape[output] ?? []), ...(alwaysSentByOperation[operation] ?? [])];
  return [...faults, ...structureFaults({ ...shape, members: inBody }, required, parsed.value, '')];
}

function errorFaults(operation: string, { status, headers, body }: RawAnswer): readonly string[] {
  const type = headers['x-amzn-errortype'] ?? '';
  if (type === '') return [`an error ${status} without its type in a header`];
  const declared = answerModelOf(operation).errors.includes(type);
  if (!declared && !undeclaredErrors.has(type)) return [`${type} is none of this operation's errors`];
  if (body === undefined) return [];
  const parsed = parseBody(body, headers);
  if (typeof parsed === 'string') return [parsed];
  if (!declared) return [];
  const { members = {} } = answerShape(type);
  const sent = Object.fromEntries(Object.entries(members).filter(([, member]) => typeof member === 'string'));
  // The model spells it `Message` for some errors, and Lambda sends it as modelled.
  const text = ['message', 'Message'].filter((name) => Object.hasOwn(sent, name));
  return structureFaults({ type: 'structure', members: sent }, text, parsed.value, '');
}

function parseBody(body: Buffer, headers: Readonly<Record<string, string>>): { readonly value: unknown } | string {
  if (headers['content-type'] !== 'application/json') return `content type ${headers['content-type']}`;
  try {
    return { value: JSON.parse(body.toString()) };
  } catch {
    return `not JSON: ${body.subarray(0, 80)}`;
  }
}

function structureFaults(shape: AnswerShape, required: readonly string[], value: unknown, path: string): string[] {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return [`${path || 'the answer'} is not an object`];
  const sent = value as Readonly<Record<string, unknown>>;
  const members = shape.members ?? {};
  return [
    ...Object.keys(sent).flatMap((name) => {
      const member = Object.hasOwn(members, name) ? members[name] : undefined;
      return member === undefined ? [`${path}${name} is not in the model`] : valueFaults(answerMember(member), sent[name], `${path}${name}`);
    }),
    ...new Set(required.filter((name) => sent[name] === undefined || sent[name] === null).map((name) => `${path}${name} is missing`)),
  ];
}

function valueFaults({ shape, shapeName }: { shape: AnswerShape; shapeName: string }, value: unknown, path: string): string[] {
  const fits = (right: boolean) => (right ? [] : [`${path} is not of type ${shape.type}: ${JSON.stringify(value)?.slice(0, 80)}`]);
  if (value === null) return [`${path} is null`];
  switch (shape.type) {
    case 'structure':
      return structureFaults(shape, [...(shape.required ?? []), ...(alwaysSentByShape[shapeName] ?? [])], value, `${path}.`);
    case 'list':
      if (!Array.isArray(value)) return fits(false);
      return value.flatMap((item, index) => valueFaults(answerMember(shape.member ?? ''), item, `${path}[${index}]`));
    case 'map':
      if (typeof value !== 'object' || Array.isArray(value)) return fits(false);
      return Object.entries(value).flatMap(([key, item]) => valueFaults(answerMember(shape.value ?? ''), item, `${path}.${key}`));
    case 'string':
      if (typeof value !== 'string') return fits(false);
      return shape.enum === undefined || shape.enum.includes(value) ? [] : [`${path} has the unknown value ${value}`];
    case 'blob':
      return fits(typeof value === 'string');
    case 'boolean':
      return fits(typeof value === 'boolean');
    case 'timestamp':
      // rest-json: seconds since the epoch, unless the model says otherwise.
      return fits(
        shape.timestampFormat === undefined || shape.timestampFormat === 'unixTimestamp' ? typeof value === 'number' : typeof value === 'string',
      );
    default:
      return fits(typeof value === 'number');
  }
}
