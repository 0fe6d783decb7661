import type { PolicyStatement, ResourcePolicy } from '../../functions/resource-policy.ts';
import type { FunctionKey } from './function-store.ts';

/** A function, or with a qualifier one of its versions or aliases: each has a policy of its own. */
export interface FunctionPolicyKey extends FunctionKey {
  readonly qualifier: string | undefined;
}

export interface LayerVersionKey {
  readonly accountId: string;
  readonly layerName: string;
  readonly version: number;
}

/** The statements to be instead of those that are; what it throws leaves everything as it was. */
export type PolicyEdit = (current: ResourcePolicy | undefined) => readonly PolicyStatement[];

/** Resource policies of functions and of layer versions; they end with what they are about. */
export interface PolicyStore {
  /** From memory when it was asked for before: the invoke path of other accounts. */
  findForFunction(key: FunctionPolicyKey): Promise<ResourcePolicy | undefined>;
  /** One transaction. A policy without statements is none. Rejects with `NotFound` when what it is about is gone. */
  changeForFunction(key: FunctionPolicyKey, edit: PolicyEdit): Promise<ResourcePolicy | undefined>;
  findForLayer(key: LayerVersionKey): Promise<ResourcePolicy | undefined>;
  /** As `changeForFunction`. */
  changeForLayer(key: LayerVersionKey, edit: PolicyEdit): Promise<ResourcePolicy | undefined>;
}
