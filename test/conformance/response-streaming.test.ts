import { conformance } from './harness/conformance.ts';
import { streamCases } from './runtime-api/stream-cases.ts';

conformance('response streaming', streamCases);
