import koffi from 'koffi';

/** seccomp.h: __NR_SCMP_ERROR. */
const unknown = -1;

/** The names of system calls that this host's libseccomp does not know, and so leaves out of what it compiles; undefined on a host without the library. */
export function unknownToLibseccomp(names: readonly string[]): readonly string[] | undefined {
  let library: ReturnType<typeof koffi.load>;
  try {
    library = koffi.load('libseccomp.so.2');
  } catch {
    return undefined;
  }
  try {
    const resolve = library.func('int seccomp_syscall_resolve_name(const char *name)') as unknown as (name: string) => number;
    return names.filter((name) => resolve(name) === unknown);
  } finally {
    library.unload();
  }
}
