import { readFile } from 'node:fs/promises';
import type { RootTree, TreeFile } from './root-tree.ts';

const runtimeUser = { name: 'sbx_user1051', uid: 993, gid: 990 } as const;

/** Directories that are mounted over, or are expected: each must be a directory of the image itself, because its root is read-only. */
const mountPoints = ['/proc', '/dev', '/sys', '/opt', '/var/task', '/var/runtime', '/var/lang', '/run'];
const mountedFiles: Readonly<Record<string, string>> = {
  '/etc/resolv.conf': '',
  '/etc/hosts': '127.0.0.1 localhost\n::1 localhost\n',
  '/etc/hostname': 'localhost\n',
};
const accounts: readonly AccountFile[] = [
  {
    path: '/etc/passwd',
    root: 'root:x:0:0:root:/root:/bin/sh',
    user: `${runtimeUser.name}:x:${runtimeUser.uid}:${runtimeUser.gid}::/home/${runtimeUser.name}:/sbin/nologin`,
  },
  { path: '/etc/group', root: 'root:x:0:', user: `${runtimeUser.name}:x:${runtimeUser.gid}:` },
];

interface AccountFile {
  readonly path: string;
  readonly root: string;
  readonly user: string;
}

/** Gives any root file system what an environment needs of it: PID 1, mount points, the function's user. What is there otherwise stays. */
export async function applyGuestLayout(tree: RootTree, initProgram: TreeFile): Promise<void> {
  tree.root.mode = 0o755;
  for (const path of mountPoints) ownDirectory(tree, path, 0o755);
  ownDirectory(tree, '/tmp', 0o1777);
  // PID 1 is placed through no link of the image: the agent executes it by this path.
  ownDirectory(tree, '/var/rapid', 0o755);
  tree.put('/var/rapid/init', { ...initProgram, mode: 0o555 });
  for (const [path, text] of Object.entries(mountedFiles)) {
    if (path === '/etc/hosts' && tree.lookup(path)?.kind === 'file') continue;
    tree.remove(path);
    tree.putFile(path, text);
  }
  for (const account of accounts) await addAccount(tree, account);
}

/** A real directory at that path, even if the image has a link or a file there. */
function ownDirectory(tree: RootTree, path: string, mode: number): void {
  const names = path.split('/').filter((name) => name !== '');
  names.forEach((_, index) => {
    const part = `/${names.slice(0, index + 1).join('/')}`;
    const present = tree.lookup(part);
    if (present !== undefined && present.kind !== 'directory') tree.remove(part);
    if (present?.kind !== 'directory') tree.putDirectory(part);
  });
  tree.putDirectory(path, mode);
}

async function addAccount(tree: RootTree, account: AccountFile): Promise<void> {
  const present = tree.lookup(account.path);
  const text = present?.kind === 'file' ? await textOf(present) : '';
  const lines = text.split('\n').filter((line) => line !== '');
  const named = (line: string): string => line.split(':')[0] ?? '';
  const wanted = [account.root, account.user].filter((line) => !lines.some((other) => named(other) === named(line)));
  tree.remove(account.path);
  tree.putFile(account.path, [...lines, ...wanted, ''].join('\n'));
}

/** The text of a file of a tree. */
export async function textOf(file: TreeFile): Promise<string> {
  const { content } = file;
  if (content.from === 'memory') return content.bytes.toString('utf8');
  const bytes = await readFile(content.path);
  return bytes.subarray(content.offsetBytes, content.offsetBytes + content.sizeBytes).toString('utf8');
}
