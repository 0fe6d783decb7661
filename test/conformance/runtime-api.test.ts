import { conformance } from './harness/conformance.ts';
import { httpCases } from './runtime-api/http-cases.ts';
import { lifeCases } from './runtime-api/life-cases.ts';
import { nextCases } from './runtime-api/next-cases.ts';
import { errorCases, refusedReports, responseCases } from './runtime-api/response-cases.ts';

// What takes longest comes first.
conformance('the Runtime API', [...lifeCases, ...nextCases, ...responseCases, ...refusedReports, ...errorCases, ...httpCases]);
