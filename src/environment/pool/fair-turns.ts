/** Whose something is. */
export interface LaneName {
  readonly accountId: string;
  readonly functionName: string;
}

export interface TurnOptions<L> {
  /** What is left to give, in the same measure as what runs. A function may have as much as is then still free, an account twice that. @default no bound */
  readonly free?: number;
  readonly isReady: (lane: L) => boolean;
  /** Nothing of such an account gets a turn. */
  readonly isHeld?: ((accountId: string) => boolean) | undefined;
}

interface Share<L> {
  readonly name: LaneName;
  readonly lane: L;
  running: number;
}

/** The lanes of one account; the one that waits longest for its turn is first. */
interface AccountShares<L> {
  readonly lanes: Map<string, Share<L>>;
  running: number;
}

/**
 * Whose turn it is: the account that has least running, and of its functions the one that has; in turn where they have the same. With a bound on what is
 * free the rule of Choudhury and Hahne's dynamic thresholds for shared buffers holds as well: whatever one's backlog, there is something for a newcomer.
 */
export class FairTurns<L> {
  readonly #accounts = new Map<string, AccountShares<L>>();

  /** The function's lane, made when it has none. It is kept until `forget`. */
  lane(name: LaneName, make: (name: LaneName) => L): L {
    const account = this.#accounts.get(name.accountId) ?? { lanes: new Map<string, Share<L>>(), running: 0 };
    this.#accounts.set(name.accountId, account);
    const known = account.lanes.get(name.functionName);
    if (known !== undefined) return known.lane;
    const { accountId, functionName } = name;
    const share = { name: { accountId, functionName }, lane: make({ accountId, functionName }), running: 0 };
    account.lanes.set(functionName, share);
    return share.lane;
  }

  find({ accountId, functionName }: LaneName): L | undefined {
    return this.#accounts.get(accountId)?.lanes.get(functionName)?.lane;
  }

  *lanes(): Iterable<L> {
    for (const { lanes } of this.#accounts.values()) for (const { lane } of lanes.values()) yield lane;
  }

  /** The lane whose turn it is; it stays where it is. */
  peek(options: TurnOptions<L>): L | undefined {
    return this.#next(options)?.lane;
  }

  /** The lane whose turn it is. It and its account go to the end of their lines. */
  take(options: TurnOptions<L>): L | undefined {
    const share = this.#next(options);
    if (share !== undefined) this.tookTurn(share.name);
    return share?.lane;
  }

  /** The function had its turn: it and its account go to the end of their lines. */
  tookTurn({ accountId, functionName }: LaneName): void {
    const account = this.#accounts.get(accountId);
    const share = account?.lanes.get(functionName);
    if (account === undefined || share === undefined) return;
    this.#accounts.delete(accountId);
    this.#accounts.set(accountId, account);
    account.lanes.delete(functionName);
    account.lanes.set(functionName, share);
  }

  /** Something of the function runs; `amount` is what it takes. Its lane must be there. */
  began(name: LaneName, amount = 1): void {
    this.#count(name, amount);
  }

  ended(name: LaneName, amount = 1): void {
    this.#count(name, -amount);
  }

  running({ accountId, functionName }: LaneName): number {
    return this.#accounts.get(accountId)?.lanes.get(functionName)?.running ?? 0;
  }

  /** Drops the function's lane, unless something of it runs. */
  forget({ accountId, functionName }: LaneName): void {
    const account = this.#accounts.get(accountId);
    if (account?.lanes.get(functionName)?.running !== 0) return;
    account.lanes.delete(functionName);
    if (account.lanes.size === 0) this.#accounts.delete(accountId);
  }

  #count({ accountId, functionName }: LaneName, amount: number): void {
    const account = this.#accounts.get(accountId);
    const share = account?.lanes.get(functionName);
    if (account === undefined || share === undefined) return;
    account.running += amount;
    share.running += amount;
  }

  #next({ free = Number.POSITIVE_INFINITY, isReady, isHeld }: TurnOptions<L>): Share<L> | undefined {
    let best: { readonly share: Share<L>; readonly running: number } | undefined;
    for (const [accountId, account] of this.#accounts) {
      if (account.running >= 2 * free || account.running >= (best?.running ?? Number.POSITIVE_INFINITY) || isHeld?.(accountId) === true) continue;
      const share = leastRunning(account, { free, isReady });
      if (share !== undefined) best = { share, running: account.running };
      if (best?.running === 0) break;
    }
    return best?.share;
  }
}

function leastRunning<L>({ lanes }: AccountShares<L>, { free, isReady }: { free: number; isReady: (lane: L) => boolean }): Share<L> | undefined {
  let best: Share<L> | undefined;
  for (const share of lanes.values()) {
    if (share.running >= Math.min(free, best?.running ?? Number.POSITIVE_INFINITY) || !isReady(share.lane)) continue;
    best = share;
    if (share.running === 0) break;
  }
  return best;
}
