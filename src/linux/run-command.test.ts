import { describe, expect, it } from 'vitest';
import { CloisterError } from '../errors.ts';
import { runCommand } from './run-command.ts';

const node = process.execPath;

describe('runCommand()', () => {
  it('resolves with both outputs and passes input', async () => {
    const script = 'process.stdin.on("data", (d) => { process.stdout.write(d); process.stderr.write("e1\\ne2\\n"); })';
    const lines: string[] = [];
    const output = await runCommand(node, ['-e', script], { input: 'in', onStderrLine: (line) => lines.push(line) });
    expect(output).toEqual({ stdout: 'in', stderr: 'e1\ne2\n' });
    expect(lines).toEqual(['e1', 'e2']);
  });

  it('gives exactly the environment named', async () => {
    const output = await runCommand(node, ['-p', 'Object.keys(process.env).sort().join()'], { env: { A: '1', B: '2' } });
    expect(output.stdout.trim()).toBe('A,B');
  });

  it('rejects with SystemCall, the status and the last lines of standard error', async () => {
    const failed = runCommand(node, ['-e', 'console.error("why"); process.exit(3)']);
    await expect(failed).rejects.toThrow(CloisterError);
    await expect(failed).rejects.toThrow(/ended with status 3:\nwhy/);
  });

  it('rejects when there is no such program', async () => {
    await expect(runCommand('/nonexistent/program', [])).rejects.toMatchObject({ code: 'SystemCall' });
  });

  it('kills what outlives timeoutMs', async () => {
    await expect(runCommand(node, ['-e', 'setInterval(() => {}, 1000)'], { timeoutMs: 200 })).rejects.toThrow(/ended by SIGKILL/);
  });

  it('kills what writes without end', async () => {
    const script = 'const b = Buffer.alloc(1 << 20); const go = () => { while (process.stdout.write(b)); }; process.stdout.on("drain", go); go();';
    await expect(runCommand(node, ['-e', script])).rejects.toThrow(/wrote more than/);
  });

  it('does not wait for a grandchild that keeps the pipes', async () => {
    const script = 'require("child_process").spawn("sleep", ["20"], { stdio: "inherit", detached: true }).unref(); console.log("gone");';
    const started = performance.now();
    const output = await runCommand(node, ['-e', script]);
    expect(output.stdout).toBe('gone\n');
    expect(performance.now() - started).toBeLessThan(10_000);
  });
});
