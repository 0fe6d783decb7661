import { hash, timingSafeEqual } from 'node:crypto';
import { ApiError } from '../api-error.ts';
import type { AccessKey, AccessKeyDirectory } from '../stores/access-key-directory.ts';
import type { SessionCredentials } from './session-credentials.ts';
import { SignatureCalculator } from './signature-calculator.ts';
import type { SignatureClaim } from './signature-claim.ts';
import { formatLongDate, invalidSignature, parseLongDate, readSignatureClaim } from './signature-claim.ts';
import type { SignedRequest } from './signed-request.ts';

/** Who signed a request. */
export type Principal =
  | { readonly kind: 'accessKey'; readonly accountId: string; readonly key: AccessKey }
  | { readonly kind: 'environment'; readonly accountId: string; readonly environmentId: string };

/** A claim that may be true: its key exists and its date is near; the signature is checked once the body is here. */
export interface PendingVerification {
  readonly request: SignedRequest;
  readonly claim: SignatureClaim;
  readonly principal: Principal;
  readonly secretAccessKey: string;
}

export interface RequestVerifierOptions {
  readonly accessKeys: Pick<AccessKeyDirectory, 'findAccessKey'>;
  readonly sessions: SessionCredentials;
  readonly region: string;
  /** Milliseconds since the epoch. */
  readonly clock: () => number;
}

const maxSkewMinutes = 5;
const maxSkewMs = maxSkewMinutes * 60_000;
const emptyPayloadHash = hash('sha256', '');

/** Verifies AWS Signature Version 4, header and presigned query form, in two steps around the reading of the body. */
export class RequestVerifier {
  readonly #options: RequestVerifierOptions;
  readonly #calculator = new SignatureCalculator();

  constructor(options: RequestVerifierOptions) {
    this.#options = options;
  }

  /** ORDER: before the body is read, so that a stranger without a known key cannot make us hold one. Throws AWS's error. */
  begin(request: SignedRequest, service: string): PendingVerification {
    const claim = readSignatureClaim(request);
    const { principal, secretAccessKey } = this.#identify(claim);
    this.#checkScope(claim, service);
    this.#checkDate(claim);
    if (!claim.signedHeaders.includes('host')) {
      throw invalidSignature("'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.");
    }
    return { request, claim, principal, secretAccessKey };
  }

  /** Compares the signature, over exactly the body that will be used. Throws AWS's error. */
  async finish(pending: PendingVerification, body: Uint8Array | undefined): Promise<Principal> {
    const { request, claim, principal, secretAccessKey } = pending;
    const payloadHash = body === undefined || body.length === 0 ? emptyPayloadHash : hash('sha256', body);
    // Lambda has no unsigned payloads: whatever the header says must be this body's own hash.
    const declared = request.headers['x-amz-content-sha256'];
    if (declared !== undefined && declared !== payloadHash) throw invalidSignature();
    const secret = { accessKeyId: claim.accessKeyId, secretAccessKey };
    const expected = await this.#calculator.compute({ request, claim, secret, payloadHash });
    if (!timingSafeEqual(expected, Buffer.from(claim.signature, 'hex'))) throw invalidSignature();
    return principal;
  }

  #identify(claim: SignatureClaim): { principal: Principal; secretAccessKey: string } {
    const { accessKeyId, sessionToken } = claim;
    if (sessionToken === undefined) {
      const key = this.#options.accessKeys.findAccessKey(accessKeyId);
      if (key !== undefined) return { principal: { kind: 'accessKey', accountId: key.accountId, key }, secretAccessKey: key.secretAccessKey };
    } else {
      const session = this.#options.sessions.find(accessKeyId, sessionToken);
      if (session !== undefined) {
        const { accountId, environmentId, secretAccessKey } = session;
        return { principal: { kind: 'environment', accountId, environmentId }, secretAccessKey };
      }
      if (this.#options.sessions.hasEnded(accessKeyId)) {
        throw new ApiError('ExpiredTokenException', 'The security token included in the request is expired');
      }
    }
    throw new ApiError('UnrecognizedClientException', 'The security token included in the request is invalid.');
  }

  #checkScope({ region, service, scopeDate, longDate }: SignatureClaim, expectedService: string): void {
    if (region !== this.#options.region) throw invalidSignature(`Credential should be scoped to a valid region, not '${region}'. `);
    if (service !== expectedService) throw invalidSignature(`Credential should be scoped to correct service: '${expectedService}'. `);
    const shortDate = longDate.slice(0, 8);
    if (scopeDate !== shortDate) {
      throw invalidSignature(
        `Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '${scopeDate}' != '${shortDate}', from '${longDate}'.`,
      );
    }
  }

  #checkDate({ longDate, expiresInSeconds }: SignatureClaim): void {
    const signedAt = parseLongDate(longDate);
    if (Number.isNaN(signedAt)) throw new ApiError('IncompleteSignatureException', `'${longDate}' is not a valid date.`);
    const now = this.#options.clock();
    const nowText = formatLongDate(now);
    if (signedAt > now + maxSkewMs) {
      const latest = formatLongDate(now + maxSkewMs);
      throw invalidSignature(`Signature not yet current: ${longDate} is still later than ${latest} (${nowText} + ${maxSkewMinutes} min.)`);
    }
    if (expiresInSeconds !== undefined) {
      const expiry = signedAt + expiresInSeconds * 1_000;
      if (now > expiry) throw invalidSignature(`Signature expired: ${formatLongDate(expiry)} is now earlier than ${nowText}`);
    } else if (signedAt < now - maxSkewMs) {
      const earliest = formatLongDate(now - maxSkewMs);
      throw invalidSignature(`Signature expired: ${longDate} is now earlier than ${earliest} (${nowText} - ${maxSkewMinutes} min.)`);
    }
  }
}
