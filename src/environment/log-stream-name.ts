import { randomBytes } from 'node:crypto';

/** A new log stream's name, as Lambda writes them: `YYYY/MM/DD/[VERSION]<32 hexadecimal digits>`, the day in UTC. */
export function logStreamName(version: string, wallMs: number): string {
  const [day] = new Date(wallMs).toISOString().split('T');
  return `${day?.replaceAll('-', '/')}/[${version}]${randomBytes(16).toString('hex')}`;
}
