/** Cross-origin rules of a function URL: absent members were not given. */
export interface FunctionUrlCors {
  readonly AllowCredentials?: boolean | undefined;
  readonly AllowHeaders?: readonly string[] | undefined;
  readonly AllowMethods?: readonly string[] | undefined;
  readonly AllowOrigins?: readonly string[] | undefined;
  readonly ExposeHeaders?: readonly string[] | undefined;
  readonly MaxAge?: number | undefined;
}

/** A function's own HTTP address, or that of one of its aliases. */
export interface FunctionUrl {
  /** 32 lower-case letters and digits; no two URLs have the same, ever. */
  readonly urlId: string;
  readonly accountId: string;
  readonly functionName: string;
  /** An alias; undefined for the function itself. */
  readonly qualifier: string | undefined;
  readonly authType: 'NONE' | 'AWS_IAM';
  /** @default BUFFERED */
  readonly invokeMode?: 'BUFFERED' | 'RESPONSE_STREAM';
  readonly cors?: FunctionUrlCors;
  /** ISO 8601, UTC, milliseconds. */
  readonly createdAt: string;
  readonly modifiedAt: string;
}
