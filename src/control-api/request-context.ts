import type { FastifyRequest } from 'fastify';
import { ApiError } from './api-error.ts';
import type { PendingVerification, Principal } from './sigv4/request-verifier.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** Set before the body is read. */
    pendingVerification: PendingVerification | null;
    /** Set once the signature was found right. */
    principal: Principal | null;
  }
  interface FastifyContextConfig {
    /** Operations of the service model behind this route. */
    operations?: readonly string[];
  }
}

/** What the hooks established about a request before its handler runs. */
export function requestContext(request: FastifyRequest): {
  principal: Principal;
  verified: PendingVerification['request'];
  body: Buffer | undefined;
} {
  const { principal, pendingVerification } = request;
  // SECURITY: no handler runs without a verified signature, whatever becomes of the hooks.
  if (principal === null || pendingVerification === null) throw new ApiError('MissingAuthenticationTokenException', 'Missing Authentication Token');
  return { principal, verified: pendingVerification.request, body: Buffer.isBuffer(request.body) ? request.body : undefined };
}
