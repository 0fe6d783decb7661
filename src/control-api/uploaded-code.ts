import type { FunctionCode, LayerVersionContentInput } from '@aws-sdk/client-lambda';
import type { FunctionLimits } from '../functions/limits.ts';
import { ApiError, invalidParameter } from './api-error.ts';

/** The zip of a request; throws when it comes from elsewhere, is empty or too large. */
export function uploadedZip(code: FunctionCode & LayerVersionContentInput, what: 'function' | 'layer', limits: FunctionLimits): Uint8Array {
  if (code.S3Bucket !== undefined || code.S3Key !== undefined)
    throw invalidParameter('Code in S3 is not supported by Cloister yet: send it as ZipFile.');
  if (code.ImageUri !== undefined) throw invalidParameter('ImageUri is not supported by Cloister yet: send the code as ZipFile.');
  if (code.SourceKMSKeyArn !== undefined) throw invalidParameter('SourceKMSKeyArn is not supported by Cloister yet.');
  if (code.ZipFile === undefined) throw invalidParameter(`Please provide a source for ${what} code.`);
  if (code.ZipFile.byteLength === 0) throw invalidParameter('Uploaded file must be a non-empty zip');
  if (code.ZipFile.byteLength > limits.maxZippedBytes) {
    throw new ApiError('RequestEntityTooLargeException', `Zipped size must be smaller than ${limits.maxZippedBytes} bytes`);
  }
  return code.ZipFile;
}
