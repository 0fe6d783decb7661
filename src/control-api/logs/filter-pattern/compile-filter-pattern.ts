import { LogsError } from '../logs-error.ts';
import { parseJsonPattern } from './json-pattern.ts';
import type { MessageFilter } from './message-filter.ts';
import { parseSpacePattern } from './space-pattern.ts';
import { parseTermPattern } from './term-pattern.ts';

/** SECURITY: each regular expression takes its time with every message. */
const maxRegularExpressions = 4;

/**
 * Reads a filter pattern in AWS's "Filter pattern syntax": `{ … }` for JSON, `[…]` for fields between spaces, else terms. Throws
 * InvalidParameterException for what is none of them.
 */
export function compileFilterPattern(pattern: string): MessageFilter {
  const text = pattern.trim();
  if (text === '' || text === '""' || text === '" "') return () => true;
  const marks = text.split('%').length - 1;
  if (marks > 2 * maxRegularExpressions) throw new LogsError('InvalidParameterException', 'Invalid filter pattern');
  const filter = text.startsWith('{') ? parseJsonPattern(text) : text.startsWith('[') ? parseSpacePattern(text) : parseTermPattern(text);
  if (filter === undefined) throw new LogsError('InvalidParameterException', 'Invalid filter pattern');
  return filter;
}
