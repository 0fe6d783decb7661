import type { Check } from './check.ts';
import { cgroupCheck } from './checks/cgroups.ts';
import { compilerCheck } from './checks/compiler.ts';
import { dataDirectoryCheck, diskSpaceCheck } from './checks/directories.ts';
import { fileEncryptionCheck } from './checks/file-encryption.ts';
import { idmappedImagesCheck } from './checks/idmapped-images.ts';
import { kernelVersionCheck } from './checks/kernel-version.ts';
import { kvmCheck } from './checks/kvm.ts';
import { loopDeviceCheck } from './checks/loop-devices.ts';
import { namespaceCheck, userAndTimeNamespaceCheck } from './checks/namespaces.ts';
import { networkToolsCheck, networkWallCheck, uplinkCheck } from './checks/network-tools.ts';
import { nodeCheck } from './checks/node.ts';
import { ociRuntimeCheck } from './checks/oci-runtime.ts';
import { overlayCheck } from './checks/overlay.ts';
import { programChecks } from './checks/programs.ts';
import { rootCheck } from './checks/root.ts';
import { seccompCheck } from './checks/seccomp.ts';
import { seccompNamesCheck } from './checks/seccomp-names.ts';
import { serviceUserChecks } from './checks/service-users.ts';

/** Every check, in the order in which they are shown. */
export function hostChecks(dataDirectory: string): readonly Check[] {
  return [
    rootCheck,
    nodeCheck,
    kernelVersionCheck,
    userAndTimeNamespaceCheck,
    namespaceCheck,
    seccompCheck,
    seccompNamesCheck,
    cgroupCheck,
    loopDeviceCheck,
    idmappedImagesCheck,
    overlayCheck,
    fileEncryptionCheck,
    kvmCheck,
    ociRuntimeCheck,
    networkToolsCheck,
    networkWallCheck,
    uplinkCheck,
    ...programChecks,
    compilerCheck,
    ...serviceUserChecks,
    dataDirectoryCheck(dataDirectory),
    diskSpaceCheck(dataDirectory),
  ];
}
