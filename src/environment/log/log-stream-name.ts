import { randomBytes } from 'node:crypto';
import type { FunctionVersion } from '../../functions/function-version.ts';

/**
 * A new log stream's name, as Lambda writes them: `YYYY/MM/DD/[VERSION]<32 hexadecimal digits>`, the day in UTC. In a group that is not the function's
 * own, which others may write to as well, the function's name stands before the version.
 */
export function logStreamName(fn: Pick<FunctionVersion, 'functionName' | 'version' | 'logGroup'>, wallMs: number): string {
  const [day] = new Date(wallMs).toISOString().split('T');
  const name = fn.logGroup === `/aws/lambda/${fn.functionName}` ? '' : fn.functionName;
  return `${day?.replaceAll('-', '/')}/${name}[${fn.version}]${randomBytes(16).toString('hex')}`;
}
