import type { Log } from '@millrace/kernel'
import { destination, type Logger, pino } from 'pino'

/** The Log port by pino: JSON lines on standard error, so that standard output stays the program's own. */
export function pinoLog(level: 'debug' | 'info' | 'warn' | 'error' | 'silent' = 'info'): Log {
  return wrap(pino({ level, redact: ['password', '*.password', 'url', '*.url'] }, destination({ fd: 2, sync: true })))
}

function wrap(logger: Logger): Log {
  return {
    debug: (message, fields) => logger.debug(fields ?? {}, message),
    info: (message, fields) => logger.info(fields ?? {}, message),
    warn: (message, fields) => logger.warn(fields ?? {}, message),
    error: (message, fields) => logger.error(fields ?? {}, message),
    child: (fields) => wrap(logger.child(fields)),
  }
}
