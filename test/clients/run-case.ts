import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'vitest';
import { answerFaults } from '../support/answer-faults.ts';
import type { CallOutcome, RealClient } from './call-outcome.ts';
import { withIsoTimestamps } from './call-outcome.ts';
import type { CaseRig } from './case-rig.ts';
import type { ClientCase, Members, Scoped, Step } from './client-case.ts';

const patienceMs = 30_000;
const lookAgainMs = 100;

type Scope = ReturnType<CaseRig['scope']>;

/** Runs a case's steps with one client and asserts what each must answer, and that every answer has the shape of the service model. */
export async function runCase(client: RealClient, scope: Scope, { before = [], after = [], ...subject }: ClientCase): Promise<void> {
  for (const step of [...before, subject, ...after]) await runStep(client, scope, step);
}

async function runStep(client: RealClient, scope: Scope, step: Step): Promise<void> {
  const outcome = step.until === undefined ? await callOnce(client, scope, step) : await callUntil(client, scope, step, resolve(step.until, scope));
  assertExpected(outcome, step, scope);
  if (step.save !== undefined && outcome.answer !== undefined) scope.save(step.save, outcome.answer);
}

async function callOnce(client: RealClient, scope: Scope, step: Step): Promise<CallOutcome> {
  const { operation, service = 'lambda', as = 'own' } = step;
  const outcome = await client.call({ service, operation, as, input: resolve(step.input, scope) });
  expect(answerFaults(operation, outcome.raw, service), `${operation} answers what the service model does not`).toEqual([]);
  return outcome.answer === undefined ? outcome : { ...outcome, answer: withIsoTimestamps(service, operation, outcome.answer) };
}

/** States come by themselves: looks again until the answer matches, and shows the last one when it never does. */
async function callUntil(client: RealClient, scope: Scope, step: Step, wanted: Members): Promise<CallOutcome> {
  const deadline = Date.now() + patienceMs;
  for (;;) {
    const outcome = await callOnce(client, scope, step);
    if (matches(outcome.answer, wanted)) return outcome;
    if (Date.now() > deadline) {
      expect(outcome.answer ?? outcome.error, `${step.operation} within ${patienceMs} ms`).toMatchObject(wanted);
      return outcome;
    }
    await delay(lookAgainMs);
  }
}

function matches(answer: Members | undefined, wanted: Members): boolean {
  try {
    expect(answer).toMatchObject(wanted);
    return true;
  } catch {
    return false;
  }
}

function assertExpected(outcome: CallOutcome, { operation, expect: expected }: Step, scope: Scope): void {
  const { answer, error, raw } = outcome;
  if (expected !== undefined && 'error' in expected) {
    const { code, status, message, members } = expected.error;
    const shown = error === undefined ? { answer } : { code: error.code, message: error.message };
    const text = resolve(message, scope);
    expect({ ...shown, status: raw.status }, operation).toEqual({
      code,
      message: typeof text === 'string' ? text : expect.stringMatching(text),
      status,
    });
    if (members !== undefined) expect(JSON.parse(String(raw.body)), operation).toMatchObject(resolve(members, scope));
    return;
  }
  expect(error, `${operation} must succeed`).toBeUndefined();
  if (expected === undefined) return;
  expect(answer, operation).toMatchObject(resolve(expected.answer, scope));
  for (const name of expected.absent ?? []) expect(answer, operation).not.toHaveProperty([name]);
}

function resolve<T>(value: Scoped<T>, scope: Scope): T {
  return typeof value === 'function' ? (value as (scope: Scope) => T)(scope) : value;
}
