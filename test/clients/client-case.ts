import type { ServiceName } from '../support/answer-model.ts';

/** The three real clients that every case goes through. */
export const clientNames = ['javascript', 'boto3', 'cli'] as const;
export type ClientName = (typeof clientNames)[number];

/** Who calls: the account that owns the functions, a second account, or the first with a secret that is not its own. */
export type CallerName = 'own' | 'other' | 'wrong-secret';

/** Members of an input or of an answer. Bytes are Uint8Array. */
export type Members = Readonly<Record<string, unknown>>;

/** What a case can refer to. Each client runs the case in a scope of its own, so nothing that one makes is in another's way. */
export interface CaseScope {
  readonly client: ClientName;
  /** A name that only this case has with this client, for functions and layers alike. */
  readonly name: string;
  /** Further such names. */
  named(suffix: string): string;
  /** A function that is there for every case of this client, with version 1 published. Only to be read: a case that changes one makes its own. */
  readonly shared: string;
  readonly region: string;
  readonly accountId: string;
  /** The second account, whose calls are those of `as: 'other'`. */
  readonly otherAccountId: string;
  functionArn(name: string, qualifier?: string): string;
  layerArn(name: string, version?: number): string;
  /** Small zips that build: `code` and `otherCode` differ, `layer` holds one file. */
  readonly zips: { readonly code: Uint8Array; readonly otherCode: Uint8Array; readonly layer: Uint8Array };
  /** Answers of earlier steps, by the name of their `save`. Throws for a name nobody saved. */
  saved(name: string): Members;
}

/** Data, or data that needs the scope. */
export type Scoped<T> = T | ((scope: CaseScope) => T);

/** How a call must end. */
export type Expectation =
  | {
      /** Compared as `toMatchObject` does: timestamps as ISO 8601 strings in UTC, payloads as text. */
      readonly answer: Scoped<Members>;
      readonly absent?: readonly string[];
    }
  | {
      /** `members` are compared with the error's own JSON body. */
      readonly error: {
        readonly code: string;
        readonly status: number;
        readonly message: Scoped<string | RegExp>;
        readonly members?: Scoped<Members>;
      };
    };

/** One call. Without an expectation it must succeed. */
export interface Step {
  readonly operation: string;
  /** @default 'lambda' */
  readonly service?: ServiceName;
  /** @default 'own' */
  readonly as?: CallerName;
  readonly input: Scoped<Members>;
  readonly expect?: Expectation;
  /** Keeps the answer for later steps. */
  readonly save?: string;
  /** The call is repeated until its answer matches this, at most 30 seconds: for states that come by themselves. */
  readonly until?: Scoped<Members>;
}

/** One rule of Lambda's, as a client meets it. */
export interface ClientCase extends Step {
  /** What Lambda does, in a few words: the name of the test. */
  readonly rule: string;
  /** Where that is known from: a page of AWS's documentation, a member of an SDK, the service model, a recording of a real answer. */
  readonly source: string;
  readonly expect: Expectation;
  readonly before?: readonly Step[];
  readonly after?: readonly Step[];
  /** Clients that cannot send this, each with its reason. */
  readonly except?: Partial<Readonly<Record<ClientName, string>>>;
}

/** CreateFunction with all it needs, under the case's name or the given suffix; more members replace or add. */
export function createsFunction(more: Scoped<Members> = {}, suffix?: string): Step {
  return {
    operation: 'CreateFunction',
    input: (scope) => ({ ...functionInput(scope, suffix), ...(typeof more === 'function' ? more(scope) : more) }),
    save: suffix === undefined ? 'created' : `created-${suffix}`,
  };
}

/** Waits until the case's function can be changed: active, and no update under way. */
export function waitsForFunction(suffix?: string): Step {
  return {
    operation: 'GetFunctionConfiguration',
    input: ({ name, named }) => ({ FunctionName: suffix === undefined ? name : named(suffix) }),
    until: { State: 'Active', LastUpdateStatus: 'Successful' },
    save: suffix === undefined ? 'active' : `active-${suffix}`,
  };
}

/** The input of CreateFunction that makes the smallest function. */
export function functionInput(scope: CaseScope, suffix?: string): Members {
  return {
    FunctionName: suffix === undefined ? scope.name : scope.named(suffix),
    Role: `arn:aws:iam::${scope.accountId}:role/any`,
    Runtime: 'nodejs24.x',
    Handler: 'index.handler',
    Code: { ZipFile: scope.zips.code },
  };
}
