import { describe, expect, it } from 'vitest';
import { CloisterError, type CloisterErrorCode } from '../errors.ts';
import { errorLine } from './error-line.ts';
import { exitStatusOf } from './exit-status.ts';

const of = (code: CloisterErrorCode) => exitStatusOf(new CloisterError(code, 'why', { operation: 'test' }));

describe('exitStatusOf()', () => {
  it('tells failure, usage, no daemon and an unfit host apart', () => {
    expect([of('NotFound'), of('BadMessage'), of('AgentGone'), of('HostUnfit')]).toEqual([1, 2, 3, 4]);
  });

  it('finds a refused connection in the causes of an error', () => {
    const refused = Object.assign(new Error('connect ECONNREFUSED 127.0.0.1:1'), { code: 'ECONNREFUSED' });
    const fetchFailed = new TypeError('fetch failed', { cause: refused });
    expect(exitStatusOf(fetchFailed)).toBe(3);
    expect(errorLine(fetchFailed)).toBe('no daemon answers (connect ECONNREFUSED 127.0.0.1:1); start one with: cloister up');
  });
});

describe('errorLine()', () => {
  it('is one line and names the path', () => {
    expect(errorLine(new CloisterError('NotFound', 'gone\n  for good', { operation: 'test', path: '/x' }))).toBe('gone for good (/x)');
  });

  it("names Lambda's error type", () => {
    expect(errorLine(Object.assign(new Error('Function not found: f'), { name: 'ResourceNotFoundException' }))).toBe(
      'ResourceNotFoundException: Function not found: f',
    );
  });
});
