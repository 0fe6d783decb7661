import { zip } from '../../bench/zip.ts';

const node = (edition: number) => `
let greeting = null;
try { greeting = require('greeting'); } catch {}
exports.handler = async (event, context) => {
  if (event.fail) throw new TypeError('asked to fail');
  console.log('the word is ' + event.word);
  return { edition: ${edition}, word: event.word ?? null, stage: process.env.STAGE ?? null, version: context.functionVersion, greeting };
};
`;

const python = `
import os

def handler(event, context):
    if event.get("fail"):
        raise ValueError("asked to fail")
    print("the word is " + str(event.get("word")))
    return {"word": event.get("word"), "version": context.function_version, "memory": context.memory_limit_in_mb, "stage": os.environ.get("STAGE")}
`;

const shell = `#!/bin/sh
api=http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime/invocation
while :; do
  id=$(curl -sS -D - -o /tmp/event "$api/next" | tr -d '\\r' | sed -n 's/^lambda-runtime-aws-request-id: //Ip')
  echo "the event has $(wc -c </tmp/event) bytes" >&2
  sed 's/^/{"echo":/; s/$/}/' /tmp/event | curl -sS -o /dev/null --data-binary @- "$api/$id/response"
done
`;

/** The archives that every client deploys. */
export interface SampleArchives {
  readonly node: Buffer;
  /** The same function with `edition` 2. */
  readonly nodeChanged: Buffer;
  readonly python: Buffer;
  readonly shell: Buffer;
  /** A layer with the Node module `greeting`. */
  readonly layer: Buffer;
}

/** Makes the archives. */
export async function sampleArchives(): Promise<SampleArchives> {
  return {
    node: await zip({ 'index.js': node(1) }),
    nodeChanged: await zip({ 'index.js': node(2) }),
    python: await zip({ 'index.py': python }),
    shell: await zip({ bootstrap: shell }),
    layer: await zip({ 'nodejs/node_modules/greeting/index.js': "module.exports = 'from the layer';\n" }),
  };
}

/** Each runtime with its archive, the event it is sent, and what it must answer. */
export const samples = [
  {
    archive: 'node',
    runtime: 'nodejs24.x',
    event: { word: 'garden' },
    answer: { edition: 1, word: 'garden', stage: null, version: '$LATEST', greeting: null },
  },
  { archive: 'python', runtime: 'python3.13', event: { word: 'garden' }, answer: { word: 'garden', version: '$LATEST', memory: '128', stage: null } },
  { archive: 'shell', runtime: 'provided.al2023', event: { word: 'garden' }, answer: { echo: { word: 'garden' } } },
] as const;
