import { describe, expect, it } from 'vitest';
import { agentCapabilities, agentCapabilityMask, withAgentCapabilities } from './agent-capabilities.ts';
import { checkAgentPrivileges } from './check-agent-privileges.ts';

const status = ({ bounding = agentCapabilityMask, inherited = 0n, ambient = 0n, noNewPrivileges = 1 } = {}) =>
  [
    `CapInh:\t${inherited.toString(16).padStart(16, '0')}`,
    `CapBnd:\t${bounding.toString(16).padStart(16, '0')}`,
    `CapAmb:\t${ambient.toString(16).padStart(16, '0')}`,
    `NoNewPrivs:\t${noNewPrivileges}`,
  ].join('\n');

describe('checkAgentPrivileges()', () => {
  it('takes the table’s set, and less where root has less', () => {
    expect(() => checkAgentPrivileges(status())).not.toThrow();
    expect(() => checkAgentPrivileges(status({ bounding: agentCapabilityMask & ~(1n << 24n) }))).not.toThrow();
  });

  it.each([
    ['one capability more', { bounding: agentCapabilityMask | (1n << 16n) }],
    ['an inheritable one', { inherited: 1n }],
    ['an ambient one', { ambient: 1n }],
    ['set-user-id programs that work', { noNewPrivileges: 0 }],
  ])('throws HostUnfit for %s', (_what, facts) => {
    expect(() => checkAgentPrivileges(status(facts))).toThrow(expect.objectContaining({ code: 'HostUnfit' }));
  });
});

describe('withAgentCapabilities()', () => {
  it('names every capability of the table and empties the rest', () => {
    const bounding = withAgentCapabilities(['true']).find((word) => word.startsWith('--bounding-set='));
    expect(bounding).toBe(
      `--bounding-set=-all,${Object.keys(agentCapabilities)
        .map((name) => `+${name}`)
        .join(',')}`,
    );
  });
});
