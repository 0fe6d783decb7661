import type { AuditedAttack, AuditReport } from './audit.ts';
import { reportStyle } from './report-style.ts';
import { outcomeOf } from './text-report.ts';

const wallNames: Readonly<Record<string, string>> = {
  cgroups: 'Control groups',
  namespaces: 'Namespaces',
  seccomp: 'System calls',
  network: 'Network',
  rootfs: 'Root file system',
  'rate-limits': 'Rate limits',
  tmp: '/tmp',
  privileges: 'Privileges',
  'runtime-api': 'Runtime API',
  escapes: 'Known escapes',
};
const words = { blocked: 'blocked', reached: 'got through', unproven: 'not attempted' } as const;

/** The audit as one page that needs nothing else: no script, no font, no picture from anywhere. */
export function htmlReport(report: AuditReport): string {
  const byWall = Map.groupBy(report.attacks, ({ wall }) => wall);
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Cloister audit: ${report.passed} blocked, ${report.failed} got through</title>
<style>${reportStyle}</style>
</head>
<body>
<header>
<p class="brand">cloister audit</p>
<h1 class="${report.failed === 0 ? 'good' : 'bad'}">${headline(report)}</h1>
<p class="lead">Throw-away environments of two accounts were attacked from inside. What stopped each attack was read from the kernel, outside, for that
attempt.</p>
<dl class="figures">
${figure(report.passed, 'blocked', 'good')}
${figure(report.failed, 'got through', report.failed === 0 ? 'none' : 'bad')}
${figure(report.notAttempted, 'not attempted', report.notAttempted === 0 ? 'none' : 'odd')}
${figure(`${Math.round(report.durationMs / 1000)} s`, 'took', 'none')}
</dl>
</header>
<nav>${[...byWall].map(([wall, attacks]) => tile(wall, attacks)).join('\n')}</nav>
<main>
${[...byWall].map(([wall, attacks]) => section(wall, attacks)).join('\n')}
${neighbourSection(report)}
${hostSection(report)}
</main>
</body>
</html>
`;
}

function headline({ failed }: AuditReport): string {
  if (failed === 0) return 'No attack got anywhere';
  return failed === 1 ? 'One attack got somewhere' : `${failed} attacks got somewhere`;
}

function figure(value: string | number, name: string, kind: string): string {
  return `<div class="${kind}"><dd>${value}</dd><dt>${name}</dt></div>`;
}

function tile(wall: string, attacks: readonly AuditedAttack[]): string {
  const held = attacks.filter((attack) => outcomeOf(attack) === 'blocked').length;
  const through = attacks.some((attack) => outcomeOf(attack) === 'reached');
  const kind = through ? 'bad' : held === attacks.length ? 'good' : 'odd';
  return `<a class="tile ${kind}" href="#${wall}"><b>${escapeText(wallNames[wall] ?? wall)}</b><span>${held} of ${attacks.length}</span></a>`;
}

function section(wall: string, attacks: readonly AuditedAttack[]): string {
  return `<section id="${wall}">
<h2>${escapeText(wallNames[wall] ?? wall)}</h2>
${attacks.map(row).join('\n')}
</section>`;
}

function row(attack: AuditedAttack): string {
  const outcome = outcomeOf(attack);
  const control =
    attack.controls.length === 0
      ? 'Never seen to succeed, so its failing proves nothing.'
      : `Seen to succeed without: ${attack.controls.map((name) => `<i>${escapeText(name)}</i>`).join(' ')}`;
  return `<article class="${outcome}">
<div class="mark"><span>${words[outcome]}</span></div>
<div>
<h3>${escapeText(attack.what)}</h3>
<p class="id"><code>${escapeText(attack.id)}</code> ${attack.blocked ? `stopped by <b>${escapeText(attack.stoppedBy)}</b>` : ''}</p>
<ul>${attack.evidence
    .split('; ')
    .map((part) => `<li>${escapeText(part)}</li>`)
    .join('')}</ul>
<p class="control">${control}</p>
</div>
</article>`;
}

function neighbourSection({ attacks, quietNeighbour: quiet }: AuditReport): string {
  const timed = attacks.flatMap(({ id, neighbour }) => (neighbour === undefined ? [] : [{ name: id, ...neighbour }]));
  if (quiet === undefined || timed.length === 0) return '';
  const rows = [{ name: 'nothing else', ...quiet }, ...timed];
  const widest = Math.max(...rows.map(({ p99Ms }) => p99Ms));
  const bar = (ms: number, kind: string) => `<span class="bar ${kind}" style="width:${((ms / widest) * 100).toFixed(1)}%"></span>`;
  const lines = rows.map(
    ({ name, invocations, wrong, p50Ms, p99Ms }) => `<tr>
<th scope="row">${escapeText(name)}</th><td>${invocations}</td><td class="${wrong === 0 ? '' : 'bad'}">${wrong}</td>
<td>${p50Ms.toFixed(1)}</td><td>${p99Ms.toFixed(1)}</td><td class="bars">${bar(p99Ms, 'slow')}${bar(p50Ms, 'usual')}</td>
</tr>`,
  );
  return `<section id="neighbour">
<h2>A neighbour meanwhile</h2>
<p>Another account's function was invoked over and over while each bomb ran; times are those of its client.</p>
<table>
<thead><tr><th>while</th><th>invocations</th><th>wrong answers</th><th>p50 ms</th><th>p99 ms</th><th class="bars"></th></tr></thead>
<tbody>${lines.join('\n')}</tbody>
</table>
</section>`;
}

function hostSection(report: AuditReport): string {
  const facts: readonly (readonly [string, string])[] = [
    ['Kernel', report.kernel],
    ['Host', report.hostName],
    ['Processors and memory', report.machine],
    ['Positive controls seen on kernel', report.controlsSeenOn ?? 'none'],
    ['Started', report.startedAt],
  ];
  return `<section id="host">
<h2>Host</h2>
<dl class="facts">${facts.map(([name, value]) => `<dt>${escapeText(name)}</dt><dd>${escapeText(value)}</dd>`).join('')}</dl>
</section>`;
}

function escapeText(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}
