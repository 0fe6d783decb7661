/**
 * Makes src/control-api/service-model.json and logs/logs-model.json, compact tables of facts, from the official service models of Lambda and
 * CloudWatch Logs as botocore carries them; and beside the tests test/support/answer-model.json and logs-answer-model.json, what operations answer, which the daemon does not need.
 *
 *     node tools/make-service-model.ts [WHEEL]
 *
 * WHEEL is a botocore wheel; without it `pip download` brings the newest one. No documentation text is taken over.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { gunzipSync } from 'node:zlib';
import { openPromise } from 'yauzl';

const modelPath = 'botocore/data/lambda/2015-03-31/service-2.json';
const logsModelPath = 'botocore/data/logs/2014-03-28/service-2.json';
const outputFile = new URL('../src/control-api/service-model.json', import.meta.url);
const logsFile = new URL('../src/control-api/logs/logs-model.json', import.meta.url);
const answerFile = new URL('../test/support/answer-model.json', import.meta.url);
const logsAnswerFile = new URL('../test/support/logs-answer-model.json', import.meta.url);
/** What of CloudWatch Logs is looked at: reading logs, and the life of groups and streams. */
const logsOperations =
  /^(Create|Delete|Describe)Log(Group|Stream)s?$|^(Put|Delete)RetentionPolicy$|^(Get|Filter|Put)LogEvents$|^(Tag|Untag|ListTagsFor)Resource$|^StartLiveTail$/;

interface BotocoreReference {
  readonly shape: string;
  readonly location?: string;
  readonly locationName?: string;
}

interface BotocoreShape {
  readonly type: string;
  readonly members?: Readonly<Record<string, BotocoreReference>>;
  readonly member?: BotocoreReference;
  readonly key?: BotocoreReference;
  readonly value?: BotocoreReference;
  readonly required?: readonly string[];
  readonly payload?: string;
  readonly [fact: string]: unknown;
}

interface BotocoreOperation {
  readonly http: { readonly method: string; readonly requestUri: string; readonly responseCode?: number };
  readonly input?: BotocoreReference;
  readonly output?: BotocoreReference;
  readonly errors?: readonly BotocoreReference[];
}

interface BotocoreModel {
  readonly metadata: { readonly apiVersion: string };
  readonly operations: Readonly<Record<string, BotocoreOperation>>;
  readonly shapes: Readonly<Record<string, BotocoreShape>>;
}

/** Facts copied as they are when a shape has them. */
const constraintNames = ['min', 'max', 'pattern', 'enum', 'sensitive', 'eventstream', 'timestampFormat'] as const;

function compactShape(shape: BotocoreShape): Record<string, unknown> {
  const compact: Record<string, unknown> = { type: shape.type };
  for (const name of constraintNames) if (shape[name] !== undefined) compact[name] = shape[name];
  if (shape.required !== undefined && shape.required.length > 0) compact['required'] = shape.required;
  if (shape.payload !== undefined) compact['payload'] = shape.payload;
  for (const part of ['member', 'key', 'value'] as const) {
    const reference = shape[part];
    if (reference !== undefined) compact[part] = reference.shape;
  }
  if (shape.members !== undefined) {
    compact['members'] = Object.fromEntries(
      Object.entries(shape.members).map(([name, { shape: target, location, locationName }]) => [
        name,
        // A member without a place of its own travels in the JSON body under its own name.
        location === undefined ? target : { shape: target, in: location, name: locationName ?? name },
      ]),
    );
  }
  return compact;
}

function reachableShapes(model: BotocoreModel, roots: readonly string[]): ReadonlySet<string> {
  const reached = new Set<string>();
  const waiting = [...roots];
  for (let name = waiting.pop(); name !== undefined; name = waiting.pop()) {
    if (reached.has(name)) continue;
    reached.add(name);
    const shape = model.shapes[name];
    if (shape === undefined) throw new Error(`the model refers to a shape it does not have: ${name}`);
    const references = [...Object.values(shape.members ?? {}), shape.member, shape.key, shape.value];
    for (const reference of references) if (reference !== undefined) waiting.push(reference.shape);
  }
  return reached;
}

