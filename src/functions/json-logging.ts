/** From the most detailed to the least. */
export const logLevels = ['TRACE', 'DEBUG', 'INFO', 'WARN', 'ERROR', 'FATAL'] as const;
export type LogLevel = (typeof logLevels)[number];
export type SystemLogLevel = Extract<LogLevel, 'DEBUG' | 'INFO' | 'WARN'>;

/** Settings of a function whose log is JSON (Lambda's `LogFormat`); what is less important than a level is not written. */
export interface JsonLogging {
  /** Of what the function writes. */
  readonly applicationLevel: LogLevel;
  /** Of what the platform tells. */
  readonly systemLevel: SystemLogLevel;
}

/** Whether something of this level is written when only the minimum and above are. */
export function isLogged(level: LogLevel, minimum: LogLevel): boolean {
  return logLevels.indexOf(level) >= logLevels.indexOf(minimum);
}
