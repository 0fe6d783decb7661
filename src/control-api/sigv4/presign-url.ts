import { Hash } from '@smithy/hash-node';
import { SignatureV4 } from '@smithy/signature-v4';
import type { AccessKey } from '../stores/access-key-directory.ts';

const sha256 = Hash.bind(null, 'sha256');

/** A URL that lets whoever holds it GET one path of ours for a while, in the name of `key`. */
export async function presignUrl(options: {
  key: AccessKey;
  host: string;
  path: string;
  region: string;
  service: string;
  expiresInSeconds: number;
  now: number;
}): Promise<string> {
  const { key, host, path, region, service } = options;
  const { accessKeyId, secretAccessKey } = key;
  const signer = new SignatureV4({ service, region, credentials: { accessKeyId, secretAccessKey }, sha256 });
  const signed = await signer.presign(
    { method: 'GET', protocol: 'http:', hostname: host, path, headers: { host }, query: {} },
    { expiresIn: options.expiresInSeconds, signingDate: new Date(options.now) },
  );
  const query = Object.entries(signed.query ?? {}).map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(String(value))}`);
  return `http://${host}${path}?${query.join('&')}`;
}
