import {
  CreateFunctionCommand,
  type CreateFunctionRequest,
  InvokeCommand,
  type LambdaClient,
  waitUntilFunctionActiveV2,
} from '@aws-sdk/client-lambda';
import { zip } from '../bench/zip.ts';

export interface DeployOptions extends Partial<Omit<CreateFunctionRequest, 'FunctionName' | 'Code' | 'Runtime'>> {
  readonly name: string;
  readonly runtime: string;
  readonly files: Readonly<Record<string, string | Buffer>>;
}

export const role = 'arn:aws:iam::123456789012:role/test';

/** Creates a function from these files and waits until it is active. */
export async function deploy(lambda: LambdaClient, { name, runtime, files, ...rest }: DeployOptions): Promise<void> {
  await lambda.send(
    new CreateFunctionCommand({
      FunctionName: name,
      Runtime: runtime as 'nodejs24.x',
      Handler: 'index.handler',
      Role: role,
      Timeout: 30,
      ...rest,
      Code: { ZipFile: await zip(files) },
    }),
  );
  await waitUntilFunctionActiveV2({ client: lambda, maxWaitTime: 60, minDelay: 1, maxDelay: 1 }, { FunctionName: name });
}

export interface Answer {
  readonly value: unknown;
  readonly functionError: string | undefined;
  readonly log: string;
  readonly version: string | undefined;
}

/** Invokes a function and waits for its answer and the tail of its log. */
export async function invoke(lambda: LambdaClient, name: string, payload: unknown = {}, qualifier?: string): Promise<Answer> {
  const answer = await lambda.send(
    new InvokeCommand({
      FunctionName: name,
      Payload: JSON.stringify(payload),
      LogType: 'Tail',
      ...(qualifier === undefined ? {} : { Qualifier: qualifier }),
    }),
  );
  const text = Buffer.from(answer.Payload ?? []).toString();
  return {
    value: text === '' ? undefined : JSON.parse(text),
    functionError: answer.FunctionError,
    log: Buffer.from(answer.LogResult ?? '', 'base64').toString(),
    version: answer.ExecutedVersion,
  };
}
