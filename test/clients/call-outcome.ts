import type { RawAnswer } from '../support/answer-faults.ts';
import type { AnswerModel, AnswerShape, ServiceName } from '../support/answer-model.ts';
import { answerModels } from '../support/answer-model.ts';
import type { CallerName, Members } from './client-case.ts';

/** One call for a client to make. */
export interface ClientCall {
  readonly service: ServiceName;
  readonly operation: string;
  readonly as: CallerName;
  readonly input: Members;
}

/** What a client made of the answer, and the answer itself. */
export type CallOutcome = { readonly raw: RawAnswer } & (
  | { readonly answer: Members; readonly error?: undefined }
  | { readonly answer?: undefined; readonly error: { readonly code: string; readonly message: string } }
);

/** A client that makes calls, one after the other. */
export interface RealClient extends AsyncDisposable {
  call(call: ClientCall): Promise<CallOutcome>;
}

/** Clients show timestamps as dates, as numbers or as text: the same answer with all of them as ISO 8601 in UTC. */
export function withIsoTimestamps(service: ServiceName, operation: string, answer: Members): Members {
  const model = answerModels[service];
  const { output } = model.operation(operation);
  return output === undefined ? answer : (convert(model, model.shape(output), answer) as Members);
}

function convert(model: AnswerModel, shape: AnswerShape, value: unknown): unknown {
  if (value === undefined || value === null) return value;
  if (shape.type === 'timestamp') return new Date(typeof value === 'number' ? value * 1_000 : String(value)).toISOString();
  if (shape.type === 'list' && Array.isArray(value)) return value.map((item) => convert(model, model.shape(shape.member ?? ''), item));
  if (typeof value !== 'object') return value;
  if (shape.type === 'map') return mapValues(value, (item) => convert(model, model.shape(shape.value ?? ''), item));
  if (shape.type !== 'structure' || shape.eventstream === true) return value;
  return mapValues(value, (item, name) => {
    const member = shape.members?.[name];
    return member === undefined ? item : convert(model, model.member(member).shape, item);
  });
}

function mapValues(object: object, change: (value: unknown, name: string) => unknown): Members {
  return Object.fromEntries(Object.entries(object).map(([name, value]) => [name, change(value, name)]));
}
