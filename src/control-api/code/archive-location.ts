import type { OperationCall, OperationServices } from '../operation.ts';
import { presignUrl } from '../sigv4/presign-url.ts';

/** SigV4 service name of everything below `/_cloister/`. */
export const adminServiceName = 'cloister';

/** A URL that downloads a stored zip for ten minutes, as Lambda's Code.Location does. */
export function archiveLocation(
  services: Pick<OperationServices, 'region' | 'clock' | 'linkKey'>,
  call: Pick<OperationCall<unknown>, 'host'>,
  archive: { accountId: string; archiveDigest: string },
): Promise<string> {
  return presignUrl({
    key: services.linkKey,
    host: call.host,
    path: `/_cloister/archives/${archive.accountId}/${archive.archiveDigest}`,
    region: services.region,
    service: adminServiceName,
    expiresInSeconds: 600,
    now: services.clock(),
  });
}
