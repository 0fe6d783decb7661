import { CloudWatchLogsClient } from '@aws-sdk/client-cloudwatch-logs';
import type { DaemonLocation } from './daemon-location.ts';

/** CloudWatch Logs' own client, pointed at the daemon. It only reads, so that it may ask again. */
export function logsClient(location: DaemonLocation): CloudWatchLogsClient {
  return new CloudWatchLogsClient({ endpoint: location.endpoint, region: location.region, credentials: { ...location.credentials } });
}
