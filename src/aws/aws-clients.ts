import { lookup as resolveName } from 'node:dns';
import type { LookupFunction } from 'node:net';
import type { EventBridgeClient } from '@aws-sdk/client-eventbridge';
import type { S3Client } from '@aws-sdk/client-s3';
import type { SNSClient } from '@aws-sdk/client-sns';
import type { SQSClient } from '@aws-sdk/client-sqs';
import { limitAnswers } from './answer-limit.ts';
import type { AwsService, AwsSettings } from './aws-settings.ts';
import { isMetadataAddress } from './aws-settings.ts';

interface Clients {
  readonly s3: S3Client;
  readonly sqs: SQSClient;
  readonly sns: SNSClient;
  readonly events: EventBridgeClient;
}

/** No more than this of an answer is read, but for an object's content, which its reader bounds. */
const maxAnswerBytes = 1_048_576;
const connectionTimeoutMs = 5_000;
const answerTimeoutMs = 30_000;
const maxSockets = 32;
/** Of one call, the first included. */
const maxAttempts = 3;

/**
 * The SDK's clients for the daemon's outgoing calls, each made, and its package loaded, at its first use. They know nothing but the settings: no
 * variable, no file of a home directory, no instance metadata gives them a region, a key or an endpoint.
 */
export class AwsClients {
  readonly #settings: AwsSettings | undefined;
  readonly #hostAccountId: string | undefined;
  readonly #made = new Map<AwsService, Promise<Clients[AwsService]>>();

  /** Without settings no service is configured. `hostAccountId` is the administrator's own account, whose buckets need not be listed. */
  constructor(settings: AwsSettings | undefined, hostAccountId?: string) {
    this.#settings = settings;
    this.#hostAccountId = hostAccountId;
  }

  /** Whether the administrator named an endpoint for the service. */
  has(service: AwsService): boolean {
    return this.#settings?.endpoints[service] !== undefined;
  }

  /** Whether the administrator lets an account name a bucket: the keys are the host's, and open every account's buckets. */
  allowsBucket(accountId: string, bucket: string): boolean {
    if (accountId === this.#hostAccountId) return true;
    const listed = this.#settings?.s3Buckets[accountId] ?? [];
    return listed.some((entry) => (entry.endsWith('*') ? bucket.startsWith(entry.slice(0, -1)) : bucket === entry));
  }

  /** The region that requests are signed for; undefined when nothing is configured. */
  get region(): string | undefined {
    return this.#settings?.region;
  }

  /** The client of a service; undefined when no endpoint is configured for it. */
  client<S extends AwsService>(service: S): Promise<Clients[S]> | undefined {
    const endpoint = this.#settings?.endpoints[service];
    if (this.#settings === undefined || endpoint === undefined) return undefined;
    const known = this.#made.get(service);
    if (known !== undefined) return known as Promise<Clients[S]>;
    const made = makers[service](this.#settings, endpoint);
    this.#made.set(service, made);
    return made as Promise<Clients[S]>;
  }

  /** Ends the clients' connections. */
  async close(): Promise<void> {
    for (const made of this.#made.values()) (await made).destroy();
    this.#made.clear();
  }
}

const makers: { readonly [S in AwsService]: (settings: AwsSettings, endpoint: string) => Promise<Clients[S]> } = {
  s3: async (settings, endpoint) => {
    const { S3Client } = await import('@aws-sdk/client-s3');
    const client = new S3Client({
      ...common(settings, endpoint),
      forcePathStyle: settings.s3PathStyle,
      followRegionRedirects: false,
      // What stands in for S3 often knows no checksums of its newer kinds.
      requestChecksumCalculation: 'WHEN_REQUIRED',
      responseChecksumValidation: 'WHEN_REQUIRED',
    });
    limitAnswers(client.middlewareStack, { maxBytes: maxAnswerBytes, unlimitedCommands: ['GetObjectCommand'] });
    return client;
  },
  sqs: async (settings, endpoint) => {
    const { SQSClient } = await import('@aws-sdk/client-sqs');
    // SECURITY: a queue's URL is a tenant's word; requests go to the administrator's endpoint, wherever it points.
    const client = new SQSClient({ ...common(settings, endpoint), useQueueUrlAsEndpoint: false });
    limitAnswers(client.middlewareStack, { maxBytes: maxAnswerBytes });
    return client;
  },
  sns: async (settings, endpoint) => {
    const { SNSClient } = await import('@aws-sdk/client-sns');
    const client = new SNSClient(common(settings, endpoint));
    limitAnswers(client.middlewareStack, { maxBytes: maxAnswerBytes });
    return client;
  },
  events: async (settings, endpoint) => {
    const { EventBridgeClient } = await import('@aws-sdk/client-eventbridge');
    const client = new EventBridgeClient(common(settings, endpoint));
    limitAnswers(client.middlewareStack, { maxBytes: maxAnswerBytes });
    return client;
  },
};

/** Every value is given, so that the SDK looks for none elsewhere. */
function common({ region, credentials }: AwsSettings, endpoint: string) {
  const { accessKeyId, secretAccessKey, sessionToken } = credentials;
  const agent = { keepAlive: true, maxSockets, lookup: lookupOutsideMetadata };
  return {
    endpoint,
    region,
    credentials: { accessKeyId, secretAccessKey, ...(sessionToken === undefined ? {} : { sessionToken }) },
    maxAttempts,
    retryMode: 'standard',
    useDualstackEndpoint: false,
    useFipsEndpoint: false,
    requestHandler: {
      connectionTimeout: connectionTimeoutMs,
      requestTimeout: answerTimeoutMs,
      throwOnRequestTimeout: true,
      socketTimeout: answerTimeoutMs,
      httpAgent: agent,
      httpsAgent: agent,
    },
  };
}

/** SECURITY: whatever a name resolves to at the moment of connecting, the instance's metadata service is not called. */
const lookupOutsideMetadata: LookupFunction = (hostname, options, callback) => {
  resolveName(hostname, options, (error, address, family) => {
    const addresses = Array.isArray(address) ? address.map((entry) => entry.address) : [address];
    if (error === null && addresses.some(isMetadataAddress)) {
      callback(Object.assign(new Error(`${hostname} resolves to instance metadata`), { code: 'EACCES' }), '', 0);
      return;
    }
    callback(error, address as string, family);
  });
};
