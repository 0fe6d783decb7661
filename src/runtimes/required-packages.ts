/** A Debian package that building runtimes needs on the host, and what for. */
export interface RequiredPackage {
  readonly name: string;
  readonly reason: string;
  /** The program or file by whose presence one sees that the package is there. */
  readonly provides: string;
}

/** Compilers are not among them: native parts are built inside a root file system of their own, with Debian 13's tools. */
export const requiredPackages: readonly RequiredPackage[] = [
  { name: 'mmdebstrap', reason: 'unpacks the Debian packages of a runtime', provides: '/usr/bin/mmdebstrap' },
  { name: 'debian-archive-keyring', reason: 'verifies those packages', provides: '/usr/share/keyrings/debian-archive-keyring.gpg' },
  { name: 'ca-certificates', reason: 'verifies the package registries', provides: '/etc/ssl/certs/ca-certificates.crt' },
  { name: 'erofs-utils', reason: 'makes the images', provides: '/usr/bin/mkfs.erofs' },
  { name: 'python3', reason: 'runs pip', provides: '/usr/bin/python3' },
  { name: 'python3-pip', reason: 'fetches the runtime interface client for Python', provides: '/usr/lib/python3/dist-packages/pip' },
  { name: 'tar', reason: 'unpacks npm packages', provides: '/usr/bin/tar' },
  { name: 'util-linux', reason: 'builds native parts without network (unshare)', provides: '/usr/bin/unshare' },
];
