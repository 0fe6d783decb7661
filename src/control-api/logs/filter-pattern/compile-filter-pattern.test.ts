import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LogsError } from '../logs-error.ts';
import { compileFilterPattern } from './compile-filter-pattern.ts';
import { compileLinearRegex } from './linear-regex.ts';

/** Which of the messages a pattern matches. */
const chosen = (pattern: string, messages: readonly string[]): string[] => messages.filter(compileFilterPattern(pattern));

describe('terms', () => {
  const messages = ['[ERROR] 400 BAD REQUEST', '[ERROR] 401 UNAUTHORIZED REQUEST', '[WARN] 300 arguments', 'error in lower case', ''];
  it.each([
    ['', messages],
    ['""', messages],
    ['ERROR', messages.slice(0, 2)],
    ['ERROR 400', messages.slice(0, 1)],
    ['REQUEST ERROR', messages.slice(0, 2)],
    ['?400 ?300', [messages[0], messages[2]]],
    ['ERROR -400', messages.slice(1, 2)],
    ['-ERROR', messages.slice(2)],
    ['"BAD REQUEST"', messages.slice(0, 1)],
    ['"[ERROR] 401"', messages.slice(1, 2)],
    ['[ERROR', []],
    ['?ERROR 300', messages.slice(2, 3)],
    ['%4[0-9]{2}%', messages.slice(0, 2)],
    ['-%^.ERROR%', messages.slice(2)],
    ['?%^error% ?WARN', messages.slice(2, 4)],
  ])('%s', (pattern, expected) => {
    if (pattern === '[ERROR') expect(() => compileFilterPattern(pattern)).toThrow(LogsError);
    else expect(chosen(pattern, messages)).toEqual(expected);
  });
});

describe('patterns of JSON', () => {
  const event = {
    eventType: 'UpdateTrail',
    sourceIPAddress: '111.111.111.111',
    arrayKey: ['value', 'another value'],
    objectList: [
      { name: 'a', id: 1 },
      { name: 'b', id: 2 },
    ],
    SomeObject: null,
    cluster: { name: 'c', 'a.b': true },
    latency: 1.5e2,
    ThisFlag: false,
  };
  const message = JSON.stringify(event);
  it.each([
    ['{ $.eventType = "UpdateTrail" }', true],
    ['{ $.eventType = UpdateTrail }', true],
    ['{$.eventType="updateTrail"}', false],
    ['{ $.eventType = "Update*" }', true],
    ['{ $.eventType = "*Trail" && $.eventType != "Up" }', true],
    ['{ $.eventType != "Update*" }', false],
    ['{ $.sourceIPAddress != 123.123.* }', true],
    ['{ $.sourceIPAddress = 111.111.* }', true],
    ['{ $.sourceIPAddress = %1{3}\\.1{3}% }', true],
    ['{ $.sourceIPAddress = %^2% }', false],
    ['{ $.arrayKey[0] = "value" }', true],
    ['{ $.arrayKey[1] = "value" }', false],
    ['{ $.arrayKey[*] = "another value" }', true],
    ['{ $.objectList[1].id = 2 }', true],
    ['{ $.objectList[*].id > 2 }', false],
    ['{ $.latency = 150 }', true],
    ['{ $.latency >= 150 && $.latency < 151 }', true],
    ['{ $.latency > 150 || $.latency = 1.5e2 }', true],
    ['{ $.latency > 150 }', false],
    ['{ $.SomeObject IS NULL }', true],
    ['{ $.ThisFlag IS FALSE }', true],
    ['{ $.ThisFlag IS TRUE }', false],
    ['{ $.Missing NOT EXISTS }', true],
    ['{ $.SomeObject NOT EXISTS }', false],
    ["{ $.cluster['a.b'] IS TRUE }", true],
    ['{ $.Missing = "x" }', false],
    ['{ $.__proto__ EXISTS }', false],
    ['{ ($.a = 1 || $.eventType = "UpdateTrail") && $.latency = 150 }', true],
    ['{ $.eventType = "UpdateTrail" || $.a = 1 && $.a = 2 }', true],
  ])('%s: %s', (pattern, expected) => {
    expect(compileFilterPattern(pattern)(message)).toBe(expected);
  });

  it('match nothing that is not JSON', () => {
    for (const text of ['eventType = UpdateTrail', '{"eventType":', '"UpdateTrail"', '']) {
      expect(compileFilterPattern('{ $.eventType NOT EXISTS }')(text)).toBe(false);
    }
  });
});

