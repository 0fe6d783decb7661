import { Readable, Transform } from 'node:stream';

type Handler = (args: object) => Promise<{ readonly response: unknown; readonly output: object }>;

/** The part of a client's middleware stack that is used here. */
interface Stack {
  add(
    middleware: (next: Handler, context: { readonly commandName?: string }) => Handler,
    options: { readonly step: 'deserialize'; readonly priority: 'low'; readonly name: string },
  ): void;
}

/** Ends a call whose answer goes on for longer than `maxBytes`: the SDK gathers answers, errors too, whole in memory. */
export function limitAnswers(stack: object, { maxBytes, unlimitedCommands = [] }: { maxBytes: number; unlimitedCommands?: readonly string[] }): void {
  (stack as Stack).add(
    (next, context) => async (args) => {
      const result = await next(args);
      const response = result.response as { body?: unknown; readonly statusCode?: number };
      const isContent = unlimitedCommands.includes(context.commandName ?? '') && (response.statusCode ?? 500) < 300;
      if (!isContent && response.body instanceof Readable) response.body = response.body.compose(byteLimit(maxBytes));
      return result;
    },
    // ORDER: innermost, between the network and the SDK's own reading.
    { step: 'deserialize', priority: 'low', name: 'cloisterAnswerLimit' },
  );
}

/** Passes bytes on, and fails at the first beyond `maxBytes`. */
function byteLimit(maxBytes: number): Transform {
  let seen = 0;
  return new Transform({
    transform(chunk: Buffer, _encoding, callback) {
      seen += chunk.byteLength;
      if (seen > maxBytes) callback(new Error(`the answer is longer than ${maxBytes} bytes`));
      else callback(null, chunk);
    },
  });
}
