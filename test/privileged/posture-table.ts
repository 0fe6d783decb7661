/** A line that must be there as it is, or one that varies: a pattern and why it varies. `optional` says why it may be missing. */
export type Expected = string | { readonly line: RegExp; readonly because: string; readonly optional?: string };

const varies = (line: RegExp, because: string): Expected => ({ line, because });
const maybe = (line: RegExp, because: string, optional: string): Expected => ({ line, because, optional });
const ids = String.raw`\d{10}`;
const kernelAge = 'kernels differ in what they tell';

/** What is covered below /proc where the kernel has it. */
export const covered = [
  'acpi',
  'asound',
  'buddyinfo',
  'cmdline',
  'diskstats',
  'fs',
  'interrupts',
  'kallsyms',
  'kcore',
  'keys',
  'latency_stats',
  'modules',
  'partitions',
  'pressure',
  'sched_debug',
  'schedstat',
  'scsi',
  'softirqs',
  'sys/kernel/random/boot_id',
  'timer_list',
  'timer_stats',
  'vmstat',
  'zoneinfo',
] as const;

/** Runtimes whose process is compared. */
export type PostureRuntime = 'nodejs24.x' | 'python3.13' | 'provided.al2023';

const names = { 'nodejs24.x': 'MainThread', 'python3.13': 'python3.13', 'provided.al2023': 'bootstrap' } as const;

/** In its pid namespace: 2 was the process that looked into /opt/extensions. */
const runtimeProcessId = 3;

/**
 * Everything that programs/look.sh may print of a function's process, section by section. A line that no entry knows fails, and so does an entry without a
 * line: a new kernel or OCI runtime that weakens something, or adds something, is seen.
 */
