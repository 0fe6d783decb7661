/** Every error type a client can get, with its HTTP status: Lambda's own, then those of AWS's front door. */
export const errorStatus = {
  CodeVerificationFailedException: 400,
  InvalidParameterValueException: 400,
  InvalidRequestContentException: 400,
  NotImplementedException: 400,
  PolicyLengthExceededException: 400,
  RecursiveInvocationException: 400,
  SerializationException: 400,
  ValidationException: 400,
  AccessDeniedException: 403,
  CodeSigningConfigNotFoundException: 404,
  ProvisionedConcurrencyConfigNotFoundException: 404,
  ResourceNotFoundException: 404,
  ResourceConflictException: 409,
  PreconditionFailedException: 412,
  RequestEntityTooLargeException: 413,
  TooManyRequestsException: 429,
  ServiceException: 500,
  ServiceUnavailableException: 503,
  ExpiredTokenException: 403,
  IncompleteSignatureException: 403,
  InvalidSignatureException: 403,
  MissingAuthenticationTokenException: 403,
  UnknownOperationException: 404,
  UnrecognizedClientException: 403,
} as const;

export type ApiErrorType = keyof typeof errorStatus;

/** These spell their text `Message`; all others `message`. */
const capitalised: ReadonlySet<ApiErrorType> = new Set([
  'AccessDeniedException',
  'CodeSigningConfigNotFoundException',
  'CodeVerificationFailedException',
  'RecursiveInvocationException',
  'ResourceNotFoundException',
  'ServiceException',
]);
/** The front door's errors have no `Type` member. */
const untyped: ReadonlySet<ApiErrorType> = new Set([
  'AccessDeniedException',
  'ExpiredTokenException',
  'IncompleteSignatureException',
  'InvalidSignatureException',
  'MissingAuthenticationTokenException',
  'UnknownOperationException',
  'UnrecognizedClientException',
  'ValidationException',
]);

/** An answer in the shape AWS gives errors. Its text is meant for the client: no path, no errno, no stack. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  readonly type: ApiErrorType;
  readonly extraMembers: Readonly<Record<string, string>>;
  /** The header Retry-After, in whole seconds. */
  readonly retryAfterSeconds: number | undefined;

  constructor(
    type: ApiErrorType,
    message: string,
    extraMembers: Readonly<Record<string, string>> = {},
    options: { readonly retryAfterSeconds?: number } = {},
  ) {
    super(message);
    this.type = type;
    this.extraMembers = extraMembers;
    this.retryAfterSeconds = options.retryAfterSeconds;
  }

  get status(): number {
    return errorStatus[this.type];
  }

  /** The JSON body. */
  toBody(): Readonly<Record<string, string>> {
    const origin = this.status < 500 ? 'User' : 'Service';
    return {
      ...(untyped.has(this.type) ? {} : { Type: origin }),
      ...this.extraMembers,
      [capitalised.has(this.type) ? 'Message' : 'message']: this.message,
    };
  }
}

/** `InvalidParameterValueException`, the error of most of Lambda's own checks. */
export function invalidParameter(message: string): ApiError {
  return new ApiError('InvalidParameterValueException', message);
}
