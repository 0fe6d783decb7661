import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { startDaemon } from '../daemon.ts';
import { deploy, invoke } from '../functions.ts';

const bootstrap = `#!/bin/sh
api="http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime/invocation"
while :; do
  id=$(curl -s -D - -o /tmp/event "$api/next" | tr -d '\\r' | sed -n 's/^Lambda-Runtime-Aws-Request-Id: //Ip')
  tr -d '"' < /tmp/event > "/tmp/name-$(tr -d '"' < /tmp/event)"
  sync
  curl -s -o /dev/null -d "\\"$(cat /tmp/name-*)\\"" "$api/$id/response"
done
`;

it('/tmp is encrypted at rest: neither what is written nor the name it has is in the backing file, and the file goes with the environment', async () => {
  await using daemon = await startDaemon();
  const lambda = daemon.lambda();
  await deploy(lambda, { name: 'marker', runtime: 'provided.al2023', files: { bootstrap } });
  const marker = `cloister-marker-${process.hrtime.bigint()}`;
  expect((await invoke(lambda, 'marker', marker)).value).toBe(marker);

  const [environment] = JSON.parse((await daemon.cli('env', 'list', '--json')).stdout) as { id: string; pids: number[] }[];
  const walls = JSON.parse((await daemon.cli('env', 'inspect', environment?.id ?? '', '--json')).stdout) as {
    tmp: Record<'backingFile' | 'device' | 'contentsMode', { value: string }>;
  };
  const tmp = { backingFile: walls.tmp.backingFile.value, device: walls.tmp.device.value, contentsMode: walls.tmp.contentsMode.value };
  // The positive control: through the environment's own root the name is there in clear.
  expect(readdirSync(`/proc/${environment?.pids[0]}/root/tmp`)).toContain(`name-${marker}`);
  execFileSync('sync');
  expect(tmp.contentsMode).toBe('AES-256-XTS');
  expect(readFileSync(tmp.backingFile).includes(Buffer.from(marker))).toBe(false);
  expect(readFileSync(tmp.device).includes(Buffer.from(marker))).toBe(false);

  await daemon.cli('env', 'stop', environment?.id ?? '');
  await expect.poll(() => existsSync(tmp.backingFile)).toBe(false);
  await expect.poll(() => existsSync(`/sys/block/${tmp.device.replace('/dev/', '')}/loop/backing_file`)).toBe(false);
  expect(readFileSync('/proc/mounts', 'utf8')).not.toContain(daemon.dataDir);
});
