/** Why a version is not what was asked for, in the words and codes of Lambda's API. */
export interface StatusReason {
  readonly reason: string;
  readonly reasonCode: 'InternalError' | 'InvalidZipFileException';
}

/** Where a version stands while it is anything but active with its last update done. */
export type FunctionStatus =
  | { readonly state: 'Pending' }
  | ({ readonly state: 'Failed' } & StatusReason)
  | { readonly state: 'Active'; readonly lastUpdate: 'InProgress' }
  | ({ readonly state: 'Active'; readonly lastUpdate: 'Failed' } & StatusReason);

/** What becomes of a status whose work did not come to an end: it failed, and the code of before, if any, stays. */
export function failedStatus(of: 'Pending' | 'InProgress', why: StatusReason): FunctionStatus {
  return of === 'Pending' ? { state: 'Failed', ...why } : { state: 'Active', lastUpdate: 'Failed', ...why };
}
