import { conformance } from './harness/conformance.ts';
import { deliveryCases } from './telemetry/delivery-cases.ts';
import { eventCases } from './telemetry/event-cases.ts';
import { subscriptionCases } from './telemetry/subscription-cases.ts';

// What takes longest comes first.
conformance('the Telemetry API', [...deliveryCases, ...eventCases, ...subscriptionCases]);