function compactModel(model: BotocoreModel, botocoreVersion: string, isWanted: (operation: string) => boolean): unknown {
  const wanted = Object.entries(model.operations).filter(([name]) => isWanted(name));
  const operations = Object.fromEntries(
    wanted.map(([name, { http, input }]) => [
      name,
      { method: http.method, uri: http.requestUri, status: http.responseCode ?? 200, ...(input === undefined ? {} : { input: input.shape }) },
    ]),
  );
  const inputs = wanted.flatMap(([, { input }]) => (input === undefined ? [] : [input.shape]));
  return { source: sourceOf(model, botocoreVersion), operations, shapes: compactShapes(model, inputs) };
}

/** What operations answer: status, shape of the output, shapes of the errors. */
function answerModel(model: BotocoreModel, botocoreVersion: string, isWanted: (operation: string) => boolean): unknown {
  const wanted = Object.entries(model.operations).filter(([name]) => isWanted(name));
  const operations = Object.fromEntries(
    wanted.map(([name, { http, output, errors = [] }]) => [
      name,
      { status: http.responseCode ?? 200, ...(output === undefined ? {} : { output: output.shape }), errors: errors.map(({ shape }) => shape) },
    ]),
  );
  const outputs = wanted.flatMap(([, { output, errors = [] }]) => [output, ...errors].flatMap((each) => each?.shape ?? []));
  return { source: sourceOf(model, botocoreVersion), operations, shapes: compactShapes(model, outputs) };
}

const sourceOf = (model: BotocoreModel, version: string) => ({ package: 'botocore', version, apiVersion: model.metadata.apiVersion });

function compactShapes(model: BotocoreModel, roots: readonly string[]): Record<string, unknown> {
  return Object.fromEntries([...reachableShapes(model, roots)].sort().map((name) => [name, compactShape(model.shapes[name] as BotocoreShape)]));
}

/** One operation or shape per line: a new model shows as a readable difference. */
function format(model: Record<string, unknown>): string {
  const sections = Object.entries(model).map(([name, section]) => {
    const lines = Object.entries(section as object).map(([key, value]) => `    ${JSON.stringify(key)}: ${JSON.stringify(value)}`);
    return `  ${JSON.stringify(name)}: {\n${lines.join(',\n')}\n  }`;
  });
  return `{\n${sections.join(',\n')}\n}\n`;
}

async function readModel(wheel: string, path: string): Promise<BotocoreModel> {
  const archive = await openPromise(wheel, { lazyEntries: true, autoClose: false });
  try {
    for await (const entry of archive.eachEntry()) {
      if (entry.fileName !== path && entry.fileName !== `${path}.gz`) continue;
      const bytes = await buffer(await archive.openReadStreamPromise(entry));
      return JSON.parse((entry.fileName.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString('utf8'));
    }
  } finally {
    archive.close();
  }
  throw new Error(`${path} is not in ${basename(wheel)}`);
}

async function make(wheel: string): Promise<void> {
  const version = /^botocore-([^-]+)-/.exec(basename(wheel))?.[1];
  if (version === undefined) throw new Error(`not the name of a botocore wheel: ${basename(wheel)}`);
  const source = await readModel(wheel, modelPath);
  const model = compactModel(source, version, () => true) as Record<string, unknown>;
  writeFileSync(outputFile, format(model));
  writeFileSync(answerFile, format(answerModel(source, version, () => true) as Record<string, unknown>));
  const logsSource = await readModel(wheel, logsModelPath);
  const isOfLogs = (name: string) => logsOperations.test(name);
  writeFileSync(logsFile, format(compactModel(logsSource, version, isOfLogs) as Record<string, unknown>));
  writeFileSync(logsAnswerFile, format(answerModel(logsSource, version, isOfLogs) as Record<string, unknown>));
  const operationCount = Object.keys(model['operations'] as object).length;
  process.stdout.write(`service-model.json, answer-model.json: ${operationCount} operations from botocore ${version}\n`);
}

const given = process.argv[2];
if (given !== undefined) {
  await make(given);
} else {
  const directory = mkdtempSync(join(tmpdir(), 'cloister-model-'));
  try {
    execFileSync('pip', ['download', '--quiet', '--no-deps', '--dest', directory, 'botocore'], { stdio: ['ignore', 'inherit', 'inherit'] });
    const wheel = readdirSync(directory).find((name) => name.endsWith('.whl'));
    if (wheel === undefined) throw new Error('pip brought no wheel of botocore');
    await make(join(directory, wheel));
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
