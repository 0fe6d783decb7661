import { ApiError, type ApiErrorType } from '../api-error.ts';

/** Errors of CloudWatch Logs' own; the front door's (signatures and the like) are ApiErrors. */
export type LogsErrorType =
  | 'AccessDeniedException'
  | 'InvalidParameterException'
  | 'LimitExceededException'
  | 'ResourceAlreadyExistsException'
  | 'ResourceNotFoundException'
  | 'SerializationException'
  | 'ServiceUnavailableException'
  | 'ThrottlingException'
  | 'TooManyTagsException'
  | 'UnknownOperationException'
  | 'ValidationException';

/** An answer in the shape of CloudWatch Logs: its protocol has one status for every mistake of a client's. */
export class LogsError extends Error {
  override readonly name = 'LogsError';
  readonly type: LogsErrorType;

  constructor(type: LogsErrorType, message: string) {
    super(message);
    this.type = type;
  }
}

export interface LogsErrorAnswer {
  readonly status: number;
  readonly type: string;
  readonly message: string;
  /** An operator should read about it. */
  readonly unexpected: boolean;
}

/** What Lambda calls otherwise. */
const otherNames: Readonly<Partial<Record<ApiErrorType, LogsErrorType>>> = {
  InvalidRequestContentException: 'SerializationException',
  NotImplementedException: 'UnknownOperationException',
  ValidationException: 'InvalidParameterException',
};

/** The client's answer for whatever was thrown. SECURITY: of what is not meant for the client, no text is passed on. */
export function answerLogsError(error: unknown): LogsErrorAnswer {
  if (error instanceof LogsError) {
    return { status: error.type === 'ServiceUnavailableException' ? 503 : 400, type: error.type, message: error.message, unexpected: false };
  }
  if (error instanceof ApiError) {
    const type = otherNames[error.type] ?? error.type;
    return { status: error.status < 500 ? 400 : error.status, type, message: error.message, unexpected: false };
  }
  return { status: 500, type: 'InternalFailure', message: 'An internal error occurred. The request can be tried again.', unexpected: true };
}

export const noSuchGroup = () => new LogsError('ResourceNotFoundException', 'The specified log group does not exist.');
export const noSuchStream = () => new LogsError('ResourceNotFoundException', 'The specified log stream does not exist.');
export const invalidLogsParameter = (message: string) => new LogsError('InvalidParameterException', message);
export const invalidToken = () => invalidLogsParameter('The specified nextToken is invalid.');
