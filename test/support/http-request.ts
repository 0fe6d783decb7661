import type { BoundMember, OperationModel } from '../../src/control-api/service-model.ts';
import { shapeNamed } from '../../src/control-api/service-model.ts';
import type { GeneratedInput } from './shape-arbitrary.ts';

/** A request before it is signed. */
export interface UnsignedRequest {
  readonly method: string;
  /** Encoded, without query. */
  readonly path: string;
  readonly query: Readonly<Record<string, string | string[]>>;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer | undefined;
}

/** Puts an operation's input where the service model says each member travels, as a client without any checks would. */
export function toHttpRequest(model: OperationModel, input: GeneratedInput): UnsignedRequest {
  const { members = {}, payload } = model.input === undefined ? {} : shapeNamed(model.input);
  const [uriPath = '', uriQuery = ''] = model.uri.split('?');
  const query: Record<string, string | string[]> = Object.fromEntries(new URLSearchParams(uriQuery));
  const headers: Record<string, string> = {};
  const inBody: [string, unknown][] = [];
  let path = uriPath;
  for (const [name, value] of Object.entries(input)) {
    const member: string | BoundMember | undefined = Object.hasOwn(members, name) ? members[name] : undefined;
    if (name === payload) continue;
    if (member === undefined || typeof member === 'string') inBody.push([name, value]);
    else if (member.in === 'uri') path = path.replace(new RegExp(`\\{${name}\\+?\\}`), () => encodeURIComponent(String(value).toWellFormed()));
    else if (member.in === 'querystring') query[member.name] = String(value).toWellFormed();
    else headers[member.name.toLowerCase()] = headerText(String(value));
  }
  const given = payload === undefined ? undefined : input[payload];
  const hasBody = payload === undefined && inBody.length > 0 && model.method !== 'GET' && model.method !== 'DELETE';
  const body = given instanceof Uint8Array ? Buffer.from(given) : hasBody ? Buffer.from(JSON.stringify(Object.fromEntries(inBody))) : undefined;
  // What the input leaves out of the path stays as a word of its own.
  return { method: model.method, path: path.replaceAll(/\{\w+\+?\}/g, 'missing'), query, headers, body };
}

/** What Node lets into a header, without the blanks at the ends, which no server sees. */
function headerText(text: string): string {
  return text.replaceAll(/[^\x20-\x7e\x80-\xff]/g, '').trim();
}
