/** Functions that do what their event asks for, the same in every language: `{"do": …}`; without it they count. */

const node = `
const { existsSync, readFileSync, writeFileSync, writeSync } = require('node:fs');
const { setTimeout: sleep } = require('node:timers/promises');
let count = 0;
exports.handler = async (event, context) => {
  count += 1;
  const runs = (existsSync('/tmp/runs') ? Number(readFileSync('/tmp/runs')) : 0) + 1;
  writeFileSync('/tmp/runs', String(runs));
  switch (event.do) {
    case 'context':
      return {
        name: context.functionName, version: context.functionVersion, memory: context.memoryLimitInMB, arn: context.invokedFunctionArn,
        requestId: context.awsRequestId, logGroup: context.logGroupName, logStream: context.logStreamName,
        remainingMs: context.getRemainingTimeInMillis(), client: context.clientContext ?? null,
      };
    case 'environment': return process.env;
    case 'process': return { cwd: process.cwd(), uid: process.getuid(), gid: process.getgid(), groups: process.getgroups() };
    case 'throw': throw new RangeError('out of range');
    case 'exit': process.exit(event.status);
    case 'signal': process.kill(process.pid, event.signal); await sleep(60_000); break;
    case 'wait': await sleep(event.ms); break;
    case 'spin': for (;;);
    case 'large': return 'x'.repeat(event.characters);
    case 'print': for (const [descriptor, text, times] of event.lines) for (let n = 0; n < (times ?? 1); n += 1) writeSync(descriptor, text); break;
    case 'hog': { const held = []; for (;;) held.push(Buffer.alloc(4 << 20, 1)); }
    case 'echo': return event.value;
  }
  return { count, runs, stream: process.env.AWS_LAMBDA_LOG_STREAM_NAME };
};
`;

const python = `
import os, signal, time
count = 0

def written():
    try:
        with open("/tmp/runs") as file:
            return int(file.read())
    except FileNotFoundError:
        return 0

def client(context):
    given = context.client_context
    if given is None:
        return None
    return {"client": {"app_title": given.client.app_title}, "custom": given.custom, "env": given.env}

def handler(event, context):
    global count
    count += 1
    runs = written() + 1
    with open("/tmp/runs", "w") as file:
        file.write(str(runs))
    do = event.get("do")
    if do == "context":
        return {
            "name": context.function_name, "version": context.function_version, "memory": context.memory_limit_in_mb,
            "arn": context.invoked_function_arn, "requestId": context.aws_request_id, "logGroup": context.log_group_name,
            "logStream": context.log_stream_name, "remainingMs": context.get_remaining_time_in_millis(), "client": client(context),
        }
    if do == "environment":
        return dict(os.environ)
    if do == "process":
        return {"cwd": os.getcwd(), "uid": os.getuid(), "gid": os.getgid(), "groups": os.getgroups()}
    if do == "throw":
        raise IndexError("out of range")
    if do == "exit":
        os._exit(event["status"])
    if do == "signal":
        os.kill(os.getpid(), getattr(signal, event["signal"]))
    if do == "wait":
        time.sleep(event["ms"] / 1000)
    if do == "spin":
        while True:
            pass
    if do == "large":
        return "x" * event["characters"]
    if do == "print":
        for descriptor, text, *times in event["lines"]:
            for _ in range(times[0] if times else 1):
                os.write(descriptor, text.encode())
    if do == "hog":
        held = []
        while True:
            held.append(bytearray(b"x") * (4 << 20))
    if do == "echo":
        return event["value"]
    return {"count": count, "runs": runs, "stream": os.environ["AWS_LAMBDA_LOG_STREAM_NAME"]}
`;

/** Speaks the Runtime API itself. The event is a shell command in base64, the answer what it prints, in base64, too; the log is at 3 and 4. */
const shell = `#!/bin/sh
api="http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime"
exec 3>&1 4>&2
while :; do
  curl -s -D /tmp/head -o /tmp/event "$api/invocation/next"
  id=$(tr -d '\\r' < /tmp/head | sed -n 's/^Lambda-Runtime-Aws-Request-Id: //Ip')
  tr -d '"' < /tmp/event | base64 -d > /tmp/command
  . /tmp/command > /tmp/output 2>&1
  printf '"%s"' "$(base64 -w0 /tmp/output)" > /tmp/answer
  curl -s -o /tmp/acknowledgement -w '%{http_code} ' --data-binary @/tmp/answer "$api/invocation/$id/response" > /tmp/status
done
`;

export interface Language {
  readonly runtime: string;
  readonly label: string;
  readonly files: Readonly<Record<string, string>>;
  /** What its runtime has in the environment beside Lambda's common variables. */
  readonly variables: Readonly<Record<string, string>>;
  readonly thrown: Readonly<Record<string, unknown>>;
}

function nodeLanguage(major: 22 | 24): Language {
  return {
    runtime: `nodejs${major}.x`,
    label: `nodejs:${major}.v1`,
    files: { 'index.js': node },
    variables: {
      AWS_EXECUTION_ENV: `AWS_Lambda_nodejs${major}.x`,
      NODE_PATH: `/opt/nodejs/node${major}/node_modules:/opt/nodejs/node_modules:/var/runtime/node_modules:/var/runtime:/var/task`,
    },
    thrown: { errorType: 'RangeError', errorMessage: 'out of range', trace: ['RangeError: out of range'] },
  };
}

/** The runtimes with a client of AWS's. */
export const languages: readonly Language[] = [
  nodeLanguage(22),
  nodeLanguage(24),
  {
    runtime: 'python3.13',
    label: 'python:3.13.v1',
    files: { 'index.py': python },
    variables: { AWS_EXECUTION_ENV: 'AWS_Lambda_python3.13', PYTHONPATH: '/var/runtime' },
    thrown: { errorMessage: 'out of range', errorType: 'IndexError', requestId: '', stackTrace: [] },
  },
];

export const shellFiles = { bootstrap: shell };