export function expectedPosture(runtime: PostureRuntime): Readonly<Record<string, readonly Expected[]>> {
  return {
    status: [
      `Name: ${names[runtime]}`,
      'Umask: 0022',
      varies(/^State: [RSD] \(\w+\)$/, 'it may be running or waiting for its child'),
      `Tgid: ${runtimeProcessId}`,
      'Ngid: 0',
      `Pid: ${runtimeProcessId}`,
      'PPid: 1',
      'TracerPid: 0',
      'Uid: 993 993 993 993',
      'Gid: 990 990 990 990',
      varies(/^FDSize: (64|128|256)$/, 'grows with the highest descriptor'),
      'Groups:',
      `NStgid: ${runtimeProcessId}`,
      `NSpid: ${runtimeProcessId}`,
      `NSpgid: ${runtimeProcessId}`,
      `NSsid: ${runtimeProcessId}`,
      maybe(/^Kthread: 0$/, 'not a kernel thread', kernelAge),
      varies(/^(Vm(Peak|Size|HWM|RSS|Data|Stk|Exe|Lib|PTE)|Rss(Anon|File)): \d+ kB$/, 'memory in use'),
      'VmLck: 0 kB',
      'VmPin: 0 kB',
      'VmSwap: 0 kB',
      'RssShmem: 0 kB',
      'HugetlbPages: 0 kB',
      'CoreDumping: 0',
      'THP_enabled: 1',
      maybe(/^untag_mask: 0xf+$/, 'no address tagging', kernelAge),
      maybe(/^x86_Thread_(features|features_locked):\s*$/, 'no shadow stacks', 'only kernels built with them tell'),
      varies(runtime === 'nodejs24.x' ? /^Threads: \d+$/ : /^Threads: 1$/, 'Node has a pool of threads, the others one'),
      'SigQ: 0/1024',
      'SigPnd: 0000000000000000',
      'ShdPnd: 0000000000000000',
      varies(/^SigBlk: (00000000000[01]0000|fffffffffffbfeff)$/, 'a shell blocks SIGCHLD while it waits, libc all signals while it starts a process'),
      varies(/^Sig(Ign|Cgt): [0-9a-f]{16}$/, 'each runtime handles signals of its own'),
      'CapInh: 0000000000000000',
      'CapPrm: 0000000000000000',
      'CapEff: 0000000000000000',
      'CapBnd: 0000000000000000',
      'CapAmb: 0000000000000000',
      'NoNewPrivs: 1',
      'Seccomp: 2',
      'Seccomp_filters: 1',
      varies(/^Speculation(_Store_Bypass: (vulnerable|not vulnerable|thread .*|globally mitigated)|IndirectBranch: .*)$/, 'processors differ'),
      varies(/^Cpus_allowed(_list)?: [0-9a-f,-]+$/, 'hosts differ in processors, and all may be used'),
      varies(/^Mems_allowed(_list)?: [0-9a-f,-]+$/, 'hosts differ in memory nodes'),
      varies(/^(non)?voluntary_ctxt_switches: \d+$/, 'counts'),
    ],
    limits: [
      'Max cpu time unlimited unlimited seconds',
      'Max file size unlimited unlimited bytes',
      'Max data size unlimited unlimited bytes',
      'Max stack size 8388608 unlimited bytes',
      varies(/^Max core file size (0 0|1 1) bytes$/, '1 keeps a kernel whose core_pattern is a pipe from starting that program'),
      'Max resident set unlimited unlimited bytes',
      'Max processes 1024 1024 processes',
      'Max open files 1024 1024 files',
      'Max locked memory 65536 65536 bytes',
      'Max address space unlimited unlimited bytes',
      'Max file locks unlimited unlimited locks',
      'Max pending signals 1024 1024 signals',
      'Max msgqueue size 819200 819200 bytes',
      'Max nice priority 0 0',
      'Max realtime priority 0 0',
      'Max realtime timeout unlimited unlimited us',
    ],
    attributes: [
      'oom_score_adj 500',
      'personality 00000000',
      'coredump_filter 00000033',
      maybe(/^loginuid 4294967295$/, 'nobody logged in', 'kernels without audit have none'),
      'setgroups allow',
      varies(new RegExp(`^uid_map 0 ${ids} 65536$`), 'a range of its own, at or above 2^30'),
      varies(new RegExp(`^gid_map 0 ${ids} 65536$`), 'the same range'),
      'projid_map',
      varies(/^timens_offsets monotonic -\d+ \d+ boottime -\d+ \d+$/, 'clocks begin with the slot'),
      `session ${runtimeProcessId}`,
      'terminal 0',
    ],
    'control groups': [
      varies(/^\d+:[\w=,]*:\/(\.\.\/env-[0-9a-f]{16})?$/, 'versions 1 and 2 differ; on 1 the group is joined after its namespace is made'),
    ],
    mounts: [
      varies(
        /^\/ \/ ro,nosuid,nodev,relatime,idmapped - erofs image ro,user_xattr,acl,cache_strategy=readaround(,directio)?$/,
        'directio from Linux 6.15',
      ),
      '/tmp /tmp rw,nosuid,nodev,relatime,idmapped - ext4 tmp rw',
      varies(
        /^\/ \/var\/task ro,nosuid,nodev,relatime,idmapped - erofs image ro,user_xattr,acl,cache_strategy=readaround(,directio)?$/,
        'directio from Linux 6.15',
      ),
      '/ /proc rw,nosuid,nodev,noexec,relatime - proc proc rw',
      '/bus /proc/bus ro,nosuid,nodev,noexec,relatime - proc proc rw',
      '/irq /proc/irq ro,nosuid,nodev,noexec,relatime - proc proc rw',
      '/sys /proc/sys ro,nosuid,nodev,noexec,relatime - proc proc rw',
      maybe(/^\/sysrq-trigger \/proc\/sysrq-trigger ro,nosuid,nodev,noexec,relatime - proc proc rw$/, 'read-only', 'kernels without sysrq have none'),
      varies(
        new RegExp(
          `^/(file|directory) /proc/(${covered.join('|')}) ro,nosuid,nodev,noexec,relatime - tmpfs hidden rw,size=4k,mode=755,uid=${ids},gid=${ids}$`,
        ),
        'kernels differ in which of these they have (that what is there is covered, the section host says); the ids are its own',
      ),
      varies(new RegExp(`^/ /dev ro,nosuid,noexec,relatime - tmpfs dev rw,size=64k,mode=755,uid=${ids},gid=${ids}$`), 'the ids are its own'),
    ],
    namespaces: ['user', 'pid', 'pid_for_children', 'mnt', 'net', 'ipc', 'uts', 'cgroup', 'time', 'time_for_children'].map((name) =>
      varies(
        new RegExp(`^${name} ${name.replace('_for_children', '')}:\\[\\d+\\]$`),
        'the inode is its own: compared with the host’s and a neighbour’s',
      ),
    ),
    descriptors: descriptors[runtime],
    environment: environment(runtime),
    devices: [
      '/dev/fd l 777 /proc/self/fd',
      '/dev/stderr l 777 /proc/self/fd/2',
      '/dev/stdin l 777 /proc/self/fd/0',
      '/dev/stdout l 777 /proc/self/fd/1',
      ...['full', 'null', 'random', 'tty', 'urandom', 'zero'].map((name) => `/dev/${name} c 666`),
      '/dev/full is 1:7',
      '/dev/null is 1:3',
      '/dev/random is 1:8',
      '/dev/tty is 5:0',
      '/dev/urandom is 1:9',
      '/dev/zero is 1:5',
    ],
    'writable sysctls': [],
    sysctls: [
      'kernel/hostname cloister',
      'kernel/domainname (none)',
      'kernel/shmmax 18446744073692774399',
      'kernel/shmall 18446744073692774399',
      'kernel/shmmni 4096',
      'kernel/msgmax 8192',
      'kernel/msgmnb 16384',
      varies(/^kernel\/msgmni \d+$/, 'kernels derive it from memory'),
      'kernel/sem 32000 1024000000 500 32000',
      'fs/mqueue/queues_max 256',
      'fs/mqueue/msg_max 10',
      'fs/mqueue/msgsize_max 8192',
      'kernel/random/boot_id',
      'net/ipv4/ip_forward 0',
      varies(/^net\/ipv4\/ping_group_range (65534 65534|1 0)$/, 'nobody: no group of the environment is in it'),
      'net/ipv4/ip_unprivileged_port_start 1024',
      'net/ipv6/conf/all/forwarding 0',
      'net/ipv6/conf/lo/disable_ipv6 0',
    ],
    'net tcp': [
      varies(/^\d+: 0100007F:2329 00000000:0000 0A .*$/, 'the Runtime API, 127.0.0.1:9001, listens'),
      varies(/^\d+: 0100007F:[0-9A-F]{4} 0100007F:[0-9A-F]{4} 0[0-9A-B] .*$/, 'connections of the runtime to it, living or just closed'),
    ],
    'net tcp6': [],
    'net udp': [],
    'net udp6': [],
    'net udplite': [],
    'net raw': [],
    'net raw6': [],
    'net icmp': [],
    'net packet': [],
    'net unix': [
      maybe(/^[0-9a-f]+: 00000003 00000000 00000000 0001 03 \d+$/, 'pairs without a name', 'only Node’s and Python’s child processes have them'),
    ],
    'net netlink': [varies(/^[0-9a-f]{16} \d+ 0 00000000 0 0 0 2 0 \d+$/, 'the kernel’s own ends, port 0')],
    // eth0 is the slot's end of its cable, and down: no policy gives this function egress.
    interfaces: ['eth0', 'lo'],
    processes: ['1 root init', `${runtimeProcessId} sbx_user1051 ${names[runtime]}`, varies(/^\d+ sbx_user1051 look\.sh$/, 'the look itself')],
    'first process': [
      'Uid: 0 0 0 0',
      'Gid: 0 0 0 0',
      'Groups:',
      'Threads: 1',
      'CapInh: 0000000000000000',
      // KILL, SETGID, SETUID, SETPCAP over the environment's own user namespace.
      'CapPrm: 00000000000001e0',
      'CapEff: 00000000000001e0',
      'CapBnd: 00000000000001e0',
      'CapAmb: 0000000000000000',
      'NoNewPrivs: 1',
      'Seccomp: 2',
      'Seccomp_filters: 1',
    ],
    host: [],
  };
}

