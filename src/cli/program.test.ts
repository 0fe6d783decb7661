import type { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { cloisterProgram } from './program.ts';

/** Every command that does something, with the words that reach it. */
function leaves(command: Command, words: readonly string[] = []): (readonly [string, Command])[] {
  const below = command.commands.flatMap((each) => leaves(each, [...words, each.name()]));
  return below.length > 0 ? below : [[words.join(' '), command]];
}

function helpOf(command: Command): string {
  let text = '';
  command.configureOutput({ writeOut: (part) => (text += part) });
  command.outputHelp();
  return text;
}

describe('cloisterProgram()', () => {
  const commands = leaves(cloisterProgram());

  it('has the commands for every operation family', () => {
    expect(commands.map(([words]) => words)).toEqual(
      expect.arrayContaining([
        ...['list', 'show', 'update', 'delete', 'concurrency', 'async', 'tag'].map((verb) => `function ${verb}`),
        ...['list', 'add', 'remove'].map((verb) => `function permission ${verb}`),
        ...['publish', 'list', 'delete'].map((verb) => `version ${verb}`),
        ...['create', 'update', 'list', 'show', 'delete'].map((verb) => `alias ${verb}`),
        ...['publish', 'list', 'versions', 'show', 'delete'].map((verb) => `layer ${verb}`),
        ...['list', 'add', 'remove'].map((verb) => `layer permission ${verb}`),
        ...['create', 'show', 'update', 'list', 'delete', 'call'].map((verb) => `url ${verb}`),
        'logs',
      ]),
    );
  });

  it.each(commands)('cloister %s explains itself, with examples that begin with it', (words, command) => {
    const help = helpOf(command);
    expect(command.description()).toMatch(/^[A-Z].*\.$/);
    expect(help).toContain('Examples:');
    expect(help).toMatch(new RegExp(`^  \\$ .*cloister ${words}\\b`, 'm'));
    expect(help).toContain('--json');
  });
});
