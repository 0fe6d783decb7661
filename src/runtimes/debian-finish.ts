import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { RootTree } from './root-tree.ts';

const certificates = '/etc/ssl/certs/ca-certificates.crt';
// Directories of distributions that programs built elsewhere look into, and OpenSSL's own default.
const certificateLinks = ['/etc/pki/tls/certs/ca-bundle.crt', '/usr/lib/ssl/cert.pem'];

/** Does for unpacked Debian packages what their maintainer scripts would have done, as far as an environment needs it. */
export async function finishDebianRoot(tree: RootTree, unpacked: string): Promise<void> {
  await bundleCertificates(tree, unpacked);
  if (tree.lookup('/usr/bin/awk') === undefined) tree.putSymlink('/usr/bin/awk', 'mawk');
  if (tree.lookup('/usr/bin/sh') === undefined) tree.putSymlink('/usr/bin/sh', 'dash');
  // LANG is en_US.UTF-8 as in Lambda; the locale that is there has the same character set.
  tree.putSymlink('/usr/lib/locale/en_US.utf8', 'C.utf8');
  tree.putFile('/etc/nsswitch.conf', 'passwd: files\ngroup: files\nhosts: files dns\n');
  tree.putSymlink('/etc/localtime', '/usr/share/zoneinfo/Etc/UTC');
}

async function bundleCertificates(tree: RootTree, unpacked: string): Promise<void> {
  const directory = join(unpacked, 'usr/share/ca-certificates/mozilla');
  const names = (await readdir(directory)).filter((name) => name.endsWith('.crt')).toSorted();
  const texts = await Promise.all(names.map((name) => readFile(join(directory, name), 'utf8')));
  tree.putFile(certificates, texts.map((text) => `${text.trimEnd()}\n`).join(''));
  for (const link of certificateLinks) tree.putSymlink(link, certificates);
}