const stdio: readonly Expected[] = [
  varies(/^0 \/dev\/null 0(2)?100002$/, 'Node marks its own close-on-exec'),
  varies(/^[12] pipe:\[\d+\] 0(200000)?1$/, 'output pipes of its own; Node marks them close-on-exec'),
];

const descriptors: Readonly<Record<PostureRuntime, readonly Expected[]>> = {
  'nodejs24.x': [
    ...stdio,
    varies(/^\d+ anon_inode:\[(eventfd|eventpoll)\] 0200\d{4}$/, 'made by Node itself'),
    varies(/^\d+ pipe:\[\d+\] 0200[04]00[01]$/, 'made by Node itself'),
    varies(/^\d+ socket:\[\d+\] 0(200)?4002$/, 'connections to the Runtime API and the look’s output'),
    varies(/^\d+ \/dev\/null 02100000$/, 'made by Node itself'),
  ],
  'python3.13': [
    ...stdio,
    varies(/^\d+ pipe:\[\d+\] 02000000$/, 'the look’s output'),
    varies(/^\d+ socket:\[\d+\] 04002$/, 'made by the runtime client: connections to the Runtime API'),
  ],
  // Nothing is inherited: what a custom runtime has besides, bash opened to read it.
  'provided.al2023': [...stdio, '255 /var/task/bootstrap 02100000'],
};

