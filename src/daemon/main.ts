import { readConfiguration } from './daemon-configuration.ts';
import { reportProblem } from './report-problem.ts';
import { startDaemon } from './start-daemon.ts';

/** The unprivileged process behind the API. Exit statuses: 0 ended as asked, 1 the host agent is gone or the daemon could not start. */
const shutdownAsked = new Promise<void>((resolve) => {
  // A terminal's Ctrl-C reaches every process of its group: the daemon ends in order, as when the agent asks.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => resolve());
});

try {
  process.exit(await startDaemon(readConfiguration(process.env), shutdownAsked));
} catch (error) {
  reportProblem('the daemon could not start', error);
  process.exit(1);
}
