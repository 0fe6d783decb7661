import { Hash } from '@smithy/hash-node';
import { createScope, getCanonicalHeaders, getSigningKey, SignatureV4Base } from '@smithy/signature-v4';
import type { SignatureClaim } from './signature-claim.ts';
import type { SignedRequest } from './signed-request.ts';

const sha256 = Hash.bind(null, 'sha256');
const maxCachedKeys = 4_096;

type Secret = { readonly accessKeyId: string; readonly secretAccessKey: string };

/** The signer's own steps, over the headers a request says it signed. */
class CanonicalSigner extends SignatureV4Base {
  constructor() {
    super({ service: 'lambda', region: '', credentials: () => Promise.reject(new Error('keys are given per request')), sha256 });
  }

  async sign(request: SignedRequest, claim: SignatureClaim, payloadHash: string, key: Uint8Array): Promise<Buffer> {
    const headers: Record<string, string> = Object.create(null);
    for (const name of claim.signedHeaders) {
      const value = Object.hasOwn(request.headers, name) ? request.headers[name] : undefined;
      if (value !== undefined) headers[name] = Array.isArray(value) ? value.join(',') : value;
    }
    const { method, path, query } = request;
    const canonicalRequest = this.createCanonicalRequest(
      { method, path, query: query as Record<string, string | string[]>, headers, protocol: 'http:', hostname: '' },
      getCanonicalHeaders({ method, path, headers, protocol: 'http:', hostname: '' }, undefined, new Set(claim.signedHeaders)),
      payloadHash,
    );
    const scope = createScope(claim.scopeDate, claim.region, claim.service);
    const hash = new sha256(key);
    hash.update(Buffer.from(await this.createStringToSign(claim.longDate, scope, canonicalRequest, 'AWS4-HMAC-SHA256')));
    return Buffer.from(await hash.digest());
  }
}

/** Recomputes signatures; signing keys, derived by five HMACs, are kept per access key and scope. */
export class SignatureCalculator {
  readonly #signer = new CanonicalSigner();
  readonly #keys = new Map<string, { readonly secretAccessKey: string; readonly key: Uint8Array }>();

  /** The 32 bytes the request's signature must be. */
  async compute(options: { request: SignedRequest; claim: SignatureClaim; secret: Secret; payloadHash: string }): Promise<Buffer> {
    const { request, claim, secret, payloadHash } = options;
    return this.#signer.sign(request, claim, payloadHash, await this.#signingKey(claim, secret));
  }

  async #signingKey(claim: SignatureClaim, secret: Secret): Promise<Uint8Array> {
    const name = `${secret.accessKeyId}/${claim.scopeDate}/${claim.region}/${claim.service}`;
    const known = this.#keys.get(name);
    if (known?.secretAccessKey === secret.secretAccessKey) return known.key;
    const { accessKeyId, secretAccessKey } = secret;
    const key = await getSigningKey(sha256, { accessKeyId, secretAccessKey }, claim.scopeDate, claim.region, claim.service);
    // The oldest go first: scopes of yesterday, keys of environments that ended.
    if (this.#keys.size >= maxCachedKeys) this.#keys.delete(this.#keys.keys().next().value as string);
    this.#keys.set(name, { secretAccessKey, key });
    return key;
  }
}
