/** The user and group that compile native parts and run a runtime's own programs while its image is made: no account, owns nothing outside. */
export const buildUserId = 64_910;
