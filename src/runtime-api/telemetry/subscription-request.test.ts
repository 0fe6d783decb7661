import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readSubscription } from './subscription-request.ts';

const uri = 'http://sandbox.localdomain:8080';
const whole = {
  schemaVersion: '2022-12-13',
  types: ['platform', 'function', 'extension'],
  buffering: { maxItems: 1_000, maxBytes: 262_144, timeoutMs: 25 },
  destination: { protocol: 'HTTP', URI: `${uri}/a b?c=d` },
};

const read = (value: unknown) => readSubscription(Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)));
const http = (URI: unknown) => read({ ...whole, destination: { protocol: 'HTTP', URI } });
const refusal = (status: number, type: string, errorMessage: string) => ({ status, errorType: `Telemetry.${type}`, errorMessage });
const invalid = (message: string) => refusal(400, 'ValidationError', message);
const denied = (message: string) => refusal(403, 'AccessDenied', message);

describe('readSubscription()', () => {
  it('reads a whole subscription', () => {
    expect(read(whole)).toEqual({
      schema: '2022-12-13',
      streams: ['platform', 'function', 'extension'],
      buffering: whole.buffering,
      destination: { protocol: 'HTTP', port: 8080, host: 'sandbox.localdomain:8080', path: '/a%20b?c=d' },
    });
  });

  it("takes Lambda's defaults for what is not said of buffering", () => {
    const { buffering: _, ...rest } = whole;
    const byDefault = { maxItems: 10_000, maxBytes: 262_144, timeoutMs: 1_000 };
    expect(read(rest)).toMatchObject({ buffering: byDefault });
    expect(read({ ...whole, buffering: { timeoutMs: 30_000 } })).toMatchObject({ buffering: { ...byDefault, timeoutMs: 30_000 } });
  });

  it.each(['2022-07-01', '2022-12-13', '2025-01-29'])('takes schema %s', (schemaVersion) => {
    expect(read({ ...whole, schemaVersion })).toMatchObject({ schema: schemaVersion });
  });

  it.each([
    ['http://sandbox:80/', { port: 80, host: 'sandbox:80', path: '/' }],
    ['http://127.0.0.1:1', { port: 1, host: '127.0.0.1:1', path: '/' }],
    ['HTTP://SANDBOX.LOCALDOMAIN:65535?x', { port: 65_535, host: 'sandbox.localdomain:65535', path: '/?x' }],
  ])('takes destination %s', (URI, destination) => {
    expect(http(URI)).toMatchObject({ destination: { protocol: 'HTTP', ...destination } });
  });

  it('takes a TCP port', () => {
    expect(read({ ...whole, destination: { protocol: 'TCP', port: 5_000 } })).toMatchObject({ destination: { protocol: 'TCP', port: 5_000 } });
  });

  it.each([
    ['another host', 'http://example.com:80', denied("Only 'sandbox.localdomain' hostname is supported.")],
    ['this host', 'http://localhost:80', denied("Only 'sandbox.localdomain' hostname is supported.")],
    ['a name that begins like it', 'http://sandbox.localdomain.example.com:80', denied("Only 'sandbox.localdomain' hostname is supported.")],
    ['an address of this net', 'http://127.0.0.2:80', denied("Only 'sandbox.localdomain' hostname is supported.")],
    ['another scheme', 'https://sandbox.localdomain:443', denied("Only 'http' scheme is supported.")],
    ['no port', 'http://sandbox.localdomain/x:80', invalid('URI port is not provided')],
    ['port 0', 'http://sandbox.localdomain:0', invalid('port should be between 1 and 65535')],
    ['the Runtime API', 'http://127.0.0.1:9001/2018-06-01', invalid('port 9001 is reserved')],
    ['user information', 'http://a:b@sandbox.localdomain:80', invalid('invalid destination URI')],
    ['no URI', '//:80', invalid('invalid destination URI')],
    ['a very long one', `${uri}/${'x'.repeat(2_048)}`, invalid('invalid destination URI')],
  ])('refuses a destination that is %s', (_name, URI, answer) => {
    expect(http(URI)).toEqual(answer);
  });

  it.each([
    ['no types', { ...whole, types: [] }, invalid('types should not be empty')],
    ['a type twice', { ...whole, types: ['platform', 'platform'] }, invalid('types should be unique')],
    ['a single event', { ...whole, types: ['platform.report'] }, invalid('Unrecognized enum variant')],
    ['no schema', { ...whole, schemaVersion: undefined }, invalid('TelemetryAPI only supports the SchemaVersion released after 2021-03-18')],
    [
      'a schema of the Logs API',
      { ...whole, schemaVersion: '2020-08-15' },
      invalid('TelemetryAPI only supports the SchemaVersion released after 2021-03-18'),
    ],
    ['too few items', { ...whole, buffering: { maxItems: 999 } }, invalid('maxItems should be between 1000 and 10000')],
    ['too many items', { ...whole, buffering: { maxItems: 10_001 } }, invalid('maxItems should be between 1000 and 10000')],
    ['too few bytes', { ...whole, buffering: { maxBytes: 262_143 } }, invalid('maxBytes should be between 262144 and 1048576')],
    ['too many bytes', { ...whole, buffering: { maxBytes: 1_048_577 } }, invalid('maxBytes should be between 262144 and 1048576')],
    ['too short a time', { ...whole, buffering: { timeoutMs: 24 } }, invalid('timeoutMs should be between 25 and 30000')],
    ['too long a time', { ...whole, buffering: { timeoutMs: 30_001 } }, invalid('timeoutMs should be between 25 and 30000')],
    [
      'several things at once',
      { ...whole, types: [], destination: { protocol: 'HTTP', URI: 'http://sandbox.localdomain' } },
      invalid('URI port is not provided; types should not be empty'),
    ],
  ])('refuses %s', (_name, value, answer) => {
    expect(read(value)).toEqual(answer);
  });

  it.each([
    ['no JSON', '{', 'the body is not JSON'],
    ['no object', '[]', 'invalid type: expected struct Subscription'],
    ['no destination', { ...whole, destination: undefined }, 'missing field `destination`'],
    ['a destination that is null', { ...whole, destination: null }, 'invalid type for `destination`: expected a map'],
    ['no types', { ...whole, types: undefined }, 'missing field `types`'],
    ['types that are no list', { ...whole, types: 'platform' }, 'invalid type for `types`: expected a sequence'],
    ['no protocol', { ...whole, destination: {} }, 'missing field `protocol`'],
    ['another protocol', { ...whole, destination: { protocol: 'UDP' } }, 'unknown variant `UDP`, expected `HTTP` or `TCP`'],
    ['no URI', { ...whole, destination: { protocol: 'HTTP', port: 80 } }, 'missing field `URI`'],
    ['no port', { ...whole, destination: { protocol: 'TCP', URI: uri } }, 'missing field `port`'],
    ['a port that is none', { ...whole, destination: { protocol: 'TCP', port: 65_536 } }, 'invalid value for `port`: expected u16'],
    ['items that are no number', { ...whole, buffering: { maxItems: '1000' } }, 'invalid type for `maxItems`: expected u64'],
    ['buffering that is null', { ...whole, buffering: null }, 'invalid type for `buffering`: expected a map'],
  ])('cannot read %s', (_name, value, message) => {
    expect(read(value)).toEqual(refusal(400, 'DeserializationError', message));
  });

  it('tells the names that it knows', () => {
    expect(read({ ...whole, schemaVersion: '2030-01-01' })).toMatchObject({
      errorMessage: 'unknown variant `2030-01-01`, expected one of `2020-08-15`, `2021-03-18`, `2022-07-01`, `2022-12-13`, `2025-01-29`',
    });
    expect(read({ ...whole, types: ['metrics'] })).toMatchObject({
      errorType: 'Telemetry.DeserializationError',
      errorMessage: expect.stringMatching(/^unknown variant `metrics`, expected one of `platform\.start`, .*, `platform`, `function`, `extension`$/),
    });
  });

  it('never gives a destination outside of the environment, whatever is asked', () => {
    const part = fc.constantFrom(
      'sandbox',
      '.localdomain',
      '127.0.0.1',
      ':',
      '@',
      '/',
      '\\',
      '#',
      '?',
      '%2e',
      '%00',
      '0x7f',
      'example.com',
      '80',
      '9001',
      '\t',
      '[::1]',
      '。',
    );
    fc.assert(
      fc.property(fc.array(part, { maxLength: 8 }), (parts) => {
        const answer = http(`http://${parts.join('')}`);
        if ('errorType' in answer) return answer.status === 400 || answer.status === 403;
        const { destination } = answer;
        if (destination.protocol !== 'HTTP') return false;
        const isLine = /^[\x21-\x7e]+$/.test(`${destination.host}${destination.path}`);
        return isLine && destination.port !== 9001 && /^(sandbox|sandbox\.localdomain|127\.0\.0\.1):\d+$/.test(destination.host);
      }),
    );
  });
});
