import { describe, expect, it } from 'vitest';
import { V2Cgroup } from '../../isolation/cgroup/v2-cgroup.ts';
import { ociSpecification } from './oci-specification.ts';

const options = {
  rootPath: '/run/root',
  tmpPath: '/run/tmp',
  devicesPath: '/dev-of-slot',
  networkNamespacePath: '/proc/1/fd/7',
  userNamespacePath: '/proc/1/fd/8',
  idRange: { index: 0, firstId: 0x4000_0000, count: 65_536 },
};

describe('ociSpecification()', () => {
  it('names no group where control groups are the agent’s alone', () => {
    const { linux } = JSON.parse(ociSpecification({ ...options, cgroup: undefined }).replaceAll('18446744073709551615', '0'));
    expect(linux).not.toHaveProperty('cgroupsPath');
    expect(linux).not.toHaveProperty('resources');
  });

  it('gives the OCI runtime the group and its devices on v2, and no limit that the agent has set', () => {
    const group = new V2Cgroup('/sys/fs/cgroup', 'cloister-1/env-2');
    const { linux } = JSON.parse(ociSpecification({ ...options, cgroup: group.oci }).replaceAll('18446744073709551615', '0'));
    expect(linux.cgroupsPath).toBe('/cloister-1/env-2');
    expect(Object.keys(linux.resources)).toEqual(['devices']);
    expect(linux.resources.devices[0]).toEqual({ allow: false, access: 'rwm' });
    expect(linux.namespaces).toContainEqual({ type: 'cgroup' });
  });
});
