import { spawn } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { type BuilderReport, builderReport } from '../../src/agent/builder/report.ts';

export interface BuilderRun {
  readonly report: BuilderReport;
  readonly reportLine: string;
  readonly status: number | null;
  readonly image: Buffer;
  readonly imagePath: string;
  readonly treePath: string;
  /** Names beside the build directory, which the builder has no business making. */
  readonly strays: readonly string[];
}

export interface RunOptions {
  readonly maxUnpackedBytes?: number;
  /** A command to put before Node: setpriv, for one. */
  readonly prefix?: readonly string[];
  readonly imageMode?: number;
}

/** Runs the real builder program over an archive, for tests, as an ordinary process in a directory of its own; the directory goes with the scope. */
export class BuilderDirectory implements Disposable {
  readonly #path: string;

  constructor(parentPath: string) {
    this.#path = mkdtempSync(join(parentPath, 'cloister-builder-'));
  }

  async run(archive: Buffer, options: RunOptions = {}): Promise<BuilderRun> {
    const here = mkdtempSync(join(this.#path, 'run-'));
    const paths = { archive: join(here, 'archive'), image: join(here, 'image'), build: mkdtempSync(join(here, 'build-')) };
    writeFileSync(paths.archive, archive);
    writeFileSync(paths.image, '', { mode: options.imageMode ?? 0o600 });
    const before = readdirSync(here);
    const descriptors = [openSync(paths.archive, 'r'), openSync(paths.image, 'r+')];
    const main = join(import.meta.dirname, '../../src/agent/builder/main.ts');
    const limit = String(options.maxUnpackedBytes ?? 262_144_000);
    const command = [process.execPath, main, '--kind', 'zip', '--max-unpacked-bytes', limit, '--build-dir', paths.build];
    const [file = process.execPath, ...args] = [...(options.prefix ?? []), ...command];
    const child = spawn(file, args, { stdio: ['ignore', 'inherit', 'inherit', ...descriptors, 'pipe'], cwd: here });
    for (const descriptor of descriptors) closeSync(descriptor);
    const status = new Promise<number | null>((resolve, reject) => child.once('exit', resolve).once('error', reject));
    const pipes: readonly unknown[] = child.stdio;
    const reportLine = await text(pipes[5] as Readable);
    return {
      status: await status,
      reportLine,
      report: builderReport.parse(JSON.parse(reportLine)),
      image: readFileSync(paths.image),
      imagePath: paths.image,
      treePath: join(paths.build, 'tree'),
      strays: readdirSync(here).filter((name) => !before.includes(name)),
    };
  }

  [Symbol.dispose](): void {
    rmSync(this.#path, { recursive: true, force: true });
  }
}
