import type { Command } from 'commander';
import { CloisterError } from '../../errors.ts';
import { AdminClient } from '../admin-client.ts';
import { dataDirectoryOf, locateDaemon } from '../daemon-location.ts';
import { optionsOf } from '../global-options.ts';
import { becomeProgram, hostProgram } from '../host-program.ts';
import { repeated } from '../option-values.ts';
import { printJson, printTable } from '../output.ts';

interface RuntimeAnswer {
  readonly name: string;
  readonly base: string;
  readonly digest: string;
  readonly createdAt: string;
}

interface BuildOptions {
  readonly fromDir?: string;
  readonly fromOciArchive?: string;
  readonly name?: string;
  readonly entrypoint?: readonly string[];
}

const shownDigestLength = 12;
const listHelp = `
Examples:
  $ cloister runtime list
  $ cloister runtime list --json`;
const buildHelp = `
Examples:
  $ cloister runtime build                                    # all of them
  $ cloister runtime build nodejs24.x python3.13
  $ cloister runtime build --from-dir ./rootfs --name mine --entrypoint /bootstrap    # a root file system of your own
  $ cloister runtime build --from-oci-archive image.tar --name mine

What is built already is not built again; a build that was stopped goes on where it was.
Building needs root and the network; running needs neither of the network.`;

/** `cloister runtime list` and `cloister runtime build`. */
export function registerRuntime(program: Command): void {
  const group = program.command('runtime').summary('runtimes: list, build').description('Shows and builds the runtimes that functions run on.');
  group
    .command('list')
    .description('Lists the runtimes that are built.')
    .addHelpText('after', listHelp)
    .action(async (_options, command: Command) => {
      const options = optionsOf(command);
      const { runtimes } = (await new AdminClient(locateDaemon(options)).get('runtimes')) as { readonly runtimes: readonly RuntimeAnswer[] };
      if (options.json === true) {
        printJson(runtimes);
        return;
      }
      const rows = runtimes.map((each) => [each.name, each.base, each.digest.slice(0, shownDigestLength), each.createdAt]);
      printTable(['NAME', 'BASE', 'DIGEST', 'BUILT'], rows, 'no runtime is built yet; build them with: cloister runtime build');
    });
  group
    .command('build')
    .description('Builds runtimes, or imports a root file system as one (needs root).')
    .argument('[names...]', 'the runtimes to build (default: all)')
    .option('--from-dir <dir>', 'import this root file system as a runtime')
    .option('--from-oci-archive <tar>', 'import this OCI image archive as a runtime')
    .option('--name <name>', 'the name of the imported runtime')
    .option('--entrypoint <path>', 'what starts in it; the first of these that is executable, repeat it for more', repeated)
    .addHelpText('after', buildHelp)
    .action((names: string[], _options, command: Command) => {
      const options = optionsOf<BuildOptions>(command);
      if (process.geteuid?.() !== 0) {
        throw new CloisterError('HostUnfit', '"cloister runtime build" needs root; try: sudo cloister runtime build', { operation: 'runtime build' });
      }
      const args = ['--data-dir', dataDirectoryOf(options)];
      if (options.fromDir !== undefined) args.push('--from-dir', options.fromDir);
      if (options.fromOciArchive !== undefined) args.push('--from-oci-archive', options.fromOciArchive);
      if (options.name !== undefined) args.push('--name', options.name);
      for (const path of options.entrypoint ?? []) args.push('--entrypoint', path);
      if (options.json === true) args.push('--json');
      becomeProgram(hostProgram('runtimes/main', [...args, '--', ...names]));
    });
}
