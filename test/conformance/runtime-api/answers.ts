import { expect } from 'vitest';
import type { HttpAnswer } from '../harness/http-answer.ts';

/** 202 with the one body that every report of a runtime is acknowledged with. */
export function expectAccepted(answer: HttpAnswer): void {
  expect({ status: answer.status, type: answer.header('content-type'), text: answer.text }).toEqual({
    status: 202,
    type: 'application/json',
    text: '{"status":"OK"}\n',
  });
}

/** A refusal in the API's form: JSON with a type and a message, and nothing else. */
export function expectRefused(answer: HttpAnswer, status: number, errorType: string): void {
  expect({ status: answer.status, type: answer.header('content-type') }).toEqual({ status, type: 'application/json' });
  expect(answer.json()).toEqual({ errorType, errorMessage: expect.stringMatching(/\S/) });
}

export const docs = 'AWS: Using the Lambda runtime API';
export const responsePath = (requestId: string): string => `runtime/invocation/${requestId}/response`;
export const errorPath = (requestId: string): string => `runtime/invocation/${requestId}/error`;
export const nextPath = 'runtime/invocation/next';
export const initErrorPath = 'runtime/init/error';
export const errorTypeHeader = 'Lambda-Runtime-Function-Error-Type';
