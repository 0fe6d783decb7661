import { ApiError } from './api-error.ts';

/** The one answer to what Lambda's API has and Cloister has not. A client error: clients must not try again. */
export function notSupported(operation: string): ApiError {
  return new ApiError('NotImplementedException', `The operation ${operation} is not supported by Cloister yet.`);
}
