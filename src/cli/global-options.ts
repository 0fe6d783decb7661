import type { Command } from 'commander';

/** What every command understands, before or after its name. */
export interface GlobalOptions {
  readonly dataDir?: string;
  readonly account?: string;
  readonly json?: boolean;
}

/** The options of a command together with those that every command understands. */
export function optionsOf<T extends object>(command: Command): T & GlobalOptions {
  return command.optsWithGlobals<T & GlobalOptions>();
}
