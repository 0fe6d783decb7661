import { z } from 'zod';

/** What is wrong with an archive, or with the builder itself; each word belongs to one code. */
export const buildFaultReason = z.enum([
  'NotAZip',
  'Damaged',
  'Empty',
  'Name',
  'ThroughLink',
  'LinkTarget',
  'PathConflict',
  'SpecialFile',
  'Encrypted',
  'CompressionMethod',
  'Overlap',
  'TooManyEntries',
  'UnpackedSize',
  'OutOfSpace',
  'ImageMaker',
  'Internal',
]);
export type BuildFaultReason = z.infer<typeof buildFaultReason>;

export const buildFaultCode = z.enum(['ArchiveInvalid', 'ArchiveRefused', 'ArchiveTooLarge', 'BuilderFailed']);
export type BuildFaultCode = z.infer<typeof buildFaultCode>;

/** Longest report line, newline included: the agent reads no more than this from the report pipe. */
export const maxReportBytes = 1_024;

/** The one line of JSON a builder writes to descriptor 5. The agent parses it as a stranger's bytes: the process behind it read an archive. */
export const builderReport = z.discriminatedUnion('ok', [
  z.strictObject({ ok: z.literal(true), unpackedBytes: z.int().min(0), entries: z.int().min(1) }),
  z.strictObject({ ok: z.literal(false), code: buildFaultCode, reason: buildFaultReason }),
]);
export type BuilderReport = z.infer<typeof builderReport>;
