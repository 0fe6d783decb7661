/**
 * The builder: turns one archive into one erofs image and ends. The agent starts it with no power at all, since it reads what strangers made.
 * Descriptors: 3 the archive (seekable), 4 the image (a regular empty file, read-write), 5 the report (one line of JSON).
 */
import { mkdirSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { BuildFault } from './build-fault.ts';
import { makeImage } from './make-image.ts';
import type { BuilderReport } from './report.ts';
import { unpackZip } from './unpack-zip.ts';

const archive = 3;
const image = 4;
const reportPipe = 5;

interface Arguments {
  readonly maxUnpackedBytes: number;
  readonly buildPath: string;
}

const parseArguments = (): Arguments => {
  const { values } = parseArgs({
    options: { kind: { type: 'string' }, 'max-unpacked-bytes': { type: 'string' }, 'build-dir': { type: 'string', default: '/build' } },
  });
  const maxUnpackedBytes = Number(values['max-unpacked-bytes']);
  if (values.kind !== 'zip' || !Number.isSafeInteger(maxUnpackedBytes) || maxUnpackedBytes < 1) throw new Error('unusable arguments');
  return { maxUnpackedBytes, buildPath: values['build-dir'] };
};

const build = async (): Promise<BuilderReport> => {
  try {
    const { maxUnpackedBytes, buildPath } = parseArguments();
    const treePath = join(buildPath, 'tree');
    mkdirSync(treePath, 0o700);
    const unpacked = await unpackZip({ archive, treePath, maxUnpackedBytes });
    makeImage({ treePath, image, scratchPath: join(buildPath, 'image') });
    return { ok: true, ...unpacked };
  } catch (error) {
    return failed(error);
  }
};

const failed = (error: unknown): BuilderReport => {
  const { code, reason } = BuildFault.of(error);
  return { ok: false, code, reason };
};

const finish = (report: BuilderReport): never => {
  writeSync(reportPipe, `${JSON.stringify(report)}\n`);
  process.exit(report.ok ? 0 : 1);
};

process.umask(0o077);
process.on('uncaughtException', (error) => finish(failed(error)));
finish(await build());
