import { alwaysSentByOperation, alwaysSentByShape, leftOutByOperation, valuesBesideModel } from './always-sent-members.ts';
import type { AnswerModel, AnswerShape, ServiceName } from './answer-model.ts';
import { answerModels } from './answer-model.ts';

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
const contentTypes: Readonly<Record<ServiceName, string>> = { lambda: 'application/json', logs: 'application/x-amz-json-1.1' };
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
export function answerFaults(operation: string, answer: RawAnswer, service: ServiceName = 'lambda'): readonly string[] {
  const model = answerModels[service];
  return answer.status < 300 ? successFaults(model, operation, answer) : errorFaults(model, operation, answer);
}

function successFaults(model: AnswerModel, operation: string, { status, headers, body }: RawAnswer): readonly string[] {
  const { status: modelled, output } = model.operation(operation);
  const faults = (otherStatuses[operation] ?? [modelled]).includes(status) ? [] : [`status ${status}, not ${modelled}`];
  const isEmpty = body === undefined || body.length === 0 || body.toString() === '{}';
  if (output === undefined) return isEmpty ? faults : [...faults, 'a body where there is none'];
  const shape = model.shape(output);
  const members = Object.entries(shape.members ?? {}).map(([name, member]) => ({ name, member, ...describe(model, member) }));
  for (const { name, place, header } of members) {
    if (place === 'header' && shape.required?.includes(name) && headers[header] === undefined) faults.push(`no header ${header}`);
  }
  // A payload is the caller's own bytes; a stream of events has a frame of its own.
  if (shape.payload !== undefined || body === undefined || members.some(({ isStream }) => isStream)) return faults;
  const inBody = members.filter(({ place }) => place === 'body');
  if (inBody.length === 0) return isEmpty ? faults : [...faults, 'a body where there is none'];
  const parsed = parseBody(body, headers, model.service);
  if (typeof parsed === 'string') return [...faults, parsed];
  const modelledRequired = (shape.required ?? []).filter((name) => !leftOutByOperation[operation]?.includes(name));
  const required = [...modelledRequired, ...(alwaysSentByShape[output] ?? []), ...(alwaysSentByOperation[operation] ?? [])];
  const bodyShape = { ...shape, members: Object.fromEntries(inBody.map(({ name, member }) => [name, member])) };
  return [...faults, ...structureFaults(model, { shape: bodyShape, required, value: parsed.value, path: '' })];
}

function describe(model: AnswerModel, member: Parameters<AnswerModel['member']>[0]) {
  const { shape, in: place = 'body', name: header = '' } = model.member(member);
  return { place, header: header.toLowerCase(), isStream: shape.eventstream === true };
}

function errorFaults(model: AnswerModel, operation: string, { status, headers, body }: RawAnswer): readonly string[] {
  const type = headers['x-amzn-errortype'] ?? '';
  if (type === '') return [`an error ${status} without its type in a header`];
  const declared = model.operation(operation).errors.includes(type);
  if (!declared && !undeclaredErrors.has(type)) return [`${type} is none of this operation's errors`];
  if (body === undefined) return [];
  const parsed = parseBody(body, headers, model.service);
  if (typeof parsed === 'string') return [parsed];
  if (!declared) return [];
  const { members = {} } = model.shape(type);
  const modelled = Object.fromEntries(Object.entries(members).filter(([, member]) => typeof member === 'string'));
  // The model of CloudWatch Logs leaves out the text of most errors.
  const sent = model.service === 'logs' ? { message: 'Message', ...modelled } : modelled;
  // The model spells it `Message` for some errors, and Lambda sends it as modelled.
  const required = ['message', 'Message'].filter((name) => Object.hasOwn(sent, name));
  // The JSON protocol of CloudWatch Logs names the type in the body, too.
  const { __type: _type, ...value } = parsed.value as Readonly<Record<string, unknown>>;
  return structureFaults(model, { shape: { type: 'structure', members: sent }, required, value, path: '' });
}

function parseBody(body: Buffer, headers: Readonly<Record<string, string>>, service: ServiceName): { readonly value: unknown } | string {
  if (headers['content-type'] !== contentTypes[service]) return `content type ${headers['content-type']}`;
  try {
    return { value: JSON.parse(body.toString()) };
  } catch {
    return `not JSON: ${body.subarray(0, 80)}`;
  }
}

function structureFaults(
  model: AnswerModel,
  { shape, required, value, path }: { shape: AnswerShape; required: readonly string[]; value: unknown; path: string },
): string[] {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return [`${path || 'the answer'} is not an object`];
  const sent = value as Readonly<Record<string, unknown>>;
  const members = shape.members ?? {};
  return [
    ...Object.keys(sent).flatMap((name) => {
      const member = Object.hasOwn(members, name) ? members[name] : undefined;
      return member === undefined ? [`${path}${name} is not in the model`] : valueFaults(model, model.member(member), sent[name], `${path}${name}`);
    }),
    ...new Set(required.filter((name) => sent[name] === undefined || sent[name] === null).map((name) => `${path}${name} is missing`)),
  ];
}

function valueFaults(
  model: AnswerModel,
  { shape, shapeName }: { readonly shape: AnswerShape; readonly shapeName: string },
  value: unknown,
  path: string,
): string[] {
  const fits = (right: boolean) => (right ? [] : [`${path} is not of type ${shape.type}: ${JSON.stringify(value)?.slice(0, 80)}`]);
  if (value === null) return [`${path} is null`];
  switch (shape.type) {
    case 'structure': {
      const required = [...(shape.required ?? []), ...(alwaysSentByShape[shapeName] ?? [])];
      return structureFaults(model, { shape, required, value, path: `${path}.` });
    }
    case 'list':
      if (!Array.isArray(value)) return fits(false);
      return value.flatMap((item, index) => valueFaults(model, model.member(shape.member ?? ''), item, `${path}[${index}]`));
    case 'map':
      if (typeof value !== 'object' || Array.isArray(value)) return fits(false);
      return Object.entries(value).flatMap(([key, item]) => valueFaults(model, model.member(shape.value ?? ''), item, `${path}.${key}`));
    case 'string':
      if (typeof value !== 'string') return fits(false);
      return shape.enum === undefined || shape.enum.includes(value) || valuesBesideModel[shapeName]?.includes(value)
        ? []
        : [`${path} has the unknown value ${value}`];
    case 'blob':
      return fits(typeof value === 'string');
    case 'boolean':
      return fits(typeof value === 'boolean');
    case 'timestamp':
      // JSON carries seconds since the epoch, unless the model says otherwise.
      return fits(
        shape.timestampFormat === undefined || shape.timestampFormat === 'unixTimestamp' ? typeof value === 'number' : typeof value === 'string',
      );
    default:
      return fits(typeof value === 'number');
  }
}
