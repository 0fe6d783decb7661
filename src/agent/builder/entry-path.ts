import { BuildFault } from './build-fault.ts';

/** Bounds of names: erofs and the kernel stop at 255 bytes a component and 4,096 a path; the rest keeps a hostile tree small. */
const maxComponentBytes = 255;
const maxPathBytes = 2_048;
const maxDepth = 64;

export interface EntryPath {
  /** Without empty components and without `.`; empty for the root itself. */
  readonly components: readonly string[];
  /** The name ends with a slash, as names of directories do. */
  readonly slash: boolean;
}

/** Splits an archive's entry name; refuses every name that could mean a place outside the tree, here or on another system. */
export const parseEntryPath = (name: string): EntryPath => {
  // U+FFFD is what undecodable UTF-8 turns into: two such names could become one.
  if (name === '' || /[\0\\\uFFFD]/.test(name) || name.startsWith('/') || /^[A-Za-z]:/.test(name)) throw new BuildFault('Name');
  if (Buffer.byteLength(name) > maxPathBytes) throw new BuildFault('Name');
  const components = name.split('/').filter((component) => component !== '' && component !== '.');
  if (components.length > maxDepth) throw new BuildFault('Name');
  for (const component of components) {
    if (component === '..' || Buffer.byteLength(component) > maxComponentBytes) throw new BuildFault('Name');
  }
  return { components, slash: name.endsWith('/') };
};
