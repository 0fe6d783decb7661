/**
 * A token bucket with Firecracker's words and meaning (its docs, "rate limiting"): `size` tokens, filled up again evenly within `refillTimeMs`, and
 * `oneTimeBurst` tokens beside it that are spent first and never come back. Tokens are bytes for bandwidth, operations or packets for ops.
 */
export interface TokenBucket {
  readonly size: number;
  readonly refillTimeMs: number;
  /** @default 0 */
  readonly oneTimeBurst: number;
}

/** What one device or one direction of a link may use; without a bucket that side is not limited. */
export interface RateLimiter {
  readonly bandwidth?: TokenBucket | undefined;
  readonly ops?: TokenBucket | undefined;
}

/** Every limiter of an environment. `rx` is towards it, `tx` from it; `block` holds for each device it reads or writes. */
export interface RateLimits {
  readonly network: { readonly rx: RateLimiter; readonly tx: RateLimiter };
  readonly block: RateLimiter;
}
