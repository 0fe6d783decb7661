import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cloisterPicture, pngSize } from './picture.ts';

/** What each of the examples answers besides its result. */
export interface Visits {
  readonly invocationsOfThisProcess: number;
  readonly linesInTmp: number;
}

/** One function of the demo: what to deploy, what to send it, and how to see that it did its work. */
export interface DemoFunction {
  readonly name: string;
  readonly runtime: string;
  readonly directory: string;
  readonly settings: readonly string[];
  readonly event: unknown;
  /** Says in a few words what came out. Throws when it is not right. */
  describe(answer: never): string;
}

export const cacheDirectory = fileURLToPath(new URL('../../.cache/demo/', import.meta.url));

const markdown = '# Cloister\n\nEvery function has a room of *its own*.\n\n## Walls\n\n- namespaces\n- cgroups\n- seccomp\n';
const text = 'A cloister is a covered walk.\nThe walk has walls, and the walls keep the garden quiet.\nThe garden keeps the walls company.\n';

/** Python with Pillow from a layer: a thumbnail of a PNG. */
export function thumbnailFunction(layerArn: string): DemoFunction {
  const picture = cloisterPicture();
  const longestSide = 160;
  return {
    name: 'thumbnail',
    runtime: 'python3.13',
    directory: example('thumbnail/function'),
    settings: ['--handler', 'app.handler', '--memory', '512', '--timeout', '30', '--layer', layerArn],
    event: { png: picture.toString('base64'), longestSide },
    describe: ({ png }: { png: string }) => {
      const thumbnail = Buffer.from(png, 'base64');
      const [before, after] = [pngSize(picture), pngSize(thumbnail)];
      expect(Math.max(after.width, after.height) === longestSide, `the thumbnail is ${after.width}x${after.height}`);
      const path = join(cacheDirectory, 'thumbnail.png');
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, thumbnail);
      return `PNG ${before.width}x${before.height} → ${after.width}x${after.height}, ${thumbnail.length} bytes`;
    },
  };
}

/** Node with a dependency from npm: Markdown to HTML. */
export function markdownFunction(): DemoFunction {
  return {
    name: 'markdown',
    runtime: 'nodejs24.x',
    directory: example('markdown'),
    settings: ['--handler', 'index.handler', '--memory', '256', '--timeout', '10'],
    event: { markdown },
    describe: ({ html, headings }: { html: string; headings: readonly string[] }) => {
      expect(headings.join() === 'Cloister,Walls' && html.includes('<em>its own</em>'), `the page is ${html}`);
      return `${markdown.length} characters → ${html.length} of HTML, headings ${headings.join(', ')}`;
    },
  };
}

/** A custom runtime in shell: counts words. */
export function shellFunction(): DemoFunction {
  return {
    name: 'shell',
    runtime: 'provided.al2023',
    directory: example('shell'),
    settings: ['--handler', 'bootstrap', '--memory', '128', '--timeout', '10'],
    event: { text },
    describe: ({ words, top }: { words: number; top: readonly { word: string; times: number }[] }) => {
      expect(
        words === text.split(/\s+/).filter(Boolean).length && top[0]?.word === 'walls' && top[0].times === 3,
        `the answer is ${words} ${JSON.stringify(top)}`,
      );
      return `${words} words, most often ${top.map(({ word, times }) => `"${word}" ${times}×`).join(', ')}`;
    },
  };
}

function example(path: string): string {
  return fileURLToPath(new URL(`../${path}`, import.meta.url));
}

function expect(condition: boolean, otherwise: string): void {
  if (!condition) throw new Error(`the function did not do its work: ${otherwise}`);
}
