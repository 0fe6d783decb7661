import { mkdir, open, readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';

/** What is kept of a log group beside its events: `group.json` in its directory. */
export interface LogGroupRecord {
  readonly name: string;
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
  /** Undefined: for ever. */
  readonly retentionInDays?: number;
  readonly tags: Readonly<Record<string, string>>;
}

const fileName = 'group.json';

/** Undefined when there is none, or none that can be read. */
export async function readLogGroupRecord(directory: string): Promise<LogGroupRecord | undefined> {
  try {
    const value = JSON.parse(await readFile(join(directory, fileName), 'utf8')) as Partial<LogGroupRecord> | null;
    if (typeof value?.name !== 'string' || typeof value.createdAt !== 'number') return undefined;
    return { tags: {}, ...value, name: value.name, createdAt: value.createdAt };
  } catch (error) {
    if (error instanceof SyntaxError || (error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Replaces it as a whole; it is on the disk when this resolves. */
export async function writeLogGroupRecord(directory: string, record: LogGroupRecord): Promise<void> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const draft = join(directory, `${fileName}.new`);
  {
    await using handle = await open(draft, 'w', 0o600);
    await handle.writeFile(JSON.stringify(record));
    await handle.datasync();
  }
  await rename(draft, join(directory, fileName));
}
