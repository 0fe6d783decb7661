import type { RuntimeApiError } from '../answers.ts';
import type { Extension, ExtensionState } from './extension.ts';

// The refusals of the Extensions API: their types and words are Lambda's, and the status is always 403.

export const emptyName = forbidden('Extension.InvalidExtensionName', 'Empty extension name');
export const registrationClosed = forbidden('Extension.RegistrationClosed', 'Extension registration closed already');
export const nameTaken = forbidden('Extension.InvalidExtensionState', 'Extension with this name already registered');
export const missingIdentifier = forbidden('Extension.MissingExtensionIdentifier', 'Missing Lambda-Extension-Identifier header');
export const invalidIdentifier = forbidden('Extension.InvalidExtensionIdentifier', 'Invalid Lambda-Extension-Identifier');
export const unknownIdentifier = forbidden('Extension.UnknownExtensionIdentifier', 'Unknown Lambda-Extension-Identifier');
export const missingErrorType = forbidden('Extension.MissingHeader', 'Lambda-Extension-Function-Error-Type not found');

export function unknownExtension(identifier: string): RuntimeApiError {
  return forbidden('Extension.UnknownExtensionIdentifier', `Unknown extension ${identifier}`);
}

export function tooManyExtensions(limit: number): RuntimeApiError {
  return forbidden('Extension.TooManyExtensions', `Extension limit (${limit}) reached`);
}

export function invalidEventType(event: string, reason: string): RuntimeApiError {
  return forbidden('Extension.InvalidEventType', `${event}: ${reason}`);
}

export function invalidRequestFormat(reason: string): RuntimeApiError {
  return forbidden('InvalidRequestFormat', reason);
}

/** `called` is the name by which the request spoke of the extension: its identifier, or its name where it registers. */
export function invalidExtensionState(extension: Extension, asked: ExtensionState, called: string): RuntimeApiError {
  return forbidden(
    'Extension.InvalidExtensionState',
    `State transition from ${extension.state} to ${asked} failed for extension ${called}. Error: State transition is not allowed`,
  );
}

function forbidden(errorType: string, errorMessage: string): RuntimeApiError {
  return { status: 403, errorType, errorMessage };
}
