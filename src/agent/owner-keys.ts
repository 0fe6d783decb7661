import { z } from 'zod';

/** How the host's configuration names a function: `account/function`. */
export const functionOfAccount = z.string().regex(/^\d{12}\/[A-Za-z0-9_-]{1,64}$/);
