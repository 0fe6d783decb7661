/** One `Allow` of a resource policy, as Lambda writes it. */
export interface PolicyStatement {
  readonly Sid: string;
  readonly Effect: 'Allow';
  readonly Principal: '*' | { readonly AWS: string } | { readonly Service: string };
  readonly Action: string;
  readonly Resource: string;
  readonly Condition?: PolicyConditions;
}

/** Operator, then condition key, then the one value it is compared with. */
export type PolicyConditions = Readonly<Record<string, Readonly<Record<string, string>>>>;

/** Who may do what with one function, version, alias or layer version. */
export interface ResourcePolicy {
  /** Changes with every change of the policy. */
  readonly revisionId: string;
  readonly statements: readonly PolicyStatement[];
}

/** Who asks; nobody, when a function URL takes unsigned requests. */
export interface PolicyCaller {
  readonly accountId: string;
  /** `arn:aws:iam::ACCOUNT:root`, or `:user/NAME` for a key that has one. */
  readonly arn: string;
}

/** What a statement is held against. */
export interface PolicyQuestion {
  readonly caller: PolicyCaller | 'anonymous';
  /** IAM's, e.g. `lambda:InvokeFunction`. */
  readonly action: string;
  /** Condition keys of this request in lower case. SECURITY: a key that is not here makes its condition false, as in IAM. */
  readonly context: Readonly<Record<string, string>>;
}

/** The `Policy` member of GetPolicy: the document as text. */
export function policyDocument(statements: readonly PolicyStatement[]): string {
  return JSON.stringify({ Version: '2012-10-17', Id: 'default', Statement: statements });
}

/** True when a statement allows what is asked. There is no `Deny`: what nothing allows is refused. */
export function policyAllows(policy: ResourcePolicy | undefined, question: PolicyQuestion): boolean {
  return policy?.statements.some((statement) => statementAllows(statement, question)) ?? false;
}

function statementAllows({ Principal, Action, Condition = {} }: PolicyStatement, { caller, action, context }: PolicyQuestion): boolean {
  if (!principalMatches(Principal, caller) || !actionMatches(Action, action)) return false;
  return Object.entries(Condition).every(([operator, keys]) =>
    Object.entries(keys).every(([key, value]) => conditionHolds(operator, value, context[key.toLowerCase()])),
  );
}

/** An account's root ARN means whoever acts for the account; a user's or role's ARN means that one only; services do not call here. */
function principalMatches(principal: PolicyStatement['Principal'], caller: PolicyCaller | 'anonymous'): boolean {
  if (principal === '*') return true;
  if (caller === 'anonymous' || !('AWS' in principal)) return false;
  return principal.AWS === caller.arn || principal.AWS === `arn:aws:iam::${caller.accountId}:root`;
}

function actionMatches(allowed: string, action: string): boolean {
  // IAM compares actions without regard to case.
  return allowed === '*' || allowed.toLowerCase() === 'lambda:*' || allowed.toLowerCase() === action.toLowerCase();
}

function conditionHolds(operator: string, wanted: string, given: string | undefined): boolean {
  if (given === undefined) return false;
  if (operator === 'StringEquals') return given === wanted;
  if (operator === 'Bool') return given.toLowerCase() === wanted.toLowerCase();
  if (operator === 'ArnLike') return arnLike(wanted, given);
  return false;
}

/** IAM's ArnLike: `*` and `?` in each part between colons, which they do not cross; the last part may hold colons. */
function arnLike(pattern: string, arn: string): boolean {
  const wanted = arnParts(pattern);
  const given = arnParts(arn);
  return wanted.length === given.length && wanted.every((part, index) => wildcardMatches(part, given[index] ?? ''));
}

function arnParts(arn: string): readonly string[] {
  const parts = arn.split(':');
  return parts.length <= 6 ? parts : [...parts.slice(0, 5), parts.slice(5).join(':')];
}

/** SECURITY: in time proportional to the product of the lengths, where a regular expression of many `*` could take exponentially long. */
function wildcardMatches(pattern: string, text: string): boolean {
  let [position, at, star, resume] = [0, 0, -1, 0];
  while (position < text.length) {
    const wanted = pattern[at];
    if (wanted === '*') {
      star = at;
      resume = position;
      at += 1;
    } else if (wanted === '?' || wanted === text[position]) {
      at += 1;
      position += 1;
    } else if (star >= 0) {
      at = star + 1;
      resume += 1;
      position = resume;
    } else return false;
  }
  while (pattern[at] === '*') at += 1;
  return at === pattern.length;
}
