// The import directions of ARCHITECTURE.md, one rule each. src/import-directions.test.ts shows that each can fail.

/** What runs without privilege: nothing in it may reach the kernel's side. */
const daemonSide = '^src/(daemon|control-api|invoke|environment|runtime-api|storage|functions|aws)/';
const kernelSide = '^src/(linux|isolation|drivers)/';
/** The daemon's one kernel call: receiving a descriptor. */
const receiveDescriptor = '^src/agent/receive-descriptor[.]ts$';
const tests = '[.]test[.]ts$';
const builder = '^src/agent/builder/';
/** Programs: where a process starts, so that nothing imports them. */
const programs = '^src/(cli|agent|agent/builder|audit|daemon|doctor|runtimes)/main[.]ts$';

/** @type {import('dependency-cruiser').IConfiguration} */
export default {
  forbidden: [
    {
      name: 'no-cycles',
      comment: 'Parts that need each other are one part.',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'daemon-side-reaches-no-kernel',
      comment: 'Nothing the daemon loads, at any distance, may touch the kernel: it reads what strangers send.',
      severity: 'error',
      from: { path: daemonSide, pathNot: tests },
      to: { path: kernelSide, reachable: true },
    },
    {
      name: 'daemon-side-reaches-no-root-code',
      comment: 'Of src/agent the daemon may load the messages and its own end of the sockets, never the root process.',
      severity: 'error',
      from: { path: daemonSide, pathNot: tests },
      to: { path: '^src/agent/(main|verbs|agent-server|host-agent-process|reaper|image-store|image-builder)[.]ts$', reachable: true },
    },
    {
      name: 'koffi-only-in-linux',
      comment: 'koffi calls any C function: src/linux is the one door to the kernel, and receive-descriptor.ts the one call of the daemon.',
      severity: 'error',
      from: { path: '^src/', pathNot: ['^src/linux/', receiveDescriptor] },
      to: { path: '(^|/)node_modules/koffi/|^koffi$' },
    },
    {
      name: 'processes-only-from-linux',
      comment:
        'Only src/linux starts processes. Exceptions: the builder, which has no power and starts mkfs.erofs alone, and the command line, whose ' +
        '`up --detach` starts the agent.',
      severity: 'error',
      from: { path: '^src/', pathNot: ['^src/linux/', builder, '^src/cli/', tests] },
      to: { path: '^(node:)?child_process$' },
    },
    {
      name: 'control-api-to-invoke-to-environment',
      comment: 'control-api → invoke → environment → agent client: nothing looks back up.',
      severity: 'error',
      from: { path: '^src/(invoke|environment|runtime-api|storage|functions|agent|drivers|isolation|linux)/', pathNot: tests },
      to: { path: '^src/(daemon|cli|doctor)/' },
    },
    {
      name: 'nothing-below-the-control-api-knows-it',
      comment: 'AWS error shapes exist at the edge only. (storage implements the ports that its users declare.)',
      severity: 'error',
      from: { path: '^src/(aws|invoke|environment|runtime-api|functions|agent|drivers|isolation|linux)/', pathNot: tests },
      to: { path: '^src/control-api/' },
    },
    {
      name: 'environment-does-not-know-invoke',
      comment: 'invoke → environment, not the other way.',
      severity: 'error',
      from: { path: '^src/(environment|runtime-api)/', pathNot: tests },
      to: { path: '^src/(invoke|storage)/' },
    },
    {
      name: 'runtime-api-knows-environments-by-a-port',
      comment: 'The Runtime API sees its environment through a port that it declares itself.',
      severity: 'error',
      from: { path: '^src/runtime-api/', pathNot: tests },
      to: { path: '^src/(environment|agent|daemon)/' },
    },
    {
      name: 'functions-and-errors-import-nothing',
      comment: 'The domain depends on no other part, on no package and not on Node; errors alone may be used by it.',
      severity: 'error',
      from: { path: '^src/(functions/|errors[.]ts$)', pathNot: tests },
      to: { pathNot: '^src/(functions/|errors[.]ts$)' },
    },
    {
      name: 'isolation-siblings-apart',
      comment: 'One wall each: drivers compose walls, walls do not know each other.',
      severity: 'error',
      from: { path: '^src/isolation/([^/]+)/', pathNot: tests },
      to: { path: '^src/isolation/', pathNot: '^src/isolation/$1/' },
    },
    {
      name: 'walls-know-no-driver',
      comment: 'agent → drivers → isolation → linux: nothing looks back up.',
      severity: 'error',
      from: { path: '^src/(isolation|linux)/', pathNot: tests },
      to: { path: '^src/(drivers|agent|runtimes|guest)/' },
    },
    {
      name: 'linux-knows-nobody',
      comment: 'The door to the kernel imports errors and itself.',
      severity: 'error',
      from: { path: '^src/linux/', pathNot: tests },
      to: { path: '^src/', pathNot: '^src/(linux/|errors[.]ts$)' },
    },
    {
      name: 'cli-talks-http',
      comment:
        'The command line shares only errors and the domain with the daemon; everything else it asks for over HTTP. Exception: the table of what the ' +
        'agent may keep, since `up` takes the rest away before the agent begins.',
      severity: 'error',
      from: { path: '^src/cli/', pathNot: tests },
      to: { path: '^src/', pathNot: '^src/(cli/|functions/|errors[.]ts$|agent/agent-capabilities[.]ts$)' },
    },
    {
      name: 'builder-stands-alone',
      comment: 'The builder reads what strangers made: it loads its own files, Node and yauzl (zod for the report that the agent checks).',
      severity: 'error',
      from: { path: builder, pathNot: tests },
      to: { pathNot: [builder, '^(node:)?[a-z_/]+$', 'node_modules/(yauzl|zod|@types/yauzl|@types/node)/'] },
    },
    {
      name: 'builder-shares-its-report-only',
      comment: 'The agent knows the builder by its report line.',
      severity: 'error',
      from: { path: '^src/', pathNot: builder },
      to: { path: builder, pathNot: '^src/agent/builder/report[.]ts$' },
    },
    {
      name: 'audit-stands-outside',
      comment:
        'The audit judges the walls: it attacks through the API and reads the kernel itself, and shares no code with what it judges. Of the command line it ' +
        'takes the signed client and the way to start a program.',
      severity: 'error',
      from: { path: '^src/audit/', pathNot: tests },
      to: { path: '^src/', pathNot: '^src/(audit/|linux/|functions/|errors[.]ts$|evidence[.]ts$|cli/(admin-client|host-program)[.]ts$)' },
    },
    {
      name: 'nobody-leans-on-the-audit',
      comment: 'The audit is a program of its own.',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/audit/' },
      to: { path: '^src/audit/' },
    },
    {
      name: 'tests-are-imported-by-nobody',
      comment: 'Test code stays out of production code.',
      severity: 'error',
      from: { pathNot: tests },
      to: { path: tests },
    },
    {
      name: 'no-orphans',
      comment: 'A file that nobody imports and that starts no process is dead.',
      severity: 'error',
      from: { orphan: true, pathNot: [programs, tests, '[.]json$', '^src/guest/'] },
      to: {},
    },
    {
      name: 'not-resolvable',
      comment: 'An import that leads nowhere fails at run time, perhaps in the middle of an invocation.',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
    {
      name: 'no-development-packages',
      comment: 'What is published must not need what is not.',
      severity: 'error',
      from: { path: '^src/', pathNot: [tests, '^src/agent/builder/(builder-directory|crafted-zip)[.]ts$'] },
      to: { dependencyTypes: ['npm-dev'] },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    // Programs of the runtimes' images: they import what is there, not here.
    exclude: { path: '^src/guest/bootstrap/' },
    tsPreCompilationDeps: true,
    moduleSystems: ['es6', 'cjs'],
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'default', 'types'],
      extensions: ['.ts', '.mjs', '.js', '.json'],
    },
  },
};
