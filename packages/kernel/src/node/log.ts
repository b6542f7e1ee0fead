import { configError, messageOf } from '../errors.ts'
import { nearest } from '../nearest.ts'
import type { Log, LogFields } from '../ports/log.ts'

const levels = ['debug', 'info', 'warn', 'error'] as const
export type LogLevel = (typeof levels)[number]

export interface NodeLogOptions {
  /** Lines below it are not written. @default 'info' */
  readonly level?: LogLevel | undefined
  /** `json`: one object a line, for machines. `text`: for people. @default text on a terminal, else json */
  readonly format?: 'json' | 'text' | undefined
  /** Takes each line, its end included. @default standard error */
  readonly write?: ((line: string) => void) | undefined
}

/** Lines on standard error. @throws CONFIG for a level or format there is none of. */
export function nodeLog(options: NodeLogOptions = {}): Log {
  const level = options.level ?? 'info'
  if (!levels.includes(level)) {
    throw configError('log.level', 'is no level', level, `Write ${nearest(level, levels) ?? levels.join(', ')}`)
  }
  const format = options.format ?? (process.stderr.isTTY === true ? 'text' : 'json')
  if (format !== 'json' && format !== 'text')
    throw configError('log.format', 'is no format', format, 'Write json or text')
  const write = options.write ?? ((line: string) => void process.stderr.write(line))
  return new LineLog(levels.indexOf(level), format === 'json' ? jsonLine : textLine, write, {})
}

type Formatter = (level: LogLevel, message: string, fields: LogFields) => string

class LineLog implements Log {
  readonly #least: number
  readonly #format: Formatter
  readonly #write: (line: string) => void
  readonly #fields: LogFields

  constructor(least: number, format: Formatter, write: (line: string) => void, fields: LogFields) {
    this.#least = least
    this.#format = format
    this.#write = write
    this.#fields = fields
  }

  debug(message: string, fields?: LogFields): void {
    this.#line('debug', message, fields)
  }

  info(message: string, fields?: LogFields): void {
    this.#line('info', message, fields)
  }

  warn(message: string, fields?: LogFields): void {
    this.#line('warn', message, fields)
  }

  error(message: string, fields?: LogFields): void {
    this.#line('error', message, fields)
  }

  child(fields: LogFields): Log {
    return new LineLog(this.#least, this.#format, this.#write, { ...this.#fields, ...fields })
  }

  #line(level: LogLevel, message: string, fields?: LogFields): void {
    if (levels.indexOf(level) < this.#least) return
    this.#write(this.#format(level, message, { ...this.#fields, ...fields }))
  }
}

function jsonLine(level: LogLevel, message: string, fields: LogFields): string {
  return `${JSON.stringify({ time: new Date().toISOString(), level, message, ...plain(fields) })}\n`
}

function textLine(level: LogLevel, message: string, fields: LogFields): string {
  const time = new Date().toISOString().slice(11, 23)
  const shown = Object.entries(plain(fields)).map(([name, value]) => ` ${name}=${JSON.stringify(value)}`)
  return `${time} ${level.padEnd(5)} ${message}${shown.join('')}\n`
}

/** What JSON cannot write, as text: a log line is never the place where a program fails. */
function plain(fields: LogFields): Record<string, unknown> {
  const out: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(fields)) {
    if (value instanceof Error) out[name] = messageOf(value)
    else if (typeof value === 'bigint' || typeof value === 'symbol' || typeof value === 'function')
      out[name] = String(value)
    else if (typeof value === 'object' && value !== null) out[name] = asJson(value)
    else out[name] = value
  }
  return out
}

function asJson(value: object): unknown {
  try {
    return JSON.parse(JSON.stringify(value) ?? 'null')
  } catch {
    return '[not JSON]'
  }
}
