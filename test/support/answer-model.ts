import type { Shape } from '../../src/control-api/service-model.ts';
import table from './answer-model.json' with { type: 'json' };

/** What an operation of Lambda's API answers. */
export interface AnswerModel {
  readonly status: number;
  readonly output?: string;
  readonly errors: readonly string[];
}

/** A shape of an answer. Beside what requests have there are streams of events. */
export type AnswerShape = Omit<Shape, 'members'> & {
  readonly eventstream?: boolean;
  readonly timestampFormat?: string;
  readonly members?: Readonly<Record<string, string | { readonly shape: string; readonly in: 'header' | 'statusCode'; readonly name: string }>>;
};

const model = table as unknown as {
  readonly operations: Readonly<Record<string, AnswerModel>>;
  readonly shapes: Readonly<Record<string, AnswerShape>>;
};

/** Throws for an operation that Lambda does not have. */
export function answerModelOf(operation: string): AnswerModel {
  const found = model.operations[operation];
  if (found === undefined) throw new Error(`the service model has no operation ${operation}`);
  return found;
}

/** A shape of the table; one that is not there is a fault of the table. */
export function answerShape(name: string): AnswerShape {
  const shape = model.shapes[name];
  if (shape === undefined) throw new Error(`the answer model has no shape ${name}`);
  return shape;
}

/** The shape behind a member, and where it travels when not in the body. */
export function answerMember(member: string | { readonly shape: string; readonly in: string; readonly name: string }): {
  readonly shape: AnswerShape;
  readonly shapeName: string;
  readonly in?: string;
  readonly name?: string;
} {
  if (typeof member === 'string') return { shape: answerShape(member), shapeName: member };
  return { shape: answerShape(member.shape), shapeName: member.shape, in: member.in, name: member.name };
}
