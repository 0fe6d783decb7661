import { eventCases } from './extensions/event-cases.ts';
import { failureCases } from './extensions/failure-cases.ts';
import { lifeCases } from './extensions/life-cases.ts';
import { registerCases } from './extensions/register-cases.ts';
import { shutdownCases } from './extensions/shutdown-cases.ts';
import { conformance } from './harness/conformance.ts';

// What takes longest comes first.
conformance('the Extensions API', [...shutdownCases, ...failureCases, ...lifeCases, ...eventCases, ...registerCases]);
