import { craftedZip } from '../../support/crafted-zip.ts';
import { wireBytes } from '../../support/raw-exchange.ts';
import { createBody, createRequest, type MalformedRule } from './malformed-rule.ts';

const file = (name: string, data = 'x') => ({ name, data: Buffer.from(data), mode: 0o100644 });
const good = craftedZip([file('index.js', 'exports.handler = async () => 1;\n')]);
const unreadable = /^Could not unzip uploaded file\. Please check your file, then try to upload again\.$/;
const notAllowed = /^Could not unzip uploaded file: /;
const uploads = (rule: string, archive: Buffer, message: RegExp): MalformedRule => ({
  rule,
  bytes: async ({ sign }) => wireBytes(await sign(createRequest(createBody({ Code: { ZipFile: archive.toString('base64') } })))),
  status: [400],
  type: 'InvalidParameterValueException',
  message,
});

/** Archives. What the builder refuses in detail is tested beside it; here a client's answer counts. */
export const archiveRules: readonly MalformedRule[] = [
  uploads('an empty archive', Buffer.alloc(0), /^Uploaded file must be a non-empty zip$/),
  uploads('bytes that are no zip', Buffer.from('#!/bin/sh\n'), unreadable),
  uploads('a zip without entries', craftedZip([]), unreadable),
  uploads('a truncated zip', good.subarray(0, good.length - 30), unreadable),
  uploads('a zip without its beginning', good.subarray(20), unreadable),
  uploads('a wrong checksum', craftedZip([{ ...file('a'), crc: 1 }]), unreadable),
  uploads('an entry longer than declared', craftedZip([{ ...file('a', 'long long'), deflate: true, declaredBytes: 1 }]), unreadable),
  uploads('an entry not counted', craftedZip([file('a'), file('b')], { declaredEntries: 1 }), unreadable),
  uploads('two names for one entry', craftedZip([{ ...file('a'), localName: 'b' }]), unreadable),
  uploads('a name that climbs out', craftedZip([file('../escape')]), notAllowed),
  uploads('an absolute name', craftedZip([file('/etc/passwd')]), notAllowed),
  uploads('a NUL in a name', craftedZip([{ name: Buffer.from('a\0b') }]), notAllowed),
  uploads('a file through a link', craftedZip([{ ...file('out', '/tmp'), mode: 0o120777 }, file('out/escape')]), notAllowed),
  uploads('a device', craftedZip([{ ...file('null'), mode: 0o020666 }]), notAllowed),
  uploads('an encrypted entry', craftedZip([{ ...file('a', 'secret-secret'), flags: 0x801, declaredBytes: 1 }]), notAllowed),
  uploads(
    'a bomb of 262,144,000 bytes',
    craftedZip([{ name: 'bomb', data: Buffer.alloc(262_144_000), deflate: true }]),
    /^Unzipped size must be smaller than 262144000 bytes$/,
  ),
  {
    rule: 'an archive over 50 MiB',
    bytes: async ({ sign }) => wireBytes(await sign(createRequest(createBody({ Code: { ZipFile: Buffer.alloc(52_428_801).toString('base64') } })))),
    status: [413],
    type: 'RequestEntityTooLargeException',
    message: /^Zipped size must be smaller than 52428800 bytes$/,
  },
];
