import { describe, expect, it } from 'vitest';
import { FakeClock } from '../../test/support/fake-clock.ts';
import { functionVersion } from '../../test/support/function-version.ts';
import { InvocationTraces } from './invocation-traces.ts';
import { formatTraceHeader, parseTraceHeader, rootedTraceHeader } from './trace-header.ts';

const root = '1-67a1b2c3-0123456789abcdef01234567';

function traces(random = 0.5) {
  const clock = new FakeClock();
  return { clock, traces: new InvocationTraces({ clock, random: () => random }) };
}

describe('parseTraceHeader()', () => {
  it('reads what X-Ray writes, in any order and with spaces, and leaves out what it does not know', () => {
    const text = `Self=1-1-1; Sampled=1;Lineage=a87bd80c:1|68fd508a:5|c512fbe3:2;Parent=53995c3f42cd8ad8; Root=${root}`;
    const parsed = parseTraceHeader(text);
    expect(parsed).toEqual({
      root,
      parent: '53995c3f42cd8ad8',
      sampled: '1',
      lineage: new Map([
        ['a87bd80c', 1],
        ['68fd508a', 5],
        ['c512fbe3', 2],
      ]),
    });
    expect(parsed && formatTraceHeader(parsed)).toBe(`Root=${root};Parent=53995c3f42cd8ad8;Sampled=1;Lineage=a87bd80c:1|68fd508a:5|c512fbe3:2`);
  });

  it.each([
    ['nothing', undefined],
    ['no root', 'Parent=53995c3f42cd8ad8;Sampled=1'],
    ['a root of another form', 'Root=1-1-1'],
    ['a line more', `Root=${root}\r\nX: 1`],
    ['too much', `Root=${root};${'x'.repeat(2_000)}`],
  ])('takes %s for none', (_what, text) => {
    expect(parseTraceHeader(text)).toBeUndefined();
    expect(rootedTraceHeader(text, 0x67a1b2c3 * 1_000)).toMatch(/^Root=1-67a1b2c3-[0-9a-f]{24}$/);
  });

  it('leaves out a parent, a decision and a lineage of other forms', () => {
    expect(parseTraceHeader(`Root=${root};Parent=1;Sampled=?;Lineage=x:1|${'9'.repeat(9)}`)).toEqual({ root, lineage: new Map() });
  });
});

describe('InvocationTraces.enter()', () => {
  it('makes a header where there is none, and passes on the one that there is', () => {
    const { traces: made } = traces();
    expect(made.enter(functionVersion(), undefined)).toMatch(/^Root=1-[0-9a-f]{8}-[0-9a-f]{24};Parent=[0-9a-f]{16};Sampled=0;Lineage=[0-9a-f]{8}:1$/);
    const given = `Root=${root};Parent=53995c3f42cd8ad8;Sampled=1`;
    expect(made.enter(functionVersion(), given)).toMatch(new RegExp(`^${given};Lineage=[0-9a-f]{8}:1$`));
  });

  it('samples what comes undecided to a function with active tracing: one in each second, and five percent of the others', () => {
    const active = functionVersion({ tracing: 'Active' });
    const { clock, traces: rare } = traces(0.06);
    const sampled = (given?: string) => /Sampled=(\d)/.exec(rare.enter(active, given))?.[1];
    expect([sampled(), sampled(), sampled(`Root=${root};Sampled=1`), sampled(`Root=${root};Sampled=0`)]).toEqual(['1', '0', '1', '0']);
    clock.advance(1_000);
    expect([sampled(), sampled()]).toEqual(['1', '0']);
    const { traces: lucky } = traces(0.04);
    expect([1, 2].map(() => /Sampled=(\d)/.exec(lucky.enter(active, undefined))?.[1])).toEqual(['1', '1']);
  });

  it('has a span of its own with active tracing', () => {
    const header = traces().traces.enter(functionVersion({ tracing: 'Active' }), `Root=${root};Parent=53995c3f42cd8ad8;Sampled=1`);
    expect(header).toMatch(new RegExp(`^Root=${root};Parent=[0-9a-f]{16};Sampled=1;`));
    expect(header).not.toContain('53995c3f42cd8ad8');
  });

  it('stops a function at its seventeenth passage, whatever its version, and no other, unless that is allowed', () => {
    const { traces: counting } = traces();
    let header: string | undefined;
    for (let passage = 1; passage <= 16; passage += 1) {
      header = counting.enter(functionVersion({ version: String(passage), revisionId: `r${passage}` }), header);
      expect(header).toMatch(new RegExp(`:${passage}$`));
    }
    expect(() => counting.enter(functionVersion(), header)).toThrow(expect.objectContaining({ code: 'RecursiveLoop' }));
    expect(counting.enter(functionVersion({ recursiveLoop: 'Allow' }), header)).toMatch(/:17$/);
    expect(counting.enter(functionVersion({ functionName: 'other' }), header)).toMatch(/:16[|][0-9a-f]{8}:1$/);
    expect(counting.enter(functionVersion({ accountId: '210987654321' }), header)).toMatch(/:16[|][0-9a-f]{8}:1$/);
  });

  it('keeps the header short, however many functions the chain comes through', () => {
    const { traces: counting } = traces();
    let header: string | undefined;
    for (let index = 0; index < 100; index += 1) header = counting.enter(functionVersion({ functionName: `f${index}` }), header);
    expect(header?.length).toBeLessThan(500);
  });
});
