import type { Clock, Log, LogFields } from '@millrace/kernel'

/** kafkajs's log levels. */
export const logLevel = { NOTHING: 0, ERROR: 1, WARN: 2, INFO: 4, DEBUG: 5 } as const
export type logLevel = (typeof logLevel)[keyof typeof logLevel]

export interface LoggerEntryContent {
  readonly timestamp: string
  readonly message: string
  readonly [key: string]: unknown
}

export interface LogEntry {
  namespace: string
  level: logLevel
  label: string
  log: LoggerEntryContent
}

/** Made once with the level of the client; called for each entry that passes. */
export type logCreator = (logLevel: logLevel) => (entry: LogEntry) => void

export interface Logger {
  info(message: string, extra?: object): void
  error(message: string, extra?: object): void
  warn(message: string, extra?: object): void
  debug(message: string, extra?: object): void
  namespace(namespace: string, logLevel?: logLevel): Logger
  /** Of every namespace that was not given a level of its own. */
  setLogLevel(logLevel: logLevel): void
}

/** kafkajs's own: one line of JSON to the console. */
export const consoleLogCreator: logCreator =
  () =>
  ({ namespace, level, label, log }) => {
    const message = namespace === '' ? log.message : `[${namespace}] ${log.message}`
    const line = JSON.stringify({ level: label, ...log, message })
    if (level === logLevel.ERROR) console.error(line)
    else if (level === logLevel.WARN) console.warn(line)
    else if (level === logLevel.INFO) console.info(line)
    else console.log(line)
  }

export function createLogger(clock: Pick<Clock, 'nowMs'>, level: logLevel, creator: logCreator): Logger {
  let common = level
  const write = creator(level)
  const within = (namespace: string, own: logLevel | undefined): Logger => {
    const say = (label: string, at: logLevel) => (message: string, extra?: object) => {
      if (at > (own ?? common)) return
      const timestamp = new Date(clock.nowMs()).toISOString()
      write({ namespace, level: at, label, log: { timestamp, logger: 'kafkajs', message, ...extra } })
    }
    return {
      info: say('INFO', logLevel.INFO),
      error: say('ERROR', logLevel.ERROR),
      warn: say('WARN', logLevel.WARN),
      debug: say('DEBUG', logLevel.DEBUG),
      namespace: (name, wanted) => within(name, wanted),
      setLogLevel: (wanted) => {
        common = wanted
      },
    }
  }
  return within('', undefined)
}

/** The client's own lines, under kafkajs's logger. */
export function logOver(logger: Logger, fields: LogFields = {}): Log {
  return {
    debug: (message, more) => logger.debug(message, { ...fields, ...more }),
    info: (message, more) => logger.info(message, { ...fields, ...more }),
    warn: (message, more) => logger.warn(message, { ...fields, ...more }),
    error: (message, more) => logger.error(message, { ...fields, ...more }),
    child: (more) => logOver(logger, { ...fields, ...more }),
  }
}
