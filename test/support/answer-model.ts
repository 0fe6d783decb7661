import type { Shape } from '../../src/control-api/service-model.ts';
import lambda from './answer-model.json' with { type: 'json' };
import logs from './logs-answer-model.json' with { type: 'json' };

/** The services whose answers are checked. */
export type ServiceName = 'lambda' | 'logs';

/** What an operation answers. */
export interface OperationAnswer {
  readonly status: number;
  readonly output?: string;
  readonly errors: readonly string[];
}

type AnswerMember = string | { readonly shape: string; readonly in: 'header' | 'statusCode'; readonly name: string };

/** A shape of an answer. Beside what requests have there are streams of events. */
export type AnswerShape = Omit<Shape, 'members'> & {
  readonly eventstream?: boolean;
  readonly timestampFormat?: string;
  readonly members?: Readonly<Record<string, AnswerMember>>;
};

interface Table {
  readonly operations: Readonly<Record<string, OperationAnswer>>;
  readonly shapes: Readonly<Record<string, AnswerShape>>;
}

/** The answers of one service, from its official model. */
export class AnswerModel {
  readonly service: ServiceName;
  readonly #table: Table;

  constructor(service: ServiceName, table: unknown) {
    this.service = service;
    this.#table = table as Table;
  }

  /** Throws for an operation that the service does not have. */
  operation(name: string): OperationAnswer {
    const found = this.#table.operations[name];
    if (found === undefined) throw new Error(`the service model of ${this.service} has no operation ${name}`);
    return found;
  }

  /** A shape of the table; one that is not there is a fault of the table. */
  shape(name: string): AnswerShape {
    const shape = this.#table.shapes[name];
    if (shape === undefined) throw new Error(`the answer model of ${this.service} has no shape ${name}`);
    return shape;
  }

  /** The shape behind a member, and where it travels when not in the body. */
  member(member: AnswerMember): { readonly shape: AnswerShape; readonly shapeName: string; readonly in?: string; readonly name?: string } {
    if (typeof member === 'string') return { shape: this.shape(member), shapeName: member };
    return { shape: this.shape(member.shape), shapeName: member.shape, in: member.in, name: member.name };
  }
}

export const answerModels: Readonly<Record<ServiceName, AnswerModel>> = {
  lambda: new AnswerModel('lambda', lambda),
  logs: new AnswerModel('logs', logs),
};
