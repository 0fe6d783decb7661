import type { FunctionRecord } from '../../functions/function-record.ts';
import type { FunctionStatus, StatusReason } from '../../functions/function-status.ts';
import type { FunctionVersion, Isolation } from '../../functions/function-version.ts';

export interface FunctionKey {
  readonly accountId: string;
  readonly functionName: string;
}

export interface PublishOptions {
  /** Replaces the description in the published version. */
  readonly description?: string | undefined;
}

/** What became of a removal; `aliases` stood in the way of it and are its only reason. */
export interface RemoveOutcome {
  /** False when there is none. */
  readonly removed: boolean;
  readonly aliases?: readonly string[];
}

/** Tags as they become, and the isolation that one of them chooses for `$LATEST`. */
export interface TagChange {
  readonly tags: Readonly<Record<string, string>>;
  readonly isolation: Isolation;
}

/** Functions and their versions. Every verb is one transaction: it happens wholly or not at all. */
export interface FunctionStore {
  /** Stores a new function's `$LATEST`; with `publish` also version 1, which is then answered. Rejects with `Conflict` when the name is taken. */
  create(
    record: FunctionRecord,
    options: { tags: Readonly<Record<string, string>>; publish?: PublishOptions | undefined; codeSigningConfigId?: string | undefined },
  ): Promise<FunctionRecord>;
  find(key: FunctionKey, version: string): Promise<FunctionRecord | undefined>;
  /** What the invoke path needs, from memory when it was asked for before. */
  findForInvoke(key: FunctionKey, version: string): Promise<FunctionVersion | undefined>;
  /** By name, then by version (`$LATEST` first), beginning after `after`. */
  list(options: {
    accountId: string;
    allVersions: boolean;
    after?: { functionName: string; version: string } | undefined;
    limit: number;
  }): Promise<readonly FunctionRecord[]>;
  /** Versions of one function, `$LATEST` first, beginning after `after`. */
  listVersions(key: FunctionKey, options: { after?: string | undefined; limit: number }): Promise<readonly FunctionRecord[]>;
  count(accountId: string | undefined): Promise<number>;
  /** Bytes of all archives of an account's versions. */
  archiveBytes(accountId: string): Promise<number>;
  tags(key: FunctionKey): Promise<Readonly<Record<string, string>>>;
  /** Replaces all tags by what `change` makes of them, and renews the revision that clients see; what `change` throws undoes it. `NotFound` without a function. */
  changeTags(key: FunctionKey, change: (current: Readonly<Record<string, string>>) => TagChange): Promise<void>;
  /** Replaces `$LATEST`. Rejects with `Conflict` when it is not at `expectedRevisionId` any more, `NotFound` when it is gone. */
  replaceLatest(record: FunctionRecord, options: { expectedRevisionId: string; publish?: PublishOptions | undefined }): Promise<FunctionRecord>;
  /** Says where `$LATEST` stands; its revision stays. Rejects as `replaceLatest` does. */
  setStatus(key: FunctionKey, status: FunctionStatus, options: { expectedRevisionId: string }): Promise<void>;
  /** Whatever an earlier process left pending or in progress has failed: its work ended with the process. */
  failInterrupted(why: StatusReason): Promise<void>;
  /** Makes a version of `$LATEST`; answers the last one when nothing changed since. Rejects as `replaceLatest` does. */
  publish(key: FunctionKey, options: PublishOptions & { expectedRevisionId: string }): Promise<FunctionRecord>;
  /** Removes one version that no alias points to, or the function with everything that is its own. */
  remove(key: FunctionKey, version?: string): Promise<RemoveOutcome>;
}
