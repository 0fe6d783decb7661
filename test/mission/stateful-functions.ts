/** Functions that tell what they find of themselves: the same in each language. `birth` is static state, made when the code is loaded. */

const node = `
const { existsSync, readFileSync, writeFileSync } = require('node:fs');
const { connect } = require('node:net');
const { once } = require('node:events');
const { setTimeout: sleep } = require('node:timers/promises');
const { randomUUID } = require('node:crypto');
const birth = randomUUID();
let count = 0;
let connection;
exports.handler = async (event) => {
  count += 1;
  const found = existsSync('/tmp/mark') ? readFileSync('/tmp/mark', 'latin1') : null;
  if (event.mark !== undefined) writeFileSync('/tmp/mark', event.mark);
  if (event.server !== undefined) {
    connection ??= connect(event.server.port, event.server.host);
    connection.write('keep\\n');
    const [line] = await once(connection, 'data');
    return { birth, count, line: String(line).trim() };
  }
  if (event.waitMs !== undefined) await sleep(event.waitMs);
  return { birth, count, found, pid: process.pid, stream: process.env.AWS_LAMBDA_LOG_STREAM_NAME, version: process.env.AWS_LAMBDA_FUNCTION_VERSION };
};
`;

const python = `
import os, socket, time, uuid
birth = str(uuid.uuid4())
count = 0
connection = None

def found():
    try:
        with open("/tmp/mark", encoding="latin1") as file:
            return file.read()
    except FileNotFoundError:
        return None

def handler(event, context):
    global count, connection
    count += 1
    mark = found()
    if "mark" in event:
        with open("/tmp/mark", "w") as file:
            file.write(event["mark"])
    if "server" in event:
        if connection is None:
            connection = socket.create_connection((event["server"]["host"], event["server"]["port"]))
        connection.sendall(b"keep\\n")
        return {"birth": birth, "count": count, "line": connection.recv(100).decode().strip()}
    if "waitMs" in event:
        time.sleep(event["waitMs"] / 1000)
    return {"birth": birth, "count": count, "found": mark, "pid": os.getpid(), "stream": os.environ["AWS_LAMBDA_LOG_STREAM_NAME"],
            "version": os.environ["AWS_LAMBDA_FUNCTION_VERSION"]}
`;

/** What an invocation finds. */
export interface State {
  /** Differs from process to process. */
  readonly birth: string;
  /** Invocations of this process. */
  readonly count: number;
  /** What /tmp/mark held before. */
  readonly found: string | null;
  readonly pid: number;
  readonly stream: string;
  readonly version: string;
}

export interface StatefulLanguage {
  readonly runtime: string;
  readonly files: Readonly<Record<string, string>>;
}

export const statefulLanguages: readonly StatefulLanguage[] = [
  { runtime: 'nodejs24.x', files: { 'index.js': node } },
  { runtime: 'python3.13', files: { 'index.py': python } },
];
