import type { BuildFaultCode, BuildFaultReason } from './report.ts';

const codes: Readonly<Record<BuildFaultReason, BuildFaultCode>> = {
  NotAZip: 'ArchiveInvalid',
  Damaged: 'ArchiveInvalid',
  Empty: 'ArchiveInvalid',
  Name: 'ArchiveRefused',
  ThroughLink: 'ArchiveRefused',
  LinkTarget: 'ArchiveRefused',
  PathConflict: 'ArchiveRefused',
  SpecialFile: 'ArchiveRefused',
  Encrypted: 'ArchiveRefused',
  CompressionMethod: 'ArchiveRefused',
  Overlap: 'ArchiveRefused',
  TooManyEntries: 'ArchiveRefused',
  UnpackedSize: 'ArchiveTooLarge',
  OutOfSpace: 'BuilderFailed',
  ImageMaker: 'BuilderFailed',
  Internal: 'BuilderFailed',
};

/** Ends a build. Only `reason` leaves the process: no name and no byte of the archive does. */
export class BuildFault extends Error {
  override readonly name = 'BuildFault';
  readonly reason: BuildFaultReason;

  constructor(reason: BuildFaultReason, cause?: unknown) {
    super(reason, cause === undefined ? undefined : { cause });
    this.reason = reason;
  }

  get code(): BuildFaultCode {
    return codes[this.reason];
  }

  /** Names what an unforeseen error means to whoever asked for the image. */
  static of(error: unknown): BuildFault {
    if (error instanceof BuildFault) return error;
    const errno = error instanceof Error && 'code' in error ? error.code : undefined;
    if (errno === 'ENOSPC' || errno === 'EDQUOT' || errno === 'EFBIG') return new BuildFault('OutOfSpace', error);
    return new BuildFault('Internal', error);
  }
}
