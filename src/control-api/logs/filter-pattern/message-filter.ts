/** Tells whether a log event's message matches. */
export type MessageFilter = (message: string) => boolean;
