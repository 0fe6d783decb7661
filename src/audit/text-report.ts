import { styleText } from 'node:util';
import type { AuditedAttack, AuditReport } from './audit.ts';

type Paint = (style: 'green' | 'red' | 'yellow' | 'bold' | 'dim', text: string) => string;

const marks = { blocked: ['green', 'blocked'], reached: ['red', 'REACHED'], unproven: ['yellow', 'unproven'] } as const;

/** Colours where the output is a terminal. */
export function painter(colour: boolean): Paint {
  return (style, text) => (colour ? styleText(style, text, { validateStream: false }) : text);
}

export function outcomeOf({ attempted, blocked }: Pick<AuditedAttack, 'attempted' | 'blocked'>): keyof typeof marks {
  if (!blocked) return 'reached';
  return attempted ? 'blocked' : 'unproven';
}

/** One attack in one line: whether it was blocked, what was tried, what stopped it, and the kernel's evidence. */
export function attackLine(attack: AuditedAttack, paint: Paint): string {
  const [style, word] = marks[outcomeOf(attack)];
  const stopped = attack.blocked ? `stopped by ${attack.stoppedBy}` : 'got through';
  return `  ${paint(style, word.padEnd(8))}  ${attack.id.padEnd(30)}  ${attack.what}: ${stopped}  ${paint('dim', `[${oneLine(attack.evidence)}]`)}`;
}

/** What is said after the last attack. */
export function summaryLines(report: AuditReport, paint: Paint): string[] {
  const { passed, failed, notAttempted, quietNeighbour: quiet } = report;
  const lines = [''];
  if (quiet !== undefined) lines.push(`Neighbour while nothing else happened: p50 ${quiet.p50Ms.toFixed(1)} ms, p99 ${quiet.p99Ms.toFixed(1)} ms.`);
  if (notAttempted > 0) {
    lines.push(
      `${notAttempted} attacks count as not attempted: nobody has seen the same code succeed with its wall taken away, so that its failing proves nothing.`,
    );
  }
  if (report.controlsSeenOn !== undefined && report.controlsSeenOn !== report.kernel) {
    lines.push(`The other attacks were seen to succeed without their wall on kernel ${report.controlsSeenOn}; this one is ${report.kernel}.`);
  }
  const verdict =
    failed === 0 ? paint('green', 'No attack got anywhere.') : paint('red', `${failed} ${failed === 1 ? 'attack' : 'attacks'} got somewhere.`);
  return [...lines, `${passed} passed, ${failed} failed, ${notAttempted} not attempted, in ${(report.durationMs / 1000).toFixed(0)} s. ${verdict}`];
}

function oneLine(text: string): string {
  return text.replaceAll(/\s+/g, ' ').trim();
}
