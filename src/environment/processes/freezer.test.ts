import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { FakeClock } from '../../../test/support/fake-clock.ts';
import { Freezer } from './freezer.ts';

const directory = mkdtempSync(join(tmpdir(), 'freezer-'));
const file = join(directory, 'freezer.state');
afterEach(() => rmSync(file, { force: true }));

function freezerOn(mode: 'w' | 'r') {
  closeSync(openSync(file, 'w'));
  const clock = new FakeClock();
  const seen: string[] = [];
  const descriptor = openSync(file, mode);
  const freezer = new Freezer({
    descriptor,
    words: { frozen: 'F', thawed: 'T' },
    clock,
    onFrozen: () => seen.push('frozen'),
    onThawed: () => seen.push('thawed'),
    onProblem: (problem) => seen.push(problem),
  });
  return { clock, freezer, descriptor, seen, written: () => readFileSync(file, 'utf8') };
}

describe('Freezer', () => {
  it('freezes once, however often it is asked to', () => {
    const { clock, freezer, seen, written } = freezerOn('w');
    freezer.settle();
    freezer.settle();
    clock.advance(10);
    freezer.settle();
    clock.advance(10);
    expect([written(), seen, freezer.isFrozen, clock.scheduled]).toEqual(['F', ['frozen'], true, 0]);
    freezer.close();
  });

  it('writes nothing for a release before its time, and counts anew after it', () => {
    const { clock, freezer, written } = freezerOn('w');
    freezer.settle();
    clock.advance(0.9);
    freezer.release();
    freezer.settle();
    clock.advance(0.9);
    expect(written()).toBe('');
    clock.advance(0.1);
    freezer.release();
    freezer.release();
    expect([written(), freezer.isFrozen]).toEqual(['FT', false]);
    freezer.close();
  });

  it('leaves the environment as it is when it is held or closed', () => {
    const { clock, freezer, written } = freezerOn('w');
    freezer.settle();
    freezer.hold();
    clock.advance(10);
    freezer.settle();
    freezer.close();
    freezer.close();
    clock.advance(10);
    freezer.settle();
    clock.advance(10);
    expect(written()).toBe('');
  });

  it('tells when the kernel refuses a freeze, and goes on without', () => {
    const { clock, freezer, seen } = freezerOn('r');
    freezer.settle();
    clock.advance(1);
    expect([seen, freezer.isFrozen]).toEqual([['an environment could not be frozen'], false]);
    freezer.release();
    freezer.close();
  });

  it('throws when the kernel refuses a thaw: nothing in the environment would ever run', () => {
    const { clock, freezer, descriptor } = freezerOn('w');
    freezer.settle();
    clock.advance(1);
    closeSync(descriptor);
    expect(() => freezer.release()).toThrow(/EBADF/);
    expect(freezer.isFrozen).toBe(true);
  });
});
