import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { AwsClients } from '../../aws/aws-clients.ts';
import { lambdaLimits } from '../../functions/limits.ts';
import { fetchS3Code } from './s3-code.ts';

let stop = () => {};
afterEach(() => stop());

/** S3 as an HTTP server that answers everything so. */
async function s3(answer: (request: IncomingMessage, response: ServerResponse) => void) {
  const server = createServer((request, response) => answer(request.resume(), response));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  stop = () => {
    server.closeAllConnections();
    server.close();
  };
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const credentials = { accessKeyId: 'A', secretAccessKey: 'S' };
  const aws = new AwsClients({ region: 'us-east-1', credentials, s3PathStyle: true, s3Buckets: {}, endpoints: { s3: endpoint } }, '123456789012');
  const limits = { ...lambdaLimits, unzippedBytesBelow: 100_001 };
  return (objectVersion?: string) => fetchS3Code({ aws, limits }, { accountId: '123456789012', bucket: 'bucket', key: 'a/key', objectVersion });
}

const error =
  (status: number, code: string, message: string, more = '') =>
  (_request: IncomingMessage, response: ServerResponse) =>
    response
      .writeHead(status, { 'content-type': 'application/xml' })
      .end(`<?xml version="1.0"?><Error><Code>${code}</Code><Message>${message}</Message>${more}</Error>`);

describe('fetchS3Code()', () => {
  it('answers the object’s bytes, and asks for the version that is named', async () => {
    const urls: (string | undefined)[] = [];
    const fetch = await s3((request, response) => {
      urls.push(request.url);
      response.end('bytes');
    });
    expect(Buffer.from(await fetch('v 1')).toString()).toBe('bytes');
    expect(urls).toEqual(['/bucket/a/key?versionId=v%201&x-id=GetObject']);
  });

  it.each([
    [404, 'NoSuchKey', 'The specified key does not exist.'],
    [404, 'NoSuchBucket', 'The specified bucket does not exist'],
    [404, 'NoSuchVersion', 'The specified version does not exist.'],
    [301, 'PermanentRedirect', 'The bucket is in this region: eu-west-1. Please use this region to retry the request'],
  ])('tells S3’s %i %s in Lambda’s words', async (status, code, message) => {
    const fetch = await s3(error(status, code, message));
    await expect(fetch()).rejects.toMatchObject({
      type: 'InvalidParameterValueException',
      message: `Error occurred while GetObject. S3 Error Code: ${code}. S3 Error Message: ${message}`,
    });
  });

  it('tells that S3 denies access', async () => {
    const fetch = await s3(error(403, 'AccessDenied', 'Access Denied'));
    await expect(fetch()).rejects.toMatchObject({
      type: 'AccessDeniedException',
      message:
        'Your access has been denied by S3, please make sure your request credentials have permission to GetObject for bucket/a/key. ' +
        'S3 Error Code: AccessDenied. S3 Error Message: Access Denied',
    });
  });

  it('stops at the limit, announced or not', async () => {
    const tooLarge = { type: 'InvalidParameterValueException', message: 'Unzipped size must be smaller than 100001 bytes' };
    const announced = await s3((_request, response) => response.writeHead(200, { 'content-length': 100_001 }).write('x'));
    await expect(announced()).rejects.toMatchObject(tooLarge);
    stop();
    const endless = await s3((_request, response) => {
      const more = () => {
        while (response.write('x'.repeat(65_536)));
      };
      response.on('drain', more);
      more();
    });
    await expect(endless()).rejects.toMatchObject(tooLarge);
  });

  it('says that S3 does not answer, and names neither host nor port', async () => {
    const fetch = await s3((request) => request.socket.destroy());
    const refusal = await fetch().catch((failure: unknown) => failure);
    expect(refusal).toMatchObject({ type: 'ServiceUnavailableException' });
    expect(String(refusal)).not.toMatch(/127|ECONN/);
  });
});