describe('patterns of fields between spaces', () => {
  const messages = [
    '127.0.0.1 Prod frank [10/Oct/2000:13:25:15 -0700] "GET /index.html HTTP/1.0" 404 1534',
    '127.0.0.1 Prod frank [10/Oct/2000:13:35:22 -0700] "GET /about.html HTTP/1.0" 500 5324',
    '10.0.0.1 Test jane [10/Oct/2000:13:50:35 -0700] "POST /x HTTP/1.0" 200 99',
    'short line',
  ];
  it.each([
    ['[ip, user, username, timestamp, request, status_code, bytes]', messages.slice(0, 3)],
    ['[ip, user, username, timestamp, request =*.html*, status_code = 4*, bytes]', messages.slice(0, 1)],
    ['[ip, user, username, timestamp, request, status_code = 404 || status_code = 500, bytes]', messages.slice(0, 2)],
    ['[..., status_code >= 400, bytes > 2000]', messages.slice(1, 2)],
    ['[ip, ..., bytes < 100]', messages.slice(2, 3)],
    ['[ip != 127.*, ...]', messages.slice(2)],
    ['[w1 = short, w2]', messages.slice(3)],
    ['[ip=%127\\.0\\.0\\.[1-9]%, ...]', messages.slice(0, 2)],
    ['[a, b]', messages.slice(3)],
  ])('%s', (pattern, expected) => {
    expect(chosen(pattern, messages)).toEqual(expected);
  });
});

describe('what is no pattern', () => {
  it.each([
    '"open',
    '%[a',
    '%(a)%',
    '{ $.a }',
    '{ $.a = }',
    '{ a = 1 }',
    '{ $.a = 1',
    '[a, ..., b, ...]',
    '[a =]',
    '{ ($.a = 1 }',
    '-',
    '{ $.a > x }',
    '%a% %b% %c% %d% %e%',
  ])('%s is refused in the words of CloudWatch Logs', (pattern) => {
    expect(() => compileFilterPattern(pattern)).toThrow(new LogsError('InvalidParameterException', 'Invalid filter pattern'));
  });

  it('never ends otherwise, whatever the text', () => {
    const text = fc.string({ unit: fc.constantFrom(...'{}[]()"%?-$.*=<>!&|, \\ab1ISNOT'), maxLength: 40 });
    fc.assert(
      fc.property(text, fc.string(), (pattern, message) => {
        try {
          expect(typeof compileFilterPattern(pattern)(message)).toBe('boolean');
        } catch (error) {
          expect(error).toBeInstanceOf(LogsError);
        }
      }),
      { numRuns: 3_000 },
    );
  });
});

describe('compileLinearRegex', () => {
  it('matches what JavaScript’s regular expressions match', () => {
    const atom = fc.constantFrom('a', 'b', '.', '[ab]', '[^a]', '\\d', '\\w', '\\.', 'a|b', '[a-c1]');
    const quantifier = fc.constantFrom('', '', '*', '+', '?', '{2}', '{1,2}', '{0,}');
    const source = fc
      .tuple(fc.constantFrom('', '^'), fc.array(fc.tuple(atom, quantifier), { minLength: 1, maxLength: 5 }), fc.constantFrom('', '$'))
      .map(([start, pieces, end]) => start + pieces.map(([each, times]) => each + times).join('') + end);
    fc.assert(
      fc.property(source, fc.string({ unit: fc.constantFrom(...'abc1. '), maxLength: 12 }), (pattern, text) => {
        expect(compileLinearRegex(pattern)?.(text)).toBe(new RegExp(pattern, 's').test(text));
      }),
      { numRuns: 3_000 },
    );
  });

  it('has no groups and no endless repetitions to try again', () => {
    expect(compileLinearRegex('(a+)+b')).toBeUndefined();
    expect(compileLinearRegex('a{999}')).toBeUndefined();
    expect(compileLinearRegex('a{60}|a{60}|a{60}')).toBeUndefined();
    expect(compileLinearRegex('a*a*a*a*a*a*a*a*b')?.('a'.repeat(20_000))).toBe(false);
  });
});
