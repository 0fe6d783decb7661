/** What the soak's functions do, by their event: each answer says whose code ran, which build of it, and in which process. */
const node = (account: string, build: number) => `
const { randomUUID } = require('node:crypto');
const { setTimeout: sleep } = require('node:timers/promises');
const birth = randomUUID();
let count = 0;
const act = async (event) => {
  count += 1;
  if (event.do === 'exit') process.exit(event.status);
  if (event.do === 'throw') throw new RangeError(event.token);
  if (event.do === 'hang') await sleep(60_000);
  if (event.do === 'print') console.log('x'.repeat(event.bytes));
  if (event.waitMs) await sleep(event.waitMs);
  return { token: event.token, account: '${account}', build: ${build}, birth, count, echo: event.echo };
};
exports.handler = act;
exports.stream = awslambda.streamifyResponse(async (event, stream) => {
  for (let part = 0; part < event.parts; part += 1) {
    stream.write(event.token + ':' + part + ':' + 'y'.repeat(event.bytes) + '\\n');
    if (event.waitMs) await sleep(event.waitMs);
    if (event.failAt === part) throw new RangeError(event.token);
  }
  stream.end(JSON.stringify(await act(event)));
});
`;

const python = (account: string, build: number) => `
import os, sys, time, uuid
birth = str(uuid.uuid4())
count = 0

def handler(event, context):
    global count
    count += 1
    do = event.get("do")
    if do == "exit":
        os._exit(event["status"])
    if do == "throw":
        raise IndexError(event["token"])
    if do == "hang":
        time.sleep(60)
    if do == "print":
        print("x" * event["bytes"])
    time.sleep(event.get("waitMs", 0) / 1000)
    return {"token": event["token"], "account": "${account}", "build": ${build}, "birth": birth, "count": count, "echo": event.get("echo")}
`;

export interface SoakFunction {
  readonly name: string;
  readonly runtime: string;
  readonly handler: string;
  readonly timeoutSeconds: number;
  readonly files: (account: string, build: number) => Readonly<Record<string, string>>;
}

/** Each account has all of them, under the same names. */
export const soakFunctions: readonly SoakFunction[] = [
  {
    name: 'node',
    runtime: 'nodejs24.x',
    handler: 'index.handler',
    timeoutSeconds: 20,
    files: (account, build) => ({ 'index.js': node(account, build) }),
  },
  {
    name: 'python',
    runtime: 'python3.13',
    handler: 'index.handler',
    timeoutSeconds: 20,
    files: (account, build) => ({ 'index.py': python(account, build) }),
  },
  {
    name: 'brief',
    runtime: 'nodejs24.x',
    handler: 'index.handler',
    timeoutSeconds: 2,
    files: (account, build) => ({ 'index.js': node(account, build) }),
  },
  {
    name: 'stream',
    runtime: 'nodejs24.x',
    handler: 'index.stream',
    timeoutSeconds: 20,
    files: (account, build) => ({ 'index.js': node(account, build) }),
  },
];
