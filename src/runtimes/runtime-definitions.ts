/** What makes the runtimes that Cloister builds differ. */
export interface RuntimeDefinition {
  readonly name: string;
  readonly language: 'node22' | 'node24' | 'python' | 'none';
  readonly versionLabel: string;
  readonly executionEnvironment?: string;
  readonly variables: Readonly<Record<string, string>>;
  readonly entrypoints: readonly string[];
}

const commonVariables = {
  LANG: 'en_US.UTF-8',
  TZ: ':UTC',
  PATH: '/var/lang/bin:/usr/local/bin:/usr/bin/:/bin:/opt/bin',
  LD_LIBRARY_PATH: '/var/lang/lib:/lib64:/usr/lib64:/var/runtime:/var/runtime/lib:/var/task:/var/task/lib:/opt/lib',
  LAMBDA_TASK_ROOT: '/var/task',
  LAMBDA_RUNTIME_DIR: '/var/runtime',
} as const;

/** Variables and entry points of a runtime that brings no managed client; imported root file systems start from it, too. */
export const customRuntime = {
  variables: commonVariables,
  entrypoints: ['/var/runtime/bootstrap', '/var/task/bootstrap', '/opt/bootstrap'],
} as const;

function nodeRuntime(major: 22 | 24): RuntimeDefinition {
  return {
    name: `nodejs${major}.x`,
    language: `node${major}`,
    versionLabel: `nodejs:${major}.v1`,
    executionEnvironment: `AWS_Lambda_nodejs${major}.x`,
    variables: {
      ...commonVariables,
      NODE_PATH: `/opt/nodejs/node${major}/node_modules:/opt/nodejs/node_modules:/var/runtime/node_modules:/var/runtime:/var/task`,
    },
    entrypoints: ['/var/runtime/bootstrap'],
  };
}

export const runtimeDefinitions: readonly RuntimeDefinition[] = [
  nodeRuntime(22),
  nodeRuntime(24),
  {
    name: 'python3.13',
    language: 'python',
    versionLabel: 'python:3.13.v1',
    executionEnvironment: 'AWS_Lambda_python3.13',
    variables: { ...commonVariables, PYTHONPATH: '/var/runtime' },
    entrypoints: ['/var/runtime/bootstrap'],
  },
  { name: 'provided.al2023', language: 'none', versionLabel: 'provided:al2023.v1', ...customRuntime },
];
