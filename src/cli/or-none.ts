import { ResourceNotFoundException } from '@aws-sdk/client-lambda';

/**
 * The answer, or undefined when its owner has no such thing. Lambda answers a missing policy and a missing function alike: `askForOwner` tells them
 * apart, and rejects when the owner is what is missing.
 */
export async function orNone<T>(answer: Promise<T>, askForOwner: () => Promise<unknown>): Promise<T | undefined> {
  try {
    return await answer;
  } catch (error) {
    if (!(error instanceof ResourceNotFoundException)) throw error;
    await askForOwner();
    return undefined;
  }
}
