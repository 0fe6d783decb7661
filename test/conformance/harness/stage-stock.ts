import { readFileSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import { type CreateFunctionRequest, PublishLayerVersionCommand } from '@aws-sdk/client-lambda';
import { zip } from '../../../bench/zip.ts';
import { AdminClient } from '../../../src/cli/admin-client.ts';
import { type RunningDaemon, startDaemon } from '../../daemon.ts';
import { deploy } from '../../functions.ts';
import { craftedZip } from '../../support/crafted-zip.ts';
import { LivingEnvironments } from './living-environments.ts';
import { Stage } from './stage.ts';

/** What a case's function has. Cases of one shape share functions, one after another. */
export interface FunctionShape {
  /** @default 30 */
  readonly timeoutSeconds?: number;
  /** External extensions by name: actors, too. */
  readonly extensions?: readonly string[];
  /** A file beside them that is no actor, with its mode. */
  readonly otherExtension?: { readonly name: string; readonly content: string; readonly mode: number };
  /** More settings, such as LoggingConfig, as CreateFunction takes them. */
  readonly settings?: Partial<Omit<CreateFunctionRequest, 'FunctionName' | 'Code' | 'Runtime' | 'Role'>>;
}

/** A function, taken by one case at a time. */
export interface Place {
  readonly stage: Stage;
  /** A runtime waits in `next`. */
  isKept: boolean;
  isTaken: boolean;
}

const wrapper = `#!/bin/sh
exec /var/lang/bin/node --disable-warning=ExperimentalWarning /var/task/actor.mjs runtime
`;
const extension = `#!/bin/sh
exec /var/lang/bin/node --disable-warning=ExperimentalWarning /var/task/actor.mjs "\${0##*/}"
`;

/** Functions for cases, made as they are needed, on a daemon of their own. */
export class StageStock implements AsyncDisposable {
  readonly #daemon: RunningDaemon;
  readonly #environments: LivingEnvironments;
  readonly #places = new Map<string, Place[]>();
  readonly #layers = new Map<string, Promise<string>>();
  readonly #clearing = new Set<Promise<void>>();
  #functions = 0;

  private constructor(daemon: RunningDaemon) {
    this.#daemon = daemon;
    this.#environments = new LivingEnvironments(daemon.dataDir);
  }

  static async open(): Promise<StageStock> {
    return new StageStock(await startDaemon());
  }

  /** Prefers a waiting runtime for cases that can use one, and leaves it to them. */
  async take(shape: FunctionShape, reuse: boolean): Promise<Place> {
    const key = JSON.stringify(shape);
    const places = this.#places.get(key) ?? [];
    this.#places.set(key, places);
    const free = places.filter(({ isTaken }) => !isTaken);
    const found = (reuse ? free.find(({ isKept }) => isKept) : undefined) ?? free.find(({ isKept }) => !isKept);
    if (found !== undefined) {
      found.isTaken = true;
      return found;
    }
    const place: Place = { stage: await this.#makeStage(shape), isKept: false, isTaken: true };
    places.push(place);
    return place;
  }

  /** Returns at once: the environment of a case that leaves none behind is ended meanwhile. */
  giveBack(place: Place, isToBeKept: boolean): void {
    const clearing = this.#settle(place, isToBeKept).finally(() => this.#clearing.delete(clearing));
    this.#clearing.add(clearing);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#clearing);
    await this.#daemon[Symbol.asyncDispose]();
  }

  async #settle(place: Place, isToBeKept: boolean): Promise<void> {
    place.isKept = isToBeKept && (await place.stage.keep().catch(() => false));
    if (!place.isKept) await place.stage.clear();
    place.isTaken = false;
  }

  async #makeStage({ timeoutSeconds = 30, extensions = [], otherExtension, settings = {} }: FunctionShape): Promise<Stage> {
    const functionName = `case-${++this.#functions}`;
    const lambda = this.#daemon.lambda();
    const { Environment, Layers = [], ...others } = settings;
    const layers = [...Layers];
    if (extensions.length > 0) layers.push(await this.#layerOf(extensions));
    if (otherExtension !== undefined) layers.push(await this.#layerOfFile(otherExtension));
    const actor = stripTypeScriptTypes(readFileSync(new URL('actor.ts', import.meta.url), 'utf8'));
    await deploy(lambda, {
      name: functionName,
      runtime: 'nodejs24.x',
      files: { 'actor.mjs': actor, actor: wrapper },
      Timeout: timeoutSeconds,
      MemorySize: 1_024,
      ...others,
      ...(layers.length === 0 ? {} : { Layers: layers }),
      Environment: { Variables: { ...Environment?.Variables, AWS_LAMBDA_EXEC_WRAPPER: '/var/task/actor' } },
    });
    const { credentials } = this.#daemon;
    const admin = new AdminClient({ ...credentials, credentials });
    return new Stage({ functionName, daemon: this.#daemon, lambda, admin, environments: this.#environments });
  }

  #layerOf(extensions: readonly string[]): Promise<string> {
    const key = extensions.join('/');
    const layer = this.#layers.get(key) ?? this.#publish(extensions, `extensions-${this.#layers.size + 1}`);
    this.#layers.set(key, layer);
    return layer;
  }

  async #publish(extensions: readonly string[], LayerName: string): Promise<string> {
    return this.#publishZip(LayerName, await zip(Object.fromEntries(extensions.map((name) => [`extensions/${name}`, extension]))));
  }

  #layerOfFile({ name, content, mode }: NonNullable<FunctionShape['otherExtension']>): Promise<string> {
    return this.#publishZip(`other-${name}`, craftedZip([{ name: `extensions/${name}`, data: Buffer.from(content), mode }]));
  }

  async #publishZip(LayerName: string, ZipFile: Buffer): Promise<string> {
    const published = await this.#daemon.lambda().send(new PublishLayerVersionCommand({ LayerName, Content: { ZipFile } }));
    return published.LayerVersionArn ?? '';
  }
}
