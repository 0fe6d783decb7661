import { hash } from 'node:crypto';
import type { FunctionCode, LayerVersionContentInput } from '@aws-sdk/client-lambda';
import type { AwsClients } from '../../aws/aws-clients.ts';
import type { CodeArtifact } from '../../functions/function-record.ts';
import type { FunctionLimits } from '../../functions/limits.ts';
import { ApiError, invalidParameter } from '../api-error.ts';
import { fetchS3Code } from './s3-code.ts';

type GivenCode = FunctionCode & LayerVersionContentInput;

interface CodeOptions {
  readonly accountId: string;
  readonly what: 'function' | 'layer';
}

/** The zip of a request, or of the object in S3 that it names. Throws when it names none, several, or one that is empty or too large. */
export async function receivedZip(
  services: { readonly aws: AwsClients; readonly limits: FunctionLimits },
  code: GivenCode,
  { accountId, what }: CodeOptions,
): Promise<Uint8Array> {
  if ((code.SourceKMSKeyArn ?? '') !== '') {
    throw invalidParameter('SourceKMSKeyArn is not supported by Cloister: code is not encrypted with keys of KMS here.');
  }
  if (code.ImageUri !== undefined) throw invalidParameter("Please don't provide ImageUri when updating a function with packageType Zip.");
  if (code.ZipFile !== undefined) return uploadedZip(code, services.limits);
  const { S3Bucket: bucket, S3Key: key, S3ObjectVersion: objectVersion } = code;
  if (bucket === undefined || key === undefined) throw invalidParameter(`Please provide a source for ${what} code.`);
  if (code.S3ObjectStorageMode === 'REFERENCE') {
    throw invalidParameter('S3ObjectStorageMode REFERENCE is not supported by Cloister: code is copied out of S3.');
  }
  const archive = await fetchS3Code(services, { accountId, bucket, key, objectVersion });
  if (archive.byteLength === 0) throw invalidParameter('Uploaded file must be a non-empty zip');
  return archive;
}

/** Stands for code whose image is not there yet. */
export function codeWithoutImage(archive: Uint8Array): CodeArtifact {
  return { archiveDigest: hash('sha256', archive), archiveBytes: archive.byteLength, imageDigest: '', unpackedBytes: 0 };
}

function uploadedZip(code: GivenCode, limits: FunctionLimits): Uint8Array {
  if (code.S3Bucket !== undefined || code.S3Key !== undefined || code.S3ObjectVersion !== undefined) {
    throw invalidParameter('Please do not provide other FunctionCode parameters when providing a ZipFile.');
  }
  const archive = code.ZipFile ?? new Uint8Array();
  if (archive.byteLength === 0) throw invalidParameter('Uploaded file must be a non-empty zip');
  if (archive.byteLength > limits.maxZippedBytes) {
    throw new ApiError('RequestEntityTooLargeException', `Zipped size must be smaller than ${limits.maxZippedBytes} bytes`);
  }
  return archive;
}