function environment(runtime: PostureRuntime): Expected[] {
  const functionName = `posture-${runtime.replaceAll('.', '-')}`;
  const managed = runtime !== 'provided.al2023';
  return [
    'AWS_DEFAULT_REGION=us-east-1',
    'AWS_REGION=us-east-1',
    'AWS_LAMBDA_FUNCTION_MEMORY_SIZE=512',
    `AWS_LAMBDA_FUNCTION_NAME=${functionName}`,
    'AWS_LAMBDA_FUNCTION_VERSION=$LATEST',
    'AWS_LAMBDA_INITIALIZATION_TYPE=on-demand',
    `AWS_LAMBDA_LOG_GROUP_NAME=/aws/lambda/${functionName}`,
    'AWS_LAMBDA_LOG_FORMAT=Text',
    varies(/^AWS_LAMBDA_LOG_STREAM_NAME=\d{4}\/\d\d\/\d\d\/\[\$LATEST\][0-9a-f]{32}$/, 'a stream for each environment'),
    'AWS_LAMBDA_RUNTIME_API=127.0.0.1:9001',
    'AWS_XRAY_CONTEXT_MISSING=LOG_ERROR',
    'AWS_XRAY_DAEMON_ADDRESS=127.0.0.1:2000',
    varies(/^AWS_(ACCESS_KEY_ID=ASIA\w{16}|SECRET_ACCESS_KEY=\S{40}|SESSION_TOKEN=\S+)$/, 'session credentials of its own'),
    'LAMBDA_RUNTIME_DIR=/var/runtime',
    'LAMBDA_TASK_ROOT=/var/task',
    'LANG=en_US.UTF-8',
    'LD_LIBRARY_PATH=/var/lang/lib:/lib64:/usr/lib64:/var/runtime:/var/runtime/lib:/var/task:/var/task/lib:/opt/lib',
    'PATH=/var/lang/bin:/usr/local/bin:/usr/bin/:/bin:/opt/bin',
    'TZ=:UTC',
    '_HANDLER=index.handler',
    ...(managed ? [`AWS_EXECUTION_ENV=AWS_Lambda_${runtime}`, 'PWD=/var/task'] : []),
    ...(runtime === 'nodejs24.x'
      ? ['NODE_PATH=/opt/nodejs/node24/node_modules:/opt/nodejs/node_modules:/var/runtime/node_modules:/var/runtime:/var/task']
      : []),
    ...(runtime === 'python3.13' ? ['PYTHONPATH=/var/runtime'] : []),
  ];
}
