import type { IncomingMessage } from 'node:http';
import type { RuntimeApiError } from '../answers.ts';
import { invalidIdentifier, missingIdentifier } from './extension-errors.ts';

/** The ways of writing a UUID that Lambda's parser takes. */
const identifier = /^(?:urn:uuid:|\{)?([0-9a-f]{8})-?([0-9a-f]{4})-?([0-9a-f]{4})-?([0-9a-f]{4})-?([0-9a-f]{12})\}?$/i;

/** The identifier by which a request says whose it is, or the refusal of what is none. Whether it belongs to anybody, the registry knows. */
export function extensionIdentifier(request: IncomingMessage): string | RuntimeApiError {
  const header = request.headers['lambda-extension-identifier'];
  const text = Array.isArray(header) ? header[0] : header;
  if (!text) return missingIdentifier;
  const parts = identifier.exec(text);
  return parts === null ? invalidIdentifier : parts.slice(1).join('-').toLowerCase();
}
